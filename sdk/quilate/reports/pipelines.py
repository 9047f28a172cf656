"""What a pipeline did, and the datasets of a store, in the terminal: English and Spanish."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quilate.data.pipeline import Finished
from quilate.data.reasons import reason_in
from quilate.data.stores import Version
from quilate.reports.strings import Words, language
from quilate.reports.visible import visible

if TYPE_CHECKING:
    from rich.table import Table

_REASONS = 4  # of a step, in the table

_SAID = {
    "en": {
        "step": "step",
        "rows_in": "rows",
        "kept": "as it was",
        "changed": "changed",
        "dropped": "dropped",
        "added": "added",
        "reasons": "for",
        "read": "read",
        "more": "and {n} more",
        "some_rows": "{n} row|{n} rows",
        "made": "{name}@{version}: {rows}. Look: quilate data show {name}",
        "same": "{name}@{version}: {rows}, the same as before; no new version.",
        "empty": "Warning: no row is left in {name}@{version}. The step '{step}' dropped most: "
        "{n} of {rows}, for {reasons}.",
        "quarantine": "{n} row went to the quarantine: {file}|"
        "{n} rows went to the quarantine: {file}",
        "renamed": "{n} row had an id that another row has; its id is now its place.|"
        "{n} rows had an id that another row has; theirs is now their place.",
        "not_utf_8": "{n} row is not UTF-8: save the source as UTF-8, or say how it is written "
        "(encoding: latin-1).|{n} rows are not UTF-8: save the source as UTF-8, or say how it is "
        "written (encoding: latin-1).",
        "none": "No datasets in {store}. Make one: quilate data run PIPELINE",
        "dataset": "dataset",
        "version": "version",
        "rows": "rows",
        "created": "created",
        "tags": "tags",
        "mixed": "Field '{field}' holds values of different kinds; it is kept as JSON.",
    },
    "es": {
        "step": "paso",
        "rows_in": "filas",
        "kept": "igual",
        "changed": "cambiadas",
        "dropped": "descartadas",
        "added": "añadidas",
        "reasons": "por",
        "read": "leer",
        "more": "y {n} más",
        "some_rows": "{n} fila|{n} filas",
        "made": "{name}@{version}: {rows}. Para verlo: quilate data show {name}",
        "same": "{name}@{version}: {rows}, igual que antes; sin versión nueva.",
        "empty": "Aviso: no queda ninguna fila en {name}@{version}. El paso '{step}' descartó más "
        "que ninguno: {n} de {rows}, por {reasons}.",
        "quarantine": "{n} fila pasó a la cuarentena: {file}|"
        "{n} filas pasaron a la cuarentena: {file}",
        "renamed": "{n} fila tenía un id que ya tiene otra; ahora su id es su lugar.|"
        "{n} filas tenían un id que ya tiene otra; ahora su id es su lugar.",
        "not_utf_8": "{n} fila no es UTF-8: guarda la fuente en UTF-8, o di cómo está escrita, por "
        "ejemplo encoding: latin-1.|{n} filas no son UTF-8: guarda la fuente en UTF-8, o di cómo "
        "está escrita, por ejemplo encoding: latin-1.",
        "none": "No hay conjuntos de datos en {store}. Para hacer uno: quilate data run PIPELINE",
        "dataset": "conjunto",
        "version": "versión",
        "rows": "filas",
        "created": "creado",
        "tags": "etiquetas",
        "mixed": "El campo '{field}' tiene valores de tipos distintos; se guarda como JSON.",
    },
}


def step_table(manifest: Mapping[str, Any], lang: str | None = None) -> "Table":
    """A row for each step: what it kept, changed, dropped and added, and for which reasons."""
    from rich.table import Table
    from rich.text import Text

    words = Words(language(lang))
    said = _SAID[words.lang]
    table = Table(box=None)
    table.add_column(said["step"], no_wrap=True)
    for name in ("rows_in", "kept", "changed", "dropped", "added"):
        table.add_column(said[name], justify="right")
    table.add_column(said["reasons"], overflow="fold")
    for step in _steps(manifest, said):
        table.add_row(
            Text(visible(step["step"])),
            *(words.count(step[name]) for name in ("rows_in", "kept", "changed")),
            words.count(step["dropped"]),
            words.count(step["added"]),
            Text(visible(_reasons(step["reasons"], words, said))),
        )
    return table


def _steps(manifest: Mapping[str, Any], said: Mapping[str, str]) -> list[Mapping[str, Any]]:
    sources = manifest.get("sources", [])
    rows, lost = (sum(one[name] for one in sources) for name in ("rows", "rejected"))
    reasons = _rejected(manifest)
    read = {
        "step": said["read"],
        "rows_in": rows + lost,
        "kept": rows,
        "changed": 0,
        "dropped": lost,
        "added": 0,
        "reasons": {"dropped": dict(reasons.most_common())},
    }
    return [read, *manifest.get("steps", [])]


def _rejected(manifest: Mapping[str, Any]) -> Counter[str]:
    """Why rows of the sources were rejected."""
    sources = manifest.get("sources", [])
    return sum((Counter(one.get("reasons", {})) for one in sources), Counter[str]())


def _reasons(
    reasons: Mapping[str, Mapping[str, int]], words: Words, said: Mapping[str, str]
) -> str:
    """The commonest reasons, the dropped rows' before the others."""
    told = []
    for kind in ("dropped", "changed", "added", "kept", "lacking"):
        counts = list(reasons.get(kind, {}).items())
        told += [
            f"{reason_in(reason, words.lang)} {words.count(n)}" for reason, n in counts[:_REASONS]
        ]
        if len(counts) > _REASONS:
            told.append(said["more"].format(n=words.count(len(counts) - _REASONS)))
    return ", ".join(told)


