"""``quilate probe``: what live models do, as tables, JSON Lines, or Markdown."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from quilate import registry, sync
from quilate.codec import to_data
from quilate.models import Cost
from quilate.probing import Finding, Found, Report, probe
from quilate.reports.visible import visible

if TYPE_CHECKING:
    from rich.table import Table

_STYLES = {
    "honoured": "green",
    "rejected": "yellow",
    "silently ignored": "bold red",
    "unknown": "dim",
}


def probe_all(
    models: Sequence[str],
    *,
    only: Sequence[str],
    deadline: float,
    include_bad_key: bool,
    quiet: bool,
) -> Iterator[Report]:
    """The report of each model, as soon as it is there. A wrong name is an error before the first
    call: those of the models before it are paid for."""
    from quilate.cli.progress import show_progress

    for model in models:
        registry.model(model)
    for model in models:
        with show_progress(quiet=quiet) as progress:

            def told(done: int, total: int, what: str, model: str = model) -> None:
                if progress is not None:
                    progress(done, total, model)

            asked = probe(
                model,
                only=only,
                deadline=deadline,
                include_bad_key=include_bad_key,
                progress=told,
            )
            report = sync.run(asked)
        yield report


def as_json(report: Report) -> str:
    """A report as one line of JSON; `features` by name."""
    data = {
        "model": report.model,
        "identity": report.identity,
        "features": {one.feature: _row(one) for one in report.findings},
        "silently_ignored": [one.feature for one in report.defects],
        "calls": report.calls,
        "usage": to_data(report.usage),
        "cost": {"usd": report.cost.usd, "basis": report.cost.basis},
        "seconds": round(report.seconds, 3),
    }
    return json.dumps(data, ensure_ascii=False)


def _row(finding: Finding) -> dict[str, Any]:
    found = finding.found
    return {
        "standing": found.standing,
        "evidence": found.evidence,
        "emulated": found.emulated,
        "capability": finding.capability,
        "seconds": round(finding.seconds, 3),
    }


def show(report: Report) -> None:
    """Print a report as a table for people, with its cost."""
    from rich.console import Console

    console = Console()
    console.print(visible(report.model), style="bold", markup=False, highlight=False)
    console.print(_table(report))
    console.print(spent(report), style="dim", markup=False, highlight=False)
    for defect in report.defects:
        console.print(
            f"{defect.feature} is silently ignored: its adapter must refuse or emulate it.",
            style="bold red",
            markup=False,
            highlight=False,
        )


def _table(report: Report) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for name in ("feature", "found"):
        table.add_column(name, no_wrap=True)
    table.add_column("evidence", overflow="fold")
    for finding in report.findings:
        found = finding.found
        style = "cyan" if found.emulated else _STYLES[found.standing]
        table.add_row(finding.feature, Text(found.standing, style), Text(visible(found.evidence)))
    return table


def spent(report: Report) -> str:
    """What the probe took."""
    return (
        f"{report.calls} calls, {report.usage.input_tokens:,} tokens in, "
        f"{report.usage.output_tokens:,} out, {_money(report.cost)}, {report.seconds:.0f} s"
    )


def _money(cost: Cost) -> str:
    if cost.usd is None or (cost.basis == "unknown" and not cost.usd):
        return "cost unknown"
    return f"${cost.usd:.4f} ({cost.basis})"


def markdown(reports: Sequence[Report]) -> str:
    """One table for documents, a column for each model, and below it the evidence of what is
    unknown or silently ignored. Addresses are left out: they differ from day to day."""
    names = [_without_address(report.model) for report in reports]
    lines = [
        f"| feature | {' | '.join(f'`{name}`' for name in names)} |",
        f"|---|{'---|' * len(names)}",
    ]
    for row in zip(*(report.findings for report in reports), strict=True):
        cells = " | ".join(_cell(finding.found) for finding in row)
        lines.append(f"| {row[0].feature} | {cells} |")
    notes = [
        f"- {finding.feature}, `{name}`: {_escaped(finding.found.evidence)}"
        for name, report in zip(names, reports, strict=True)
        for finding in report.findings
        if finding.found.standing in ("unknown", "silently ignored")
    ]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def _cell(found: Found) -> str:
    if found.emulated:
        return "emulated"
    return f"**{found.standing}**" if found.standing == "silently ignored" else found.standing


def _escaped(text: str) -> str:
    return re.sub(r"([|<>*_`\\])", r"\\\1", visible(text))


def _without_address(model: str) -> str:
    return re.sub(r"@https?://.*$", "@…", visible(model))
