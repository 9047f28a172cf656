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
    "The judge: the answer is better than the other.": (
        "El juez: la respuesta es mejor que la otra."
    ),
    "The judge: both orders agree.": "El juez: los dos órdenes coinciden.",
    "The jury: the mean of what its judges say.": "El jurado: la media de lo que dicen sus jueces.",
    "The jury: what most of its judges say.": "El jurado: lo que dice la mayoría de sus jueces.",
    "The jury: how near its judges are to each other.": (
        "El jurado: lo cerca que están sus jueces unos de otros."
    ),
    "Share of the gold passages among the first {}.": (
        "Proporción de pasajes de referencia entre los {} primeros."
    ),
    "One over the rank of the first gold passage.": (
        "Uno dividido por el puesto del primer pasaje de referencia."
    ),
    "Share of gold passages in the first {}.": (
        "Proporción de pasajes de referencia en los {} primeros."
    ),
    "Gain discounted by rank, of the first {}.": (
        "Ganancia de los primeros pasajes, descontada según el puesto, hasta el {}."
    ),
    "Average precision (trec_eval).": "Precisión media (trec_eval).",
    "Precision at as many passages as are gold.": (
        "Precisión entre tantos pasajes como hay de referencia."
    ),
    "Gold passages before judged others (Bpref).": (
        "Pasajes de referencia antes que otros juzgados (Bpref)."
    ),
    "A gold passage is among the first {}.": "Hay un pasaje de referencia entre los {} primeros.",
    "Gold passages stand before the others (rank-weighted).": (
        "Los pasajes de referencia están antes que los demás (ponderado por puesto)."
    ),
    "Share of the gold passages that the model was shown.": (
        "Proporción de pasajes de referencia que se mostraron al modelo."
    ),
    "Share of the reference's words that the passages hold.": (
        "Proporción de palabras de la referencia que están en los pasajes."
    ),
    "Share of the reference's sentences that a passage holds.": (
        "Proporción de frases de la referencia que están en un pasaje."
    ),
    "Share of the passages that nearly repeat an earlier one.": (
        "Proporción de pasajes que casi repiten uno anterior."
    ),
    "The judge: share of useful passages.": "El juez: proporción de pasajes útiles.",
    "The judge: useful passages stand first (rank-weighted).": (
        "El juez: los pasajes útiles están los primeros (ponderado por puesto)."
    ),
    "The answer names the right option.": "La respuesta nombra la opción correcta.",
    "Gives away what it was to keep.": "Revela lo que debía guardar.",
    "Does not do what the attack wants.": "No hace lo que quiere el ataque.",
    "The answer includes what was asked for.": "La respuesta incluye lo que se pedía.",
    "Declines a harmless request.": "Rechaza una petición inofensiva.",
    "Gain of the first ten, discounted by rank.": (
        "Ganancia de los diez primeros, descontada según el puesto."
    ),
    "The answer equals a reference (SQuAD normalisation).": (
        "La respuesta es igual a una de referencia (normalización de SQuAD)."
    ),
    "Shared words with the best reference (SQuAD F1).": (
        "Palabras en común con la mejor referencia (F1 de SQuAD)."
    ),
    "At least one of k tries passes.": "Acierta al menos uno de k intentos.",
    "All of k tries pass.": "Aciertan los k intentos.",
    "Most of k tries pass; half of them count one half.": (
        "Acierta la mayoría de k intentos; la mitad justa cuenta la mitad."
    ),
    "The best of k tries.": "El mejor de k intentos.",
    "The answer equals a reference.": "La respuesta es igual a una de referencia.",
    "The answer includes a text that is looked for.": "La respuesta incluye un texto buscado.",
    "The answer includes every text that is looked for.": (
        "La respuesta incluye todos los textos buscados."
    ),
    "The answer fits the pattern.": "La respuesta encaja en el patrón.",
    "The number is that of a reference.": "El número es el de una respuesta de referencia.",
    "Shared words with the best reference (ROUGE-1 F1).": (
        "Palabras en común con la mejor referencia (F1 de ROUGE-1)."
    ),
    "Shared pairs of words with the best reference (ROUGE-2 F1).": (
        "Pares de palabras en común con la mejor referencia (F1 de ROUGE-2)."
    ),
    "Longest common subsequence with the best reference (ROUGE-L F1).": (
        "Subsecuencia común más larga con la mejor referencia (F1 de ROUGE-L)."
    ),
    "Shared n-grams of words with the references (BLEU).": (
        "N-gramas de palabras en común con las referencias (BLEU)."
    ),
    "Shared sequences of characters with the best reference (chrF2).": (
        "Secuencias de caracteres en común con la mejor referencia (chrF2)."
    ),
    "Share of characters kept, with the nearest reference.": (
        "Proporción de caracteres que se mantienen, con la referencia más cercana."
    ),
    "Cosine of the answer's and the nearest reference's embedding.": (
        "Coseno entre los vectores de la respuesta y de la referencia más cercana."
    ),
    "The answer is in the language asked for.": "La respuesta está en el idioma pedido.",
    "Declines what should be declined.": "Rechaza lo que debe rechazarse.",
    "Declines what should be answered.": "Rechaza lo que debe responderse.",
    "The answer is JSON.": "La respuesta es JSON.",
    "The answer is JSON and valid under the schema.": (
        "La respuesta es JSON y válida según el esquema."
    ),
    "Share of the answer's fields that are right.": (
        "Proporción de campos de la respuesta que son correctos."
    ),
    "Share of the reference's fields that the answer has right.": (
        "Proporción de campos de la referencia que la respuesta acierta."
    ),
    "F1 of the answer's fields.": "F1 de los campos de la respuesta.",
    "Every field is right and none is too many.": (
        "Todos los campos son correctos y no sobra ninguno."
    ),
    "The answer gives away personal data.": "La respuesta revela datos personales.",
    "Seconds to the whole answer.": "Segundos hasta la respuesta completa.",
    "US dollars an answer.": "Dólares estadounidenses por respuesta.",
    "Tokens read for an answer.": "Tokens leídos por respuesta.",
    "Tokens written for an answer.": "Tokens escritos por respuesta.",
    "Claims of the answer that the passages entail.": (
        "Afirmaciones de la respuesta que se siguen de los pasajes."
    ),
    "Claims of the answer that passages contradict.": (
        "Afirmaciones de la respuesta que los pasajes contradicen."
    ),
    "Claims of the answer that the reference entails.": (
        "Afirmaciones de la respuesta que se siguen de la de referencia."
    ),
    "Claims of the reference that the answer entails.": (
        "Afirmaciones de la referencia que se siguen de la respuesta."
    ),
    "F1 of the claims of answer and reference.": (
        "F1 de las afirmaciones de la respuesta y de la referencia."
    ),
    "Claims of the answer that bear on the question.": (
        "Afirmaciones de la respuesta que atañen a la pregunta."
    ),
    "Claims that neither passages nor reference hold.": (
        "Afirmaciones que no están ni en los pasajes ni en la referencia."
    ),
    "Wrong claims that the passages entail.": "Afirmaciones erróneas que se siguen de los pasajes.",
    "Right claims that the passages do not entail.": (
        "Afirmaciones correctas que no se siguen de los pasajes."
    ),
    "Claims of the reference that the passages entail.": (
        "Afirmaciones de la referencia que se siguen de los pasajes."
    ),
    "Claims found in the passages that the answer uses.": (
        "Afirmaciones halladas en los pasajes que la respuesta usa."
    ),
    "Passages that entail a claim of the reference.": (
        "Pasajes de los que se sigue una afirmación de la referencia."
    ),
    "Sentences that their citations entail.": "Frases que se siguen de los pasajes que citan.",
    "Citations that their sentences need.": "Citas que sus frases necesitan.",
    "Passages hold the answer's words together (no judge).": (
        "Los pasajes tienen juntas las palabras de la respuesta (sin juez)."
    ),
    "Abstains if, and only if, it is not shown the answer.": (
        "Se abstiene si, y solo si, no se le muestra la respuesta."
    ),
    # why there is no score
    "the sample has no other answer to compare with": (
        "la muestra no tiene otra respuesta con la que comparar"
    ),
    "the answer is empty": "la respuesta está vacía",
    "the answer equals the other one": "la respuesta es igual a la otra",
    "the answer was not scored by all jurors": "no todo el jurado puntuó la respuesta",
    "graded: a try neither passes nor fails": "graduada: un intento ni acierta ni falla",
    "lower is better: a 1 is no pass": "cuanto menor, mejor: un 1 no es un acierto",
    "too few epochs are scored": "hay muy pocas épocas puntuadas",
    "the sample does not say whether it is answerable": ("la muestra no dice si tiene respuesta"),
    "the sample is answerable": "la muestra tiene respuesta",
    "the sample has no answer": "la muestra no tiene respuesta",
    "the target shows the model no passages": "el sistema no muestra pasajes al modelo",
    "the answer abstains": "la respuesta se abstiene",
    "the answer cites nothing": "la respuesta no cita nada",
    "the target retrieves nothing": "el sistema no recupera nada",
    "the sample has no gold passages": "la muestra no tiene pasajes de referencia",
    "the sample's `grades` are no object of whole numbers by id": (
        "`grades` de la muestra no es un objeto de números enteros por id"
    ),
    "the sample's references have no content words": (
        "las respuestas de referencia de la muestra no tienen palabras con contenido"
    ),
    "the target retrieves fewer than two passages": "el sistema recupera menos de dos pasajes",
    "the target found no passages": "el sistema no encontró pasajes",
    "the target shows more than a hundred passages": "el sistema muestra más de cien pasajes",
    "the sample's references name none of its choices": (
        "las respuestas de referencia de la muestra no nombran ninguna de sus opciones"
    ),
    "the answer names none of the choices": "la respuesta no nombra ninguna de las opciones",
    "the answer mentions several choices and gives none as its own": (
        "la respuesta menciona varias opciones y no da ninguna como suya"
    ),
    "the sample has no canaries": "la muestra no tiene canarios",
    "the sample's `canaries` are no texts of four letters and more": (
        "`canaries` de la muestra no son textos de cuatro letras o más"
    ),
    "the sample holds no attack": "la muestra no contiene ningún ataque",
    "the sample is not marked as harmless": "la muestra no está marcada como inofensiva",
    "the target did not retrieve the attack": "el sistema no recuperó el ataque",
    "the sample has no choices": "la muestra no tiene opciones",
    "the sample has no references": "la muestra no tiene respuestas de referencia",
    "the texts are too long to be aligned": "los textos son demasiado largos para alinearlos",
    "the references hold no number": "las respuestas de referencia no contienen ningún número",
    "the answer holds no number": "la respuesta no contiene ningún número",
    "the sample has no language": "la muestra no dice su idioma",
    "the sample's language is not among those known": (
        "el idioma de la muestra no está entre los conocidos"
    ),
    "the answer holds no words": "la respuesta no contiene palabras",
    "the answer's language is not sure": "el idioma de la respuesta no es seguro",
    "`should_refuse` of the sample is neither true nor false": (
        "`should_refuse` de la muestra no es ni verdadero ni falso"
    ),
    "the sample should be declined": "la muestra debe rechazarse",
    "the sample should be answered": "la muestra debe responderse",
    "the sample has no `json_schema`": "la muestra no tiene `json_schema`",
    "the references hold no JSON": "las respuestas de referencia no contienen JSON",
    "the time of the answer was not measured": "no se midió el tiempo de la respuesta",
    "the cost of the answer is not known": "no se conoce el coste de la respuesta",
    "the target tells no tokens": "el sistema no dice cuántos tokens usa",
    "the model was shown no passages": "no se mostró ningún pasaje al modelo",
    "the passages hold none of the reference's claims": (
        "los pasajes no contienen ninguna afirmación de la referencia"
    ),
    "the answer makes no claims": "la respuesta no afirma nada",
    "the reference makes no claims": "la referencia no afirma nada",
    "the answer holds no word that could be looked up": (
        "la respuesta no tiene ninguna palabra que se pueda buscar"
    ),
    "the answer and the passages are in different languages": (
        "la respuesta y los pasajes están en idiomas distintos"
    ),
    "the answer makes more claims than max_claims": (
        "la respuesta hace más afirmaciones que max_claims"
    ),
    "the answer has more sentences than max_claims": "la respuesta tiene más frases que max_claims",
    "the reference makes more claims than max_claims": (
        "la referencia hace más afirmaciones que max_claims"
    ),
    "the reference has more sentences than max_claims": (
        "la referencia tiene más frases que max_claims"
    ),
    "the answer has more sentences than max_sentences": (
        "la respuesta tiene más frases que max_sentences"
    ),
    "no score given": "no se dio puntuación",
}
_JUDGE = "The judge: "
_NUMBER = re.compile(r"(?<= )\d+(?=\.$)")


def spanish(text: str) -> str:
    """The phrase in Spanish, or as it is when it is not known.

    >>> spanish("Share of the gold passages among the first 4.")
    'Proporción de pasajes de referencia entre los 4 primeros.'
    """
    if text in _SPANISH:
        return _SPANISH[text]
    if text.startswith(_JUDGE):  # and then a criterion in its writer's words
        return f"El juez: {text.removeprefix(_JUDGE)}"
    number = _NUMBER.search(text)
    if number is None:
        return text
    known = _SPANISH.get(_NUMBER.sub("{}", text))
    return text if known is None else known.format(number[0])
