"""``tune collect``: training examples of a run's outputs, or of feedback."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quilate.cli.options import DEFAULT_STORE, AsJson, Store
from quilate.cli.tune_words import command_words, refuse_source

if TYPE_CHECKING:
    from quilate.tuning.examples import AnyExample
    from quilate.tuning.formats import Exported
    from quilate.tuning.sources import Gathered


class What(StrEnum):
    """What is made of a run or of feedback."""

    good = "good"
    corrected = "corrected"
    pairs = "pairs"
    feedback = "feedback"


BadTo = Annotated[
    float | None,
    typer.Option(metavar="X", help="Ratings up to here are bad, and those between are left out."),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=COLUMN",
        help="Which column of feedback is which, such as prompt=question; repeatable.",
    ),
]


def collect(
    source: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's id or latest; with feedback, a file.")
    ],
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The examples to write (.jsonl).")],
    what: Annotated[
        What,
        typer.Option(
            help="good: outputs that pass; corrected: the others, with their reference; pairs: "
            "what `pairwise` preferred, or with --metric and --margin what scores differ; "
            "feedback: rows with a thumb, a rating, or chosen and rejected."
        ),
    ] = What.good,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="The metric that says.")
    ] = None,
    at_least: Annotated[
        float | None, typer.Option(metavar="X", help="What passes; left out: the best value.")
    ] = None,
    at_most: Annotated[
        float | None, typer.Option(metavar="X", help="The same where lower is better.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(metavar="X", help="How much two outputs of a pair differ.")
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="NAME", help="One target alone.")] = None,
    distrusted: Annotated[
        bool, typer.Option("--distrusted", help="Use a judge that people's labels speak against.")
    ] = False,
    good_from: Annotated[
        float | None, typer.Option(metavar="X", help="Ratings from here on are good.")
    ] = None,
    bad_to: BadTo = None,
    field: Columns = None,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Make training examples of a run's outputs, or of feedback.

    Feedback of two kinds, single judgements and pairs, goes to two files: no format holds both.
    Samples of a suite that is to judge the tuned model must not be trained on: training refuses.
    """
    from quilate.cli.onward import check_writable

    check_writable(out)
    refuse_source(out, source)
    with command_words("Say which column is which: --field prompt=COLUMN."):
        if what is What.feedback:
            found = _feedback(source, good_from, bad_to, _columns(field or ()))
        else:
            limits = {"at_least": at_least, "at_most": at_most}
            common = {"target": target, "distrusted": distrusted}
            found = _of_run(source, what, metric, margin, limits, common, store)
    _tell(_write(list(found), out), found, as_json)


def _columns(written: Sequence[str]) -> dict[str, str]:
    """Our fields to columns, of NAME=COLUMN."""
    pairs = [one.partition("=") for one in written]
    for one, (name, _, column) in zip(written, pairs, strict=True):
        if not (name and column):
            raise typer.BadParameter(f"{one!r} is no NAME=COLUMN", param_hint="--field")
    return {name: column for name, _, column in pairs}


def _feedback(
    source: str, good_from: float | None, bad_to: float | None, fields: Mapping[str, str]
) -> "Gathered[Any]":
    from quilate.data.files import Rejected, read_rows
    from quilate.tuning.sources import from_feedback
    from quilate.tuning.sources.values import Gathered, Skipped

    rows, broken = [], []
    for row in read_rows(source):
        if isinstance(row, Rejected):
            broken.append(Skipped(row.where, row.reason, row.detail))
        else:
            rows.append(row)
    name = Path(source).name
    found = from_feedback(rows, good_from=good_from, bad_to=bad_to, fields=fields, name=name)
    return Gathered(found.examples, (*broken, *found.skipped))


def _of_run(
    source: str,
    what: What,
    metric: str | None,
    margin: float | None,
    limits: Mapping[str, Any],
    common: Mapping[str, Any],
    store: Path,
) -> "Gathered[Any]":
    from quilate import evals
    from quilate.tuning import sources

    run = evals.open_run(source, store=store)
    if what is What.pairs:
        if metric is None or margin is None:
            return sources.from_pairwise(run, **common)
        return sources.from_scores(run, metric=metric, margin=margin, **common)
    if metric is None:
        raise typer.BadParameter(
            f"name the metric that says: {', '.join(run.metrics)}", param_hint="--metric"
        )
    make = sources.corrected if what is What.corrected else sources.from_run
    return make(run, metric=metric, **limits, **common)


def _write(examples: "list[AnyExample]", out: Path) -> "list[Exported]":
    """The examples written, the commonest kind to `out` and any other to a file beside it."""
    from quilate.tuning.formats import export
    from quilate.tuning.formats.registry import default_format

    kinds = [kind for kind, _ in Counter(map(type, examples)).most_common()]
    files = [out, *(out.with_stem(f"{out.stem}.{default_format(kind)}") for kind in kinds[1:])]
    return [
        export([one for one in examples if type(one) is kind], file)
        for kind, file in zip(kinds, files, strict=True)
    ]


def _tell(written: "list[Exported]", found: "Gathered[Any]", as_json: bool) -> None:
    left = Counter(found.reasons)
    for one in written:
        left.update(one.reasons)
    if as_json:
        files = [{"file": str(one.path), "rows": one.rows, "format": one.format} for one in written]
        told = {"rows": sum(one.rows for one in written), "skipped": left}
        typer.echo(json.dumps(told | {"format": written[0].format, "files": files}))
        return
    reasons = ", ".join(f"{reason} {n}" for reason, n in left.most_common())
    for one in written:
        typer.echo(f"{one.path}: {one.rows} ({one.format})")
    if reasons:
        typer.echo(f"left out: {reasons}")
