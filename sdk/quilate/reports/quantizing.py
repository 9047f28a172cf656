"""What quantisations of a model cost, as a table, in English and Spanish."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from quilate.reports.comparison import wording
from quilate.reports.comparison.words import CompareWords
from quilate.reports.strings import language
from quilate.reports.visible import visible
from quilate.tuning.quantizing import Level

if TYPE_CHECKING:
    from rich.table import Table

_SAID = {
    "en": {
        "kind": "type",
        "size": "MB",
        "speed": "tokens/s",
        "kl": "KL",
        "top1": "same token",
        "quality": "against the whole model",
        "source": "the whole model",
        "better": "better",
        "worse": "worse",
        "not worse": "not worse",
        "equivalent": "equivalent",
        "no difference shown": "no difference shown",
        "undecided": "undecided",
        "verdict": "verdict",
        "pass": "no loss shown",
        "pass margin": "loses less than {margin}",
        "worse margin": "LOSES MORE than {margin}",
        "undecided margin": "not shown to lose less than {margin}",
        "nothing": "no metric decides",
    },
    "es": {
        "kind": "tipo",
        "size": "MB",
        "speed": "tokens/s",
        "kl": "KL",
        "top1": "mismo token",
        "quality": "frente al modelo entero",
        "source": "el modelo entero",
        "better": "mejor",
        "worse": "peor",
        "not worse": "no es peor",
        "equivalent": "equivalente",
        "no difference shown": "sin diferencia demostrada",
        "undecided": "sin decidir",
        "verdict": "veredicto",
        "pass": "sin pérdida demostrada",
        "pass margin": "pierde menos del {margin}",
        "worse margin": "PIERDE MÁS del {margin}",
        "undecided margin": "no se demuestra que pierda menos del {margin}",
        "nothing": "ninguna métrica decide",
    },
}


def level_table(levels: Sequence[Level], lang: str | None = None) -> "Table":
    """A row for each level: size, speed, divergence, the verdict on the suite, and each metric's
    paired difference."""
    from rich.table import Table
    from rich.text import Text

    words = CompareWords(language(lang))
    said = _SAID[words.lang]
    table = Table(box=None)
    for name in ("kind", "size", "speed", "kl", "top1", "verdict", "quality"):
        right = name not in ("kind", "verdict", "quality")
        table.add_column(said[name], justify="right" if right else "left", overflow="fold")
    for level in levels:
        table.add_row(
            said["source"] if level.kind == "source" else level.kind,
            words.number(level.bytes / 1e6, digits=0),
            words.number(level.tokens_per_second, digits=1),
            "" if level.kl is None else words.number(level.kl, digits=4),
            "" if level.top1 is None else words.percent(round(level.top1, 3)),
            _verdict(words, level),
            Text(visible(_quality(words, level))),
        )
    return table


def _verdict(words: CompareWords, level: Level) -> str:
    """Whether the level loses, by all metrics that decide: by less than the margin where there is
    one."""
    found, said = level.comparison, _SAID[words.lang]
    if found is None:
        return ""
    if not any([one.decides for one in found.rows] + [one.decides for one in found.uncompared]):
        return said["nothing"]
    if found.margin is None:
        return said[found.outcome]
    return said[f"{found.outcome} margin"].format(margin=words.percent(found.margin))


def _quality(words: CompareWords, level: Level) -> str:
    found, said = level.comparison, _SAID[words.lang]
    if found is None:
        return ""
    told = [
        *(f"{row.metric} {wording.figure(words, row)} {said[row.verdict]}" for row in found.rows),
        *(f"{one.metric} {wording.uncompared(words, one)}" for one in found.uncompared),
    ]
    return "; ".join(told)


def as_data(level: Level) -> dict[str, Any]:
    """A level as JSON values."""
    return {
        "kind": level.kind,
        "file": str(level.file),
        "bytes": level.bytes,
        "tokens_per_second": level.tokens_per_second,
        "run": level.run,
        "kl": level.kl,
        "top1": level.top1,
        "comparison": None if level.comparison is None else level.comparison.to_data(),
    }
