"""A run's samples and scores as its store has them, decoded no further than they are looked at."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from quilate.codec import from_data
from quilate.evals.results import Failure
from quilate.evals.tables import unpack
from quilate.evaluators import Sample, Score


class StoredSamples(Mapping[str, Sample]):
    """The samples of a run by id, in the order of its suite; each is made when it is asked for."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        read = (from_json(unpack(body)) for body in bodies)
        self._data: dict[str, dict[str, Any]] = {data["id"]: data for data in read}
        self._made: dict[str, Sample] = {}

    def __getitem__(self, key: str) -> Sample:
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = from_data(Sample, self._data[key])
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def fields(self, key: str) -> Mapping[str, Any]:
        """What is kept of a sample, as plain data; a default value is left out."""
        return self._data[key]


def groups_of(samples: Mapping[str, Sample], keys: Sequence[str]) -> list[str | None] | None:
    """The group of each of these samples; None when none has one.

    >>> groups_of({"1": Sample("1", "hola", group="doc")}, ["1"])
    ['doc']
    """
    if isinstance(samples, StoredSamples):
        labels = [samples.fields(key).get("group") for key in keys]
    else:
        labels = [samples[key].group for key in keys]
    return labels if any(label is not None for label in labels) else None


def bare_scores(body: bytes) -> tuple[tuple[Score, ...], Failure | None]:
    """The scores in an item's stored body, each its value or the reason why there is none and
    nothing else, and the item's failure."""
    data = from_json(unpack(body))
    failure = data.get("failure")
    return (
        tuple(map(_bare, data.get("scores", ()))),
        None if failure is None else from_data(Failure, failure),
    )


def _bare(data: Mapping[str, Any]) -> Score:
    value = data.get("value")
    if value is None:
        return Score(data["metric"], None, data["status"], data["reason"])
    return Score(data["metric"], float(value))
