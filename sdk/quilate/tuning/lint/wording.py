"""What the lint found, in sentences, in English and Spanish."""

from collections import Counter
from typing import TYPE_CHECKING

from quilate.reports.strings import Words, language

if TYPE_CHECKING:
    from quilate.tuning.lint.values import LintReport

_REASONS: dict[str, tuple[str, str]] = {
    "not_rendered": (
        "the chat template does not take the messages",
        "la plantilla de chat no admite los mensajes",
    ),
    "too_long": ("longer than max_length", "más largos que max_length"),
    "nothing_learned": ("nothing of the row is learned", "no se aprende nada de la fila"),
    "little_learned": (
        "hardly any token of the row is learned",
        "casi ningún token de la fila se aprende",
    ),
    "stop_not_learned": (
        "the answer does not end with a stop token: the model would not learn to stop",
        "la respuesta no termina con un token de parada: el modelo no aprendería a parar",
    ),
    "prompt_differs": (
        "the prompt is written otherwise alone than in the whole",
        "la pregunta se escribe de otro modo sola que en el conjunto",
    ),
    "turns_change": (
        "an earlier turn is written otherwise once others follow",
        "un turno anterior se escribe de otro modo cuando le siguen otros",
    ),
    "left_out": (
        "the template leaves out tools, calls or reasoning",
        "la plantilla omite herramientas, llamadas o razonamiento",
    ),
    "control_token": (
        "a message says the text of a control token",
        "un mensaje contiene el texto de un token de control",
    ),
    "results_learned": (
        "tool results stand in the completion: TRL would train on them",
        "hay resultados de herramientas en la respuesta: TRL entrenaría con ellos",
    ),
    "empty_answer": ("empty answer", "respuesta vacía"),
    "cut_off": ("the answer looks cut off", "la respuesta parece cortada"),
    "no_answer": (
        "the row does not end with turns of the assistant",
        "la fila no termina con turnos del asistente",
    ),
    "role_order": ("roles out of order", "roles fuera de orden"),
    "undeclared_tool": (
        "a tool is called that is not declared",
        "se llama a una herramienta no declarada",
    ),
    "bad_arguments": (
        "tool arguments against the tool's schema",
        "argumentos contrarios al esquema de la herramienta",
    ),
    "unanswered_call": (
        "a tool call without its result, or a result without its call",
        "una llamada sin su resultado, o un resultado sin su llamada",
    ),
    "placeholder": (
        "a text names an image that is not there",
        "un texto nombra una imagen que no está",
    ),
    "image_not_written": (
        "the template leaves out images",
        "la plantilla omite imágenes",
    ),
    "repeated_id": ("an id that another row has", "un id que tiene otra fila"),
    "duplicate": ("the same as another row", "igual que otra fila"),
    "contradiction": (
        "the same prompt with another answer",
        "la misma pregunta con otra respuesta",
    ),
    "language_differs": (
        "answered in another language than asked",
        "respuesta en otro idioma que la pregunta",
    ),
    "no_template": (
        "The model's file has no chat template: serve it with the one that it is trained with.",
        "El archivo del modelo no tiene plantilla de chat: sírvelo con la misma con que se "
        "entrena.",
    ),
    "template_differs": (
        "The template of the training is not the one in the model's file: the model would be asked "
        "otherwise than it learned.",
        "La plantilla del entrenamiento no es la del archivo del modelo: se le preguntaría de otro "
        "modo que como aprendió.",
    ),
}
_SENTENCES: dict[str, tuple[str, str]] = {
    "rows": (
        "{kept} of {rows} examples can be trained on.",
        "Se puede entrenar con {kept} de {rows} ejemplos.",
    ),
    "tokens": (
        "{tokens} tokens by {name}, of which {share} are learned.",
        "{tokens} tokens según {name}, de los que se aprende un {share}.",
    ),
    "packed": (
        "Packed into windows of {length} tokens they fill {share} of {windows}; one a window, "
        "{unpacked}.",
        "Empaquetados en ventanas de {length} tokens llenan un {share} de {windows}; uno por "
        "ventana, un {unpacked}.",
    ),
    "languages": ("Answers by language: {said}.", "Respuestas por idioma: {said}."),
    "dropped": (
        "To be left out ({reason}): {n}. {why}: {ids}.",
        "Por descartar ({reason}): {n}. {why}: {ids}.",
    ),
    "warning": (
        "To be looked at ({reason}): {n}. {why}: {ids}.",
        "Por revisar ({reason}): {n}. {why}: {ids}.",
    ),
    "note": (
        "Worth knowing ({reason}): {n}. {why}: {ids}.",
        "A saber ({reason}): {n}. {why}: {ids}.",
    ),
    "clean": ("No problem was found.", "No se encontró ningún problema."),
    "more": ("and {n} more", "y {n} más"),
}
_SHOWN = 3  # ids


def summary(report: "LintReport", lang: str | None = None) -> list[str]:
    """The sentences of a report: what remains, what it amounts to, then every reason.

    Raises `ConfigurationError` for a language other than ``en`` and ``es``.
    """
    words = Words(language(lang))
    kept = report.rows - len(report.dropped)
    said = [
        _say(words, "rows", kept=words.count(kept), rows=words.count(report.rows)),
    ]
    if report.tokens:
        share = words.percent(round(report.learned / report.tokens, 3))
        tokens = words.count(report.tokens)
        said.append(_say(words, "tokens", tokens=tokens, name=report.tokenizer, share=share))
    if report.packed is not None:
        said.append(_packed(words, report))
    if report.languages:
        by = ", ".join(f"{name} {words.count(n)}" for name, n in report.languages.items())
        said.append(_say(words, "languages", said=by))
    return said + (_found(words, report) or [_say(words, "clean")])


def _packed(words: Words, report: "LintReport") -> str:
    packed = report.packed
    if packed is None:
        return ""
    return _say(
        words,
        "packed",
        length=words.count(packed.length),
        windows=words.count(packed.windows),
        share=words.percent(round(packed.efficiency, 3)),
        unpacked=words.percent(round(packed.unpacked, 3)),
    )


def _found(words: Words, report: "LintReport") -> list[str]:
    """A sentence for each severity and reason, the worst first."""
    said: list[str] = []
    for severity, key in (("drop", "dropped"), ("warning", "warning"), ("note", "note")):
        found = [one for one in report.findings if one.severity == severity]
        for reason, _ in Counter(one.reason for one in found).most_common():
            ids = list(dict.fromkeys(one.id for one in found if one.reason == reason))
            why = _REASONS[reason][words.lang == "es"]
            if ids == [""]:
                said.append(why)
                continue
            named = ", ".join(f"{name:.40}" for name in ids[:_SHOWN])
            if len(ids) > _SHOWN:
                named += " " + _say(words, "more", n=words.count(len(ids) - _SHOWN))
            said.append(
                _say(words, key, reason=reason, n=words.count(len(ids)), why=why, ids=named)
            )
    return said


def _say(words: Words, key: str, **values: object) -> str:
    return _SENTENCES[key][words.lang == "es"].format(**values)
