"""The other answer that a judge of pairs compared with, for who labels in its place."""

from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from quilate.errors import StoreError
from quilate.evals import DEFAULT_STORE, open_run
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
        run = _opened(name, Path(store or DEFAULT_STORE))
    except StoreError:
        return None
    asked = run.samples.get(sample.id)
    if asked is None or asked.input != sample.input:  # the id is another question's there
        return None
    item = cast(Items, run.items).find(target, sample.id, 0)
    return item.output.text if item is not None and item.output is not None else None


@lru_cache(maxsize=1)
def _opened(name: str, store: Path) -> Run:
    return open_run(name, store=store)  # for a page that asks again with each answer
