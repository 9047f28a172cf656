"""A judge's calibration in words, in English and Spanish."""

from collections.abc import Iterable, Mapping
from itertools import zip_longest

from quilate.evals.results import Run
from quilate.judging.biases import Bias, moved_by_place
from quilate.judging.calibration import ENOUGH, FEWEST, SUBSTANTIAL, Calibration, Reason
from quilate.judging.correcting import LABELLED
from quilate.judging.kept import find_calibrations, unreadable_calibrations
from quilate.reports.figures import figure
from quilate.reports.strings import Words, language
from quilate.stats.ppi import PpiEstimate

_SAID = {
    "en": {
        "trust": "TRUST the judge {metric}",
        "trust with correction": "TRUST WITH CORRECTION the judge {metric}",
        "do not trust": "DO NOT TRUST the judge {metric}",
        "on": "{labels} of {labellers}",
        "some_labels": "{n} label|{n} labels",
        "some_people": "{n} person|{n} people",
        "few labels": f"there are fewer than {FEWEST} labels",
        "one label": "people gave all answers the same label, so that nobody knows whether it"
        " tells the others apart",
        "no better than chance": "its agreement may be chance: {figure}",
        "some labels": f"there are fewer than {ENOUGH} labels",
        "agreement": f"its agreement is not surely {SUBSTANTIAL}: {{figure}}",
        "mean off": "its mean may be off by more than a twentieth of the scale: {figure}",
        "bias": "it is moved by {bias}: {figure}",
        "all well": "its agreement is {figure}, its mean is right, and no bias is shown",
        "kappa": "Agreement beyond chance (kappa)",
        "alpha": "Agreement beyond chance (alpha)",
        "ranks": "Rank correlation (Spearman)",
        "exact": "Equal labels",
        "auroc": "AUROC",
        "error": "Mean error (judge − people, of the scale)",
        "means": "Mean of the judge, mean of the people, on the labelled answers",
        "of_scale": " (shares of the scale {low} to {high})",
        "humans": "Agreement among the people (alpha)",
        "again": "Mean change when asked again",
        "not_again": "Asked again: not tried (--again N)",
        "divided": "Where people differ the mean of their labels counts (answers: {n}): a judge"
        " that gives whole labels cannot equal it, and there is no AUROC and no reliability.",
        "confusion": "Rows are people's labels, columns the judge's:",
        "curve": "Of answers that it gives so much, so many are right to people:",
        "biases": "Biases (0 is none):",
        "no_biases": "Biases: the labels tell of none that can be measured.",
        "length": "length (correlation of its error with it)",
        "format": "layout (error on answers with Markdown less on others)",
        "own answers": "whose answer it is (error on its own model's less on others)",
        "first place": "place (share that prefers the first shown, less half)",
        "shown": "shown",
        "beside": "The judge {metric}, measured by {n} labels: {trust}; {measure} {figure}.",
        "few_labelled": " With so few labels the interval may be somewhat too narrow.",
        "corrected": "{metric}, {target}: people would give {value} (by {labels} of this run),"
        " the judge gives {raw}.",
        "unlabelled": "{metric}, {target}: the judge gives {raw}; what people would give is not"
        f" known, for fewer than {LABELLED} of its answers count as labelled. Label and calibrate:"
        " quilate label {run} --metric {metric}",
        "place": "The judge {metric} chooses a place and not an answer: {moved} of {n} verdicts"
        " changed with the order.",
        "unreadable": "What is kept of the judge {metric} does not count: {why}",
        "stored": "Kept: {path}",
        "replaced": "This calibration by {n} labels takes the place of one by {earlier}. By all the"
        " labels that quilate label kept: quilate judge calibrate --run {run} --metric {metric}",
        "lost": "{count} labelled answers have no score of {metric} (any more) and count for"
        " nothing.",
        "not_measured": "The judge {metric} is not measured. Label answers: quilate label {run}"
        " --metric {metric}",
        "no_judge": "The run {run} has no judge.",
        "distrusted": "{metric} is given by a judge that is not to be trusted ({measure} {figure})",
        "trust_short": "trust",
        "correct_short": "trust with correction",
        "distrust_short": "do not trust",
    },
    "es": {
        "trust": "CONFÍA en el juez {metric}",
        "trust with correction": "CONFÍA CON CORRECCIÓN en el juez {metric}",
        "do not trust": "NO CONFÍES en el juez {metric}",
        "on": "{labels} de {labellers}",
        "some_labels": "{n} etiqueta|{n} etiquetas",
        "some_people": "{n} persona|{n} personas",
        "few labels": f"hay menos de {FEWEST} etiquetas",
        "one label": "las personas dieron a todas las respuestas la misma etiqueta: no se sabe si"
        " distingue las demás",
        "no better than chance": "su acuerdo puede ser azar: {figure}",
        "some labels": f"hay menos de {ENOUGH} etiquetas",
        "agreement": "no es seguro que su acuerdo llegue a 0,6: {figure}",
        "mean off": "su media puede desviarse más de un veinteavo de la escala: {figure}",
        "bias": "le influye {bias}: {figure}",
        "all well": "su acuerdo es {figure}, su media es correcta y no se muestra ningún sesgo",
        "kappa": "Acuerdo más allá del azar (kappa)",
        "alpha": "Acuerdo más allá del azar (alfa)",
        "ranks": "Correlación de rangos (Spearman)",
        "exact": "Etiquetas iguales",
        "auroc": "AUROC",
        "error": "Error medio (juez − personas, de la escala)",
        "means": "Media del juez, media de las personas, en las respuestas etiquetadas",
        "of_scale": " (partes de la escala de {low} a {high})",
        "humans": "Acuerdo entre las personas (alfa)",
        "again": "Cambio medio al preguntar otra vez",
        "not_again": "Preguntar otra vez: no se hizo (--again N)",
        "divided": "Donde las personas difieren cuenta la media de sus etiquetas (respuestas:"
        " {n}): un juez que da etiquetas enteras no puede igualarla, y no hay AUROC ni fiabilidad.",
        "confusion": "Filas: etiquetas de las personas; columnas: del juez.",
        "curve": "De las respuestas a las que da tanto, tantas son correctas para las personas:",
        "biases": "Sesgos (0 es ninguno):",
        "no_biases": "Sesgos: las etiquetas no permiten medir ninguno.",
        "length": "la longitud (correlación de su error con ella)",
        "format": "el formato (error en respuestas con Markdown menos en las demás)",
        "own answers": "de quién es la respuesta (error en las de su modelo menos en las demás)",
        "first place": "el lugar (parte que prefiere la primera mostrada, menos la mitad)",
        "shown": "demostrado",
        "beside": "El juez {metric}, medido con {n} etiquetas: {trust}; {measure} {figure}.",
        "few_labelled": " Con tan pocas etiquetas el intervalo puede quedarse algo corto.",
        "corrected": "{metric}, {target}: las personas darían {value} (según {labels} de esta"
        " ejecución); el juez da {raw}.",
        "unlabelled": "{metric}, {target}: el juez da {raw}; no se sabe qué darían las personas,"
        f" pues menos de {LABELLED} de sus respuestas cuentan como etiquetadas. Etiqueta y calibra:"
        " quilate label {run} --metric {metric}",
        "place": "El juez {metric} elige un lugar y no una respuesta: {moved} de {n} veredictos"
        " cambiaron con el orden.",
        "unreadable": "Lo guardado del juez {metric} no cuenta: {why}",
        "stored": "Guardado: {path}",
        "replaced": "Esta calibración, con {n} etiquetas, sustituye a una con {earlier}. Con todas"
        " las que guardó quilate label: quilate judge calibrate --run {run} --metric {metric}",
        "lost": "{count} respuestas etiquetadas no tienen (ya) puntuación de {metric}: no cuentan.",
        "not_measured": "El juez {metric} no está medido. Etiqueta respuestas: quilate label {run}"
        " --metric {metric}",
        "no_judge": "La ejecución {run} no tiene juez.",
        "distrusted": "{metric} la da un juez que no es de fiar ({measure} {figure})",
        "trust_short": "confía",
        "correct_short": "confía con corrección",
        "distrust_short": "no confíes",
    },
}
_WIDTH = 76  # characters of a line that a confusion table may take
_SHORT = {
    "trust": "trust_short",
    "trust with correction": "correct_short",
    "do not trust": "distrust_short",
}


