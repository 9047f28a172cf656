"""Who judged a run, as the run recorded it."""

import json
from collections.abc import Iterator
from typing import Any

from quilate.codec import digest
from quilate.evals.results import Run


def judge_key(run: Run, metric: str) -> str | None:
    """What names the judge of a metric: a digest of the evaluator, its options, its prompts and its
    model's identity, as the run recorded them. None for a metric that no evaluator of it gave."""
    described = described_as(run, metric)
    return None if described is None else key_of(described, metric)


def described_as(run: Run, metric: str) -> Any:
    """What the run recorded of the evaluator of a metric; None where it has none."""
    return next((described for described, given in _evaluators(run) if metric in given), None)


def key_of(described: Any, metric: str) -> str:
    """The key of a judge by its evaluator's description, as `quilate.evals.provenance` gives it."""
    return digest(json.dumps([described, metric], sort_keys=True, ensure_ascii=False, default=str))


def judge_model(run: Run, metric: str) -> str | None:
    """The name of the model that judged a metric, where it is recorded."""
    for described, metrics in _evaluators(run):
        if metric in metrics and isinstance(described, dict):
            model = described.get("model")
            name = model.get("model") if isinstance(model, dict) else model
            return name if isinstance(name, str) else None
    return None


def wrote(run: Run, target: str, model: str | None) -> bool | None:
    """Whether a model writes a target's answers; None where it is not recorded."""
    described = run.provenance.get("targets", {}).get(target)
    models = set(_models(described))
    return None if model is None or not models else model in models


def _models(described: Any) -> Iterator[str]:
    if isinstance(described, dict):
        if isinstance(described.get("model"), str) and "identity" in described:
            yield described["model"]
        described = list(described.values())
    if isinstance(described, list):
        for part in described:
            yield from _models(part)


def _evaluators(run: Run) -> list[tuple[Any, list[str]]]:
    recorded = run.provenance.get("evaluators")
    return [tuple(one) for one in recorded.values()] if isinstance(recorded, dict) else []
