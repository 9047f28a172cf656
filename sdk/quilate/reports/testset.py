"""What became of a test set in words, and what one takes, in English and Spanish."""

import re

from quilate.reports.strings import Words, language
from quilate.testsets.forecast import Forecast
from quilate.testsets.values import Testset

_SAID = {
    "en": {
        "questions": "{accepted} of {wanted} questions{where}, from {passages}",
        "where": " in {out}",
        "kind": "  {kind:<13} {accepted} of {wanted}, from {drafts}",
        "left out": "  passages left out: {left}",
        "rejected": "  rejected: {reasons} (see {file})",
        "paid": "  {tokens} tokens, {money}",
        "unpriced": "price unknown",
        "exact": "{usd} USD",
        "estimated": "{usd} USD (estimated)",
        "unknown": "{usd} USD and more of unknown price",
        "about": "about {usd} USD",
        "note": "Note: {note}",
        "stopped": "Stopped: {reason} It was: {command}",
        "look": "A model wrote and checked these: look through them before you rely on them.",
        "foreseen": "{wanted} questions from {passages} take at least {calls} calls, about {tokens}"
        " tokens, {money}; rejected drafts come on top.",
    },
    "es": {
        "questions": "{accepted} de {wanted} preguntas{where}, de {passages}",
        "where": " en {out}",
        "kind": "  {kind:<13} {accepted} de {wanted}, de {drafts}",
        "left out": "  pasajes que quedan fuera: {left}",
        "rejected": "  rechazados: {reasons} (mira {file})",
        "paid": "  {tokens} tokens, {money}",
        "unpriced": "precio desconocido",
        "exact": "{usd} USD",
        "estimated": "{usd} USD (estimado)",
        "unknown": "{usd} USD y más de precio desconocido",
        "about": "unos {usd} USD",
        "note": "Nota: {note}",
        "stopped": "Se detuvo: {reason} El comando: {command}",
        "look": "Un modelo las escribió y las revisó: léelas antes de fiarte de ellas.",
        "foreseen": "{wanted} preguntas de {passages} requieren al menos {calls} llamadas, unos"
        " {tokens} tokens, {money}; los borradores rechazados se suman.",
    },
}

# What a test set says of itself, in Spanish; in brackets what goes over as it is.
_SPANISH = (
    (r"in (\w+)", r"en {0}"),
    (r"too short", "demasiado cortos"),
    (r"copies of another", "copias de otro"),
    (
        r"Only unanswerable questions were checked, .*",
        "Solo se revisaron preguntas sin respuesta, así que nada muestra que la segunda pasada la "
        "encuentre donde la hay.",
    ),
    (
        r"The second pass answered (\d+) of (\d+) questions from .*",
        "La segunda pasada respondió {0} de {1} preguntas con los pasajes de los que salieron. "
        "Quien no encuentra respuestas da toda pregunta por imposible de responder: no te fíes de "
        "las que se aceptaron.",
    ),
    (
        r"The passages are in (.*)\. A search .*",
        "Los pasajes están en {0}. Una búsqueda por palabras rara vez encuentra lo que otro idioma "
        "responde; un índice lo hace mejor (--index).",
    ),
    (
        r"(\d+) calls failed in a way that may pass\. .*",
        "{0} llamadas fallaron por algo que puede pasar. El mismo comando sigue donde se quedó.",
    ),
)


def summary_lines(made: Testset, command: str, lang: str | None = None) -> list[str]:
    """How many questions of each kind, what was rejected and why, what it took; `command` goes on
    with what was stopped."""
    words = Words(language(lang))
    said = _SAID[words.lang]
    where = said["where"].format(out=made.out) if made.samples else ""
    lines = [
        said["questions"].format(
            accepted=words.count(len(made.samples)),
            wanted=words.count(sum(tally.wanted for tally in made.tallies.values())),
            where=where,
            passages=words.some("passages", made.passages),
        )
    ]
    lines += [
        said["kind"].format(
            kind=kind,
            accepted=words.count(tally.accepted),
            wanted=words.count(tally.wanted),
            drafts=words.some("drafts", tally.drafted),
        )
        for kind, tally in made.tallies.items()
    ]
    if made.left_out:
        left = (f"{words.count(n)} {_phrase(words, why)}" for why, n in made.left_out.items())
        lines.append(said["left out"].format(left=", ".join(left)))
    if made.reasons:
        reasons = ", ".join(f"{name} {words.count(n)}" for name, n in made.reasons.items())
        lines.append(said["rejected"].format(reasons=reasons, file=made.rejected))
    tokens = words.count(made.usage.total_tokens)
    lines.append(said["paid"].format(tokens=tokens, money=_money(words, made)))
    lines += [said["note"].format(note=_phrase(words, note)) for note in made.notes]
    if made.stopped is not None:
        reason = _phrase(words, made.stopped)
        lines.append(said["stopped"].format(reason=reason, command=command))
    elif made.samples:
        lines.append(said["look"])
    return lines


def foreseen(forecast: Forecast, lang: str | None = None) -> str:
    """What a test set takes at least."""
    words = Words(language(lang))
    said = _SAID[words.lang]
    money = said["unpriced"]
    if forecast.usd is not None:
        money = said["about"].format(usd=words.number(forecast.usd, digits=4))
    return said["foreseen"].format(
        wanted=words.count(forecast.wanted),
        passages=words.some("passages", forecast.passages),
        calls=words.count(forecast.calls),
        tokens=words.count(forecast.usage.total_tokens),
        money=money,
    )


def _money(words: Words, made: Testset) -> str:
    said = _SAID[words.lang]
    if made.cost.usd is None:
        return said["unpriced"]
    return said[made.cost.basis].format(usd=words.number(made.cost.usd, digits=4))


def _phrase(words: Words, text: str) -> str:
    """A test set's own phrase in the reader's language, where it is known.

    >>> _phrase(Words("es"), "in fr"), _phrase(Words("es"), "The limit of 5 tokens was reached.")
    ('en fr', 'The limit of 5 tokens was reached.')
    """
    for pattern, spanish in _SPANISH if words.lang == "es" else ():
        if found := re.fullmatch(pattern, text, re.DOTALL):
            return spanish.format(*found.groups())
    return text
