"""A corpus of passages in memory: found again by their words (BM25), and related by rare ones."""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from quilate.retrievers import Passage
from quilate.testsets.sources import document_of, language_of_passage
from quilate.testsets.words import COMMON, shared, words_of

_K1, _B = 1.2, 0.75  # the usual ones, as in Robertson and Zaragoza 2009
_RARE = 0.1  # the share of passages that a rare word may be in; four in a small corpus
_AT_MOST = 200  # and in a large one: what is in more relates little, and costs time
_ALIKE = 0.5  # passages that share more of their words tell the same, or overlap


class Corpus:
    """Passages, searchable by words; `copies` are the identifiers of those that repeat another.
    BM25: Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009.

    >>> corpus = Corpus([Passage("a", "Faros de Galicia"), Passage("b", "Puentes de hierro")])
    >>> [passage.id for passage in corpus.search("¿Qué puentes hay?", k=2)]
    ['b']
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = tuple(passages)
        self.languages = tuple(language_of_passage(passage) for passage in passages)
        self.copies = _copies(passages)
        self._at = {passage.id: at for at, passage in enumerate(passages)}
        self._words = [Counter(words_of(f"{one.title} {one.text}")) for one in passages]
        self._lengths = [counts.total() for counts in self._words]
        self._mean = max(1.0, sum(self._lengths) / max(1, len(passages)))
        self._where: dict[str, list[int]] = defaultdict(list)
        for at, counts in enumerate(self._words):
            for word in counts:
                self._where[word].append(at)

    def __len__(self) -> int:
        return len(self.passages)

    def search(self, query: str, *, k: int) -> list[Passage]:
        """At most `k` passages that share words with the query, best first, ties by identifier."""
        scores: dict[int, float] = defaultdict(float)
        for word in set(words_of(query)) - COMMON:
            for at in self._where.get(word, ()):
                count = self._words[at][word]
                damped = count + _K1 * (1 - _B + _B * self._lengths[at] / self._mean)
                scores[at] += self._rarity(word) * count * (_K1 + 1) / damped
        best = heapq.nsmallest(k, scores, key=lambda at: (-scores[at], self.passages[at].id))
        return [self.passages[at] for at in best]

    def related(self, passage: Passage, *, k: int = 5) -> list[Passage]:
        """Passages of the same language that share rare words with this one and tell something
        else: those most like it are left out, and so are those that overlap it. Best first."""
        here = self._at[passage.id]
        most = max(4, min(_AT_MOST, int(_RARE * len(self))))
        scores: dict[int, float] = defaultdict(float)
        for word in self._words[here]:
            found = self._where[word]
            if len(word) > 3 and word not in COMMON and len(found) <= most:
                for at in found:
                    scores[at] += self._rarity(word)
        fitting = {at: score for at, score in scores.items() if self._tells_else(here, at)}
        best = heapq.nsmallest(k, fitting, key=lambda at: (-fitting[at], self.passages[at].id))
        return [self.passages[at] for at in best]

    def language(self, passage: Passage) -> str:
        """The language of one of the corpus' passages."""
        return self.languages[self._at[passage.id]]

    def _rarity(self, word: str) -> float:
        found = len(self._where[word])
        return math.log(1 + (len(self) - found + 0.5) / (found + 0.5))

    def _tells_else(self, here: int, at: int) -> bool:
        if at == here or self.languages[at] != self.languages[here]:
            return False
        a, b = self.passages[here], self.passages[at]
        # The user's chunks have no offsets: all of them begin at 0, and overlap only by words.
        placed = document_of(a) == document_of(b) and a.start != b.start
        if placed and max(a.start, b.start) < min(a.end, b.end):
            return False
        return shared(self._words[here], self._words[at]) <= _ALIKE


def _copies(passages: Sequence[Passage]) -> frozenset[str]:
    """The identifiers of passages that hold the same words as an earlier one."""
    first: dict[str, str] = {}
    return frozenset(
        passage.id
        for passage in passages
        if first.setdefault(" ".join(passage.text.split()), passage.id) != passage.id
    )
