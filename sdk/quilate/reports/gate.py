"""A gate's verdict in words, in English and Spanish."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from quilate.codec import to_data
from quilate.evals.gate import GateResult
from quilate.evals.gate_checks import UNTRUSTED, Check
from quilate.judging.calibration import Calibration
from quilate.judging.kept import distrusted_judges
from quilate.reports.calibration import beside_run, with_distrust
from quilate.reports.junit import legal
from quilate.reports.strings import Words, language

_SAID = {
    "en": {
        "not worse": "PASSED: no metric is worse by more than {margin} of its range{scope}.",
        "worse": "FAILED: {metrics} worse by more than {margin} of its range.",
        "unwatched": "Not watched, for people's labels speak against its judge: {metrics}.",
        "here": ", on this suite's samples",
        "everywhere": ", for samples like these",
        "undecided": "UNDECIDED: the run ended before it was known.",
        "used": "{used} of {available} samples were needed ({run}, against {baseline}).",
        "looked at": "{used} of {available} samples were looked at ({run}, against {baseline}).",
        "check": "{metric} ({target}): {verdict}, {figure}",
        "beyond": "for samples like these {interval}",
        "levels": "Brackets, which hold at every look: the lower end at {level}, the upper at"
        " {level}.",
        "levels corrected": "Brackets, which hold at every look: the lower end at {level}, the"
        " upper at {corrected}, for one of {n} checks is enough to fail (Bonferroni).",
        "nothing": "no pairs of scores yet",
        "lost": "The answers of {metrics} that could be compared are not worse, but too many have"
        " no score for that to count. See why: quilate report {run}",
        "onward": "To settle it, add samples, widen the margin, or gate fewer metrics.",
        "stopped": "The run stopped: {reason} To go on, give the same command with --resume {run}",
    },
    "es": {
        "not worse": "SUPERADA: ninguna métrica empeora más del {margin} de su rango{scope}.",
        "worse": "NO SUPERADA: {metrics} empeora más del {margin} de su rango.",
        "unwatched": "Sin vigilar, pues las etiquetas de las personas hablan contra su juez:"
        " {metrics}.",
        "here": ", en las muestras de este conjunto",
        "everywhere": ", para muestras como estas",
        "undecided": "SIN DECIDIR: la ejecución terminó antes de que se supiera.",
        "used": "Bastaron {used} de {available} muestras ({run}, frente a {baseline}).",
        "looked at": "Se miraron {used} de {available} muestras ({run}, frente a {baseline}).",
        "check": "{metric} ({target}): {verdict}, {figure}",
        "beyond": "para muestras como estas {interval}",
        "levels": "Entre corchetes, válido en cada mirada: el extremo inferior al {level}, el"
        " superior al {level}.",
        "levels corrected": "Entre corchetes, válido en cada mirada: el extremo inferior al"
        " {level}, el superior al {corrected}, pues basta una de {n} comprobaciones para no superar"
        " (Bonferroni).",
        "nothing": "aún no hay pares de puntuaciones",
        "lost": "Las respuestas de {metrics} que se pudieron comparar no empeoran, pero demasiadas"
        " están sin puntuar para que cuente. Mira por qué: quilate report {run}",
        "onward": "Para decidirlo, añade muestras, amplía el margen o vigila menos métricas.",
        "stopped": "La ejecución se detuvo: {reason} Para seguir, repite el comando con --resume"
        " {run}",
    },
}

# How the notes on what is not watched end, in Spanish.
_NOTES = {
    "1 sample is not in the baseline": "1 muestra no está en la ejecución de referencia",
    " samples are not in the baseline": " muestras no están en la ejecución de referencia",
    "no bounds, so it is not watched": "no tiene límites, así que no se vigila",
    "its judge is not to be trusted, so it is not watched": (
        "su juez no es de fiar, así que no se vigila"
    ),
    "the baseline has no score of it": "la ejecución de referencia no la puntuó",
    "only the suite has this metric": "solo el conjunto tiene esta métrica",
    "only the baseline has this metric": "solo la ejecución de referencia tiene esta métrica",
    "only the suite has this target": "solo el conjunto tiene este sistema",
    "only the baseline has this target": "solo la ejecución de referencia tiene este sistema",
}


def translated(words: Words, note: str, endings: Mapping[str, str]) -> str:
    """A note whose end is one of these, in the reader's language.

    >>> translated(Words("es"), "latency: no bounds, so it is not watched", _NOTES)
    'latency: no tiene límites, así que no se vigila'
    """
    if words.lang == "es":
        for english, spanish in endings.items():
            if note.endswith(english):
                return note.removesuffix(english) + spanish
    return note


def gate_lines(result: GateResult, lang: str | None = None) -> list[str]:
    """The verdict, what it took, and a line for each check."""
    words = Words(language(lang))
    said = _SAID[words.lang]
    lines = [
        headline(result, lang),
        said["looked at" if result.verdict == "undecided" else "used"].format(
            used=words.count(result.used),
            available=words.count(result.available),
            run=result.run.id,
            baseline=result.baseline.id,
        ),
    ]
    weak = _distrusted(result)
    lines += [f"  {_check(words, said, one, weak)}" for one in result.checks]
    lines += _levels(words, said, result)
    lines += _judges(words, result)
    lines += [f"  {translated(words, note, _NOTES)}" for note in result.skipped]
    if result.verdict == "undecided":
        lost = [one.metric for one in result.checks if one.lost]
        if result.run.status == "stopped" and result.run.reason:
            lines.append(said["stopped"].format(reason=result.run.reason, run=result.run.id))
        elif lost:
            lines.append(said["lost"].format(metrics=", ".join(lost), run=result.run.id))
        else:
            lines.append(said["onward"])
    return lines


def _levels(words: Words, said: dict[str, str], result: GateResult) -> list[str]:
    """At what level the ends of the intervals hold, if there are any."""
    count = len(result.checks)
    if all(one.interval is None for one in result.checks):
        return []
    corrected = 1.0 - (1.0 - result.level) / count
    said_here = said["levels corrected" if count > 1 else "levels"]
    levels = {"level": result.level, "corrected": round(corrected, 4)}
    return [said_here.format(n=count, **{k: words.percent(v) for k, v in levels.items()})]


def headline(result: GateResult, lang: str | None = None) -> str:
    """The verdict alone, with which of its judges are not to be trusted."""
    words = Words(language(lang))
    said = _SAID[words.lang]
    worse = ", ".join(one.metric for one in result.checks if one.verdict == "worse")
    verdict = said[result.verdict].format(
        margin=words.percent(result.margin),
        metrics=worse,
        scope=said["everywhere" if result.generalize else "here"],
    )
    rests = {one.metric for one in result.checks if one.verdict == result.verdict}
    weak = _distrusted(result)
    told = with_distrust(words, verdict, [weak[name] for name in sorted(rests & weak.keys())])
    left = [note.partition(":")[0] for note in result.skipped if note.endswith(UNTRUSTED)]
    return f"{told} {said['unwatched'].format(metrics=', '.join(left))}" if left else told


def _distrusted(result: GateResult) -> dict[str, Calibration]:
    return distrusted_judges(result.baseline, result.run)


def _judges(words: Words, result: GateResult) -> list[str]:
    """What is known of the judges of what is watched, and of what is not because of them."""
    names = [one.metric for one in result.checks]
    for name in result.run.metrics:
        if any(note.startswith(f"{name}: ") for note in result.skipped):
            names.append(name)
    return beside_run(words, result.run, names)


def _check(
    words: Words, said: dict[str, str], check: Check, weak: Mapping[str, Calibration]
) -> str:
    if check.difference is None:
        figure = said["nothing"]
    else:
        figure = words.number(check.difference, sign=True)
        inner, outer = check.interval, check.beyond
        if inner is not None and outer is not None:
            figure += f" {words.interval(inner.low, inner.high, sign=True)}"
            if inner != outer:
                beyond = words.interval(outer.low, outer.high, sign=True)
                figure += f"; {said['beyond'].format(interval=beyond)}"
        figure += f", {words.some('compared', check.samples)}"
        if check.n != check.samples:
            figure += f", {words.some('in_groups', check.n)}"
    for name, count in (("worst", check.failed), ("left_out", check.left_out)):
        if count:
            figure += f"; {words.some(name, count)}"
    same = check.target == check.baseline_target
    target = check.target if same else f"{check.baseline_target} → {check.target}"
    verdict = words[check.verdict]
    line = said["check"].format(metric=check.metric, target=target, verdict=verdict, figure=figure)
    judge = weak.get(check.metric)
    return line if judge is None else with_distrust(words, line, [judge]).removesuffix(".")


def to_xml(result: GateResult, lang: str | None = None) -> str:
    """The gate as JUnit XML: a test case for each check, which fails unless it is not worse."""
    words = Words(language(lang))
    said = _SAID[words.lang]
    weak = _distrusted(result)
    failed = sum(check.verdict != "not worse" for check in result.checks)
    suite = ET.Element(
        "testsuite",
        name=legal(f"{result.baseline.id} / {result.run.id}"),
        tests=str(len(result.checks)),
        failures=str(failed),
        errors="0",
        timestamp=result.run.created,
    )
    for check in result.checks:
        case = ET.SubElement(
            suite, "testcase", classname=legal(check.target), name=legal(check.metric)
        )
        text = legal(_check(words, said, check, weak))
        if check.verdict != "not worse":
            ET.SubElement(case, "failure", type=check.verdict, message=text)
        ET.SubElement(case, "system-out").text = text
    root = ET.Element("testsuites", name=legal(result.run.name))
    root.append(suite)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def as_data(result: GateResult) -> dict[str, Any]:
    """The verdict and its checks as plain data."""
    return {
        "verdict": result.verdict,
        "says": headline(result, "en"),
        "run": result.run.id,
        "baseline": result.baseline.id,
        "margin": result.margin,
        "level": result.level,
        "generalize": result.generalize,
        "used": result.used,
        "available": result.available,
        "checks": [to_data(check) for check in result.checks],
        "skipped": list(result.skipped),
        "judges": _judges(Words("en"), result),
        "reason": result.run.reason,
    }
