"""The words of a text that carry its content, in Spanish and English."""

import re
import unicodedata

_STOP_EN = """
a about after all also an and any are as at be because been before being between both but by can
could did do does doing during each for from had has have having he her here him his how i if in
into is it its just may me might more most must my no nor not of on once only or other our out over
own same she should since so some such than that the their them then there these they this those
through to too under until up upon us very was we were what when where which while who whom whose
why will with within would you your
"""
_STOP_ES = """
a al algo algún alguna algunas alguno algunos ante antes aquel aquella aquellas aquellos así aun
aunque bajo bien cada casi como cómo con contra cual cuál cuales cuáles cuando cuándo de del desde
donde dónde durante e el él ella ellas ellos en entre era eran es esa esas ese eso esos esta
está están estas este esto estos fue fueron ha haber había habían han hasta hay la las le les lo los
más me mi mis mucho muy nada ni no nos nuestra nuestro o otra otras otro otros para pero poco por
porque pues que qué quien quién quienes se según ser será si sí siendo sin sino sobre son su sus
también tan tanto te tiene tienen todo toda todos todas tras tu un una unas uno unos y ya yo
"""
# A number with its separators, or a run of letters and digits.
_TOKEN = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+")
_THOUSANDS = re.compile(r"\d{1,3}(?:[.,]\d{3})+")


def words(text: str, language: str = "en") -> list[str]:
    """The words of `text` in a form by which texts are compared: lower case, without accents (ñ
    stays) and without the endings of plurals; numbers without thousands separators and with a
    decimal point, whichever way they are written.

    >>> words("Las 1.250 CIUDADES españolas: 3,5 %", "es")
    ['las', '1250', 'ciudad', 'española', '3.5']
    """
    found = _TOKEN.findall(_unaccented(unicodedata.normalize("NFKC", text).casefold()))
    return [_number(token) if token[0].isdigit() else _stem(token, language) for token in found]


def content_words(text: str, language: str = "en") -> list[str]:
    """`words` without those that only tie others together (articles, prepositions, pronouns…).

    >>> content_words("The loans last for 21 days.")
    ['loan', 'last', '21', 'day']
    """
    stop = _STOP_STEMS["es" if language.startswith("es") else "en"]
    return [word for word in words(text, language) if word not in stop]


def _unaccented(text: str) -> str:
    """Without accents and diaereses; the tilde of ñ and the cedilla are letters of their own."""
    parts = unicodedata.normalize("NFD", text)
    kept = "".join(char for char in parts if char not in "\u0300\u0301\u0302\u0308")
    return unicodedata.normalize("NFC", kept)


def _number(token: str) -> str:
    if _THOUSANDS.fullmatch(token):
        return token.replace(",", "").replace(".", "")
    return token.replace(",", ".")


def _stem(word: str, language: str) -> str:
    """Without a final s and then a final e, so that *house* and *houses*, *ciudad* and
    *ciudades*, *clase* and *clases* come together; short words stay."""
    if len(word) < 4:
        return word
    if word.endswith("ies") and not language.startswith("es"):
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    return word[:-1] if word.endswith("e") else word


_STOP_STEMS = {
    language: frozenset(words(known, language))
    for language, known in (("en", _STOP_EN), ("es", _STOP_ES))
}
