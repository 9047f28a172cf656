"""Edit similarity: how many characters must change to make the answer a reference."""

from dataclasses import dataclass

from quilate.evaluators import Metric, Output, Sample, Score
from quilate_evaluators.options import check_choice
from quilate_evaluators.text.matching import (
    NO_REFERENCES,
    NORMALIZATIONS,
    Normalization,
    normalized,
)
from quilate_evaluators.text.words import answer_text

MAX_CHARACTERS = 100_000
"""Longest text of which the distance is computed, after what both begin and end with is cut."""
MAX_PRODUCT = 400_000_000
"""The most that the lengths of both texts may give, multiplied."""


def edit_distance(a: str, b: str) -> int | None:
    """Levenshtein's distance in code points: the least number of characters that are put in, left
    out or replaced. None for texts beyond `MAX_CHARACTERS` or `MAX_PRODUCT`, whose cost would grow
    with the product of their lengths.

    By Myers' bit vectors (1999) on integers as long as the shorter text.

    >>> edit_distance("kitten", "sitting"), edit_distance("año", "ano")
    (3, 1)
    """
    a, b = _without_common_ends(a, b)
    if len(a) > len(b):
        a, b = b, a
    if not a:
        return len(b)
    if len(b) > MAX_CHARACTERS or len(a) * len(b) > MAX_PRODUCT:
        return None
    return _myers(a, b)


def _without_common_ends(a: str, b: str) -> tuple[str, str]:
    start, most = 0, min(len(a), len(b))
    while start < most and a[start] == b[start]:
        start += 1
    end = 0
    while end < most - start and a[-1 - end] == b[-1 - end]:
        end += 1
    return a[start : len(a) - end], b[start : len(b) - end]


def _myers(pattern: str, text: str) -> int:
    places: dict[str, int] = {}
    for at, char in enumerate(pattern):
        places[char] = places.get(char, 0) | 1 << at
    full, top = (1 << len(pattern)) - 1, 1 << len(pattern) - 1
    up, down, distance = full, 0, len(pattern)
    for char in text:
        equal = places.get(char, 0)
        across = ((equal & up) + up ^ up) | equal | down
        right, left = down | full & ~(across | up), up & across
        distance += (right & top != 0) - (left & top != 0)
        # The first row of the table grows by one with every character of the text.
        right, left = (right << 1 | 1) & full, left << 1 & full
        either = equal | down
        up, down = left | full & ~(either | right), right & either
    return distance


@dataclass(frozen=True, slots=True)
class EditSimilarity:
    """1 minus Levenshtein's distance over the length of the longer text, with the best reference.

    Texts are compared after the `normalization` of `exact_match`, ``case`` unless another is given.

    >>> from quilate import sync
    >>> sample = Sample("1", "?", references=("sitting",))
    >>> round(sync.run(EditSimilarity().evaluate(sample, Output("Kitten")))[0].value, 3)
    0.571
    """

    normalization: Normalization = "case"
    name: str = "edit_similarity"
    metrics: tuple[Metric, ...] = (
        Metric("edit_similarity", "Share of characters kept, with the nearest reference."),
    )
    needs: frozenset[str] = frozenset({"references"})

    def __post_init__(self) -> None:
        check_choice("edit_similarity", "normalization", self.normalization, NORMALIZATIONS)

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score; unscored without references, or when the texts are too long."""
        if not sample.references:
            return [Score.unscored("edit_similarity", NO_REFERENCES)]
        said = normalized(answer_text(output), self.normalization, sample.language)
        best = None
        for reference in sample.references:
            wanted = normalized(reference, self.normalization, sample.language)
            distance = edit_distance(said, wanted)
            if distance is not None:
                value = 1 - distance / max(len(said), len(wanted), 1)
                best = value if best is None else max(best, value)
        if best is None:
            return [Score.unscored("edit_similarity", "the texts are too long to be aligned")]
        return [Score.of("edit_similarity", best)]
