"""What of two runs belongs together: their samples, targets and metrics, and what else differs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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

    @property
    def both(self) -> bool:
        """Whether both runs have it."""
        return self.a is not None and self.b is not None


@dataclass(frozen=True, slots=True)
class Remeasured:
    """A metric that two runs do not measure alike, by an `evaluator`, and in what that differs."""

    metric: str
    evaluator: str
    differences: tuple[Difference, ...]

    def said(self) -> str:
        """What differs, with the values where they are short.

        >>> Remeasured("clear", "rubric", (Difference("votes", 5, 3),)).said()
        'votes (5 → 3)'
        """
        return ", ".join(map(_said, self.differences))


def _said(one: Difference) -> str:
    values = [str(value) for value in (one.a, one.b)]
    short = max(map(len, values)) <= _SHORT
    return f"{one.setting} ({' → '.join(values)})" if short else one.setting


_SHORT = 40  # characters of a value that is told; a longer one is a prompt or a digest


class Measures(NamedTuple):
    """What is known of a run's evaluators (`quilate.evals.plan.evaluators_of`), its metrics, and
    the code of evaluators that are an author's own, as a version of Python compiled it."""

    evaluators: Mapping[str, Any]
    metrics: Mapping[str, Metric]
    code: Mapping[str, str]
    python: str


def measures_of(run: Run) -> Measures:
    """The measures of a run."""
    kept = run.provenance
    code, python = kept.get("evaluator_code", {}), str(kept.get("python", ""))
    return Measures(kept.get("evaluators", {}), run.metrics, code, python)


def same_sample(one: Sample, other: Sample | None) -> bool:
    """Whether two samples of one id ask the same and are held to the same: references, gold
    passages, whether there is an answer."""
    return other is not None and all(
        getattr(one, name) == getattr(other, name) for name in _HELD_TO
    )


_HELD_TO = ("input", "references", "gold", "answerable")


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


def _asks(data: Mapping[str, Any]) -> list[Any]:
    return [data.get(name) for name in _HELD_TO]


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


def names_of(metrics: Sequence[str]) -> tuple[str, ...]:
    """The names given, of which a lone one may be a string.

    >>> names_of("right"), names_of(["right", "wrong"])
    (('right',), ('right', 'wrong'))
    """
    return (metrics,) if isinstance(metrics, str) else tuple(metrics)


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


def remeasured(a: Measures, b: Measures, metrics: Collection[str]) -> Iterator[Remeasured]:
    """Those of `metrics` that two sides do not measure alike: by evaluators of other options,
    prompts or models, or on another scale; an author's own also by their code, where one version of
    Python compiled both. Of a side that keeps nothing of a metric's evaluator nothing can be told.
    """
    for metric in metrics:
        (name, one), (_, other) = _measure(a, metric), _measure(b, metric)
        found = [*_differences(one, other)] if one and other else []
        told = [each for each in found if not each.setting.startswith(_CODE) or each.both]
        if told:
            yield Remeasured(metric, name, tuple(told))


def _measure(side: Measures, metric: str) -> tuple[str, dict[str, Any]]:
    """The name of the evaluator that gives a metric, and what it is; nothing where not kept."""
    one = side.metrics[metric]
    bounds = None if one.bounds is None else tuple(map(float, one.bounds))
    scale = {"bounds": bounds, "higher_is_better": one.higher_is_better}
    for key, (described, given) in side.evaluators.items():
        if metric in given:
            # What other metrics it gives does not bear on this one.
            own = {k: v for k, v in dict(_leaves(described)).items() if k != "metrics"}
            code = {f"{_CODE} {_minor(side.python)}": side.code.get(key)}
            return _named(key), {**own, **scale, **code}
    return metric, {}


_CODE = "code, Python"


def _minor(version: str) -> str:
    """The version whose compiler makes the same code: ``3.11`` of ``3.11.7``."""
    return ".".join(version.split(".")[:2])


def _named(key: str) -> str:
    """An evaluator's name, which is kept behind its number."""
    return key.partition(" ")[2]


def differences(a: Run, b: Run) -> Iterator[Difference]:
    """The settings, models, versions and code in which two runs differ, by their path, as far as
    they are recorded: of Python code, that of targets and of evaluators that are an author's own.

    What changes no answer is left out (the suite's place, a replay), and so is the plan's hash,
    whose parts are there.
    """
    for one in _differences(_settings(a), _settings(b)):
        if one.setting not in _NEUTRAL:
            yield one


_NEUTRAL = ("suite.path", "suite.concurrency", "replay", "plan_sha256")


def _settings(run: Run) -> Mapping[str, Any]:
    """A run's provenance, with its evaluators by name: what changes when one is put before them is
    not what they are."""
    kept = run.provenance.get("evaluators")
    if not isinstance(kept, Mapping):
        return run.provenance
    names = [_named(key) for key in kept]
    called = {key: n if names.count(n) == 1 else key for key, n in zip(kept, names, strict=True)}
    code = run.provenance.get("evaluator_code", {})
    return {
        **run.provenance,
        "evaluators": {called[key]: described for key, (described, _) in kept.items()},
        "evaluator_code": {called.get(key, key): sha for key, sha in code.items()},
    }


def _differences(a: Any, b: Any) -> Iterator[Difference]:
    left, right = dict(_leaves(a)), dict(_leaves(b))
    for path in {**left, **right}:
        if left.get(path) != right.get(path):
            yield Difference(path, left.get(path), right.get(path))


def _leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, data
