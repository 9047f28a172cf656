"""A judge asked another time: of which answers."""

import json

import pytest

import quilate
from quilate import sync
from quilate.judging.again import ask_again
from quilate.judging.judgements import Judgement

SUITE = """\
name: capitals
judge: scripted/4
samples: {files: [questions.jsonl]}
targets:
  app: {python: app.py:answer}
evaluators:
  - rubric: {criteria: The answer is polite.}
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "suite.yaml").write_text(SUITE, encoding="utf-8")
    (tmp_path / "app.py").write_text("def answer(question):\n    return question\n", "utf-8")
    rows = [json.dumps({"id": str(n), "input": f"Q{n}"}) for n in range(10)]
    (tmp_path / "questions.jsonl").write_text("\n".join(rows), encoding="utf-8")
    suite = quilate.load_suite(tmp_path / "suite.yaml", store=tmp_path / "store")
    return quilate.evaluate(suite, store=tmp_path / "store")


@pytest.mark.parametrize(
    ("most", "asked"), [(3, [0, 3, 6]), (4, [0, 2, 5, 7]), (10, range(10)), (99, range(10))]
)
def test_the_answers_asked_about_are_spread_over_all(run, most, asked):
    """The first of a run may be of one kind: they alone would tell little."""
    judgements = [Judgement(0.5, 0.5, item=("app", str(n), 0), run=run.id) for n in range(10)]
    found = sync.run(ask_again(run, judgements, "rubric", most=most))
    assert [n for n, one in enumerate(found) if one.again is not None] == list(asked)
    assert {one.again for one in found} <= {None, 0.75}
