"""The words of a comparison of two runs, in English and Spanish, beside those of every report."""

from __future__ import annotations

from collections.abc import Mapping

from quilate.reports.strings import Words

_TABLE: dict[str, tuple[str, str]] = {
    "title": ("{a} and {b} compared", "Comparación de {a} y {b}"),
    "what_shows": ("What the comparison shows", "Qué muestra la comparación"),
    "some_shared": (
        "{n} sample in common|{n} samples in common",
        "{n} muestra en común|{n} muestras en común",
    ),
    "p_bh": ("p (BH)", "p (BH)"),
    # the outcome, in one sentence
    "pass": ("No metric is shown to be worse.", "No se demuestra que ninguna métrica empeore."),
    "pass_margin": (
        "No metric is worse by more than {margin} of its range.",
        "Ninguna métrica empeora más del {margin} de su rango.",
    ),
    "worse_outcome": ("B is worse: {metrics}.", "B es peor: {metrics}."),
    "undecided_outcome": ("Undecided: {metrics}.", "Sin decidir: {metrics}."),
    "nothing_decides": (
        "Nothing could be decided: no metric has bounds. Name one to decide by it: --metric NAME.",
        "No se pudo decidir nada: ninguna métrica tiene límites. Nombra una: --metric NAME.",
    ),
    "nothing_trusted": (
        "Nothing could be decided: every metric with bounds is given by a judge that is not to be "
        "trusted. Name one to decide by it: --metric NAME.",
        "No se pudo decidir nada: toda métrica con límites la da un juez que no es de fiar. Nombra "
        "una: --metric NAME.",
    ),
    # verdicts of one metric
    "v_better": ("B is better", "B es mejor"),
    "v_worse": ("B is worse", "B es peor"),
    "v_worse_margin": ("B is worse by more than {margin}", "B es peor en más de {margin}"),
    "v_not_worse": ("B is not worse by more than {margin}", "B no es peor en más de {margin}"),
    "v_equivalent": (
        "A and B are equivalent, within {margin}",
        "A y B son equivalentes, dentro de {margin}",
    ),
    "v_none": ("no difference shown", "sin diferencia demostrada"),
    "v_ties": (
        "no difference: all {n} pairs are equal",
        "sin diferencia: los {n} pares son iguales",
    ),
    "v_undecided": (
        "undecided: whether B is worse by more than {margin} is not shown",
        "sin decidir: no se demuestra si B es peor en más de {margin}",
    ),
    "v_undecided_worse": (
        "undecided: B is worse, but whether by more than {margin} is not shown",
        "sin decidir: B es peor, pero no se demuestra si en más de {margin}",
    ),
    "v_missing": (
        "undecided: too much is missing",
        "sin decidir: falta demasiado",
    ),
    "v_uncompared": (
        "cannot be compared: scored on both sides for {some}",
        "no se puede comparar: con puntuación en los dos lados, {some}",
    ),
    "v_unmeasured": (
        "{verdict} (it has no bounds, so it does not decide)",
        "{verdict} (no tiene límites, así que no decide)",
    ),
    "v_distrusted": (
        "{verdict}, by a judge that is not to be trusted ({measure} {figure})",
        "{verdict}, según un juez que no es de fiar ({measure} {figure})",
    ),
    "v_distrusted_idle": (
        "{verdict} (its judge is not to be trusted, {measure} {figure}, so it does not decide)",
        "{verdict} (su juez no es de fiar, {measure} {figure}, así que no decide)",
    ),
    "people_worse": (
        "By people's labels B is worse: {metrics}.",
        "Según las etiquetas de las personas B es peor: {metrics}.",
    ),
    "people": (
        "people would give {figure} (p {p}, by {n} samples labelled in both runs)",
        "las personas darían {figure} (p {p}, según {n} muestras etiquetadas en ambas ejecuciones)",
    ),
    "people_differ": (
        "they disagree: by the judge, {judge}; by people's labels, {people}",
        "no coinciden: según el juez, {judge}; según las etiquetas de las personas, {people}",
    ),
    "seen": ("could have shown ≥ {detectable}", "se habría demostrado una ≥ {detectable}"),
    "blind": ("too few pairs to show any", "muy pocos pares para demostrar alguna"),
    "more": (
        "about {n} more samples would settle it, if the difference is as seen",
        "unas {n} muestras más lo decidirían, si la diferencia es la observada",
    ),
    "out_of_reach": (
        "more samples are out of reach of settling it: some {n}, if the difference is as seen",
        "decidirlo con más muestras no está al alcance: unas {n}, si la diferencia es la observada",
    ),
    "missing": (
        "{side} lacks {n} scores that it should have",
        "a {side} le faltan {n} puntuaciones que debería tener",
    ),
    "undoing": (
        "{missing}: if all were known, the difference could be {low} to {high}, which could undo "
        "this",
        "{missing}: si se conocieran, la diferencia podría ser de {low} a {high}, lo que podría "
        "invalidarlo",
    ),
    "known_range": (
        "{missing}: if all were known, the difference would be {low} to {high}",
        "{missing}: si se conocieran, la diferencia sería de {low} a {high}",
    ),
    "partial": (
        "only over the {n} samples that both have scored (answers scored: A {a}, B {b} of "
        "{planned}{why})",
        "solo sobre las {n} muestras que ambos tienen puntuadas (respuestas puntuadas: A {a}, B "
        "{b} de {planned}{why})",
    ),
    # flips
    "flips": ("Samples that changed", "Muestras que cambiaron"),
    "got_worse": ("{n} worse in B", "{n} peores en B"),
    "got_better": ("{n} better in B", "{n} mejores en B"),
    "now_wrong": ("{n} now wrong", "{n} ahora mal"),
    "now_right": ("{n} now right", "{n} ahora bien"),
    "of_epochs": (" (epoch {epoch} of {epochs})", " (época {epoch} de {epochs})"),
    "and_more": ("and {n} more", "y {n} más"),
    "failed": ("failed: {reason}", "falló: {reason}"),
    # what differs, what is left out
    "differ": ("What differs between the runs:", "En qué difieren las ejecuciones:"),
    "equal": (
        "No difference is recorded in settings, models, code or samples.",
        "No consta ninguna diferencia de ajustes, modelos, código o muestras.",
    ),
    "note_unequal": (
        "without an equal in the other run: {samples} of {run}",
        "sin igual en la otra ejecución: {samples} de {run}",
    ),
    "note_unfinished": (
        "{run} is not finished: {n} of {total} items",
        "{run} no ha terminado: {n} de {total} casos",
    ),
    "note_remeasured": (
        "{metric} is not measured alike in A and B: the evaluator '{evaluator}' differs in "
        "{differences}. What its row shows may be the measure's doing, and not the answers'.",
        "{metric} no se mide igual en A y en B: el evaluador '{evaluator}' difiere en "
        "{differences}. Lo que muestra su fila puede deberse a la medida, y no a las respuestas.",
    ),
    "compare_method": (
        "Means are over the samples that both have scored. Brackets hold {level} intervals of the "
        "paired difference{clustered}; p-values are adjusted over all rows ({correction}).",
        "Las medias son sobre las muestras puntuadas en ambas. Entre corchetes, intervalos del "
        "{level} de la diferencia pareada{clustered}; los valores p se ajustan entre todas las "
        "filas ({correction}).",
    ),
    "margin_method": (
        "The margin is {margin} of each metric's range.",
        "El margen es {margin} del rango de cada métrica.",
    ),
    # the page
    "compare_hint": (
        "questions, answers, identifiers",
        "preguntas, respuestas, identificadores",
    ),
    "setting": ("Setting", "Ajuste"),
    "differ_heading": ("What differs between the runs", "En qué difieren las ejecuciones"),
    "show_flips": ("changed score", "puntuación distinta"),
    "show_now_worse": ("worse in B", "peores en B"),
    "show_now_better": ("better in B", "mejores en B"),
    "show_text": ("changed answer", "respuesta distinta"),
    "no_answer": ("No answer.", "Sin respuesta."),
    "same_answer": ("The answers are equal.", "Las respuestas son iguales."),
}


class CompareWords(Words):
    """The words of the reports, and those above."""

    def __getitem__(self, key: str) -> str:
        own = _TABLE.get(key)
        return Words.__getitem__(self, key) if own is None else own[self.lang == "es"]

    def all(self) -> Mapping[str, str]:
        """Every word by its key, for the page's script."""
        return {**Words.all(self), **{key: self[key] for key in _TABLE}}
