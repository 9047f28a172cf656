"""What a manifest tells, read with care: every key may be missing, none may be of a wrong kind."""

from collections.abc import Mapping, Sequence
from typing import Any

from quilate.data.card.showing import as_text, shown
from quilate.data.card.values import Example, Shown, SourceCard, StepCard
from quilate.errors import DataError, redact

PRIVACY, DUPLICATES, CONTAMINATION = ("pii", "personal", "privacy"), ("duplicate",), ("contamin",)
"""Parts of the names of steps that look for personal data, duplicates and contamination."""

_TEXT = 600  # characters of an example
_EXAMPLES = 12  # of a step
_DID = ("dropped", "changed", "added", "kept", "lacking")


class Manifest:
    """A manifest's values by their kind; raises `DataError` for one of another."""

    def __init__(self, data: Any, where: str = "manifest") -> None:
        if not isinstance(data, Mapping):
            raise _wrong(where, data, "a mapping")
        self._data, self._where = data, where

    def text(self, key: str) -> str | None:
        """A text, or a number as one; None where there is none."""
        value = self._data.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise _wrong(f"{self._where}.{key}", value, "a text")
        return str(value).encode("utf-8", "replace").decode()

    def count(self, key: str) -> int | None:
        """A number of rows; None where there is none."""
        value = self._data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise _wrong(f"{self._where}.{key}", value, "a count")
        return value

    def parts(self, key: str) -> "list[Manifest]":
        """The mappings of a list."""
        value = self._data.get(key)
        if value is None:
            return []
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise _wrong(f"{self._where}.{key}", value, "a list")
        return [Manifest(one, f"{self._where}.{key}[{n}]") for n, one in enumerate(value)]

    def part(self, key: str) -> "Manifest":
        """A mapping; an empty one where there is none."""
        return Manifest(self._data.get(key) or {}, f"{self._where}.{key}")

    def counts(self, key: str) -> dict[str, int]:
        """Numbers by name."""
        inner = self.part(key)
        return {str(name): inner.count(name) or 0 for name in inner._data}

    def values(self, key: str) -> dict[str, Any]:
        """Whatever a mapping holds."""
        return {str(name): value for name, value in self.part(key)._data.items()}

    def value(self, key: str) -> Any:
        """Whatever is there."""
        return self._data.get(key)


def _wrong(where: str, value: Any, wanted: str) -> DataError:
    return DataError(
        f"This is not {wanted}, but of the type {type(value).__name__}.",
        where=where,
        remedy="Give the manifest that a pipeline wrote, or leave the key out.",
    )


def sources_of(manifest: Manifest) -> tuple[SourceCard, ...]:
    """The files and folders that rows came from."""
    return tuple(
        SourceCard(
            path=one.text("path") or "—",
            sha256=one.text("sha256"),
            rows=one.count("rows"),
            rejected=one.count("rejected") or 0,
        )
        for one in manifest.parts("sources")
    )


def steps_of(manifest: Manifest) -> tuple[StepCard, ...]:
    """The steps. Texts of examples are left out up to the last step that masks personal data: a
    card must not tell what was masked."""
    parts = manifest.parts("steps")
    names = [one.text("step") or "—" for one in parts]
    masking = max((n for n, name in enumerate(names) if is_about(name, PRIVACY)), default=-1)
    return tuple(
        _step(one, name, texts=number > masking)
        for number, (one, name) in enumerate(zip(parts, names, strict=True))
    )


def is_about(step: str, parts: Sequence[str]) -> bool:
    """Whether a step's name has one of the parts in it.

    >>> is_about("mask_pii", PRIVACY), is_about("near_duplicates", CONTAMINATION)
    (True, False)
    """
    return any(part in step.casefold() for part in parts)


def _step(one: Manifest, name: str, *, texts: bool) -> StepCard:
    reasons = one.part("reasons")
    return StepCard(
        step=name,
        options={key: _unsecret(key, value) for key, value in one.values("options").items()},
        digest=one.text("digest"),
        rows_in=one.count("rows_in"),
        kept=one.count("kept") or 0,
        changed=one.count("changed") or 0,
        dropped=one.count("dropped") or 0,
        added=one.count("added") or 0,
        rows_out=one.count("rows_out"),
        reasons={did: reasons.counts(did) for did in _DID},
        examples=tuple(_example(part, texts) for part in one.parts("examples")[:_EXAMPLES]),
        hidden=not texts,
    )


def _unsecret(name: str, value: Any) -> Any:
    """An option's value, unless it looks like a key or password."""
    text = f"{name}={as_text(value)}"
    return value if redact(text) == text else "[redacted]"


def _example(one: Manifest, texts: bool) -> Example:
    def text(key: str) -> Shown | None:
        value = one.value(key)
        return shown(value, _TEXT) if texts and value not in (None, "", {}) else None

    return Example(
        id=one.text("id") or "—",
        did=one.text("did") or "",
        reason=one.text("reason") or "—",
        detail=text("detail"),
        before=text("before"),
        after=text("after"),
    )
