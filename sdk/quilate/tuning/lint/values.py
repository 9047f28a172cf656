"""What the lint is given and what it finds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, TypeVar

from quilate.tuning.examples import AnyExample
from quilate.tuning.templates import ChatTemplate

E = TypeVar("E", bound=AnyExample)
Severity = Literal["drop", "warning", "note"]
"""``drop``: nothing good can be learned from the row, and it is to be left out. ``warning``: look
at it before training. ``note``: worth knowing."""


class ChatTokenizer(Protocol):
    """A model's tokenizer, as the lint needs it. `quilate_adapters.chat_tokenizers` makes one of a
    GGUF file; any object of this shape will do."""

    @property
    def name(self) -> str:
        """How it is called in reports."""
        ...

    @property
    def template(self) -> ChatTemplate:
        """The chat template that the model is served with."""
        ...

    @property
    def stop_tokens(self) -> frozenset[int]:
        """The ids at which generation ends."""
        ...

    def encode(self, text: str) -> list[int]:
        """The ids of a rendered text, control tokens read out of it, none put around it."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found: how bad it is, the `id` of the example (empty: the whole set), a `reason` in
    a constant word, what exactly in `detail`, and the example's `place` from 0."""

    severity: Severity
    id: str
    reason: str
    detail: str = ""
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Packed:
    """How many windows of `length` tokens the rows take when several are put into one, the share of
    positions that then hold a token, and the same with one row a window."""

    length: int
    windows: int
    efficiency: float
    unpacked: float


@dataclass(frozen=True, slots=True)
class LintReport:
    """What the lint found of `rows` examples.

    `tokens` are those of the rows that are kept, `learned` those of them that the loss is on (both
    sides of a preference count). `languages` are of the completions.
    """

    tokenizer: str
    rows: int
    max_length: int
    tokens: int
    learned: int
    packed: Packed | None
    languages: Mapping[str, int]
    findings: tuple[Finding, ...] = ()

    @property
    def counts(self) -> Mapping[str, int]:
        """Findings by reason, the commonest first."""
        return dict(Counter(one.reason for one in self.findings).most_common())

    @property
    def dropped(self) -> tuple[Finding, ...]:
        """Every row that is to be left out, once, with its id and the first reason."""
        seen: dict[int | None, Finding] = {}
        for one in self.findings:
            if one.severity == "drop":
                seen.setdefault(one.place, one)
        return tuple(seen.values())

    def kept(self, examples: Sequence[E]) -> tuple[E, ...]:
        """The examples that remain; give the same ones, in the same order, that were linted."""
        out = {one.place for one in self.dropped}
        return tuple(one for place, one in enumerate(examples) if place not in out)

    def summary(self, lang: str | None = None) -> list[str]:
        """What was found, in sentences, in ``en`` or ``es`` (None: as the environment says)."""
        from quilate.tuning.lint.wording import summary

        return summary(self, lang)

    def as_data(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        found = asdict(self)
        found["findings"] = [asdict(one) for one in self.findings]
        found["languages"] = dict(self.languages)
        return {
            **found,
            "counts": dict(self.counts),
            "dropped": [{"id": one.id, "reason": one.reason} for one in self.dropped],
        }