def saying(lang: str | None = None) -> Mapping[str, str]:
    """What is said of calibrations, with places to fill in, in ``en`` or ``es``."""
    return _SAID[language(lang)]


def calibration_lines(found: Calibration, lang: str | None = None) -> list[str]:
    """The verdict with its reasons, then every figure."""
    words = Words(language(lang))
    said = _SAID[words.lang]
    reasons = "; ".join(_reason(words, said, reason) for reason in found.reasons)
    labels = _counted(words, said["some_labels"], found.n)
    people = _counted(words, said["some_people"], found.labellers)
    on = said["on"].format(labels=labels, labellers=people)
    lines = [f"{said[found.trust].format(metric=found.metric)} ({on}): {reasons}."]
    figures = [
        (said[found.measure], found.agreement),
        (said["exact"], found.exact),
        (said["ranks"], found.ranks),
        (said["auroc"], found.auroc),
        (said["error"], found.error),
        (said["humans"], found.humans),
        (said["again"], found.again),
    ]
    lines += [f"  {name}: {figure(words, value)}" for name, value in figures if value is not None]
    means = f"{figure(words, found.judge_mean)}, {figure(words, found.human_mean)}"
    lines.append(f"  {said['means']}{_of_scale(said, found)}: {means}")
    if found.again is None and found.runs:  # recorded verdicts have nobody to ask
        lines.append(f"  {said['not_again']}")
    if found.labels and found.divided:
        lines.append(f"  {said['divided'].format(n=words.count(found.divided))}")
    if found.labels:
        lines += [f"  {said['confusion']}", *_confusion(words, found)]
    if found.curve:
        lines.append(f"  {said['curve']}")
        for part in found.curve:
            observed = words.interval(part.interval.low, part.interval.high)
            lines.append(
                f"    {words.number(part.predicted)} → {words.number(part.observed)} {observed}"
                f" (n {words.count(part.n)})"
            )
    lines.append(f"  {said['biases']}" if found.biases else f"  {said['no_biases']}")
    lines += [f"    {_bias(words, said, one)}" for one in found.biases]
    return lines


