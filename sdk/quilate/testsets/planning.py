"""Which questions to try for, in which order."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from typing import TypeVar

from quilate.errors import ConfigurationError
from quilate.registry import nearest
from quilate.retrievers import Passage
from quilate.testsets.corpus import Corpus
from quilate.testsets.sources import document_of
from quilate.testsets.values import KINDS, Kind, Task
from quilate.testsets.words import words_of

T = TypeVar("T")

SHARES: Mapping[str, float] = {"single": 0.6, "multi": 0.2, "unanswerable": 0.2}
LEAST_WORDS = 12
"""Passages of fewer words (headings, captions) are asked nothing about."""
_ROUNDS = 3  # drafts of the same passages


def kinds_from(text: str) -> dict[Kind, float]:
    """``single=3,multi=1`` as shares that sum to 1; a kind without a number counts 1.

    >>> kinds_from("single=3, multi")
    {'single': 0.75, 'multi': 0.25}
    """
    given: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, share = (word.strip() for word in part.partition("="))
        try:
            given[name] = float(share) if equals else 1.0
        except ValueError:
            raise ConfigurationError(
                f"The share of '{name}' is '{share}'.", remedy="Write single=0.6,multi=0.4."
            ) from None
    return checked_shares(given)


def checked_shares(given: Mapping[str, float]) -> dict[Kind, float]:
    """Shares of kinds that sum to 1; raises `ConfigurationError` for what are none."""
    for name, share in given.items():
        if name not in KINDS:
            raise ConfigurationError(
                f"There is no kind of question '{name}'.", remedy=nearest(name, list(KINDS))
            )
        if not 0 <= share < float("inf"):
            raise ConfigurationError(
                f"The share of '{name}' is {share}.", remedy="It is a number, 0 or more."
            )
    total = sum(given.values())
    if not total:
        raise ConfigurationError(
            "No kind of question is wanted.", remedy=f"Name some of: {', '.join(KINDS)}."
        )
    return {kind: given[kind] / total for kind in KINDS if given.get(kind)}


def quotas(n: int, shares: Mapping[Kind, float]) -> dict[Kind, int]:
    """`n` in whole parts by the shares, with the largest remainders rounded up.

    >>> quotas(7, {"single": 0.6, "multi": 0.2, "unanswerable": 0.2})
    {'single': 4, 'multi': 2, 'unanswerable': 1}
    """
    exact = {kind: n * share for kind, share in shares.items()}
    parts = {kind: int(value) for kind, value in exact.items()}
    for kind in sorted(exact, key=lambda kind: parts[kind] - exact[kind])[
        : n - sum(parts.values())
    ]:
        parts[kind] += 1
    return parts


def ordered(corpus: Corpus, languages: Sequence[str], seed: int) -> list[Passage]:
    """The passages to ask about, shuffled by `seed`, so that languages, and within them documents,
    take turns. Of copies only the first is asked about."""
    by_language: dict[str, dict[str, list[Passage]]] = defaultdict(lambda: defaultdict(list))
    for passage, language in zip(corpus.passages, corpus.languages, strict=True):
        asked = language in languages and long_enough(passage)
        if asked and passage.id not in corpus.copies:
            by_language[language][document_of(passage)].append(passage)
    turns = []
    for language in sorted(by_language):
        draw = random.Random(f"{seed}:{language}")  # noqa: S311  # a repeatable order, no secret
        documents = [by_language[language][name] for name in sorted(by_language[language])]
        draw.shuffle(documents)
        for passages in documents:
            draw.shuffle(passages)
        turns.append(taking_turns(documents))
    return list(taking_turns(turns))


def long_enough(passage: Passage) -> bool:
    """Whether a passage is long enough to be asked about."""
    return len(words_of(passage.text)) >= LEAST_WORDS


def rounds(kind: Kind, corpus: Corpus, order: Sequence[Passage]) -> Iterator[Iterator[Task]]:
    """The tasks of a kind, in rounds: of the same passages, or the same anchor, one a round. What
    relates passages is looked up as the tasks are taken."""
    allowed = {passage.id for passage in order}
    paired: set[frozenset[str]] = set()
    for number in range(_ROUNDS):
        if kind == "multi":
            pairs = _pairs(corpus, order, allowed, paired)
            yield (Task(kind, pair, corpus.language(pair[0])) for pair in pairs)
        else:
            yield iter([Task(kind, (one,), corpus.language(one), number) for one in order])


def _pairs(
    corpus: Corpus, order: Sequence[Passage], allowed: set[str], paired: set[frozenset[str]]
) -> Iterator[tuple[Passage, Passage]]:
    """A further partner for each passage, the most related that it has not had yet."""
    for passage in order:
        for other in corpus.related(passage, k=2 * _ROUNDS):
            pair = frozenset((passage.id, other.id))
            if other.id in allowed and pair not in paired:
                paired.add(pair)
                yield passage, other
                break


class Queue:
    """The tasks of a kind, given out in waves that never cross into the next round."""

    def __init__(self, kind: Kind, corpus: Corpus, order: Sequence[Passage]) -> None:
        self._rounds = rounds(kind, corpus, order)
        self._left: Iterator[Task] = iter(())

    def take(self, most: int) -> list[Task]:
        """At most so many tasks; none when none is left."""
        taken = list(islice(self._left, most))
        while not taken and most > 0:
            following = next(self._rounds, None)
            if following is None:
                break
            self._left = following
            taken = list(islice(self._left, most))
        return taken


def taking_turns(rows: Iterable[Iterable[T]]) -> Iterator[T]:
    """One of each, then the second of each, and so on.

    >>> list(taking_turns(["ab", "x", "12"]))
    ['a', 'x', '1', 'b', '2']
    """
    gap = object()
    for turn in zip_longest(*rows, fillvalue=gap):
        yield from (item for item in turn if item is not gap)  # type: ignore[misc]
