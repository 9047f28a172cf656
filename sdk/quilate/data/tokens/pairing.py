"""Parallel texts: rows of several languages with one key, kept as a sample of bounded size."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quilate.stats import Estimate

_KEPT = 10_000
_MAX_LANGUAGES = 32  # that one key may have


@dataclass(slots=True)
class _Group:
    """The rows of one key: the tokens of each language's, by tokenizer."""

    cluster: str
    tokens: dict[str, tuple[int, ...]] = field(default_factory=dict)


class Pairs:
    """Token counts of rows by key. Of very many keys, those with the least hashes are kept: a
    sample that takes or leaves a key whole, whatever the order of the rows (bottom-k sampling,
    Cohen & Kaplan 2007)."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._groups: dict[int, _Group] = {}
        self._limit = 1 << 64

    def add(self, key: str, cluster: str | None, language: str, tokens: Sequence[int]) -> None:
        """Note a row. Of several rows with the same key and language the first counts."""
        code = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")
        if code >= self._limit:
            return
        group = self._groups.setdefault(code, _Group(key if cluster is None else cluster))
        if len(group.tokens) < _MAX_LANGUAGES:
            group.tokens.setdefault(language, tuple(map(int, tokens)))
        if len(self._groups) > 2 * self._kept:
            self._shrink()

    def _shrink(self) -> None:
        codes = sorted(self._groups)
        self._limit = codes[self._kept]
        for code in codes[self._kept :]:
            del self._groups[code]

    def keys(self, language: str, reference: str) -> tuple[int, int]:
        """Pairs kept of two languages, and about how many there are."""
        kept = sum(1 for _ in self._both(language, reference))
        return kept, kept if self._limit == 1 << 64 else round(kept * 2**64 / self._limit)

    def ratio(self, language: str, reference: str, tokenizer: int) -> "Estimate":
        """Tokens in a language over those in the reference, by the tokenizer of that number.

        The ratio of sums, its error by linearisation: that of the mean of the residuals
        y − R·x over the mean of x (Cochran 1977, Sampling Techniques, section 6.4), and the
        interval by a studentised bootstrap of whole clusters.
        """
        import numpy as np

        from quilate.stats import Estimate, mean

        groups = [
            one
            for one in self._both(language, reference)
            if one.tokens[reference][tokenizer] and one.tokens[language][tokenizer]
        ]
        if not groups:
            return Estimate(None, None, 0, reason="no pairs")
        upper = np.array([one.tokens[language][tokenizer] for one in groups], float)
        lower = np.array([one.tokens[reference][tokenizer] for one in groups], float)
        value = float(upper.sum() / lower.sum())
        values = value + (upper - value * lower) / lower.mean()
        clusters = [one.cluster for one in groups]
        return mean(values, clusters=clusters, method="bootstrap-t")

    def _both(self, language: str, reference: str) -> Iterator[_Group]:
        for group in self._groups.values():
            if language in group.tokens and reference in group.tokens:
                yield group
