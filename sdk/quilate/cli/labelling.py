"""``quilate label``: a page to label a run's answers by hand, and how far the labellers agree."""

import getpass
import json
import os
import shlex
import sys
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quilate.cli.options import DEFAULT_STORE, AsJson, Lang, RunId, Store

if TYPE_CHECKING:
    from quilate.evals import Run
    from quilate.evaluators import Metric
    from quilate.judging.label_agreement import LabelAgreement
    from quilate.judging.labelling import Sheet
    from quilate.stats import Estimate


class References(StrEnum):
    """When reference answers are shown."""

    folded = "folded"
    open = "open"
    never = "never"


LabelledMetric = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="What to label; else the first that a model judged."),
]
Labels = Annotated[
    str | None,
    typer.Option(metavar="LABEL=VALUE,…", help="The labels: bad=0,ok=0.5,good=1."),
]
Labeller = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who labels, each person another; else the login."),
]
Drawn = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Label N answers, drawn at random.")
]
ShuffleOwn = Annotated[
    bool,
    typer.Option("--shuffle-own", help="An order of your own, not that of every labeller."),
]
ShowTarget = Annotated[
    bool, typer.Option("--show-target", help="Say which target answered: no longer blind.")
]
Shown = Annotated[
    References, typer.Option(help="Reference answers: behind a key, open, or never shown.")
]
Port = Annotated[
    int | None,
    typer.Option(min=1, max=65535, metavar="PORT", help="Port of the page; else a free one."),
]
OpenPage = Annotated[
    bool | None,
    typer.Option(
        "--open/--no-open", help="Open a browser; else only where there is a screen for it."
    ),
]
Agreement = Annotated[
    bool,
    typer.Option("--agreement", help="Say how far the labellers agree, and where they differ."),
]


