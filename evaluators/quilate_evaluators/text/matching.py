"""Whether an answer equals a text or includes it."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from quilate.evaluators import Metric, Output, Sample, Score
from quilate_evaluators.options import check_choice, check_text, texts
from quilate_evaluators.text.words import answer_text, normalize, seen

Normalization = Literal["squad", "case", "none"]
NORMALIZATIONS = ("squad", "case", "none")
NO_REFERENCES = "the sample has no references"


def normalized(text: str, how: Normalization, language: str | None) -> str:
    """The text as it is compared: SQuAD's words with a space between them; or with case and
    white space folded; or as it is, without what surrounds it. Unicode is composed (NFKC, or NFC
    for ``none``), so that an á of two code points equals one of one.

    >>> normalized("  ¡La  Habana! ", "squad", "es"), normalized("  ¡La  Habana! ", "case", "es")
    ('habana', '¡la habana!')
    """
    if how == "squad":
        return " ".join(normalize(text, language))
    if how == "case":
        return " ".join(unicodedata.normalize("NFKC", seen(text)).casefold().split())
    return unicodedata.normalize("NFC", text).strip()


@dataclass(frozen=True, slots=True)
class ExactMatch:
    """1 when the answer equals a reference after SQuAD's normalisation, else 0.

    `normalization` may also be ``case`` (case and white space alone are folded) or ``none``.

    >>> from quilate import sync
    >>> sample = Sample("1", "Which?", references=("the Counter",))
    >>> sync.run(ExactMatch().evaluate(sample, Output("Counter.")))[0].value
    1.0
    """

    normalization: Normalization = "squad"
    name: str = "exact_match"
    metrics: tuple[Metric, ...] = (
        Metric("exact_match", "The answer equals a reference (SQuAD normalisation)."),
    )
    needs: frozenset[str] = frozenset({"references"})

    def __post_init__(self) -> None:
        check_choice("exact_match", "normalization", self.normalization, NORMALIZATIONS)
        if self.normalization != "squad":
            equal = Metric("exact_match", "The answer equals a reference.")
            object.__setattr__(self, "metrics", (equal,))

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score; unscored for a sample without references."""
        if not sample.references:
            return [Score.unscored("exact_match", NO_REFERENCES)]

        said = answer_text(output)
        same = any(self._equal(said, each, sample.language) for each in sample.references)
        return [Score.of("exact_match", same)]

    def _equal(self, said: str, wanted: str, language: str | None) -> bool:
        form = normalized(wanted, self.normalization, language)
        how = self.normalization
        if how == "squad" and not form:  # only articles and marks, such as "+" or "The"
            how, form = "case", normalized(wanted, "case", language)
        return normalized(said, how, language) == form


@dataclass(frozen=True, slots=True)
class Includes:
    """1 when the answer includes any (`mode` ``any``) or all of `values`, else 0; without
    `values`, of the sample's references.

    With SQuAD's normalisation whole words are looked for: "art" is not in "party". ``case`` and
    ``none`` look for the characters. `metric` names the metric, where a suite has two of these.

    >>> from quilate import sync
    >>> sample = Sample("1", "¿Dónde?", references=("La Habana",), language="es")
    >>> sync.run(Includes().evaluate(sample, Output("Nació en la Habana, en 1902.")))[0].value
    1.0
    """

    values: tuple[str, ...] = ()
    mode: Literal["any", "all"] = "any"
    normalization: Normalization = "squad"
    metric: str = "includes"
    name: str = "includes"
    metrics: tuple[Metric, ...] = field(init=False)
    needs: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        check_choice("includes", "mode", self.mode, ("any", "all"))
        check_choice("includes", "normalization", self.normalization, NORMALIZATIONS)
        check_text("includes", "metric", self.metric)
        object.__setattr__(self, "values", texts("includes", "values", self.values))
        every = "every text" if self.mode == "all" else "a text"
        described = f"The answer includes {every} that is looked for."
        object.__setattr__(self, "metrics", (Metric(self.metric, described),))
        needs = frozenset() if self.values else frozenset({"references"})
        object.__setattr__(self, "needs", needs)

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score; unscored where there is nothing to look for. What is missing is explained."""
        wanted = self.values or sample.references
        if not wanted:
            return [Score.unscored(self.metric, NO_REFERENCES)]
        holds = self._finder(answer_text(output), sample.language)
        missing = [each for each in wanted if not holds(each)]
        found = not missing if self.mode == "all" else len(missing) < len(wanted)
        explanation = (
            None if found else "missing: " + "; ".join(each[:200] for each in missing[:10])
        )
        return [Score.of(self.metric, found, explanation=explanation)]

    def _finder(self, answer: str, language: str | None) -> Callable[[str], bool]:
        """Whether the answer holds a text; the answer is brought to each form once."""

        @cache
        def said(how: Normalization) -> str:
            return normalized(answer, how, language)

        def holds(wanted: str) -> bool:
            how = self.normalization
            phrase = normalized(wanted, how, language)
            if how == "squad" and phrase:
                return f" {phrase} " in f" {said(how)} "
            if how == "squad":  # only articles and marks, such as "+" or "The"
                how = "case"
                phrase = normalized(wanted, how, language)
            return phrase in said(how)

        return holds
