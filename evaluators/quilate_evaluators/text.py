"""Answers against references, word by word: exact match and token F1 by SQuAD's rules."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from quilate.evaluators import Metric, Output, Sample, Score

_ARTICLES = {
    "en": frozenset({"a", "an", "the"}),
    "es": frozenset({"el", "la", "los", "las", "lo", "un", "una", "unos", "unas"}),
}
# Marks that names of code are made of stay inside words: `json.dumps`, `os.path`, `--help`.
_INNER = re.compile(r"(?<=\w)[._](?=\w)")


def normalize(text: str, language: str | None = None) -> list[str]:
    """The words of `text` as SQuAD compares them (Rajpurkar et al. 2016, arXiv:1606.05250):
    lower case, without punctuation and articles; Spanish articles as in MLQA (Lewis et al. 2020,
    arXiv:1910.07475). Punctuation is all of Unicode's, so ¿ ¡ « » too, but a dot or underscore
    inside a word stays, since ``json.dumps`` is one name. Without a `language`, English rules.

    >>> normalize("¿El Contador «Counter»?", "es")
    ['contador', 'counter']
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = _INNER.sub(lambda mark: "\0" if mark.group() == "." else "\1", folded)
    spaced = "".join(" " if unicodedata.category(char)[0] in "PS" else char for char in kept)
    words = spaced.replace("\0", ".").replace("\1", "_").split()
    articles = _ARTICLES.get((language or "en")[:2], _ARTICLES["en"])
    return [word for word in words if word not in articles]


def f1(answer: list[str], reference: list[str]) -> float:
    """Harmonic mean of precision and recall over shared words, with repetition.

    >>> f1(["bisect_right"], ["bisect_right"])
    1.0
    """
    if not answer or not reference:
        return float(answer == reference)
    shared = sum((Counter(answer) & Counter(reference)).values())
    return 2 * shared / (len(answer) + len(reference))


def answer_text(output: Output) -> str:
    """The answer without its citation markers, which are not part of what it says."""
    text = output.text
    for citation in sorted(output.citations, key=lambda each: each.start, reverse=True):
        text = text[: citation.start] + text[citation.end :]
    return text.strip()


@dataclass(frozen=True, slots=True)
class ExactMatch:
    """1 when the answer equals a reference after SQuAD's normalisation, else 0.

    >>> from quilate import sync
    >>> sample = Sample("1", "Which?", references=("the Counter",))
    >>> sync.run(ExactMatch().evaluate(sample, Output("Counter.")))[0].value
    1.0
    """

    name: str = "exact_match"
    metrics: tuple[Metric, ...] = (
        Metric("exact_match", "The answer equals a reference (SQuAD normalisation)."),
    )
    needs: frozenset[str] = frozenset({"references"})

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score; unscored for a sample without references."""
        if not sample.references:
            return [Score.unscored("exact_match", "the sample has no references")]
        said = normalize(answer_text(output), sample.language)
        match = any(said == normalize(each, sample.language) for each in sample.references)
        return [Score.of("exact_match", match)]


@dataclass(frozen=True, slots=True)
class TokenF1:
    """The best F1 of shared words between the answer and any reference."""

    name: str = "token_f1"
    metrics: tuple[Metric, ...] = (
        Metric("token_f1", "Shared words with the best reference (SQuAD F1)."),
    )
    needs: frozenset[str] = frozenset({"references"})

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score; unscored for a sample without references."""
        if not sample.references:
            return [Score.unscored("token_f1", "the sample has no references")]
        said = normalize(answer_text(output), sample.language)
        best = max(f1(said, normalize(each, sample.language)) for each in sample.references)
        return [Score.of("token_f1", best)]
