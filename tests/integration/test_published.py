"""Published figures from recorded verdicts, to the digit; and that the guide prints what we get."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import published

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "judges.md"

pytestmark = pytest.mark.skipif(
    bool(published.missing()), reason=f"needs the shared data sets in {published.DATA}"
)


@pytest.fixture(scope="module")
def figures():
    return published.figures()


@pytest.mark.parametrize(("data", "count"), [("LLMBar", 300), ("UniEval", 18), ("tau-bench", 4)])
def test_every_published_figure_is_reproduced_to_the_digit(figures, data, count):
    own = [one for one in figures if one.data == data]
    assert len(own) == count
    assert [
        f"{one.what}: {one.ours}, not {one.published}" for one in own if not one.reproduced
    ] == []


def test_every_figure_has_an_interval_that_holds_it(figures):
    for one in figures:
        if one.estimate.interval is None:
            assert one.estimate.reason, one.what
        else:
            assert one.estimate.value in one.estimate.interval, one.what


def test_what_the_data_sets_readme_measured(figures):
    # shared/data/README.md: accuracies of the four systems, and ordinal alphas.
    ours = {one.what: one.ours for one in figures if one.published is None}
    accuracies = [
        ours[f"{size}_{way}: accuracy"]
        for size in ("6b", "175b")
        for way in ("finetuning", "verification")
    ]
    assert accuracies == ["21.68", "39.04", "34.72", "56.25"]
    alphas = {name.partition(":")[0]: value for name, value in ours.items() if "alpha" in name}
    assert alphas == {
        "faithfulness": "0.470", "naturalness": "0.318", "completeness": "0.263",
        "appropriateness": "0.064",
    }  # fmt: skip


def test_the_discordant_pairs_of_two_systems():
    rows = published.rows("gsm8k_model_solutions")
    won = [
        (row["systems"]["175b_verification"]["is_correct"],
         row["systems"]["6b_verification"]["is_correct"])
        for row in rows
    ]  # fmt: skip
    assert (won.count((True, False)), won.count((False, True))) == (306, 79)


def test_the_guide_prints_these_tables(figures):
    text = GUIDE.read_text(encoding="utf-8")
    assert published.markdown(figures).partition("\n\n")[0] in text
    assert published.markdown(figures).partition("\n\n")[2] in text


def test_the_benchmark_ends_with_json():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.published"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["published"] == found["reproduced"] == 322
    assert found["llmbar_cells"] == 150
