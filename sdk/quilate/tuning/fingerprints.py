"""What is kept of evaluation samples: digests of their words, enough to find a whole one again, and
not their text."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from quilate.codec import digest, to_json
from quilate.data.decontamination.words import words_of as plain_words
from quilate.evaluators import Sample
from quilate.messages import Audio, File, Image, Message, Text, ToolCall, ToolResult

# "2 + 2" and "2 - 2" must not be equal; but a hyphen, a slash and a star are punctuation elsewhere.
_OPERATOR = re.compile(r"([+=<>×÷^%]|(?<=\d)\s*[-*/]\s*(?=\d))")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")


def fold(text: str) -> list[str]:
    r"""The words of a text as they are compared, without what copying changes (see
    `quilate.data.decontamination`): case, accents, invisible characters, letters of other scripts
    that look like Latin ones, white space and punctuation, but for operators.

    >>> fold("¿Cuántos  MÚSICOS\u00a0h\u0430y?") == fold("cuantos musi\u200bcos, hay")
    True
    >>> fold("2 + 2") == fold("2 - 2"), fold("well-known") == fold("well known")
    (False, True)
    """
    pieces = _OPERATOR.split(text.translate(_DASHES))
    found = [
        word
        for at, piece in enumerate(pieces)
        for word in ([piece.strip()] if at % 2 else plain_words(piece))
    ]
    return found or text.split()  # emoji and the like: better compared than not


def texts_of(turns: Iterable[Message]) -> Iterator[str]:
    """The text of each turn; an image, a sound or a file is one word in it, its digest."""
    for turn in turns:
        text = "\n".join(filter(None, map(_text, turn.parts)))
        if text:
            yield text


def words_of(turns: Iterable[Message]) -> list[str]:
    """The folded words of turns."""
    return [word for text in texts_of(turns) for word in fold(text)]


def _text(part: Any) -> str:
    if isinstance(part, Text):
        return part.text
    if isinstance(part, ToolCall):
        return f"{part.name} {to_json(dict(part.arguments), Any).decode()}"
    if isinstance(part, ToolResult):
        return part.content
    if isinstance(part, Image | Audio | File):
        return f"x{digest(to_json(part))}"
    return ""  # reasoning is not what is compared


def sample_text(sample: Sample) -> str:
    """The whole conversation of a sample but for system turns."""
    if isinstance(sample.input, str):
        return sample.input
    return "\n".join(texts_of(turn for turn in sample.input if turn.role != "system"))


def has_media(sample: Sample) -> bool:
    """Whether a sample holds an image, a sound or a file."""
    return not isinstance(sample.input, str) and any(
        isinstance(part, Image | Audio | File) for turn in sample.input for part in turn.parts
    )


def words_digest(words: Sequence[str]) -> str:
    """A digest of folded words: 128 bits, as hex."""
    return digest(" ".join(words))[:32]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of an evaluation sample: the number of its prompt's `words`, their digest, and
    that of them with each reference."""

    sample: str
    words: int
    prompt: str
    answered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Those of an evaluation set called `name`, in its order."""

    name: str
    samples: tuple[Fingerprint, ...]

    @property
    def digest(self) -> str:
        """A SHA-256 of all of them, as hex: it changes when any sample's id or words do."""
        return digest(
            *(part for one in self.samples for part in (one.sample, one.prompt, *one.answered))
        )


def fingerprint(samples: Sequence[Sample], *, name: str = "evaluation") -> Fingerprints:
    """The fingerprints of evaluation samples: of each one's whole conversation but for system
    turns, and of that with each reference.

    >>> made = fingerprint([Sample("1", "¿Quién fundó la ciudad?", ("Pizarro",))])
    >>> made.samples[0].words, len(made.digest)
    (4, 64)
    """
    return Fingerprints(name, tuple(map(_fingerprint, samples)))


def _fingerprint(sample: Sample) -> Fingerprint:
    words = fold(sample_text(sample))
    answers = (fold(reference) for reference in sample.references)
    answered = tuple(words_digest([*words, *answer]) for answer in answers if answer and words)
    return Fingerprint(sample.id, len(words), words_digest(words), answered)
