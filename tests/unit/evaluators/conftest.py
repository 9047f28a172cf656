"""Real data beside the project, and one evaluator asked once, for every test of this folder."""

import json
import os
from pathlib import Path

import pytest

from quilate import sync
from quilate.evaluators import Output, Sample, Score

DATA = Path(os.environ.get("QUILATE_DATA") or Path(__file__).parents[3].parent / "shared" / "data")


@pytest.fixture
def rows_of():
    """The rows of a file of the data beside the project; the test is skipped where it is not."""

    def read(name: str) -> list[dict]:
        if not (DATA / name).is_file():
            pytest.skip(f"needs {DATA / name}")
        return [json.loads(line) for line in (DATA / name).open(encoding="utf-8")]

    return read


@pytest.fixture
def ask():
    """The scores, by metric, that an evaluator gives an answer."""

    def given(evaluator, answer: str | Output, *references: str, **sample) -> dict[str, Score]:
        output = answer if isinstance(answer, Output) else Output(answer)
        asked = Sample("1", sample.pop("question", "?"), references=references, **sample)
        scores = sync.run(evaluator.evaluate(asked, output))
        assert [score.metric for score in scores] == [one.name for one in evaluator.metrics]
        return {score.metric: score for score in scores}

    return given
