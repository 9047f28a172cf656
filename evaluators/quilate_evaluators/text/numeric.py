"""Whether the number that an answer comes to is the reference's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from quilate.evaluators import Metric, Output, Sample, Score
from quilate_evaluators.options import check_choice, check_number
from quilate_evaluators.text.matching import NO_REFERENCES
from quilate_evaluators.text.numbers import DECIMALS, Decimal, Number, answer_number
from quilate_evaluators.text.words import answer_text

# Two decimal numbers that are the same on paper may differ by this share as floats. No more: of
# 600851475142 and 600851475143 one is wrong.
_ROUNDING = 1e-14


def same(
    answer: Number, reference: Number, *, tolerance: float = 0.0, relative: float = 0.0
) -> bool:
    """Whether two numbers differ by at most `tolerance`, or by that share of the reference
    (`relative`), whichever allows more. Where one alone has a per cent sign, 12 and 0.12 are both
    12 %.

    >>> same(Number((0.12,)), Number((12.0,), percent=True))
    True
    >>> same(Number((101.0,)), Number((100.0,)), relative=0.01)
    True
    """
    said, wanted = answer.values, reference.values
    if answer.percent and not reference.percent:
        said += tuple(value / 100 for value in said)
    if reference.percent and not answer.percent:
        wanted += tuple(value / 100 for value in wanted)
    return any(
        abs(one - other) <= max(tolerance, relative * abs(other)) + _ROUNDING * abs(other)
        for one in said
        for other in wanted
    )


@dataclass(frozen=True, slots=True)
class Numeric:
    """1 when the number that the answer comes to is that of a reference, within `tolerance` or
    `relative`, else 0; an answer without a number is unscored.

    It is the number behind the last ``####`` or in the last boxed formula, else the last number
    (`place` ``first``: the first). Numbers are read in the Spanish and the English way; what a
    lone 1.234 means depends on the sample's language, or on `decimal`: ``point``, ``comma``, or
    ``either``, which takes both readings. See `quilate_evaluators.text.numbers`.

    >>> from quilate import sync
    >>> sample = Sample("1", "¿Cuánto?", references=("1234,5",), language="es")
    >>> sync.run(Numeric().evaluate(sample, Output("Son 1.234,50 euros.")))[0].value
    1.0
    """

    tolerance: float = 0.0
    relative: float = 0.0
    place: Literal["last", "first"] = "last"
    decimal: Decimal = "auto"
    name: str = "numeric"
    metrics: tuple[Metric, ...] = (Metric("numeric", "The number is that of a reference."),)
    needs: frozenset[str] = frozenset({"references"})

    def __post_init__(self) -> None:
        check_number("numeric", "tolerance", self.tolerance)
        check_number("numeric", "relative", self.relative, high=1)
        check_choice("numeric", "place", self.place, ("last", "first"))
        check_choice("numeric", "decimal", self.decimal, DECIMALS)

    def misfit(self, samples: Sequence[Sample]) -> str | None:
        """That no reference holds a number."""
        for sample in samples:
            if any(self._read(each, sample.language) is not None for each in sample.references):
                return None
        return "needs numbers, and no reference holds one"

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score, with both numbers explained; unscored without a number to compare."""
        if not sample.references:
            return [Score.unscored("numeric", NO_REFERENCES)]
        wanted = [self._read(each, sample.language) for each in sample.references]
        known = [number for number in wanted if number is not None]
        if not known:
            return [Score.unscored("numeric", "the references hold no number")]
        said = self._read(answer_text(output), sample.language)
        if said is None:
            return [Score.unscored("numeric", "the answer holds no number")]
        right = any(
            same(said, each, tolerance=self.tolerance, relative=self.relative) for each in known
        )
        explanation = f"{said.value:.15g} against {known[0].value:.15g}"
        return [Score.of("numeric", right, explanation=explanation)]

    def _read(self, text: str, language: str | None) -> Number | None:
        return answer_number(text, language, decimal=self.decimal, place=self.place)
