"""What an answer shares with a reference: words, pairs of words, and their order."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from quilate.evaluators import Metric, Output, Sample, Score
from quilate_evaluators.text.matching import NO_REFERENCES, normalized
from quilate_evaluators.text.words import answer_text, f1, normalize

_WORD = re.compile(r"[^\W_]+")
MAX_WORDS = 50_000
"""Longest answer or reference, in words, of which ROUGE-L is computed."""


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
            return [Score.unscored("token_f1", NO_REFERENCES)]
        said = answer_text(output)
        best = max(_shared(said, each, sample.language) for each in sample.references)
        return [Score.of("token_f1", best)]


def _shared(said: str, wanted: str, language: str | None) -> float:
    words = normalize(wanted, language)
    if words:
        return f1(normalize(said, language), words)
    # Only articles and marks, such as "+" or "The", which are alike after normalisation.
    return float(normalized(said, "case", language) == normalized(wanted, "case", language))


def rouge_words(text: str) -> list[str]:
    """The words of `text` as ROUGE counts them: runs of letters and digits in lower case.

    On English these are rouge-score's without stemming; letters with accents belong to words
    here, where that package cuts at them.

    >>> rouge_words("El ñandú corrió 3,5 km.")
    ['el', 'ñandú', 'corrió', '3', '5', 'km']
    """
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


def rouge_n(answer: Sequence[str], reference: Sequence[str], n: int) -> float:
    """F1 of shared n-grams, with repetition (Lin 2004, ROUGE).

    >>> rouge_n("the cat sat".split(), "the cat ran".split(), 2)
    0.5
    """
    said, wanted = (Counter(zip(*(words[k:] for k in range(n)))) for words in (answer, reference))  # noqa: B905
    shared = (said & wanted).total()
    return _f(shared, said.total(), wanted.total())


def rouge_l(answer: Sequence[str], reference: Sequence[str]) -> float:
    """F1 of the longest common subsequence (Lin 2004, ROUGE-L of one sentence).

    >>> rouge_l("a b c d e".split(), "a c e".split())
    0.7499999999999999
    """
    return _f(common_subsequence(answer, reference), len(answer), len(reference))


def _f(shared: int, said: int, wanted: int) -> float:
    if not shared:
        return 0.0
    precision, recall = shared / said, shared / wanted
    return 2 * precision * recall / (precision + recall)


def common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence, by Hyyrö's bit vectors (2004): len(a) steps on
    integers of len(b) bits.

    >>> common_subsequence("abcde", "ace")
    3
    """
    places: dict[str, int] = {}
    for at, item in enumerate(b):
        places[item] = places.get(item, 0) | 1 << at
    full = (1 << len(b)) - 1
    vector = full
    for item in a:
        matched = vector & places.get(item, 0)
        vector = (vector + matched | vector - matched) & full
    return len(b) - vector.bit_count()


@dataclass(frozen=True, slots=True)
class Rouge:
    """ROUGE-1, ROUGE-2 and ROUGE-L (F1), each with its best reference, without stemming.

    The longest common subsequence is not computed of more than `MAX_WORDS` words.

    >>> from quilate import sync
    >>> sample = Sample("1", "?", references=("the cat sat",))
    >>> [score.value for score in sync.run(Rouge().evaluate(sample, Output("The cat sat.")))]
    [1.0, 1.0, 1.0]
    """

    name: str = "rouge"
    metrics: tuple[Metric, ...] = (
        Metric("rouge1", "Shared words with the best reference (ROUGE-1 F1)."),
        Metric("rouge2", "Shared pairs of words with the best reference (ROUGE-2 F1)."),
        Metric("rougeL", "Longest common subsequence with the best reference (ROUGE-L F1)."),
    )
    needs: frozenset[str] = frozenset({"references"})

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """Three scores; unscored for a sample without references."""
        if not sample.references:
            return [Score.unscored(metric.name, NO_REFERENCES) for metric in self.metrics]
        said = rouge_words(answer_text(output))
        wanted = [rouge_words(each) for each in sample.references]
        scores = [
            Score.of(f"rouge{n}", max(rouge_n(said, each, n) for each in wanted)) for n in (1, 2)
        ]
        if max(len(said), *map(len, wanted)) > MAX_WORDS:
            return [*scores, Score.unscored("rougeL", "the texts are too long to be aligned")]
        return [*scores, Score.of("rougeL", max(rouge_l(said, each) for each in wanted))]
