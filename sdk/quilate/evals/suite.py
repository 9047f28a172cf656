"""A suite: samples × targets × evaluators, as values. `suite_file` reads one from YAML."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from quilate.evaluators import Evaluator, Sample, Target
from quilate.models import Model
from quilate.retrievers import Progress


class Resource(Protocol):
    """Something that a suite's targets need ready before the first sample, such as an index."""

    async def prepare(self, progress: Progress | None = None) -> None:
        """Make it ready; a second call costs nothing."""
        ...

    async def provenance(self) -> Mapping[str, Any]:
        """What names exactly what was used."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard limits of a run; None is no limit. Money in US dollars, time in seconds."""

    usd: float | None = None
    tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """What to evaluate, on what, by what measure.

    A target is a `Target`, a Model, or any function, sync or async, from the sample's question (or
    the `Sample`, when its parameter is annotated so) to a text or an `Output`. Every target runs
    on every sample `epochs` times, which `reducers` (see `quilate.evals.reducers`) make into one
    figure each. `source` is the file's content as read, kept for repeating.

    >>> suite = Suite("echo", [Sample("1", "hola", ("hola",))], {"echo": lambda text: text}, [])
    >>> list(suite.targets)
    ['echo']
    """

    name: str
    samples: Sequence[Sample]
    targets: Mapping[str, Target | Model | Callable[..., Any]]
    evaluators: Sequence[Evaluator]
    epochs: int = 1
    seed: int = 0
    concurrency: int = 8
    cache: bool = False
    limits: Limits = field(default_factory=Limits)
    resources: Mapping[str, Resource] = field(default_factory=dict)
    path: Path | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    reducers: Sequence[str] = ("mean",)
