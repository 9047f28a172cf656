"""The words of the page to label answers, and of what its command prints, in both languages."""

from collections.abc import Mapping

from quilate.reports.strings import language

_TABLE: dict[str, tuple[str, str]] = {
    "page": ("Labelling", "Etiquetado"),
    "skip": ("Skip to the answer", "Ir a la respuesta"),
    "noscript": ("Labelling needs JavaScript.", "Para etiquetar hace falta JavaScript."),
    "as": ("You are {labeller}", "Eres {labeller}"),
    "place": ("Answer {n} of {total}", "Respuesta {n} de {total}"),
    "count": ("{labelled} of {total} labelled", "{labelled} de {total} etiquetadas"),
    "question": ("Question", "Pregunta"),
    "image": ("Image of the question", "Imagen de la pregunta"),
    "answer": ("Answer", "Respuesta"),
    "other": ("The other answer", "La otra respuesta"),
    "empty": ("(The answer is empty.)", "(La respuesta está vacía.)"),
    "before": ("Said before", "Lo dicho antes"),
    "passages": ("What the model was shown", "Lo que se mostró al modelo"),
    "no_passages": ("The model was shown no passages.", "No se mostraron pasajes al modelo."),
    "references": ("Reference answers", "Respuestas de referencia"),
    "passage": ("Passage {n}", "Pasaje {n}"),
    "target": ("Target", "Sistema"),
    "sample": ("Sample {id}", "Muestra {id}"),
    "label_as": ("Label of this answer", "Etiqueta de esta respuesta"),
    "saving": ("Saving…", "Guardando…"),
    "saved": ("Saved at {time}: {label}", "Guardada a las {time}: {label}"),
    "note_saved": ("Note saved at {time}", "Nota guardada a las {time}"),
    "earlier": ("Your label: {label}", "Tu etiqueta: {label}"),
    "waiting": ("Not saved yet: {label}", "Sin guardar todavía: {label}"),
    "not_saved": (
        "Not saved. {why} Labels waiting here: {count}; they are kept in this browser and tried "
        "again.",
        "No se ha guardado. {why} Etiquetas en espera: {count}; se conservan en este navegador y "
        "se vuelve a intentar.",
    ),
    "not_shown": (
        "The next answer cannot be shown. {why}",
        "No se puede mostrar la siguiente. {why}",
    ),
    "gone": (
        "The program does not answer: start the same command again and open the address that it "
        "prints.",
        "El programa no responde: repite el mismo comando y abre la dirección que muestra.",
    ),
    "refused": ("The program said {status}.", "El programa dijo {status}."),
    "all_saved": ("What was waiting is saved.", "Lo que esperaba ya está guardado."),
    "try_now": ("Try now", "Intentar ahora"),
    "done": ("All labelled", "Todo etiquetado"),
    "done_text": (
        "Stop the program with Ctrl-C where you started it. It says where the labels are and what "
        "to do with them.",
        "Detén el programa con Ctrl-C donde lo iniciaste. Dirá dónde están las etiquetas y qué "
        "hacer con ellas.",
    ),
    "rest": ("Skipped", "Omitidas"),
    "rest_text": (
        "Answers without a label: {count}.",
        "Respuestas sin etiqueta: {count}.",
    ),
    "go_on": ("Go on with them", "Seguir con ellas"),
    "skip_it": ("Skip", "Omitir"),
    "undo": ("Undo", "Deshacer"),
    "note": ("Note", "Nota"),
    "note_hint": (
        "Kept with the label. Esc goes back to the keys.",
        "Se guarda con la etiqueta. Esc vuelve a las teclas.",
    ),
    "previous": ("Previous", "Anterior"),
    "next": ("Next", "Siguiente"),
    "help": ("Keys", "Teclas"),
    "close": ("Close", "Cerrar"),
    "keys_on": ("Single keys do something", "Las teclas sueltas actúan"),
    "key_label": ("Give that label", "Dar esa etiqueta"),
    "key_u": (
        "Back to the answer that you labelled last: the label you give it then counts",
        "Volver a la última respuesta etiquetada: cuenta la etiqueta que le des entonces",
    ),
    "key_s": ("Skip to the next answer without a label", "Ir a la siguiente sin etiqueta"),
    "key_n": ("Write a note", "Escribir una nota"),
    "key_jk": ("Next answer, previous answer", "Respuesta siguiente, anterior"),
    "key_r": ("Reference answers", "Respuestas de referencia"),
    "key_help": ("This help", "Esta ayuda"),
    "wrong_address": (
        "This address is not that of the running program: open the one that quilate label printed.",
        "Esta dirección no es la del programa en marcha: abre la que mostró quilate label.",
    ),
    "no_label": ("This is no label.", "Esto no es una etiqueta."),
    "from_elsewhere": (
        "The request came from another page.",
        "La petición vino de otra página.",
    ),
    "system": ("System", "Sistema"),
    "user": ("User", "Usuario"),
    "assistant": ("Assistant", "Asistente"),
    "tool": ("Tool", "Herramienta"),
    # What the command prints.
    "first_judged": (
        "Labelling {metric}, the first that a judge scored. Another: --metric NAME ({others}).",
        "Se etiqueta {metric}, la primera que puntuó un juez. Otra: --metric NOMBRE ({others}).",
    ),
    "none_judged": (
        "No judge scored this run, so that its first metric is labelled: {metric}. Another: "
        "--metric NAME ({others}).",
        "Ningún juez puntuó esta ejecución, así que se etiqueta su primera métrica: {metric}. "
        "Otra: --metric NOMBRE ({others}).",
    ),
    "open_page": ("Label the answers here: {url}", "Etiqueta aquí las respuestas: {url}"),
    "to_label": (
        "{metric}: {total} answers, {labelled} of them labelled by {labeller}. Ctrl-C ends.",
        "{metric}: {total} respuestas, {labelled} ya etiquetadas por {labeller}. Ctrl-C termina.",
    ),
    "left_out": (
        "Left out: {failed} failed, {unscored} without a score of {metric}.",
        "Quedan fuera: {failed} fallidas, {unscored} sin puntuación de {metric}.",
    ),
    "other_person": (
        "Another person? Stop, and give --labeller NAME.",
        "¿Eres otra persona? Para y da --labeller NOMBRE.",
    ),
    "kept": (
        "Answers labelled now: {count}, kept in {path}",
        "Respuestas etiquetadas ahora: {count}, guardadas en {path}",
    ),
    "none_kept": ("No label was given.", "No se dio ninguna etiqueta."),
    "so_far": (
        "{labeller} has labelled {labelled} of {total}.",
        "{labeller} ha etiquetado {labelled} de {total}.",
    ),
    "next_command": ("Next: {command}", "Después: {command}"),
    "agreement": ("Agreement on {metric}", "Acuerdo sobre {metric}"),
    "by": (
        "Labelled by {names}; {both} answers by two or more.",
        "Etiquetado por {names}; {both} respuestas por dos o más.",
    ),
    "percent": ("Equal labels", "Etiquetas iguales"),
    "kappa": ("Cohen's kappa, {a} and {b}", "Kappa de Cohen, {a} y {b}"),
    "alpha": ("Krippendorff's alpha", "Alfa de Krippendorff"),
    "differ": ("They differ on {count}:", "Difieren en {count}:"),
    "no_difference": ("They differ on none.", "No difieren en ninguna."),
}


def words_of(lang: str | None = None) -> Mapping[str, str]:
    """The words in ``en`` or ``es``; None asks the environment, as reports do.

    >>> words_of("es")["answer"]
    'Respuesta'
    """
    spanish = language(lang) == "es"
    return {key: pair[spanish] for key, pair in _TABLE.items()}
