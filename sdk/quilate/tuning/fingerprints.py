r"""Texts as they are compared: as folded words, their digest, and the hashes of their n-grams.

Folding takes away what copying changes: case, accents, width and style of letters (Unicode's
compatibility decomposition), white space and punctuation.
"""

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quilate.codec import digest, to_json
from quilate.errors import ConfigurationError
from quilate.evaluators import Sample
from quilate.messages import Audio, File, Image, Message, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

SHORTEST = 5
"""Words that a text must have to be looked for inside others: a shorter one is only compared
whole, because "yes, please" stands everywhere."""

# Scripts without spaces between words are taken letter by letter.
_LETTERS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# "2 + 2" and "2 - 2" must not be equal; but a hyphen, a slash and a star are punctuation elsewhere.
_WORD = re.compile(rf"[{_LETTERS}]|[^\W_{_LETTERS}]+|[+=<>×÷^%]|(?<=\d)\s*[-*/]\s*(?=\d)")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")
_BASE = 0x9E3779B97F4A7C15  # odd, so that multiplying by it loses nothing modulo 2**64
_MOST_CACHED = 1_000_000


@dataclass(frozen=True, slots=True)
class Method:
    """How examples are compared with evaluation samples.

    A sample counts as found in an example when that holds `overlap` of its `n`-grams of words, and
    three of them at the least (all, where it has fewer). N-grams do not count that are in more than
    `common` of the training prompts, or of the evaluation samples: they are instructions. (Those of
    more than five texts, that is; or of more than half of three or more.)

    Raises `ConfigurationError` for what is no share, and for n-grams of fewer than five words.
    """

    n: int = 8
    overlap: float = 0.5
    common: float = 0.05

    def __post_init__(self) -> None:
        if not SHORTEST <= self.n <= 64:
            raise ConfigurationError(f"n is {self.n!r}.", remedy="Give 5 to 64 words.")
        for name in ("overlap", "common"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)!r}.", remedy="Give a share above 0, up to 1."
                )

    def is_common(self, count: int, total: int) -> bool:
        """Whether what is in `count` of `total` texts is an instruction that they share."""
        small = total >= 3 and count > total / 2
        return small or (count > 5 and count > self.common * total)

    def enough(self, grams: int) -> int:
        """How many of so many n-grams must be there."""
        return max(math.ceil(self.overlap * grams - 1e-9), min(grams, 3))


def fold(text: str) -> list[str]:
    """The words of a text, folded.

    >>> fold("¿Cuántos  MÚSICOS\u00a0hay?") == fold("cuantos musicos, hay")
    True
    >>> fold("2 + 2") == fold("2 - 2"), fold("well-known") == fold("well known")
    (False, True)
    """
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(mark for mark in apart if not unicodedata.combining(mark))
    found = [word.strip() for word in _WORD.findall(plain.translate(_DASHES))]
    return found or plain.split()  # emoji and the like: better compared than not


def words_of(turns: Iterable[Message]) -> list[str]:
    """The folded words of turns; an image, a sound or a file is one word, its digest's."""
    return [word for turn in turns for part in turn.parts for word in _words(part)]


def _words(part: Any) -> list[str]:
    if isinstance(part, Text):
        return fold(part.text)
    if isinstance(part, ToolCall):
        return fold(f"{part.name} {to_json(dict(part.arguments), Any).decode()}")
    if isinstance(part, ToolResult):
        return fold(part.content)
    if isinstance(part, Image | Audio | File):
        return [f"\x00{digest(to_json(part))}"]
    return []  # reasoning is not what is compared


def words_digest(words: Sequence[str]) -> str:
    """A digest of folded words: 128 bits, as hex."""
    return digest(" ".join(words))[:32]


_hashes: dict[str, int] = {}


def word_hashes(words: Sequence[str]) -> "Hashes":
    """A 64-bit hash of each word, the same on every machine."""
    import numpy as np

    if len(_hashes) > _MOST_CACHED:
        _hashes.clear()
    found = np.empty(len(words), dtype=np.uint64)
    for at, word in enumerate(words):
        known = _hashes.get(word)
        if known is None:
            short = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8)
            known = _hashes[word] = int.from_bytes(short.digest(), "little")
        found[at] = known
    return found


def grams(words: "Hashes", n: int) -> "Hashes":
    """The hashes of all runs of `n` words, in order; none where there are fewer words.

    >>> import numpy as np
    >>> grams(word_hashes("a b a b".split()), 2)[[0, 2]].tolist() == [
    ...     grams(word_hashes("a b".split()), 2)[0]] * 2
    True
    """
    import numpy as np

    length = max(len(words) - n + 1, 0)
    found = np.zeros(length, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for at in range(n if length else 0):
            found = found * np.uint64(_BASE) + words[at : at + length]
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Phrase:
    """One text of a sample: its `prompt`, or that with an answer. `grams` are the hashes of its
    n-grams in order; a text of fewer words, but `SHORTEST` at the least, is one n-gram of its own
    `size`; a shorter one has none."""

    digest: str
    words: int
    size: int
    grams: "Hashes"


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """What is kept of an evaluation sample: enough to find it again, and not its text."""

    sample: str
    group: str
    prompt: Phrase
    answered: tuple[Phrase, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprints:
    """Those of an evaluation set called `name`, in its order."""

    name: str
    samples: tuple[Fingerprint, ...]
    n: int

    @property
    def digest(self) -> str:
        """A SHA-256 of all of them, as hex: it changes when any sample's id or words do."""
        parts: list[str | bytes] = [str(self.n)]
        for one in self.samples:
            parts.append(one.sample)
            for phrase in (one.prompt, *one.answered):
                parts += [phrase.digest, phrase.grams.astype("<u8").tobytes()]
        return digest(*parts)


def fingerprint(samples: Sequence[Sample], *, name: str = "evaluation", n: int = 8) -> Fingerprints:
    """The fingerprints of evaluation samples: of each one's whole conversation but for system
    turns, and of that with each reference.

    >>> made = fingerprint([Sample("1", "¿Quién fundó la ciudad?", ("Pizarro",))])
    >>> made.samples[0].prompt.words, len(made.digest)
    (4, 64)
    """
    return Fingerprints(name, tuple(_fingerprint(sample, n) for sample in samples), n)


def _fingerprint(sample: Sample, n: int) -> Fingerprint:
    if isinstance(sample.input, str):
        words = fold(sample.input)
    else:
        words = words_of(turn for turn in sample.input if turn.role != "system")
    answers = (fold(reference) for reference in sample.references)
    answered = tuple(phrase([*words, *answer], n) for answer in answers if answer and words)
    group = sample.group if sample.group is not None else f"\x00{sample.id}"
    return Fingerprint(sample.id, group, phrase(words, n), answered)


def phrase(words: Sequence[str], n: int) -> Phrase:
    """One text of a sample from its folded words."""
    size = n if len(words) >= n else len(words)
    hashes = word_hashes(words)
    found = grams(hashes, size) if size >= SHORTEST else hashes[:0]
    return Phrase(words_digest(words), len(words), size, found)