def label(
    run_id: RunId = "latest",
    metric: LabelledMetric = None,
    labels: Labels = None,
    labeller: Labeller = None,
    sample: Drawn = None,
    shuffle_own: ShuffleOwn = False,
    show_target: ShowTarget = False,
    references: Shown = References.folded,
    port: Port = None,
    open_page: OpenPage = None,
    agreement: Agreement = False,
    store: Store = DEFAULT_STORE,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Label a run's answers by hand, on a page of this computer.

    Blind and shuffled; every label is on disk at once, in labels/RUN.jsonl of the store. Then
    `quilate judge calibrate` says what a judge is worth.
    """
    from quilate.evals import open_run
    from quilate.judging.labels import labels_path

    if as_json and not agreement:
        raise typer.BadParameter("is for --agreement", param_hint="--json")
    if agreement:
        _agree(open_run(run_id, store=store), store, metric, lang, as_json=as_json)
        return
    from quilate.judging.labelling import Sheet, choices_of, chosen_metric
    from quilate.registry import require

    for package in ("fastapi", "uvicorn"):  # said before anything long is done
        require(package, extra="serving")
    run = open_run(run_id, store=store)
    chosen = chosen_metric(run, metric)
    sheet = Sheet(
        run,
        chosen,
        choices_of(chosen, labels),
        _name(labeller),
        labels_path(store, run.id),
        sample=sample,
        shuffle_own=shuffle_own,
    )
    if metric is None:
        _say_which(run, chosen, lang)
    shown = {"show_target": show_target, "references": references.value}
    _serve(sheet, port, lang, shown, open_page=open_page)
    _end(sheet, store, lang)


def _say_which(run: "Run", chosen: "Metric", lang: str | None) -> None:
    """Say which metric was taken for want of a name, and the others that there are."""
    from quilate.cli.finishing import say
    from quilate.judging.words import words_of

    others = [one.name for one in run.metrics.values() if one != chosen and not one.of_judge]
    if others:
        said = words_of(lang)["first_judged" if chosen.judged else "none_judged"]
        say(said.format(metric=chosen.name, others=", ".join(others)))


def _name(given: str | None) -> str:
    """Who labels. The same letters typed in two ways (an accent of its own) are one person."""
    from quilate.errors import ConfigurationError

    try:
        name = getpass.getuser() if given is None else given.strip()
    except (OSError, KeyError, ImportError):
        name = ""
    if not name or not name.isprintable():
        raise ConfigurationError(
            "Who labels is not known." if given is None else f"{given!r} is no name.",
            remedy="Give a name: --labeller ana",
        )
    return unicodedata.normalize("NFC", name)


def _serve(
    sheet: "Sheet",
    port: int | None,
    lang: str | None,
    shown: Mapping[str, object],
    *,
    open_page: bool | None,
) -> None:
    """Show the page until Ctrl-C."""
    import webbrowser

    from quilate.cli.finishing import say
    from quilate.judging import page
    from quilate.judging.words import words_of

    words, token = words_of(lang), page.new_token()
    listening = page.open_socket(sheet, port)
    number = listening.getsockname()[1]
    app = page.application(sheet, token, number, lang=lang, **shown)  # type: ignore[arg-type]
    facts = {
        "metric": sheet.metric.name,
        "total": len(sheet),
        "labelled": sheet.labelled,
        "labeller": sheet.labeller,
        "failed": sheet.failed,
        "unscored": sheet.unscored,
    }
    say(words["to_label"].format(**facts))
    if facts["labelled"]:
        say(words["other_person"])
    if sheet.failed or sheet.unscored:
        say(words["left_out"].format(**facts))
    url = f"http://{page.HOST}:{number}/{token}/"

    def ready() -> None:
        typer.echo(words["open_page"].format(url=url))
        sys.stdout.flush()
        if _has_screen() if open_page is None else open_page:
            webbrowser.open(url)

    page.serve(app, listening, ready)


def _has_screen() -> bool:
    """Whether a browser that opens would be seen by who gave the command."""
    if not sys.stdout.isatty() or os.environ.get("SSH_CONNECTION"):
        return False
    shown = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in shown)


def _end(sheet: "Sheet", store: Path, lang: str | None) -> None:
    """Say what is kept, where, and what to do with it."""
    from quilate.cli.finishing import say
    from quilate.judging.words import words_of

    words = words_of(lang)
    sheet.reload()
    if sheet.kept_here:
        say(words["kept"].format(count=sheet.kept_here, path=sheet.path))
    else:
        say(words["none_kept"])
    facts = {"labeller": sheet.labeller, "labelled": sheet.labelled, "total": len(sheet)}
    say(words["so_far"].format(**facts))
    if sheet.labelled:
        command = ["quilate", "judge", "calibrate", "--run", sheet.run.id]
        command += ["--metric", sheet.metric.name]
        command += ["--store", str(store)] if store != DEFAULT_STORE else []
        say(words["next_command"].format(command=shlex.join(command)))


def _agree(run: "Run", store: Path, metric: str | None, lang: str | None, *, as_json: bool) -> None:
    from quilate.codec import to_data
    from quilate.errors import ConfigurationError
    from quilate.judging.label_agreement import agreement_of, labelled_metrics
    from quilate.judging.labelling import chosen_metric
    from quilate.judging.labels import labels_path, read_labels

    path = labels_path(store, run.id)
    labels = read_labels(path) if path.exists() else []
    names = [chosen_metric(run, metric).name] if metric else labelled_metrics(labels, run)
    found = [agreement_of(labels, run, name) for name in names]
    several = [one for one in found if len(one.labellers) > 1]
    if not several:
        who = sorted({name for one in found for name in one.labellers})
        raise ConfigurationError(
            f"Agreement needs two labellers; {', '.join(who) if who else 'nobody'} has labelled "
            f"the run {run.id}{f' for {metric}' if metric else ''}.",
            where=str(path),
            remedy=f"Let another person label: quilate label {run.id}"
            f"{f' --metric {metric}' if metric else ''} --labeller NAME",
        )
    if as_json:
        data = {"run": run.id, "metrics": [to_data(one) for one in several]}
        typer.echo(json.dumps(data, ensure_ascii=False))
        return
    for one in several:
        for line in _lines(one, lang):
            typer.echo(line)


def _lines(found: "LabelAgreement", lang: str | None) -> list[str]:
    from quilate.judging.words import words_of
    from quilate.reports.visible import visible

    words = words_of(lang)
    names = ", ".join(f"{name} ({count})" for name, count in found.labellers.items())
    figures = [(words["percent"], found.percent)]
    figures += [(words["kappa"].format(a=one.a, b=one.b), one.kappa) for one in found.pairs]
    figures.append((words["alpha"], found.alpha))
    lines = [
        words["agreement"].format(metric=found.metric),
        words["by"].format(names=names, both=found.both),
    ]
    width = max(len(name) for name, _ in figures)
    lines += [f"  {name:<{width}}  {_figure(one, lang)}" for name, one in figures]
    if found.differences:
        lines.append(words["differ"].format(count=len(found.differences)))
    else:
        lines.append(words["no_difference"])
    for one in found.differences:
        said = ", ".join(f"{name}: {said}" for name, said in one.labels.items())
        epoch = f" #{one.epoch}" if one.epoch else ""
        notes = "".join(f" — {name}: {note}" for name, note in one.notes.items())
        lines.append(f"  {one.sample}{epoch} · {one.target} · {said}{notes}")
    return [visible(line).replace("\n", " ") for line in lines]


def _figure(one: "Estimate", lang: str | None) -> str:
    from quilate.reports.strings import Words, language

    words = Words(language(lang))
    if one.value is None:
        return f"— ({words.phrase(one.reason or '')})"
    text = words.number(one.value)
    if one.interval is not None:
        return f"{text} {words.interval(one.interval.low, one.interval.high)}"
    return f"{text} ({words.phrase(one.reason)})" if one.reason else text
