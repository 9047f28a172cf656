"""A run's items, or its model calls, as rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quilate.codec import to_data
from quilate.data.files.writing import write_json_lines
from quilate.data.steps import Row
from quilate.evals.results import Run


def run_rows(run: Run) -> Iterator[Row]:
    """One row an item that has an output: the sample's input, references and group, the target and
    epoch, the output's ``text``, and the ``scores`` by metric.

    The ids are ``SAMPLE/TARGET/EPOCH``.
    """
    for item in run.items:
        if item.output is None:
            continue
        sample = run.samples[item.sample_id]
        told = to_data(sample)
        row: dict[str, Any] = {
            "id": f"{item.sample_id}/{item.target}/{item.epoch}",
            "run": run.id,
            "sample": item.sample_id,
            "target": item.target,
            "epoch": item.epoch,
            "input": told["input"],
            "text": item.output.text,
            "scores": {one.metric: one.value for one in item.scores if one.value is not None},
        }
        for name in ("references", "group", "language", "metadata"):
            if told.get(name):
                row[name] = told[name]
        yield row


def call_rows(run: Run) -> Iterator[Row]:
    """One row a model call of the run's targets (its traces): the model, the ``messages`` it was
    sent and the one it gave, tools, usage. Calls that stand in several items come once."""
    seen: set[str] = set()
    for item in run.items:
        for key in item.calls:
            call = None if key in seen else run.call(key)
            seen.add(key)
            if call is None:
                continue
            request, response = to_data(call.request), to_data(call.response)
            row: dict[str, Any] = {
                "id": key,
                "run": run.id,
                "sample": item.sample_id,
                "target": item.target,
                "model": call.model,
                "messages": [*request["messages"], response["message"]],
                "text": call.response.message.text,
            }
            if request.get("tools"):
                row["tools"] = request["tools"]
            if response.get("usage"):
                row["usage"] = response["usage"]
            yield row


def write_run(name: str, folder: Path, store: Path) -> Path:
    """The rows of a run as a file: ``RUN`` its items, ``RUN/calls`` its model calls."""
    from quilate.evals.store import open_run

    wanted, _, what = name.partition("/")
    run = open_run(wanted, store)
    calls = what == "calls"
    file = folder / f"{run.id}{'-calls' if calls else ''}.jsonl"
    write_json_lines(call_rows(run) if calls else run_rows(run), file)
    return file
