"""The commands that decide about a change: ``gate`` and ``plan``."""

import json
import shlex
import sys
from typing import Annotated

import typer

from quilate.cli.options import (
    DEFAULT_STORE,
    AsJson,
    Judge,
    Junit,
    Lang,
    Model,
    Store,
    Suite,
    confidence,
    run_ids,
    share,
)

GATE_CODES = (
    "Exit codes: 0 not worse, 6 worse, 7 undecided; 1 an error, 130 Ctrl-C (the command that goes "
    "on with the gate is told)."
)

Margin = Annotated[
    float,
    typer.Option(
        parser=share,
        metavar="M",
        help="The loss that does not matter, of a metric's range: 0.02 or 2%.",
    ),
]
Metrics = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="This metric alone; may be repeated.")
]
Level = Annotated[
    float, typer.Option(parser=confidence, metavar="P", help="Confidence of the verdict.")
]


Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        help="The run to compare with; else the suite's latest finished one.",
        autocompletion=run_ids,
    ),
]
Generalize = Annotated[
    bool,
    typer.Option(
        "--generalize", help="Ask about all samples like these, not about the suite's own."
    ),
]
Resume = Annotated[
    str | None,
    typer.Option(metavar="RUN", help="Go on with this gate.", autocompletion=run_ids),
]


def gate(
    suite: Suite,
    baseline: Baseline = None,
    margin: Margin = 0.02,
    metric: Metrics = None,
    level: Level = 0.95,
    generalize: Generalize = False,
    model: Model = None,
    judge: Judge = None,
    resume: Resume = None,
    store: Store = DEFAULT_STORE,
    junit: Junit = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a suite is worse than a baseline, with few calls.

    Samples are answered one after the other until the answer is sure; every look is allowed for.
    """
    from quilate import evals, sync
    from quilate.cli.finishing import say
    from quilate.cli.folding import print_lines
    from quilate.cli.onward import check_writable, interruptible
    from quilate.cli.progress import show_progress
    from quilate.evals import runner
    from quilate.evals.gate import agate
    from quilate.reports.gate import as_data, gate_lines, to_xml
    from quilate.reports.pages import write_whole

    check_writable(junit)
    loaded = evals.load_suite(suite, model=model, judge=judge, store=store)
    name = runner.open_run(resume, store).id if resume else runner.new_run_id(loaded.name)
    again = shlex.join(["quilate", *sys.argv[1:], *([] if resume else ["--resume", name])])
    with interruptible(name, store, again), show_progress(quiet=as_json) as progress:
        work = agate(
            loaded,
            baseline,
            margin=margin,
            level=level,
            metrics=metric or (),
            generalize=generalize,
            store=store,
            resume=name if resume else None,
            run_id=name,
            progress=progress,
        )
        result = sync.run(work)
    if junit:
        say(f"JUnit: {write_whole(junit, to_xml(result, lang)).resolve()}")
    if as_json:
        typer.echo(json.dumps(as_data(result), ensure_ascii=False))
    else:
        print_lines(gate_lines(result, lang))
    if result.verdict != "not worse":
        raise typer.Exit(6 if result.verdict == "worse" else 7)


def _effect(text: str | float) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no number; write one on the metric's own scale: 0.03."
        ) from None


def _power(text: str | float) -> float:
    value = share(text)
    if not 0.01 <= value <= 0.9999:
        raise typer.BadParameter(f"{text} does not lie between 0.01 and 0.9999; write 0.8 or 80%.")
    return value


def plan(
    suite: Suite,
    effect: Annotated[
        float,
        typer.Option(
            parser=_effect, metavar="D", help="The difference worth knowing, on a metric's scale."
        ),
    ],
    metric: Metrics = None,
    pilot: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="The run to learn the spread and the price from; else the suite's latest.",
            autocompletion=run_ids,
        ),
    ] = None,
    power: Annotated[
        float, typer.Option(parser=_power, metavar="P", help="How often it shall be found.")
    ] = 0.8,
    level: Level = 0.95,
    model: Model = None,
    judge: Judge = None,
    store: Store = DEFAULT_STORE,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Say how many samples an effect needs, and what they cost."""
    from quilate import evals
    from quilate.cli.folding import print_lines
    from quilate.reports.planning import find_pilot, plan_samples
    from quilate.reports.planning_text import as_data, plan_lines

    loaded = evals.load_suite(suite, model=model, judge=judge, store=store)
    learned = evals.open_run(pilot, store=store) if pilot else find_pilot(loaded, store)
    found = plan_samples(
        loaded, effect, metrics=metric or (), pilot=learned, level=level, power=power
    )
    if as_json:
        typer.echo(json.dumps(as_data(found), ensure_ascii=False))
    else:
        print_lines(plan_lines(found, lang))