def beside_line(words: Words, found: Calibration) -> str:
    """One line, to stand beside what the judge says."""
    said = _SAID[words.lang]
    return said["beside"].format(
        metric=found.metric,
        n=words.count(found.n),
        trust=said[_SHORT[found.trust]],
        measure=found.measure,
        figure=figure(words, found.agreement),
    )


def with_distrust(words: Words, headline: str, judges: Iterable[Calibration]) -> str:
    """A verdict that says of which of its judges people's labels say not to trust them.

    >>> with_distrust(Words("en"), "B is worse: rubric.", [])
    'B is worse: rubric.'
    """
    said = _SAID[words.lang]["distrusted"]
    told = [
        said.format(metric=one.metric, measure=one.measure, figure=figure(words, one.agreement))
        for one in judges
    ]
    return "; ".join([headline.removesuffix("."), *told]) + "." if told else headline


def beside_run(words: Words, run: Run, metrics: Iterable[str]) -> list[str]:
    """What people's labels say of the judges of these metrics, where there are any, which
    calibrations cannot be read, and which judges choose by place."""
    known, lost, placed = find_calibrations(run), unreadable_calibrations(run), moved_by_place(run)
    lines = [(name, beside_line(words, found)) for name, found in known.items()]
    lines += [(name, unreadable_line(words, name, str(why))) for name, why in lost.items()]
    lines += [(name, place_line(words, name, *counts)) for name, counts in placed.items()]
    wanted = set(metrics)
    return [line for name, line in lines if name in wanted]


def place_line(words: Words, metric: str, moved: int, n: int) -> str:
    """That a judge of pairs chooses by place."""
    return _SAID[words.lang]["place"].format(metric=metric, moved=moved, n=n)


def unreadable_line(words: Words, metric: str, why: str) -> str:
    """That the calibration of a judge does not count, and why."""
    return _SAID[words.lang]["unreadable"].format(metric=metric, why=why)


def corrected_line(words: Words, run: str, metric: str, target: str, found: PpiEstimate) -> str:
    """The corrected mean beside the raw one; without it, how to get it."""
    said = _SAID[words.lang]
    known = found.corrected.value is not None
    few = said["few_labelled"] if known and found.note else ""
    return (
        said["corrected" if known else "unlabelled"].format(
            metric=metric,
            target=target,
            run=run,
            value=figure(words, found.corrected),
            labels=_counted(words, said["some_labels"], found.n_labelled),
            raw=figure(words, found.raw),
        )
        + few
    )


def _of_scale(said: Mapping[str, str], found: Calibration) -> str:
    """That means are shares of the scale, where they are not the metric's own values."""
    if found.scale == (0.0, 1.0):
        return ""
    low, high = found.scale
    return said["of_scale"].format(low=f"{low:g}", high=f"{high:g}")


def _counted(words: Words, forms: str, n: int) -> str:
    one, more = forms.split("|")
    return (one if n == 1 else more).format(n=words.count(n))


def _reason(words: Words, said: dict[str, str], reason: Reason) -> str:
    shown = figure(words, reason.figure) if reason.figure is not None else ""
    bias = said[reason.bias].partition(" (")[0] if reason.bias else ""
    return said[reason.kind].format(figure=shown, bias=bias)


def _bias(words: Words, said: dict[str, str], one: Bias) -> str:
    text = f"{said[one.kind]}: {figure(words, one.estimate, sign=True)}"
    return f"{text}, {said['shown']}" if one.shown else text


def _confusion(words: Words, found: Calibration) -> list[str]:
    low, high = found.scale
    numbers = [f"{low + value * (high - low):g}" for value in found.labels]
    names = [name or number for name, number in zip_longest(found.names, numbers)]
    counts = [list(map(str, row)) for row in found.confusion]
    widest = max(len(text) for row in (names, *counts) for text in row)
    width = min(widest, max(_WIDTH // (len(names) + 1) - 1, 5))
    names = [name if len(name) <= width else f"{name[: width - 1]}…" for name in names]
    rows = [["", *names], *([name, *row] for name, row in zip(names, counts, strict=True))]
    return ["    " + " ".join(text.rjust(width) for text in row) for row in rows]
