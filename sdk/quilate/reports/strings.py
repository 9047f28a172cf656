"""The words of the reports, in English and Spanish, and how each language writes numbers.

The language is the caller's; else the environment's ``QUILATE_LANG``; else that of the locale
(``LC_ALL``, ``LC_MESSAGES``, ``LANG``): ``es…`` is Spanish, anything else English.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from quilate.errors import ConfigurationError
from quilate.reports import phrases

Language = Literal["en", "es"]

_TABLE: dict[str, tuple[str, str]] = {
    "run": ("Run", "Ejecución"),
    "results": ("Results", "Resultados"),
    "findings": ("What the run shows", "Qué muestra la ejecución"),
    "chart": ("Every metric, every target", "Cada métrica, cada sistema"),
    "table": ("The figures", "Las cifras"),
    "metric": ("Metric", "Métrica"),
    "target": ("Target", "Sistema"),
    "comparisons": ("Paired comparisons", "Comparaciones pareadas"),
    "comparison": ("Comparison", "Comparación"),
    "difference": ("Difference", "Diferencia"),
    "p_adjusted": ("p (Holm)", "p (Holm)"),
    "verdict": ("Verdict", "Veredicto"),
    "pairs": ("Pairs", "Pares"),
    "detectable": ("Smallest visible", "Mínima visible"),
    "better": ("{winner} is better", "{winner} es mejor"),
    "no_difference": ("no difference shown", "sin diferencia demostrada"),
    "finding": ("{metric}: {winner} beats {gaps}", "{metric}: {winner} supera a {gaps}"),
    "gap": ("{loser} by {gap}", "{loser} por {gap}"),
    "and": (" and ", " y a "),
    "no_finding": (
        "No difference between the targets is shown. A larger run may show one: see the smallest "
        "visible difference of each comparison.",
        "No se demuestra ninguna diferencia entre los sistemas. Una ejecución mayor podría "
        "hacerlo: véase la diferencia mínima visible de cada comparación.",
    ),
    "html_report": ("HTML report", "Informe HTML"),
    "no_pairs": (
        "Too few samples are scored for both targets of any pair: nothing can be compared.",
        "Hay muy pocas muestras puntuadas en los dos sistemas de cada par: no se puede comparar.",
    ),
    "one_target": (
        "One target: there is nothing to compare it with.",
        "Un solo sistema: no hay con qué compararlo.",
    ),
    "method": (
        "Brackets hold {level} intervals{clustered}. Comparisons are paired "
        "by sample; p-values are Holm-adjusted over the target pairs of each metric. Smallest "
        "visible: the true difference that this run would show four times in five.",
        "Entre corchetes, intervalos del {level}{clustered}. Las "
        "comparaciones son pareadas por muestra; los valores p se ajustan según Holm entre los "
        "pares de sistemas de cada métrica. Mínima visible: la diferencia real que esta ejecución "
        "mostraría cuatro de cada cinco veces.",
    ),
    "clustered": (
        ", clustered by the samples' source",
        ", agrupados por la fuente de las muestras",
    ),
    "judge": ("The judge, measured", "El juez, medido"),
    "judge_better": (
        "The judge {metric} agrees better than chance with {references}. Trust it as far as its "
        "measured agreement goes, and no further.",
        "El juez {metric} coincide mejor que el azar con {references}. Confía en él hasta donde "
        "llega su acuerdo medido, y no más.",
    ),
    "judge_weak": (
        "The judge {metric} is weak: it agrees better than chance with {references}, but with none "
        "of them is its agreement surely nearer to perfect than to chance. Do not rely on it "
        "alone.",
        "El juez {metric} es débil: coincide mejor que el azar con {references}, pero con ninguna "
        "es seguro que su acuerdo quede más cerca de lo perfecto que del azar. No te fíes solo de "
        "él.",
    ),
    "judge_not_shown": (
        "No agreement is shown with {references}.",
        "No se muestra acuerdo con {references}.",
    ),
    "judge_chance": (
        "The judge {metric} is weak: every interval of its agreement with the deterministic "
        "metrics includes chance. Do not rely on it.",
        "El juez {metric} es débil: todos los intervalos de su acuerdo con las métricas "
        "deterministas incluyen el azar. No te fíes de él.",
    ),
    "judge_worse": (
        "The judge {metric} contradicts {references}: its agreement is below chance. Do not rely "
        "on it.",
        "El juez {metric} contradice a {references}: su acuerdo queda por debajo del azar. No te "
        "fíes de él.",
    ),
    "judge_unmeasured": (
        "The judge {metric} could not be measured: this run has too little to compare it with. "
        "Do not rely on it, or label some answers: quilate label {run} --metric {metric}",
        "El juez {metric} no se pudo medir: esta ejecución tiene muy poco con que compararlo. No "
        "te fíes de él, o etiqueta algunas respuestas: quilate label {run} --metric {metric}",
    ),
    "judge_no_score": (
        "The judge {metric} could not be measured: it scored no answer. What could not be scored, "
        "and why, is said with the errors.",
        "El juez {metric} no se pudo medir: no puntuó ninguna respuesta. Qué no se pudo puntuar, y "
        "por qué, se dice con los errores.",
    ),
    "judge_one_score": (
        "The judge {metric} could not be measured: it gave every answer the same score, so that it "
        "tells none apart. Do not rely on it.",
        "El juez {metric} no se pudo medir: dio a todas las respuestas la misma puntuación, así "
        "que no distingue ninguna. No te fíes de él.",
    ),
    "reference": ("Compared with", "Comparado con"),
    "agreement": ("Agreement", "Acuerdo"),
    "chance": ("Chance", "Azar"),
    "standing": ("Reading", "Lectura"),
    "better than chance": ("better than chance", "mejor que el azar"),
    "includes chance": ("includes chance", "incluye el azar"),
    "worse than chance": ("worse than chance", "peor que el azar"),
    "unmeasured": ("no interval", "sin intervalo"),
    "judge_note": (
        "AUROC: the chance that the judge scores a right item above a wrong one. Agreement is "
        "measured within each target and averaged; the intervals hold together at {level}.",
        "AUROC: la probabilidad de que el juez puntúe un caso correcto por encima de uno "
        "incorrecto. El acuerdo se mide dentro de cada sistema y se promedia; los intervalos "
        "valen en conjunto al {level}.",
    ),
    "effort": ("Cost and time", "Coste y tiempo"),
    "items": ("Items", "Casos"),
    "tokens": ("Tokens in / out", "Tokens E / S"),
    "evaluation_tokens": ("Judge tokens", "Tokens juez"),
    "cost": ("Cost", "Coste"),
    "median_seconds": ("Median s", "Mediana s"),
    "p95_seconds": ("p95 s", "p95 s"),
    "exact": ("exact", "exacto"),
    "estimated": ("estimated", "estimado"),
    "unknown": ("unknown", "desconocido"),
    "at_least": ("at least {cost}", "al menos {cost}"),
    "errors": ("Errors", "Errores"),
    "no_errors": ("No errors.", "Sin errores."),
    "scored_of": ("{scored}/{planned} scored", "{scored}/{planned} puntuados"),
    "some_abstained": ("{n} abstained|{n} abstained", "{n} se abstuvo|{n} se abstuvieron"),
    "not_scored": ("not scored", "sin puntuar"),
    "no_interval": ("no interval", "sin intervalo"),
    "range": ("{low} to {high} if all were scored", "{low} a {high} si todos se puntuaran"),
    "why_unscored": ("Why some have no score", "Por qué algunos no tienen puntuación"),
    "judged": ("judged", "por juez"),
    "lower_better": ("lower is better", "menos es mejor"),
    "counts": (
        "{targets} × {samples}: {finished} of {planned}",
        "{targets} × {samples}: {finished} de {planned}",
    ),
    "some_targets": ("{n} target|{n} targets", "{n} sistema|{n} sistemas"),
    "some_samples": ("{n} sample|{n} samples", "{n} muestra|{n} muestras"),
    "some_compared": (
        "{n} sample compared|{n} samples compared",
        "{n} muestra comparada|{n} muestras comparadas",
    ),
    "some_in_groups": ("in {n} group|in {n} groups", "en {n} grupo|en {n} grupos"),
    "some_worst": (
        "{n} failed and counts as the worst|{n} failed and count as the worst",
        "{n} falló y cuenta como lo peor|{n} fallaron y cuentan como lo peor",
    ),
    "some_left_out": (
        "{n} without a score left out|{n} without a score left out",
        "{n} sin puntuación queda fuera|{n} sin puntuación quedan fuera",
    ),
    "some_passages": ("{n} passage|{n} passages", "{n} pasaje|{n} pasajes"),
    "some_drafts": ("{n} draft|{n} drafts", "{n} borrador|{n} borradores"),
    "some_finished_items": (
        "{n} item finished|{n} items finished",
        "{n} caso terminado|{n} casos terminados",
    ),
    "epochs": ("{epochs} epochs", "{epochs} épocas"),
    "stopped": (
        "This run is not finished{reason}. To go on: {command}",
        "Esta ejecución no ha terminado{reason}. Para seguir: {command}",
    ),
    "gate_stopped": (
        "This gate is not decided{reason}. To go on, give its command again with --resume {run}",
        "Esta puerta no está decidida{reason}. Para seguir, repite su comando con --resume {run}",
    ),
    "decided": (
        "This run was ended before it had asked everything: {reason}",
        "Esta ejecución se dio por terminada antes de preguntarlo todo: {reason}",
    ),
    "gate_decided": (
        "This is a gate, which asked no more than it took to know: {verdict}.",
        "Es una puerta, que no preguntó más de lo necesario para saberlo: {verdict}.",
    ),
    "not worse": ("not worse", "no empeora"),
    "worse": ("worse", "empeora"),
    "undecided": ("undecided", "sin decidir"),
    "replayed": (
        "A replay of {run}: every model call was answered from its journal, none was made.",
        "Repetición de {run}: cada llamada al modelo se respondió desde su diario, sin hacer "
        "ninguna.",
    ),
    "all_failed": ("Every answer failed: {reason}", "Todas las respuestas fallaron: {reason}"),
    "target_failed": (
        "Every answer of {target} failed: {reason}",
        "Todas las respuestas de {target} fallaron: {reason}",
    ),
    "no_answers": ("There are no answers to compare.", "No hay respuestas que comparar."),
    "samples": ("Samples", "Muestras"),
    "provenance": ("What is needed to repeat this", "Lo necesario para repetir esto"),
    "skip": ("Skip to the samples", "Ir a las muestras"),
    "search": ("Search", "Buscar"),
    "search_hint": (
        "questions, answers, passages, identifiers",
        "preguntas, respuestas, pasajes, identificadores",
    ),
    "show": ("Show", "Mostrar"),
    "show_all": ("all samples", "todas las muestras"),
    "show_low": ("low score", "puntuación baja"),
    "show_high": ("high score", "puntuación alta"),
    "show_differ": ("targets differ", "los sistemas difieren"),
    "show_error": ("with an error", "con error"),
    "show_unscored": ("without a score", "sin puntuación"),
    "show_abstained": ("abstained", "se abstuvo"),
    "show_citation": ("citation not verified", "cita no verificada"),
    "any_target": ("any target", "cualquier sistema"),
    "language": ("Language", "Idioma"),
    "any_language": ("any", "cualquiera"),
    "keys": (
        "Keys: / search, j next sample, k previous, Enter opens",
        "Teclas: / buscar, j muestra siguiente, k anterior, Intro abre",
    ),
    "shown": ("{shown} of {all} samples", "{shown} de {all} muestras"),
    "nothing": ("No sample fits these filters.", "Ninguna muestra cumple estos filtros."),
    "noscript": (
        "The samples need JavaScript; everything above does not.",
        "Las muestras necesitan JavaScript; todo lo anterior no.",
    ),
    "references": ("Reference answers", "Respuestas de referencia"),
    "gold": ("Gold passages", "Pasajes de referencia"),
    "unanswerable": (
        "Unanswerable: the right answer is to abstain",
        "Sin respuesta: lo correcto es abstenerse",
    ),
    "group": ("Source", "Fuente"),
    "question": ("Question", "Pregunta"),
    "answer": ("Answer", "Respuesta"),
    "empty_answer": ("(empty answer)", "(respuesta vacía)"),
    "abstained": ("abstained", "se abstuvo"),
    "epoch": ("epoch", "época"),
    "scores": ("Scores", "Puntuaciones"),
    "passages": ("Retrieved passages", "Pasajes recuperados"),
    "no_passages": ("Nothing was found.", "No se encontró nada."),
    "is_gold": ("gold", "de referencia"),
    "not_in_context": ("not shown to the model", "no mostrado al modelo"),
    "score": ("score", "puntuación"),
    "citations": ("Citations", "Citas"),
    "verified": ("verified", "verificada"),
    "not_in_passage": ("not in the passage", "no está en el pasaje"),
    "no_such_passage": ("no such passage", "no existe tal pasaje"),
    "no_quote": ("no quote", "sin texto citado"),
    "calls": ("Model calls", "Llamadas al modelo"),
    "prompt": ("Prompt sent", "Petición enviada"),
    "judge_prompt": ("Judge: prompt and reply", "Juez: petición y respuesta"),
    "reply": ("Raw reply", "Respuesta literal"),
    "choice_shares": ("Probability of each answer", "Probabilidad de cada respuesta"),
    "evidence": ("evidence", "indicios"),
    "mass": ("mass on the labels", "masa en las etiquetas"),
    "failure": ("The target failed", "El sistema falló"),
    "not_run": ("Not run.", "Sin ejecutar."),
    "show_rest": ("Show all {count} characters", "Mostrar los {count} caracteres"),
    "tokens_short": ("{input} + {output} tokens", "{input} + {output} tokens"),
    "link": ("Link to this sample", "Enlace a esta muestra"),
    "made_by": (
        "Made by Quilate. This file holds everything it shows and asks for nothing over the "
        "network.",
        "Hecho con Quilate. Este archivo contiene todo lo que muestra y no pide nada por la red.",
    ),
}


def language(choice: str | None = None) -> Language:
    """The language to report in: `choice`, or what the environment says.

    Raises ConfigurationError for a choice other than ``en`` and ``es``.

    >>> language("es")
    'es'
    """
    asked = choice or os.environ.get("QUILATE_LANG")
    if asked:
        if asked not in get_args(Language):
            raise ConfigurationError(
                f"There are no reports in '{asked}'.", remedy="Choose en or es."
            )
        return cast(Language, asked)
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "es" if locale.lower().startswith("es") else "en"


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language.

    >>> Words("es")["verdict"], Words("es").number(0.625)
    ('Veredicto', '0,62')
    """

    lang: Language

    def __getitem__(self, key: str) -> str:
        return _TABLE[key][self.lang == "es"]

    def __call__(self, key: str, **values: object) -> str:
        """The sentence of `key` with its places filled."""
        return self[key].format(**values)

    def some(self, what: str, n: int) -> str:
        """A number of things, in the singular or the plural.

        >>> Words("en").some("samples", 1), Words("es").some("samples", 1200)
        ('1 sample', '1\u202f200 muestras')
        """
        one, more = self[f"some_{what}"].split("|")
        return (one if n == 1 else more).format(n=self.count(n))

    def phrase(self, text: str) -> str:
        """What an evaluator says (a metric's description, why there is no score), in this
        language where it is known, else as it is.

        >>> Words("es").phrase("the answer abstains")
        'la respuesta se abstiene'
        """
        return text if self.lang == "en" else phrases.spanish(text)

    def all(self) -> Mapping[str, str]:
        """Every word by its key, for the page's script."""
        return {key: self[key] for key in _TABLE}

    def number(self, value: float, *, sign: bool = False, digits: int = 2) -> str:
        """A score: two decimals below 100, else none."""
        text = f"{value:{'+' if sign else ''},.{digits if abs(value) < 100 else 0}f}"
        return self._localised(text.replace("-", "−") if float(text.replace(",", "")) else "0.00")

    def count(self, value: int) -> str:
        """A whole number, its thousands set apart."""
        return self._localised(f"{value:,}")

    def percent(self, share: float) -> str:
        """A share as a percentage."""
        return f"{self._localised(f'{share * 100:g}')}{' %' if self.lang == 'es' else '%'}"

    def interval(self, low: float, high: float, *, sign: bool = False, digits: int = 2) -> str:
        """An interval in brackets."""
        separator = "; " if self.lang == "es" else ", "
        ends = (self.number(end, sign=sign, digits=digits) for end in (low, high))
        return f"[{separator.join(ends)}]"

    def p_value(self, p: float) -> str:
        """A p-value, never rounded to zero."""
        return self._localised("< 0.001" if p < 0.001 else f"{p:.3f}")

    def dollars(self, usd: float) -> str:
        """Money: cents, or what small sums need."""
        return f"${self._localised(f'{usd:,.2f}' if usd >= 1 or usd == 0 else f'{usd:.4f}')}"

    def _localised(self, text: str) -> str:
        if self.lang == "en":
            return text
        return text.translate(str.maketrans(",.", "\u202f,"))
