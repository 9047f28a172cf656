"""Telling Spanish from English in a question, by its letters and commonest words."""

import re

_SPANISH_LETTERS = re.compile(r"[¿¡ñáéíóúü]", re.IGNORECASE)
_WORDS = re.compile(r"[^\W\d_]+")
_SPANISH_WORDS = """
el la los las un una de del en y o que qué se es son al con por para como cómo cual cuál su
sus lo le les no si sí más quien quién cuando cuándo donde dónde hay entre sin sobre
"""
_ENGLISH_WORDS = """
the a an of in and or that is are to with by for as how which what its it they not if yes
more who when where there between without on does do did can from was were has have
"""
# Endings that one of the two languages has: they decide where no word of the above does.
_SPANISH_ENDINGS = """
ción ciones dad dades ario arios aria arias teca tecas encia encias miento mientos aje ajes mente
"""
_ENGLISH_ENDINGS = """
ing tion tions ness ment ments ly ght th ck sh
"""
_ENDINGS_ES, _ENDINGS_EN = tuple(_SPANISH_ENDINGS.split()), tuple(_ENGLISH_ENDINGS.split())
_SPANISH = frozenset(_SPANISH_WORDS.split())
_ENGLISH = frozenset(_ENGLISH_WORDS.split())


def language_of(text: str) -> str:
    """``es`` or ``en``, whichever the text looks more like; ``en`` when it looks like neither.

    >>> language_of("¿Para qué sirve json.dumps?"), language_of("What is the purpose of Café?")
    ('es', 'en')
    >>> language_of("horario biblioteca"), language_of("opening hours")
    ('es', 'en')
    """
    words = [word.casefold() for word in _WORDS.findall(text[:2000])]
    spanish = sum(word in _SPANISH for word in words)
    spanish += len(_SPANISH_LETTERS.findall(text[:2000]))
    english = sum(word in _ENGLISH for word in words)
    if spanish == english:
        spanish += sum(word.endswith(_ENDINGS_ES) for word in words)
        english += sum(word.endswith(_ENDINGS_EN) for word in words)
    return "es" if spanish > english else "en"
