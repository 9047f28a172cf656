"""A sample plan in words, in English and Spanish."""

import math
from collections.abc import Iterator
from typing import Any

from quilate.codec import to_data
from quilate.reports.comparison.wording import out_of_reach
from quilate.reports.gate import translated
from quilate.reports.planning import Needed, Price, SamplePlan
from quilate.reports.strings import Words, language

_SAID = {
    "en": {
        "asked": "To show a difference of {effect} in {power} of runs, at {level}{learned}:",
        "learned": " (by the run {run})",
        "need": "  {metric}: {samples} samples ({basis}{scored}); ± {effect} for one target: {one}",
        "scored": "; {share} of them have a score",
        "pairs": "spread of its pairs",
        "one target": "spread of one target, as if two had nothing in common",
        "bounds": "the most that it can take: no run to learn from",
        "unseen": "the most that it can take: too few scores, or all alike",
        "enough": "The suite has {available}: enough for {metrics}.",
        "short": "The suite has {available}: {more} too few for {metrics}.",
        "reach": "Out of reach for {metrics}: the suite's {available} samples show a difference of"
        " about {shown}.",
        "advice": "The spread between samples and between epochs asks for: {advice}",
        "price": "{samples} samples take about {tokens} tokens, {cost}, and {hours} h of work"
        " (answers and judges).",
        "pilot": "For a sharper figure and its price, make a small run first: quilate run SUITE"
        " --limit 50",
        "unknown": "a cost that is unknown",
        "and": ", ",
    },
    "es": {
        "asked": "Para mostrar una diferencia de {effect} en el {power} de las ejecuciones,"
        " al {level}{learned}:",
        "learned": " (según la ejecución {run})",
        "need": "  {metric}: {samples} muestras ({basis}{scored}); ± {effect} para un sistema:"
        " {one}",
        "scored": "; el {share} de ellas tiene puntuación",
        "pairs": "dispersión de sus pares",
        "one target": "dispersión de un sistema, como si dos no tuvieran nada en común",
        "bounds": "lo máximo que puede hacer falta: no hay ejecución de la que aprender",
        "unseen": "lo máximo que puede hacer falta: hay pocas puntuaciones, o son iguales",
        "enough": "El conjunto tiene {available}: basta para {metrics}.",
        "short": "El conjunto tiene {available}: faltan {more} para {metrics}.",
        "reach": "Fuera de alcance para {metrics}: las {available} muestras del conjunto muestran"
        " una diferencia de unos {shown}.",
        "advice": "La dispersión entre muestras y entre épocas pide: {advice}",
        "price": "{samples} muestras cuestan unos {tokens} tokens, {cost}, y {hours} h de trabajo"
        " (respuestas y jueces).",
        "pilot": "Para una cifra más ajustada y su precio, haz antes una ejecución pequeña:"
        " quilate run SUITE --limit 50",
        "unknown": "un coste desconocido",
        "and": ", ",
    },
}


def plan_lines(plan: SamplePlan, lang: str | None = None) -> list[str]:
    """What the plan asks for, what the suite has, and the price."""
    words = Words(language(lang))
    said = _SAID[words.lang]
    run = plan.pilot.id if plan.pilot is not None else ""
    asked = said["asked"].format(
        effect=_figure(words, plan.effect),
        power=words.percent(plan.power),
        level=words.percent(plan.level),
        learned=said["learned"].format(run=run) if run else "",
    )
    lines = [asked, *_needed(words, said, plan)]
    within = [one for one in plan.needed if not _beyond_reach(one, plan)]
    for fits, key in ((True, "enough"), (False, "short")):
        some = [one for one in within if (one.samples <= plan.available) == fits]
        if some:
            more = max(one.samples for one in some) - plan.available
            lines.append(
                said[key].format(
                    available=words.count(plan.available),
                    more=words.count(max(more, 0)),
                    metrics=said["and"].join(one.metric for one in some),
                )
            )
    lines += _out_of_reach(words, said, plan)
    lines += [f"  {translated(words, note, _NOTES)}" for note in plan.skipped]
    if plan.advice:
        lines.append(said["advice"].format(advice=translated(words, plan.advice, _NOTES)))
    if plan.price is None:
        lines.append(said["pilot"])
    elif within:  # nobody will pay for what is out of reach
        lines.append(_price(words, said, plan.price))
    return lines


def _needed(words: Words, said: dict[str, str], plan: SamplePlan) -> Iterator[str]:
    """The samples of each metric, of those that need the same in one line."""
    alike: dict[tuple[int, str, int, float], list[str]] = {}
    for one in plan.needed:
        seen = plan.pilot is None or one.basis != "bounds"
        basis = one.basis if seen else "unseen"
        alike.setdefault((one.samples, basis, one.for_one, one.scored), []).append(one.metric)
    for (samples, why, for_one, share), metrics in alike.items():
        scored = said["scored"].format(share=words.percent(round(share, 2)))
        yield said["need"].format(
            metric=said["and"].join(metrics),
            samples=words.count(samples),
            basis=said[why],
            scored=scored if share < 1.0 else "",
            effect=_figure(words, plan.effect),
            one=words.count(for_one),
        )


# How the notes and the advice end, in Spanish.
_NOTES = {
    "it has no bounds, so an effect on its scale is planned when it is named (--metric)": (
        "no tiene límites, así que un efecto en su escala se planifica cuando se nombra (--metric)"
    ),
    "it has no bounds, and no earlier run shows its spread": (
        "no tiene límites, y ninguna ejecución anterior muestra su dispersión"
    ),
    "the effect is more than its bounds allow": "el efecto es mayor de lo que permiten sus límites",
    "more items": "más muestras",
    "more epochs": "más épocas",
}


def _beyond_reach(one: Needed, plan: SamplePlan) -> bool:
    return out_of_reach(one.samples - plan.available, plan.available)


def _out_of_reach(words: Words, said: dict[str, str], plan: SamplePlan) -> Iterator[str]:
    """For what nobody will gather, the effect that the suite as it is can show."""
    shown: dict[float, list[str]] = {}
    for one in plan.needed:
        if _beyond_reach(one, plan):
            effect = plan.effect * math.sqrt(one.samples / plan.available)
            shown.setdefault(float(f"{effect:.1g}"), []).append(one.metric)
    for effect, metrics in shown.items():
        yield said["reach"].format(
            metrics=said["and"].join(metrics),
            available=words.count(plan.available),
            shown=_figure(words, effect),
        )


def _figure(words: Words, value: float) -> str:
    """An effect as it was given: 0.005 is not 0.01."""
    text = f"{value:g}"
    return text.replace(".", ",") if words.lang == "es" else text


def _price(words: Words, said: dict[str, str], price: Price) -> str:
    usd = price.cost.usd
    cost = said["unknown"]
    if usd is not None:
        cost = words.dollars(usd)
        if price.cost.basis == "unknown":
            cost = words("at_least", cost=cost)
    return said["price"].format(
        samples=words.count(price.samples),
        tokens=words.count(price.usage.total_tokens),
        cost=cost,
        hours=words.number(price.seconds / 3600.0),
    )


def as_data(plan: SamplePlan) -> dict[str, Any]:
    """The plan as plain data."""
    return {
        "effect": plan.effect,
        "level": plan.level,
        "power": plan.power,
        "available": plan.available,
        "pilot": plan.pilot.id if plan.pilot is not None else None,
        "needed": [to_data(one) for one in plan.needed],
        "price": to_data(plan.price) if plan.price is not None else None,
        "advice": plan.advice,
        "skipped": list(plan.skipped),
    }
