"""The list of a store's runs as a table, in English and Spanish."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quilate.evals.store import RunRecord
from quilate.reports.strings import Words, language
from quilate.reports.visible import visible
from quilate.reports.wording import gate_verdict

if TYPE_CHECKING:
    from rich.table import Table

_SAID = {
    "en": {
        "run": "run",
        "kind": "kind",
        "status": "status",
        "items": "items",
        "suite": "suite",
        "kind run": "run",
        "kind gate": "gate",
        "kind replay": "replay",
        "finished": "finished",
        "stopped": "stopped",
        "decided": "decided",
        "running": "running",
        "none": "No runs in {store}. Start one: quilate run SUITE",
    },
    "es": {
        "run": "ejecución",
        "kind": "tipo",
        "status": "estado",
        "items": "casos",
        "suite": "suite",
        "kind run": "normal",
        "kind gate": "puerta",
        "kind replay": "repetición",
        "finished": "terminada",
        "stopped": "detenida",
        "decided": "decidida",
        "running": "en marcha",
        "none": "No hay ejecuciones en {store}. Para empezar una: quilate run SUITE",
    },
}


def run_table(records: Sequence[RunRecord], lang: str | None = None) -> "Table":
    """A row for each run. When it was made stands at the beginning of its id."""
    from rich.table import Table
    from rich.text import Text

    words = Words(language(lang))
    said = _SAID[words.lang]
    table = Table(box=None)
    table.add_column(said["run"], no_wrap=True)  # it is copied from here, so it must be whole
    for name in ("kind", "status", "items", "suite"):
        table.add_column(said[name], overflow="fold")
    for record in records:
        table.add_row(
            Text(visible(record.id)),
            said[f"kind {record.kind}"],
            _ended(words, record),
            f"{record.finished}/{record.planned}",
            Text(visible(record.name)),
        )
    return table


def _ended(words: Words, record: RunRecord) -> str:
    if record.status == "decided" and record.kind == "gate":
        return gate_verdict(words, record.reason)
    return _SAID[words.lang][record.status]


def no_runs(store: object, lang: str | None = None) -> str:
    """That a store has no runs, and how to begin one."""
    return _SAID[language(lang)]["none"].format(store=store)
