"""The reasons that steps give, in Spanish. In manifests and quarantines they stand in English, the
same for every program that reads them; tables and cards tell them in the reader's language."""

import re

_SPANISH = {
    # reading
    "not JSON": "no es JSON",
    "not UTF-8": "no es UTF-8",
    "not CSV": "no es CSV",
    "not an object": "no es un objeto",
    "another number of fields": "otro número de campos",
    "not plain values": "valores que no son simples",
    "empty object": "objeto vacío",
    "half a character": "medio carácter",
    "nested too deeply": "anidado en exceso",
    "no file_name": "sin file_name",
    "no such image": "no existe la imagen",
    "outside the folder": "fuera de la carpeta",
    "a linked folder": "una carpeta enlazada",
    "a broken link": "un enlace roto",
    "unreadable document": "documento ilegible",
    "not a document that can be read": "no es un documento legible",
    "an image among documents": "una imagen entre documentos",
    # cleaning
    "surrogates": "medios caracteres",
    "entities": "entidades HTML",
    "mojibake": "mojibake",
    "control characters": "caracteres de control",
    "normal form": "forma normal",
    "line ends": "fines de línea",
    "invisible marks": "marcas invisibles",
    "unusual spaces": "espacios inusuales",
    "trailing spaces": "espacios al final de línea",
    "spaces at the ends": "espacios en los extremos",
    "runs of spaces": "espacios seguidos",
    "blank lines": "líneas en blanco",
    "only boilerplate": "solo texto repetitivo",
    "navigation": "navegación",
    "sharing": "botones de compartir",
    "repeated": "repetido",
    # language and quality
    "no words": "sin palabras",
    "language not sure": "idioma dudoso",
    "too short": "demasiado corto",
    "too long": "demasiado largo",
    "empty": "vacío",
    "too few sentences": "muy pocas frases",
    "too few words": "muy pocas palabras",
    "too many words": "demasiadas palabras",
    "too few stop words": "muy pocas palabras vacías",
    "too many hash signs": "demasiadas almohadillas",
    "too many ellipses": "demasiados puntos suspensivos",
    "words too short": "palabras demasiado cortas",
    "words too long": "palabras demasiado largas",
    "word too long": "palabra demasiado larga",
    "words without letters": "palabras sin letras",
    "lines with bullets": "líneas con viñetas",
    "lines ending in ellipses": "líneas que acaban en puntos suspensivos",
    "lines without end marks": "líneas sin signo final",
    "short lines": "líneas cortas",
    "line breaks": "saltos de línea",
    "no end mark": "sin signo final",
    "curly bracket": "llave",
    "white space or citations": "espacios o citas",
    "repeated lines": "líneas repetidas",
    "repeated paragraphs": "párrafos repetidos",
    "characters in repeated lines": "caracteres en líneas repetidas",
    "characters in repeated paragraphs": "caracteres en párrafos repetidos",
    "toxic": "tóxico",
    "not toxic": "no tóxico",
    "not scored": "sin puntuar",
    # duplicates, contamination, labels
    "exact duplicate": "duplicado exacto",
    "near duplicate": "casi duplicado",
    "semantic duplicate": "duplicado semántico",
    "contaminated: exact": "contaminado: igual",
    "contaminated: ngrams": "contaminado: n-gramas",
    "contaminated: near": "contaminado: casi duplicado",
    "contaminated: embedding": "contaminado: embeddings",
    "label issue": "etiqueta dudosa",
    # images
    "near-duplicate image": "imagen casi duplicada",
    "no image": "sin imagen",
    "image missing": "falta la imagen",
    "image too large": "imagen demasiado grande",
    "image too small": "imagen demasiado pequeña",
    "image broken": "imagen dañada",
    "caption empty": "pie vacío",
    "caption is a file name": "el pie es un nombre de archivo",
    "caption too short": "pie demasiado corto",
    "caption too long": "pie demasiado largo",
    "caption does not fit": "el pie no corresponde",
    # selection and augmentation
    "not sampled": "fuera de la muestra",
    "no condition of any": "no cumple ninguna condición",
    "no synthetic row: call failed": "sin fila sintética: falló la llamada",
    "no synthetic row: cut off": "sin fila sintética: cortada",
    "no synthetic row: empty": "sin fila sintética: vacía",
    "no synthetic row: no question": "sin fila sintética: no es pregunta",
    "no synthetic row: other language": "sin fila sintética: otro idioma",
    "no synthetic row: copy": "sin fila sintética: copia",
    "over-represented": "sobrerrepresentado",
    "other reasons": "otros motivos",
}
_PATTERNS = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"no field '(.+)'", r"sin el campo '\1'"),
        (r"language (\S+)", r"idioma \1"),
        (r"caption language (\S+)", r"idioma del pie \1"),
        (r"personal data: (.+)", r"datos personales: \1"),
        (r"commonest (\d+)-gram", r"\1-grama más común"),
        (r"repeated (\d+)-grams", r"\1-gramas repetidos"),
        (r"contaminated: (\w+), other numbers", r"contaminado: \1, otros números"),
        (r"over-represented: (.*)", r"sobrerrepresentado: \1"),
        (r"(.*) by a model", r"\1 por un modelo"),
    )
)


def reason_in(reason: str, lang: str) -> str:
    """A reason in the language ``en`` or ``es``; one that no step of ours gives is left as it is.

    >>> reason_in("near duplicate", "es"), reason_in("language fr", "es"), reason_in("mine", "es")
    ('casi duplicado', 'idioma fr', 'mine')
    """
    if lang != "es":
        return reason
    if reason in _SPANISH:
        return _SPANISH[reason]
    for pattern, said in _PATTERNS:
        found = pattern.fullmatch(reason)
        if found is not None:
            return found.expand(said)
    return reason
