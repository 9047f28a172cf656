"""The step ``mask_pii``: personal data found and masked, or the row dropped."""

import hashlib
import hmac
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from quilate.data.cleaning.options import check_text, set_texts, wrong
from quilate.data.cleaning.within import TOO_DEEP, TooDeep, mapped
from quilate.data.steps import Change, Drop, Row, Verdict
from quilate.errors import ConfigurationError
from quilate.pii import KINDS, Found, canonical, find_pii

KEY = "QUILATE_PII_KEY"
"""The variable of the environment with the key of pseudonyms: a secret stands in no pipeline."""

_LEAST_KEY = 16  # characters
_PIECE = 1_000_000  # characters looked at together


@dataclass(frozen=True, slots=True)
class MaskPii:
    """Masks personal data, wherever in `field` (one or several) a text holds it: in messages and
    other lists and objects too, their own field names included. Numbers that are no text are not
    looked at.

    `kinds` are those of `quilate.pii.find_pii`, all unless chosen. `replacement` is what stands in
    the place: a text with ``{kind}``; ``hash``, the same pseudonym for the same data wherever it
    is, by HMAC-SHA256 with the key in the environment variable `key`; or ``drop``, which drops the
    row. Reasons are the kinds, each as often as it was found. Verdicts hold no
    data.

    >>> row = {"id": "1", "text": "Soy Ana, ana@ejemplo.es, DNI 12345678Z"}
    >>> next(iter(MaskPii().apply([row])))
    Change(fields={'text': 'Soy Ana, [email], DNI [dni]'}, reasons=('email', 'dni'))
    """

    field: str | Sequence[str] = "text"
    kinds: str | Sequence[str] = tuple(KINDS)
    replacement: str = "[{kind}]"
    key: str = KEY
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        set_texts(self, "mask_pii", "field")
        set_texts(self, "mask_pii", "kinds", KINDS)
        if not isinstance(self.replacement, str):
            wrong("mask_pii", "replacement", self.replacement, "Give a text; it may hold {kind}.")
        check_text("mask_pii", "key", self.key)
        if "id" in self.field:
            wrong("mask_pii", "field", "id", "Make other ids; they name rows everywhere.")
        if self.replacement == "hash":
            self._secret()

    def inputs(self) -> Mapping[str, str]:
        """A fingerprint of the key: with another, cached verdicts are not used again."""
        if self.replacement != "hash":
            return {}
        return {"pseudonyms": hmac.new(self._secret(), b"fingerprint", "sha256").hexdigest()[:16]}

    def _secret(self) -> bytes:
        secret = os.environ.get(self.key, "")
        if len(secret) < _LEAST_KEY:
            raise ConfigurationError(
                f"The variable {self.key} holds no key of {_LEAST_KEY} characters or more.",
                where="the step 'mask_pii'",
                remedy="Set it to a long random text and keep it: "
                "the same key makes the same pseudonyms.",
            )
        return secret.encode("utf-8", "surrogatepass")

    def reads(self) -> Sequence[str]:
        """The fields that are masked."""
        return self.field

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """A change, or with ``drop`` a drop, for each row with personal data."""
        return [self._verdict(row) for row in rows]

    def _verdict(self, row: Row) -> Verdict:
        kinds: list[str] = []
        fields: dict[str, Any] = {}
        for name in self.field:
            value = row.get(name)
            try:
                after = _renamed(mapped(value, self._masked, kinds), self._masked, kinds)
            except TooDeep:
                return Drop(TOO_DEEP, name)
            if after is not value:
                fields[name] = after
        if not kinds:
            return None
        if self.replacement == "drop":
            told = Counter(kinds)
            counts = ", ".join(f"{count} {kind}" for kind, count in told.items())
            return Drop(f"personal data: {next(iter(told))}", counts)
        return Change(fields, tuple(kinds))

    def _masked(self, text: str) -> tuple[str, list[str]]:
        made: list[str] = []
        kinds: list[str] = []
        for piece in _pieces(text):
            end = 0
            for found in find_pii(piece, self.kinds):
                made += [piece[end : found.start], self._instead(piece, found)]
                kinds.append(found.kind)
                end = found.end
            made.append(piece[end:])
        return ("".join(made), kinds) if kinds else (text, [])

    def _instead(self, text: str, found: Found) -> str:
        if self.replacement != "hash":
            return self.replacement.replace("{kind}", found.kind)
        said = canonical(found.kind, text[found.start : found.end])
        keyed = hmac.new(self._secret(), f"{found.kind}:{said}".encode(), hashlib.sha256)
        return f"[{found.kind}:{keyed.hexdigest()[:12]}]"


def _pieces(text: str) -> Iterable[str]:
    """The text in pieces, cut at line ends where there are any: memory stays flat."""
    start = 0
    while len(text) - start > _PIECE:
        end = text.rfind("\n", start, start + _PIECE) + 1
        if not end:
            end = text.rfind(" ", start, start + _PIECE) + 1 or start + _PIECE
        yield text[start:end]
        start = end
    yield text[start:]


def _renamed(value: Any, masked: Any, kinds: list[str]) -> Any:
    """The value with its objects' field names masked too; those that become the same are told
    apart by a number."""
    if isinstance(value, list | tuple):
        made = [_renamed(one, masked, kinds) for one in value]
        return value if all(a is b for a, b in zip(made, value, strict=True)) else made
    if not isinstance(value, Mapping):
        return value
    renamed: dict[str, Any] = {}
    for name, one in value.items():
        after, why = masked(name)
        kinds.extend(why)
        number, free = 2, after
        while free in renamed or (why and free in value):
            free, number = f"{after} {number}", number + 1
        renamed[free] = _renamed(one, masked, kinds)
    same = all(renamed.get(name) is one for name, one in value.items())
    return value if same and len(renamed) == len(value) else renamed