def closing_lines(done: Finished, lang: str | None = None) -> list[str]:
    """The dataset that was made, and where what it lacks has gone."""
    words = Words(language(lang))
    said = _SAID[words.lang]
    manifest = done.manifest
    lines = [
        said["made" if done.new else "same"].format(
            name=done.dataset.name,
            version=done.dataset.version,
            rows=_some("some_rows", manifest["rows"], words),
        )
    ]
    if manifest["quarantined"]:
        lines.append(_some("quarantine", manifest["quarantined"], words, file=done.quarantine))
    foreign = _rejected(manifest)["not UTF-8"]
    if foreign:
        lines.append(_some("not_utf_8", foreign, words))
    renamed = sum(source.get("renamed", 0) for source in manifest["sources"])
    if renamed:
        lines.append(_some("renamed", renamed, words))
    return lines


def empty_warning(done: Finished, lang: str | None = None) -> str | None:
    """Of a dataset without rows: the step that dropped most, and why. None where it has some."""
    if done.manifest["rows"]:
        return None
    words = Words(language(lang))
    said = _SAID[words.lang]
    worst = max(_steps(done.manifest, said), key=lambda step: int(step["dropped"]))
    why = {"dropped": worst["reasons"].get("dropped", {})}
    return said["empty"].format(
        name=done.dataset.name,
        version=done.dataset.version,
        step=worst["step"],
        n=words.count(worst["dropped"]),
        rows=_some("some_rows", worst["rows_in"], words),
        reasons=_reasons(why, words, said),
    )


def _some(what: str, n: int, words: Words, **values: object) -> str:
    """A sentence of so many, in the singular or the plural."""
    one, more = _SAID[words.lang][what].split("|")
    return (one if n == 1 else more).format(n=words.count(n), **values)


def version_table(versions: Sequence[Version], lang: str | None = None) -> "Table":
    """A row for each version."""
    from rich.table import Table
    from rich.text import Text

    words = Words(language(lang))
    said = _SAID[words.lang]
    table = Table(box=None)
    for name in ("dataset", "version", "rows", "created", "tags"):
        table.add_column(said[name], overflow="fold")
    for one in versions:
        table.add_row(
            Text(visible(one.name)),
            str(one.version),
            words.count(one.rows),
            one.created,
            ", ".join(one.tags),
        )
    return table


def no_datasets(store: object, lang: str | None = None) -> str:
    """What to say of a store without datasets."""
    return _SAID[language(lang)]["none"].format(store=store)
