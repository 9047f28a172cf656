"""What evaluators say, in Spanish: descriptions of metrics, and why an answer has no score.

Runs keep these texts as the evaluator gave them, in English; a report in Spanish looks them up
here. What is not here (a third party's evaluator, the message of an error) stays as it is.
"""

import re

_SPANISH = {
    # metrics
    "Abstains where there is no answer.": "Se abstiene donde no hay respuesta.",
    "Abstains where there is one.": "Se abstiene donde sí la hay.",
    "The answer cites at least one passage.": "La respuesta cita al menos un pasaje.",
    "Share of citations whose words stand in the passage.": (
        "Proporción de citas cuyas palabras están en el pasaje."
    ),
    "The judge: passages support the answer.": "El juez: los pasajes respaldan la respuesta.",
    "Share of the gold passages among the first {}.": (
        "Proporción de pasajes de referencia entre los {} primeros."
    ),
    "One over the rank of the first gold passage.": (
        "Uno dividido por el puesto del primer pasaje de referencia."
    ),
    "Gain of the first ten, discounted by rank.": (
        "Ganancia de los diez primeros, descontada según el puesto."
    ),
    "The answer equals a reference (SQuAD normalisation).": (
        "La respuesta es igual a una de referencia (normalización de SQuAD)."
    ),
    "Shared words with the best reference (SQuAD F1).": (
        "Palabras en común con la mejor referencia (F1 de SQuAD)."
    ),
    # why there is no score
    "the sample does not say whether it is answerable": ("la muestra no dice si tiene respuesta"),
    "the sample is answerable": "la muestra tiene respuesta",
    "the sample has no answer": "la muestra no tiene respuesta",
    "the target shows the model no passages": "el sistema no muestra pasajes al modelo",
    "the answer abstains": "la respuesta se abstiene",
    "the answer cites nothing": "la respuesta no cita nada",
    "the target retrieves nothing": "el sistema no recupera nada",
    "the sample has no gold passages": "la muestra no tiene pasajes de referencia",
    "the sample has no references": "la muestra no tiene respuestas de referencia",
    "no score given": "no se dio puntuación",
}
_NUMBER = re.compile(r"(?<= )\d+(?=\.$)")


def spanish(text: str) -> str:
    """The phrase in Spanish, or as it is when it is not known.

    >>> spanish("Share of the gold passages among the first 4.")
    'Proporción de pasajes de referencia entre los 4 primeros.'
    """
    number = _NUMBER.search(text)
    if number is None:
        return _SPANISH.get(text, text)
    known = _SPANISH.get(_NUMBER.sub("{}", text))
    return text if known is None else known.format(number[0])
