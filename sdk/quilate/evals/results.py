"""What a run leaves behind: calls, items, and the Run that holds them. Plain values."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from quilate.evaluators import Metric, Output, Sample, Score
from quilate.models import Request, Response

if TYPE_CHECKING:
    import pandas as pd

CallSource = Literal["live", "cache", "journal", "replay"]
RunStatus = Literal["running", "finished", "stopped", "decided"]
RunKind = Literal["run", "gate", "replay"]


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a result: its `kind` (``rate_limited``, ``ValueError``…), its message, and the
    `stage` it came from (``target``)."""

    kind: str
    message: str
    stage: str = "target"
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One model call of a run, as its journal holds it. `key` is a digest of the model's identity
    and the request."""

    key: str
    model: str
    request: Request
    response: Response


@dataclass(frozen=True, slots=True)
class Item:
    """One target on one sample, once: target × sample × epoch.

    `calls` are the keys of the model calls that the target made; `score_calls` those of each
    evaluator, by evaluator name.
    """

    target: str
    sample_id: str
    epoch: int = 0
    output: Output | None = None
    scores: tuple[Score, ...] = ()
    failure: Failure | None = None
    calls: tuple[str, ...] = ()
    score_calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seconds: float = 0.0


def kind_of(provenance: Container[str]) -> RunKind:
    """What a run is by its provenance; a replay that is gated is a gate."""
    if "gate" in provenance:
        return "gate"
    return "replay" if "replay" in provenance else "run"


@dataclass(frozen=True, slots=True)
class Run:
    """A run read back from its journal.

    `items` holds the finished ones in plan order; `planned` is how many there should be.
    `provenance` holds what is needed to repeat the run (versions, hashes, seeds, identities).
    `status` is *decided* where what the run was watched for (a gate's verdict) is known, whether or
    not anything is left to do. `reason` says why a stopped run stopped, and what was decided;
    `store` is the folder that holds it.
    """

    id: str
    name: str
    created: str
    status: RunStatus
    targets: tuple[str, ...]
    metrics: Mapping[str, Metric]
    samples: Mapping[str, Sample]
    items: Sequence[Item]
    planned: int
    provenance: Mapping[str, Any]
    load_call: Callable[[str], Call | None] = lambda key: None
    reason: str | None = None
    store: str | None = None

    @property
    def kind(self) -> RunKind:
        """What the run is."""
        return kind_of(self.provenance)

    def __repr__(self) -> str:
        """Short: a notebook shows it, and a run holds megabytes."""
        return f"<Run {self.id}: {self.status}, {len(self.items)} of {self.planned} items>"

    def call(self, key: str) -> Call | None:
        """The model call behind a key, with its prompt and raw reply."""
        return self.load_call(key)

    def summary(self, level: float = 0.95) -> str:
        """The result table as text: every figure with its interval at `level`."""
        from quilate.reports.terminal import render

        return render(self, level=level)

    def to_pandas(self) -> "pd.DataFrame":
        """One row a score: target, sample, epoch, metric, value, status, reason, output text."""
        from quilate.reports.frames import to_pandas

        return to_pandas(self)

    def report(self, path: str, *, lang: str | None = None) -> str:
        """Write the self-contained HTML report, in ``en`` or ``es``, and return its path."""
        from quilate.reports.html import write

        return str(write(self, path, lang=lang))
