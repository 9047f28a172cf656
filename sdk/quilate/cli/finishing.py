"""What a command does with a run in the end: its reports, its table, its exit code."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from quilate.evals import Run


def finish(
    result: "Run", *, html: Path | None, junit: Path | None, lang: str | None, as_json: bool
) -> None:
    """Write what was asked for, print the result, and exit by the run's status."""
    # Written first: whoever reads the table may leave in the middle of it.
    written = list(_written(result, html=html, junit=junit, lang=lang))
    if as_json:
        typer.echo(json.dumps(_figures(result), ensure_ascii=False))
    else:
        from rich.console import Console

        from quilate.reports.terminal import print_run

        print_run(result, Console(), lang=lang)
    for line in written:
        say(line)
    if result.status not in ("finished", "decided"):
        say(_unfinished(result, html=html, junit=junit, lang=lang))
        raise typer.Exit(4)
    if any(item.failure for item in result.items):
        raise typer.Exit(3)


def _written(
    result: "Run", *, html: Path | None, junit: Path | None, lang: str | None
) -> Iterator[str]:
    """Write the reports; what and where each is."""
    if html:
        from quilate.reports.html import write
        from quilate.reports.strings import Words, language

        label = Words(language(lang))["html_report"]
        yield f"{label}: {write(result, html, lang=lang).resolve()}"
    if junit:
        from quilate.reports.junit import to_xml

        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.write_text(to_xml(result), encoding="utf-8")
        yield f"JUnit: {junit.resolve()}"


def _figures(result: "Run") -> dict[str, Any]:
    """The run and its summary as plain data; the cells as a list, for their keys are pairs."""
    from quilate.codec import to_data
    from quilate.reports.summary import summarize

    summary = summarize(result)
    return {
        "run": result.id,
        "suite": result.name,
        "status": result.status,
        "reason": result.reason,
        **to_data(summary),
        "cells": [to_data(cell) for cell in summary.cells.values()],
    }


def _unfinished(result: "Run", **reports: object) -> str:
    from quilate.evals import commands

    done = f"{len(result.items)} of {result.planned} items are finished."
    if result.status == "running":
        return f"{done} Another process is working on the run."
    if result.kind == "gate":
        onward = f"the gate's command, with --resume {result.id}"
    else:
        onward = commands.resume(result.id, result.store or commands.DEFAULT_STORE, **reports)
    return " ".join(filter(None, (done, result.reason, f"Go on with: {onward}")))


def say(text: str) -> None:
    """A line for the person, on stderr."""
    from quilate.reports.visible import visible

    typer.echo(visible(text), err=True)
