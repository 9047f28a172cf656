"""Evaluation samples found among training examples, and taken out of them.

An example is told to hold a sample when one of its prompts is the sample's, word for word as
folded; when the sample stands in it as a whole; or when it holds much of it (see `Method`). Words
are compared, so a translation or a paraphrase is not found: `quilate.data.decontamination` compares
by near-duplicates and embeddings as well.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from quilate.errors import DataError
from quilate.evaluators import Sample
from quilate.messages import Message
from quilate.tuning.examples import AnyExample, Preference
from quilate.tuning.fingerprints import (
    SHORTEST,
    Fingerprint,
    Fingerprints,
    Method,
    Phrase,
    fingerprint,
    grams,
    word_hashes,
    words_digest,
    words_of,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

E = TypeVar("E", bound=AnyExample)

Evaluation = Sequence[Sample] | Mapping[str, Sequence[Sample]]
"""Evaluation samples, or several sets of them by name."""

Reason = Literal["same_prompt", "same_prompt_and_answer", "contained", "overlap"]


class ContaminatedError(DataError):
    """Evaluation samples are among the training examples."""


@dataclass(frozen=True, slots=True)
class Match:
    """An example (its `id`) that holds an evaluation sample. `share` is the part of the sample's
    n-grams that count which is there, 1 for whole ones."""

    id: str
    reason: Reason
    sample: str
    evaluation: str
    share: float = 1.0


class Exclusion(NamedTuple):
    """The examples without evaluation samples, and what was found in the others."""

    kept: list[AnyExample]
    excluded: list[Match]


def exclude(
    examples: Sequence[AnyExample], evaluation: Evaluation, *, method: Method | None = None
) -> Exclusion:
    """Take out the examples that hold evaluation samples.

    >>> from quilate.messages import assistant, user
    >>> from quilate.tuning.examples import Example
    >>> asked = Example("1", (user("¿Quién fundó Lima?"),), (assistant("Pizarro"),))
    >>> other = Example("2", (user("¿Quién fundó Quito?"),), (assistant("Benalcázar"),))
    >>> kept, excluded = exclude([asked, other], [Sample("q7", "Quien fundo LIMA")])
    >>> [one.id for one in kept], excluded[0].reason, excluded[0].sample
    (['2'], 'same_prompt', 'q7')
    """
    method = method or Method()
    found = find_matches(examples, fingerprints_of(evaluation, method), method)
    kept = [one for one, match in zip(examples, found, strict=True) if match is None]
    return Exclusion(kept, [match for match in found if match is not None])


def fingerprints_of(evaluation: Evaluation, method: Method) -> list[Fingerprints]:
    """The fingerprints of each set. Raises `DataError` where there is no sample at all: a check
    against nothing would pass."""
    sets = evaluation if isinstance(evaluation, Mapping) else {"evaluation": evaluation}
    empty = next((name for name, samples in sets.items() if not samples), None)
    if not sets or empty is not None:
        raise DataError(
            f"There are no evaluation samples{f' in {empty}' if empty else ''}.",
            remedy="Give those of every suite that is to judge the tuned model.",
        )
    return [fingerprint(samples, name=name, n=method.n) for name, samples in sets.items()]


def find_matches(
    examples: Sequence[AnyExample],
    evaluation: Sequence[Fingerprints],
    method: Method,
) -> list[Match | None]:
    """For each example, the evaluation sample that it holds (the surest, of several), or None."""
    index = _Index.of(evaluation)
    looked = [_look(example, index, method.n) for example in examples]
    index.count(looked, method)
    return [
        _match(example, one, index, method) for example, one in zip(examples, looked, strict=True)
    ]


class _Hits(NamedTuple):
    """The n-grams of evaluation samples in one text: the word `at` which each begins, and its
    number in the index."""

    at: "Ints"
    gram: "Ints"


@dataclass(frozen=True, slots=True)
class _Looked:
    """An example as it is compared: the digest of its prompt, those of its prompts and of its
    prompts with answers, and the n-grams of samples in each of its texts."""

    prompt: str
    prompts: frozenset[str]
    answered: frozenset[str]
    hits: tuple[_Hits, ...]


def _look(example: AnyExample, index: "_Index", n: int) -> _Looked:
    if isinstance(example, Preference):
        completions: tuple[Sequence[Message], ...] = (example.chosen, example.rejected)
    else:
        completions = (example.completion,)
    everything = words_of(example.prompt)
    asked = [words_of((turn,)) for turn in example.prompt if turn.role == "user"]
    spoken = words_of(turn for turn in example.prompt if turn.role != "system")
    answers = [words_of(one) for one in completions]
    # A short turn of a conversation ("yes, please") is no prompt by itself.
    forms = [spoken, *(words for words in asked if len(words) >= SHORTEST)]
    # With its answer, a short one is.
    answered = [*forms, *asked[-1:]]
    return _Looked(
        words_digest(everything),
        frozenset(words_digest(words) for words in forms if words),
        frozenset(words_digest([*one, *answer]) for one in answered for answer in answers if one),
        tuple(index.hits([*everything, *answer]) for answer in answers),
    )


@dataclass(slots=True)
class _Entry:
    """One text of a sample in the index. `grams` are the numbers of its n-grams in order, and
    `counted` those that are no instruction's."""

    sample: Fingerprint
    evaluation: str
    phrase: Phrase
    grams: "Ints"
    counted: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Index:
    """All texts of evaluation samples by their n-grams, and by their digests."""

    entries: list[_Entry]
    keys: "NDArray[np.uint64]"
    sizes: tuple[int, ...]
    prompts: dict[str, _Entry] = field(default_factory=dict)
    answered: dict[str, _Entry] = field(default_factory=dict)
    holding: dict[int, list[_Entry]] = field(default_factory=dict)
    anchored: dict[int, list[tuple[_Entry, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, evaluation: Sequence[Fingerprints]) -> "_Index":
        import numpy as np

        texts = [
            (one, kept.name, phrase)
            for kept in evaluation
            for one in kept.samples
            for phrase in (one.prompt, *one.answered)
        ]
        every = [phrase.grams for _, _, phrase in texts]
        keys = np.unique(np.concatenate([np.empty(0, np.uint64), *every]))
        sizes = {phrase.size for _, _, phrase in texts if len(phrase.grams)}
        made = cls([], keys, tuple(sorted(sizes)))
        for one, name, phrase in texts:
            entry = _Entry(one, name, phrase, np.searchsorted(keys, phrase.grams))
            made.entries.append(entry)
            if phrase.words:
                by = made.prompts if phrase is one.prompt else made.answered
                by.setdefault(phrase.digest, entry)
        return made

    def hits(self, words: Sequence[str]) -> _Hits:
        """The n-grams of samples in a text, by where they begin."""
        import numpy as np

        hashes = word_hashes(words)
        at, found = [], []
        for size in self.sizes:
            mine = grams(hashes, size)
            place = np.minimum(np.searchsorted(self.keys, mine), len(self.keys) - 1)
            there = np.flatnonzero(self.keys[place] == mine)
            at.append(there)
            found.append(place[there])
        empty = np.empty(0, np.int64)
        return _Hits(np.concatenate([empty, *at]), np.concatenate([empty, *found]))

    def count(self, looked: Sequence[_Looked], method: Method) -> None:
        """Find which n-grams are instructions', and enter the others for the look-up."""
        trained, prompts = _in_prompts(looked, len(self.keys))
        asked, groups = self._in_groups()
        common = _common(trained, prompts, method) | _common(asked, groups, method)
        for entry in self.entries:
            entry.counted = frozenset(_counted(entry, common, method.n))
            for gram in entry.counted:
                self.holding.setdefault(gram, []).append(entry)
            if len(entry.grams) and not entry.counted:
                # All of it is in many prompts: it counts where all of it stands together.
                rarest = int((trained + asked)[entry.grams].argmin())
                self.anchored.setdefault(int(entry.grams[rarest]), []).append((entry, rarest))

    def _in_groups(self) -> "tuple[Ints, int]":
        """In how many groups of samples each n-gram is, and how many groups there are."""
        import numpy as np

        by: dict[tuple[str, str], list[Ints]] = {}
        for entry in self.entries:
            by.setdefault((entry.evaluation, entry.sample.group), []).append(entry.grams)
        counts = np.zeros(len(self.keys), np.int64)
        for found in by.values():
            counts[np.unique(np.concatenate(found))] += 1
        return counts, len(by)


def _in_prompts(looked: Sequence[_Looked], keys: int) -> "tuple[Ints, int]":
    """In how many distinct training prompts (with their completions) each n-gram is, and how many
    prompts there are: ten answers to one prompt are no ten prompts."""
    import numpy as np

    by: dict[str, list[Ints]] = {}
    for one in looked:
        by.setdefault(one.prompt, []).extend(hits.gram for hits in one.hits)
    counts = np.zeros(keys, np.int64)
    for found in by.values():
        counts[np.unique(np.concatenate(found))] += 1
    return counts, len(by)


def _common(counts: "Ints", total: int, method: Method) -> "NDArray[np.bool_]":
    import numpy as np

    least = next((n for n in range(1, total + 1) if method.is_common(n, total)), total + 1)
    found: NDArray[np.bool_] = counts >= least
    return found


def _counted(entry: _Entry, common: "NDArray[np.bool_]", n: int) -> Iterator[int]:
    """The n-grams of an entry that count: those of its own words, which are in no common n-gram;
    and where fewer than `n` of these stand together, those that hold all of them."""
    import numpy as np

    if not len(entry.grams):
        return
    size = entry.phrase.size
    covered = np.zeros(entry.phrase.words + 1, bool)
    for start in np.flatnonzero(common[entry.grams]):
        covered[start : start + size] = True
    covered[-1] = True
    begin = None
    for at, is_covered in enumerate(covered):
        if not is_covered:
            begin = at if begin is None else begin
        elif begin is not None:
            first, last = begin, at - size
            if last < first:  # fewer words than an n-gram has
                first, last = max(at - size, 0), min(begin, len(entry.grams) - 1)
            yield from map(int, entry.grams[first : last + 1])
            begin = None


def _match(example: AnyExample, one: _Looked, index: _Index, method: Method) -> Match | None:
    same = _same(one.answered, index.answered)
    if same is not None:
        return _told(example, same, "same_prompt_and_answer")
    same = _same(one.prompts, index.prompts)
    if same is not None:
        return _told(example, same, "same_prompt")
    best: tuple[float, _Entry] | None = None
    for hits in one.hits:
        for entry, share in _overlaps(hits, index, method):
            if _stands_in(entry, hits):
                return _told(example, entry, "contained")
            if best is None or share > best[0]:
                best = share, entry
    return None if best is None else _told(example, best[1], "overlap", best[0])


def _same(digests: frozenset[str], known: Mapping[str, _Entry]) -> _Entry | None:
    return next((known[found] for found in sorted(digests) if found in known), None)


def _told(example: AnyExample, entry: _Entry, reason: Reason, share: float = 1.0) -> Match:
    return Match(example.id, reason, entry.sample.sample, entry.evaluation, round(share, 4))


def _overlaps(hits: _Hits, index: _Index, method: Method) -> Iterator[tuple[_Entry, float]]:
    """The entries of which a text holds enough, with the share that it holds; and those of shared
    words alone that stand in it."""
    import numpy as np

    there = np.unique(hits.gram).tolist()
    shared = Counter(id(entry) for gram in there for entry in index.holding.get(gram, ()))
    entries = {id(entry): entry for gram in there for entry in index.holding.get(gram, ())}
    for key, count in shared.items():
        entry = entries[key]
        if count >= method.enough(len(entry.counted)):
            yield entry, count / len(entry.counted)
    for gram in there:
        for entry, _ in index.anchored.get(gram, ()):
            if _stands_in(entry, hits):
                yield entry, 1.0


def _stands_in(entry: _Entry, hits: _Hits) -> bool:
    """Whether the whole text of an entry stands in a text, word after word."""
    import numpy as np

    length = len(entry.grams)
    for start in np.flatnonzero(hits.gram == entry.grams[0]):
        end = start + length
        if end > len(hits.gram) or hits.at[end - 1] - hits.at[start] != length - 1:
            continue
        if np.array_equal(hits.gram[start:end], entry.grams):
            return True
    return False
