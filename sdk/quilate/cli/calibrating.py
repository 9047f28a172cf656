"""What ``quilate judge`` does: where the judgements come from, and where the result goes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import typer

from quilate.cli.finishing import say
from quilate.cli.folding import print_lines
from quilate.errors import ConfigurationError, StoreError, UnknownName
from quilate.evals import open_run
from quilate.evals.results import Run
from quilate.judging.calibration import Calibration
from quilate.judging.calibration import calibrate as measure
from quilate.judging.judgements import Judgement, labels_of, of_file, of_run, scale_of
from quilate.judging.judges import judge_key
from quilate.judging.kept import find_calibrations, keep_calibration, unreadable_calibrations
from quilate.judging.labelling import scale_from
from quilate.judging.labels import Label, labels_path, read_labels
from quilate.reports.calibration import (
    calibration_lines,
    corrected_line,
    saying,
    unreadable_line,
)
from quilate.reports.strings import Words, language
from quilate.stats.ppi import PpiEstimate


def calibrate(
    labels: Path | None,
    run: str,
    metric: str | None,
    scale: str | None,
    *,
    again: int,
    store: Path,
    quiet: bool,
    lang: str | None,
) -> tuple[Calibration, Path | None]:
    """The calibration, and where it is kept; recorded verdicts of no run are not."""
    if labels is not None and not _are_labels(labels):
        return _of_verdicts(labels, metric, scale, again=again), None
    if scale is not None:
        raise ConfigurationError(
            "Labels of a run have their values already.",
            where="--scale",
            remedy="Leave it out; it is for recorded verdicts.",
        )
    path, given, opened = _labels_of(labels, run, metric, store)
    name = metric or _only_metric(given, opened, path)
    mine = [one for one in given if one.run == opened.id and one.metric == name]
    judgements = of_run(opened, mine, name)
    if not quiet:
        _tell_lost(mine, judgements, name, lang)
    judgements += _of_other_runs(opened, name, given, store)
    if again:
        judgements = _asked_again(opened, judgements, name, again, quiet=quiet)
    described = opened.metrics[name]
    ends, could_say = scale_of(described, judgements), labels_of(described, given)
    found = measure(judgements, metric=name, scale=ends, labels=could_say)
    key = judge_key(opened, name)
    if key is None:
        return found, None
    _tell_replaced(opened, found, lang)
    return found, keep_calibration(store, key, found)


def _of_verdicts(path: Path, metric: str | None, scale: str | None, *, again: int) -> Calibration:
    """The calibration by recorded verdicts, of no run."""
    if again:
        raise ConfigurationError(
            "Recorded verdicts are of no run, so that there is no judge to ask again.",
            where="--again",
            remedy="Leave it out, and record what the judge said another time as `again`.",
        )
    values = dict(scale_from(scale, "--scale")) if scale is not None else {}
    judgements = of_file(path, values)
    ends = _ends(judgements, values)
    return measure(judgements, metric=metric or path.stem, scale=ends, labels=values)


def _tell_lost(
    labels: Sequence[Label], judgements: Sequence[Judgement], metric: str, lang: str | None
) -> None:
    """Say how many labelled answers count for nothing, if any: no label is dropped silently."""
    lost = len({one.item for one in labels}) - len(judgements)
    if lost:
        say(saying(lang)["lost"].format(count=lost, metric=metric))


def _tell_replaced(run: Run, found: Calibration, lang: str | None) -> None:
    """Say that a calibration takes the place of one by more labels, and how to have that again."""
    earlier = find_calibrations(run).get(found.metric)
    if earlier is not None and earlier.n > found.n:
        facts = {"n": found.n, "earlier": earlier.n, "metric": found.metric, "run": run.id}
        say(saying(lang)["replaced"].format(**facts))


def show(run: Run, *, lang: str | None, as_json: bool) -> None:
    """Print the calibrations of a run's judges, and every corrected mean."""
    from quilate.codec import to_data
    from quilate.judging.correcting import corrected_means

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
    print_lines(_shown(run, known, lost, corrected, lang))


def _shown(
    run: Run,
    known: Mapping[str, Calibration],
    lost: Mapping[str, StoreError],
    corrected: Mapping[tuple[str, str], PpiEstimate],
    lang: str | None,
) -> Iterator[str]:
    words, said = Words(language(lang)), saying(lang)
    judged = [name for name, one in run.metrics.items() if one.judged and not one.of_judge]
    for name in judged:
        if name in known:
            yield from calibration_lines(known[name], lang)
        elif name in lost:
            yield unreadable_line(words, name, str(lost[name]))
        else:
            yield said["not_measured"].format(metric=name, run=run.id)
    for (metric, target), one in corrected.items():
        yield corrected_line(words, run.id, metric, target, one)
    if not judged:
        yield said["no_judge"].format(run=run.id)


def _are_labels(path: Path) -> bool:
    """Whether a file is one of `quilate label`: its first row names a run."""
    if path.suffix.lower() == ".csv" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
    try:
        row = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and {"run", "target", "sample"} <= row.keys()


def _labels_of(
    path: Path | None, run: str, metric: str | None, store: Path
) -> tuple[Path, list[Label], Run]:
    """Where the labels are, all of them, and the run that is asked about."""
    if path is None:
        opened = open_run(run, store=store)
        path = labels_path(store, opened.id)
        if not path.exists():
            raise ConfigurationError(
                f"The run {opened.id} has no labels.",
                where=str(path),
                remedy=f"Give some: quilate label {opened.id}"
                f"{f' --metric {metric}' if metric else ''}; or name a file: --labels FILE.",
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
    values += [v for one in judgements for v in (one.again, one.swapped) if v is not None]
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
