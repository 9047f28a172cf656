"""What of two runs belongs together: their samples, targets and metrics, and what else differs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quilate.errors import ConfigurationError
from quilate.evals.results import Run
from quilate.evals.stored import StoredSamples
from quilate.evaluators import Metric, Sample
from quilate.registry import nearest


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that is not the same in both runs; None where a run has none."""

    setting: str
    a: Any
    b: Any


def same_sample(one: Sample, other: Sample | None) -> bool:
    """Whether two samples of one id ask the same and are held to the same references."""
    return other is not None and (one.input, one.references) == (other.input, other.references)


def same_samples(a: Mapping[str, Sample], b: Mapping[str, Sample]) -> list[str]:
    """The ids, in the order of `a`, of what is the `same_sample` in both.

    >>> one, other = Sample("1", "hola"), Sample("1", "¡hola!")
    >>> same_samples({"1": one}, {"1": one}), same_samples({"1": one}, {"1": other})
    (['1'], [])
    """
    if isinstance(a, StoredSamples) and isinstance(b, StoredSamples):
        # Plain data of one codec is equal when the values are, and need not become samples.
        return [key for key in a if key in b and _asks(a.fields(key)) == _asks(b.fields(key))]
    return [key for key in a if same_sample(a[key], b.get(key))]


def _asks(data: Mapping[str, Any]) -> tuple[Any, Any]:
    return data["input"], data.get("references")


def target_pairs(a: Sequence[str], b: Sequence[str]) -> list[tuple[str, str]]:
    """The one target of each side, whatever its name; else those that both have by name.

    Raises `ConfigurationError` when there are none.

    >>> target_pairs(["x", "y"], ["y", "z"])
    [('y', 'y')]
    """
    if len(a) == len(b) == 1:
        return [(a[0], b[0])]
    common = [(name, name) for name in a if name in b]
    if not common:
        raise ConfigurationError(
            f"They have no target in common: {', '.join(a)} and {', '.join(b)}.",
            remedy="Several targets are compared by their names.",
        )
    return common


def shared_metrics(
    a: Mapping[str, Metric], b: Mapping[str, Metric], wanted: Sequence[str] = ()
) -> list[Metric]:
    """The metrics of both sides, or those of them that are wanted, as `a` has them.

    Raises `ConfigurationError` for one that is not there, and when there are none.
    """
    common = [name for name in a if name in b]
    for name in wanted or ([] if common else [""]):
        if name not in common:
            said = f"the metric '{name}'" if name else "a metric"
            raise ConfigurationError(f"They do not both have {said}.", remedy=nearest(name, common))
    return [a[name] for name in common if not wanted or name in wanted]


def differences(a: Run, b: Run) -> Iterator[Difference]:
    """The settings, models, versions and code in which two runs differ, by their path, as far as
    they are recorded: of Python code, that of the functions that are targets.

    What changes no answer is left out (the suite's place, a replay), and so is the plan's hash,
    whose parts are there.
    """
    left, right = dict(_leaves(a.provenance)), dict(_leaves(b.provenance))
    for path in {**left, **right}:
        if path not in _NEUTRAL and left.get(path) != right.get(path):
            yield Difference(path, left.get(path), right.get(path))


_NEUTRAL = ("suite.path", "suite.concurrency", "replay", "plan_sha256")


def _leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, data
