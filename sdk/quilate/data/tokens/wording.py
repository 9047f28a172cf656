"""The words of the measurement of tokenizers, in English and Spanish, and figures as text."""

from __future__ import annotations

import math
from collections.abc import Mapping

from quilate.reports.strings import Words

_TABLE: dict[str, tuple[str, str]] = {
    "fit": ("Tokenisation fit", "Ajuste de los tokenizadores"),
    "tokenizer": ("Tokenizer", "Tokenizador"),
    "rows": ("Rows", "Filas"),
    "tokens": ("Tokens", "Tokens"),
    "per_word": ("Tokens per word", "Tokens por palabra"),
    "per_character": ("per char.", "por car."),
    "per_character_long": ("Tokens per character", "Tokens por carácter"),
    "per_byte": ("per byte", "por byte"),
    "whole": ("Whole words", "Palabras enteras"),
    "unknown": ("Unknown", "Desconocidos"),
    "unknown_short": ("Unknown", "Descon."),
    "bytes": ("Byte tokens", "Tokens de bytes"),
    "window": ("Window", "Ventana"),
    "rows_cut": ("Rows cut", "Filas cortadas"),
    "tokens_lost": ("Tokens lost", "Tokens perdidos"),
    "filled": ("Filled if packed", "Ocupación empaquetando"),
    "filled_batch": ("padded by batch", "rellenando por lote"),
    "filled_window": ("padded to the window", "rellenando la ventana"),
    "all_languages": ("all", "todos"),
    "lengths": ("Length of the rows in tokens", "Longitud de las filas en tokens"),
    "quantile_line": (
        "median {p50}, 95% up to {p95}, longest {most}",
        "mediana {p50}, el 95 % hasta {p95}, máxima {most}",
    ),
    "bar": ("{low} to {high} tokens: {rows}", "{low} a {high} tokens: {rows}"),
    "bar_open": ("{low} tokens or more: {rows}", "{low} tokens o más: {rows}"),
    "some_rows": ("{n} row|{n} rows", "{n} fila|{n} filas"),
    "some_pairs": ("{n} pair of texts|{n} pairs of texts", "{n} par de textos|{n} pares de textos"),
    "some_read": (
        "{n} row read|{n} rows read",
        "{n} fila leída|{n} filas leídas",
    ),
    "empty": ("{n} without text", "{n} sin texto"),
    "limited": ("there are more, which were not read", "hay más, que no se leyeron"),
    "sampled": ("a sample of {share}", "una muestra del {share}"),
    "method": (
        "Words are what stands between white space; a word is whole when it is one token. Byte "
        "tokens are pieces of characters that the vocabulary lacks. Windows count the tokens put "
        "around a row; the rest does not. Packing is best-fit decreasing; a batch has {batch} "
        "rows, drawn at random and padded to the longest.",
        "Las palabras son lo que hay entre espacios; una palabra está entera si es un solo token. "
        "Los tokens de bytes son trozos de caracteres que el vocabulario no tiene. Las ventanas "
        "cuentan los tokens que se añaden a cada fila; lo demás no. El empaquetado es "
        "«best-fit decreasing»; un lote tiene {batch} filas, tomadas al azar y rellenadas hasta "
        "la más larga.",
    ),
    "guessed": (
        "{rows} named no language: it was told from the text, as Spanish or English.",
        "{rows} sin idioma indicado: se dedujo del texto, como español o inglés.",
    ),
    # advice
    "parallel": (
        "{tokenizer} needs {ratio} × as many tokens for your {language} as for the same texts in "
        "{reference} ({level} interval {interval}; {pairs}).",
        "{tokenizer} necesita {ratio} × los tokens para tu {language} que para los mismos textos "
        "en {reference} (intervalo del {level} {interval}; {pairs}).",
    ),
    "parallel_bare": (
        "{tokenizer} needs {ratio} × as many tokens for your {language} as for the same texts in "
        "{reference} ({pairs}: too few or too alike for an interval).",
        "{tokenizer} necesita {ratio} × los tokens para tu {language} que para los mismos textos "
        "en {reference} ({pairs}: muy pocos o muy iguales para un intervalo).",
    ),
    "per_word_ratio": (
        "{tokenizer} needs {ratio} × as many tokens for a word of your {language} as for one of "
        "your {reference} (not the same texts).",
        "{tokenizer} necesita {ratio} × los tokens para una palabra de tu {language} que para una "
        "de tu {reference} (no son los mismos textos).",
    ),
    "per_character_ratio": (
        "{tokenizer} needs {ratio} × as many tokens for a character of your {language} as for one "
        "of your {reference} (not the same texts).",
        "{tokenizer} necesita {ratio} × los tokens para un carácter de tu {language} que para uno "
        "de tu {reference} (no son los mismos textos).",
    ),
    "split_words": (
        "{tokenizer} keeps only {share} of your {language} words whole: a model that reads so many "
        "pieces was trained on little of this language.",
        "{tokenizer} deja enteras solo el {share} de tus palabras en {language}: un modelo que lee "
        "tantos trozos se entrenó con poco texto de este idioma.",
    ),
    "cut": (
        "{tokenizer}: {rows} of rows are cut at {window} tokens, and {tokens} of the tokens lost.",
        "{tokenizer}: el {rows} de las filas se corta a los {window} tokens, y se pierde el "
        "{tokens} de los tokens.",
    ),
    "cut_worse": (
        "{tokenizer}: at {window} tokens {rows} of your {language} rows are cut, but {others} of "
        "your {reference} ones.",
        "{tokenizer}: a los {window} tokens se corta el {rows} de tus filas en {language}, pero el "
        "{others} de las que están en {reference}.",
    ),
    "not_cut": (
        "{tokenizer}: no row is longer than {window} tokens.",
        "{tokenizer}: ninguna fila pasa de {window} tokens.",
    ),
    "packing": (
        "{tokenizer}: packing into {window} saves {saved} of the padding of batches of {batch} "
        "rows: {packed} of the positions hold a token, instead of {padded} ({whole} where each row "
        "is padded to the window).",
        "{tokenizer}: empaquetar en {window} ahorra el {saved} del relleno de los lotes de {batch} "
        "filas: el {packed} de las posiciones tiene un token, en vez del {padded} (el {whole} si "
        "cada fila se rellena hasta la ventana).",
    ),
    "packing_useless": (
        "{tokenizer}: packing into {window} gains nothing: {packed} of the positions hold a token, "
        "and {padded} do in batches of {batch} rows.",
        "{tokenizer}: empaquetar en {window} no gana nada: el {packed} de las posiciones tiene un "
        "token, y el {padded} en lotes de {batch} filas.",
    ),
    "unknown_tokens": (
        "{tokenizer}: {share} of the tokens are unknown: what they stood for is lost to the model.",
        "{tokenizer}: el {share} de los tokens son desconocidos: el modelo pierde lo que "
        "representaban.",
    ),
    "byte_tokens": (
        "{tokenizer}: {share} of the tokens are pieces of characters: the vocabulary lacks signs "
        "or letters of your texts.",
        "{tokenizer}: el {share} de los tokens son trozos de caracteres: al vocabulario le faltan "
        "signos o letras de tus textos.",
    ),
    "fewest": (
        "{best} needs the fewest tokens ({tokens}); against it, {others}.",
        "{best} es el que menos tokens necesita ({tokens}); frente a él, {others}.",
    ),
    "times": ("{tokenizer} needs {ratio} ×", "{tokenizer} necesita {ratio} ×"),
    "cost_given": (
        "{tokenizer}: reading all rows once costs {cost}, at {price} for a million tokens.",
        "{tokenizer}: leer todas las filas una vez cuesta {cost}, a {price} por millón de tokens.",
    ),
    "cost_estimated": (
        "{tokenizer}: reading all rows once costs about {cost} (estimated: {model} at its list "
        "price of {price} for a million tokens).",
        "{tokenizer}: leer todas las filas una vez cuesta unos {cost} (estimado: {model} a su "
        "precio de lista de {price} por millón de tokens).",
    ),
}

