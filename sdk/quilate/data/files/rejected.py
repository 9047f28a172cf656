"""What stands in a file where a row should be."""

from dataclasses import dataclass

_SHOWN = 2_000  # characters of it that are kept


@dataclass(frozen=True, slots=True)
class Rejected:
    """No row: where it stands (file and line), the `reason` in constant words, a `detail`, and the
    beginning of what stands there."""

    where: str
    reason: str
    detail: str = ""
    raw: str = ""

    @classmethod
    def of(cls, where: str, reason: str, detail: str = "", raw: str | bytes = "") -> "Rejected":
        """With as much of what stands there as is kept."""
        text = raw[:_SHOWN].decode("utf-8", "replace") if isinstance(raw, bytes) else raw[:_SHOWN]
        return cls(where, reason, detail, text)
