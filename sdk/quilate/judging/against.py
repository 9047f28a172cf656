"""The other answer that a judge of pairs compared with, for who labels in its place."""

from pathlib import Path
from typing import Any

from quilate.errors import StoreError
from quilate.evals import open_run
from quilate.evals.results import Run
from quilate.evals.store import Items
from quilate.evaluators import Sample
from quilate.judging.judges import described_as


def other_answer(run: Run, metric: str, sample: Sample) -> str | None:
    """What the answers to a sample were compared with by the judge of a metric: a reference, a text
    of the metadata, or what a target answered in another run of the store. None for a judge of
    single answers, and for what is not there any more."""
    described = described_as(run, metric)
    against = described.get("against") if isinstance(described, dict) else None
    kind, key = (against.get("kind"), str(against.get("key"))) if against else (None, "")
    found: Any = None
    if kind == "references":
        found = next(iter(sample.references), None)
    elif kind == "metadata":
        found = sample.metadata.get(key)
    elif kind == "run":
        found = _answer_in(key, sample, run.store)
    return found if isinstance(found, str) else None


def _answer_in(key: str, sample: Sample, store: str | None) -> str | None:
    name, _, target = key.partition("/")
    try:
        run = open_run(name, store=Path(store or ".quilate"))
    except StoreError:
        return None
    items = run.items.of([(target, sample.id)]) if isinstance(run.items, Items) else run.items
    wanted = (target, sample.id, 0)
    texts = (
        one.output.text
        for one in items
        if one.output is not None and (one.target, one.sample_id, one.epoch) == wanted
    )
    return next(texts, None)