_LANGUAGES = {
    "ar": ("Arabic", "árabe"),
    "ca": ("Catalan", "catalán"),
    "de": ("German", "alemán"),
    "en": ("English", "inglés"),
    "es": ("Spanish", "español"),
    "eu": ("Basque", "vasco"),
    "fr": ("French", "francés"),
    "gl": ("Galician", "gallego"),
    "gn": ("Guarani", "guaraní"),
    "it": ("Italian", "italiano"),
    "ja": ("Japanese", "japonés"),
    "ko": ("Korean", "coreano"),
    "nl": ("Dutch", "neerlandés"),
    "pt": ("Portuguese", "portugués"),
    "qu": ("Quechua", "quechua"),
    "ru": ("Russian", "ruso"),
    "und": ("undetermined", "indeterminado"),
    "zh": ("Chinese", "chino"),
}


class TokenWords(Words):
    """The words of the reports and those of the measurement of tokenizers.

    >>> TokenWords("es")["whole"], TokenWords("es").named("en"), TokenWords("en").named("tlh")
    ('Palabras enteras', 'inglés', 'tlh')
    """

    __slots__ = ()

    def __getitem__(self, key: str) -> str:
        if key in _TABLE:
            return _TABLE[key][self.lang == "es"]
        return Words.__getitem__(self, key)

    def all(self) -> Mapping[str, str]:
        """Every word by its key."""
        return {**Words.all(self), **{key: self[key] for key in _TABLE}}

    def named(self, language: str) -> str:
        """A language by its name where it is known, else its code."""
        names = _LANGUAGES.get(language)
        return language if names is None else names[self.lang == "es"]

    def share(self, value: float | None) -> str:
        """A share in per cent, with as many digits as tell something; never a false 0 or 100.

        >>> TokenWords("en").share(0.0712), TokenWords("es").share(0.00001)
        ('7.1%', '< 0,01 %')
        """
        if value is None:
            return "—"
        if 0 < value < 0.0001:
            return f"< {self.percent(0.0001)}"
        if 0.999 < value < 1:
            return self.percent(0.999)
        hundredths = value * 100
        digits = 0 if hundredths >= 10 and hundredths < 99 else 1 if hundredths >= 1 else 2
        return self.percent(round(hundredths, digits) / 100)

    def ratio(self, value: float | None) -> str:
        """A figure with three digits or so.

        >>> TokenWords("es").ratio(1.7781), TokenWords("en").ratio(0.01234)
        ('1,78', '0.012')
        """
        if value is None:
            return "—"
        small = 0 < value < 0.1
        return self.number(value, digits=min(1 - math.floor(math.log10(value)), 9) if small else 2)
