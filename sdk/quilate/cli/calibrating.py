"""What ``quilate judge`` does: where the judgements come from, and where the result goes."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import typer

from quilate.errors import ConfigurationError, UnknownName
from quilate.evals import open_run
from quilate.evals.results import Run
from quilate.judging.calibration import Calibration
from quilate.judging.calibration import calibrate as measure
from quilate.judging.judgements import Judgement, of_file, of_run, scale_of
from quilate.judging.judges import judge_key
from quilate.judging.kept import find_calibrations, keep_calibration, unreadable_calibrations
from quilate.judging.labelling import scale_from
from quilate.judging.labels import Label, labels_path, read_labels


def calibrate(
    labels: Path | None,
    run: str,
    metric: str | None,
    scale: str | None,
    *,
    again: int,
    store: Path,
    quiet: bool,
) -> tuple[Calibration, Path | None]:
    """The calibration, and where it is kept; recorded verdicts of no run are not."""
    values = dict(scale_from(scale, "--scale")) if scale is not None else {}
    if labels is not None and not _are_labels(labels):
        judgements = of_file(labels, values)
        low, high = _ends(judgements, values)
        return measure(judgements, metric=metric or labels.stem, scale=(low, high)), None
    path, given, opened = _labels_of(labels, run, store)
    name = metric or _only_metric(given, opened, path)
    judgements = of_run(opened, [one for one in given if one.run == opened.id], name)
    judgements += _of_other_runs(opened, name, given, store)
    if again:
        judgements = _asked_again(opened, judgements, name, again, quiet=quiet)
    ends = scale_of(opened.metrics[name], judgements)
    found = measure(judgements, metric=name, scale=ends)
    key = judge_key(opened, name)
    return found, None if key is None else keep_calibration(store, key, found)


def show(run: Run, *, lang: str | None, as_json: bool) -> None:
    """Print the calibrations of a run's judges, and every corrected mean."""
    from quilate.codec import to_data
    from quilate.judging.correcting import corrected_means
    from quilate.reports.calibration import (
        calibration_lines,
        corrected_line,
        unreadable_line,
    )
    from quilate.reports.strings import Words, language
    from quilate.reports.visible import visible

    known, lost = find_calibrations(run), unreadable_calibrations(run)
    corrected = corrected_means(run, known)
    if as_json:
        data = {
            "run": run.id,
            "judges": {name: to_data(one) for name, one in known.items()},
            "unreadable": {name: str(why) for name, why in lost.items()},
            "corrected": [
                {"metric": metric, "target": target, **to_data(one)}
                for (metric, target), one in corrected.items()
            ],
        }
        typer.echo(json.dumps(data, ensure_ascii=False))
        return
    judged = [name for name, metric in run.metrics.items() if metric.judged]
    for name in judged:
        if name in known:
            for line in calibration_lines(known[name], lang):
                typer.echo(visible(line))
        elif name in lost:
            typer.echo(visible(unreadable_line(Words(language(lang)), name, str(lost[name]))))
        else:
            typer.echo(f"{visible(name)}: not measured. quilate label {run.id} --metric {name}")
    for (metric, target), one in corrected.items():
        typer.echo(visible(corrected_line(Words(language(lang)), metric, target, one)))
    if not judged:
        typer.echo(f"The run {run.id} has no judge.")


def _are_labels(path: Path) -> bool:
    """Whether a file is one of `quilate label`: its first row names a run."""
    if path.suffix == ".csv" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
    try:
        row = json.loads(first)
    except ValueError:
        return False
    return isinstance(row, dict) and {"run", "target", "sample"} <= row.keys()


def _labels_of(path: Path | None, run: str, store: Path) -> tuple[Path, list[Label], Run]:
    """Where the labels are, all of them, and the run that is asked about."""
    if path is None:
        opened = open_run(run, store=store)
        path = labels_path(store, opened.id)
        if not path.exists():
            raise ConfigurationError(
                f"The run {opened.id} has no labels.",
                where=str(path),
                remedy=f"Give some: quilate label {opened.id}; or name a file: --labels FILE.",
            )
        files = sorted(path.parent.glob("*.jsonl"))
        return path, [one for file in files for one in read_labels(file)], opened
    given = read_labels(path)
    named = sorted({one.run for one in given})
    if run == "latest" and len(named) == 1:
        run = named[0]
    return path, given, open_run(run, store=store)


def _of_other_runs(run: Run, metric: str, labels: Sequence[Label], store: Path) -> list[Judgement]:
    """The judgements of the same judge in other runs that people labelled: what is known of it
    does not shrink with a new run."""
    key, found = judge_key(run, metric), list[Judgement]()
    others = dict.fromkeys(one.run for one in labels if one.metric == metric and one.run != run.id)
    for name in others if key is not None else ():
        try:
            other = open_run(name, store=store)
        except UnknownName:  # it was deleted
            continue
        if judge_key(other, metric) == key:
            mine = [one for one in labels if one.run == name]
            with suppress(ConfigurationError):  # what was labelled has no score
                found += of_run(other, mine, metric)
    return found


def _only_metric(labels: list[Label], run: Run, path: Path) -> str:
    names = list(dict.fromkeys(one.metric for one in labels if one.run == run.id))
    if len(names) == 1:
        return names[0]
    raise ConfigurationError(
        f"There are labels of {len(names)} metrics: {', '.join(names)}."
        if names
        else f"There are no labels of the run {run.id}.",
        where=str(path),
        remedy="Choose one: --metric NAME." if names else f"Give some: quilate label {run.id}",
    )


def _ends(judgements: list[Judgement], scale: dict[str, float]) -> tuple[float, float]:
    values = [v for one in judgements for v in (one.judge, one.human, *one.humans.values())]
    values += list(scale.values())
    if all(0.0 <= value <= 1.0 for value in values):
        return 0.0, 1.0
    return min(values), max(values)


def _asked_again(
    run: Run, judgements: list[Judgement], metric: str, most: int, *, quiet: bool
) -> list[Judgement]:
    from quilate import sync
    from quilate.cli.progress import show_progress
    from quilate.judging.again import ask_again

    with show_progress(quiet=quiet) as progress:
        return sync.run(ask_again(run, judgements, metric, most=most, progress=progress))
