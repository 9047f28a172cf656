"""What `benchmarks.judges_local` rests on: which answers are judged, and what it compares with."""

import pytest

from benchmarks._judged_sets import Judged
from benchmarks._obvious_claims import obvious
from benchmarks.judges_local import _pairs_held, in_turn, separated
from quilate.evaluators import Output, Sample


def judged(name, right, text="x"):
    return Judged(Sample(name, "?"), Output(text), right, name)


def test_the_answers_to_a_question_are_judged_one_after_the_other():
    items = [judged("a", True), judged("b", False), judged("a", False), judged("c", True)]
    items += [judged("a", False, "a second wrong one"), judged("b", True)]
    assert in_turn(items) == [items[0], items[2], items[5], items[1]]


def test_rouge_2_is_the_share_of_the_pairs_of_words_that_are_held():
    held = ["the", "red", "door", "of", "the", "house"]
    assert _pairs_held(["the", "red", "house"], held) == 0.5
    assert (_pairs_held(["door"], held), _pairs_held(["sea"], held), _pairs_held([], held)) == (
        1.0,
        0.0,
        0.0,
    )


def test_the_threshold_is_of_other_questions_than_the_accuracy():
    # The first half would be cut at 0.5; in the second, all is above.
    early = [(0.9, True, "a"), (0.1, False, "a"), (0.8, True, "b"), (0.2, False, "b")]
    late = [(0.9, True, "c"), (0.7, False, "c"), (0.9, True, "d"), (0.8, False, "d")]
    found = separated(early + late)
    assert found["balanced_accuracy"] == 0.5
    assert found["auroc"] == pytest.approx(15.5 / 16, abs=1e-3)
    assert separated(early[:1])["auroc"] is None


def test_a_third_of_the_obvious_claims_are_entailed():
    assert [right for *_, right in obvious()] == [True, False, False] * 5
