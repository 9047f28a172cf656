"""Words and quotes, as the checks compare them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence

_WORD = re.compile(r"[^\W_]+(?:[._][^\W_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_QUOTES = str.maketrans(dict.fromkeys("\"“”„‟«»'‘’‚‛‹›", "'"))
_DENIED = """
no not never none without cannot nor nunca jamas sin ningun ninguna ni
"""
_DENIALS = frozenset(_DENIED.split())
_COMMON = """
a about all also an and any are as at be been but by can could did do does for from had has
have how if in into is it its many may more most much must no not of on one or other over
should so some such than that the their them then there these they this those to under use
used using was were what when where which while who whom whose why will with would you your
al algun alguna algunos ante antes asi aun cada como con cual cuales cuando cuanta cuantas
cuanto cuantos de debe del desde donde dos el ella ellas ellos en entre era eran es esa esas
ese eso esos esta estan estas este esto estos fue fueron ha han hasta hay la las le les lo los
mas me mi mientras muy ni nos o os otra otras otro otros para pero poco por porque puede
pueden que quien quienes se sea segun ser si sido sin sobre son su sus tal tambien tan tiene
tienen toda todas todo todos tras un una unas uno unos usa usan y ya
"""
COMMON = frozenset(_COMMON.split())
"""Words so common that they show no subject; both languages', without their accents."""


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without accents; a name of code such as ``json.dumps``
    is one.

    >>> words_of("¿Quién fundó Lima? json.dumps, 3,5")
    ['quien', 'fundo', 'lima', 'json.dumps', '3', '5']
    """
    apart = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return _WORD.findall(plain)


def subject_words(text: str) -> set[str]:
    """The words of a text that say what it is about.

    >>> sorted(subject_words("¿Quién fundó la ciudad de Lima?"))
    ['ciudad', 'fundo', 'lima']
    """
    return {word for word in words_of(text) if len(word) > 1 and word not in COMMON}


def numbers_of(text: str) -> set[str]:
    """The numbers of a text, as they are written."""
    return set(_NUMBER.findall(text))


def shared(a: Collection[str], b: Collection[str]) -> float:
    """The Jaccard index of two collections of words; 0 when both are empty.

    >>> shared({"a", "b", "c"}, {"b", "c", "d"})
    0.5
    """
    one, two = set(a), set(b)
    return len(one & two) / len(one | two) if one | two else 0.0


def longest_run(words: Sequence[str], text: Sequence[str]) -> int:
    """The most words in a row that stand in `text` in a row too.

    >>> longest_run("in what was it built".split(), "the tower was it built in May".split())
    3
    """
    best, before = 0, [0] * (len(text) + 1)
    for word in words:
        here = [0] * (len(text) + 1)
        for at, other in enumerate(text, 1):
            if word == other:
                here[at] = before[at - 1] + 1
        best, before = max(best, *here), here
    return best


def token_f1(a: str, b: str) -> float:
    """F1 of the words that two answers share, with repetition, common words left out unless there
    are no others (after Rajpurkar et al. 2016, arXiv:1606.05250).

    >>> token_f1("the Rimac river", "Río Rímac")
    0.5
    """
    one, two = (_content(text) for text in (a, b))
    both = sum((Counter(one) & Counter(two)).values())
    return 2 * both / (len(one) + len(two)) if both else 0.0


def same_words(a: str, b: str, least: float = 0.8) -> bool:
    """Whether two answers plainly say the same: words with an F1 of `least` or more, the same
    numbers, and the same denials.

    >>> same_words("In 1822", "1822"), same_words("in May 1822", "in May 1823")
    (True, False)
    """
    if numbers_of(a) != numbers_of(b):
        return False
    denied = [{word for word in words_of(text) if word in _DENIALS} for text in (a, b)]
    return denied[0] == denied[1] and token_f1(a, b) >= least


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Where `text` holds `quote` as whole words; white space, the shape of quotation marks and a
    stop at its end may differ, nothing else. None where it does not.

    >>> find_quote("faro  de piedra.", "Un faro de piedra, alto.")
    (3, 17)
    >>> find_quote("13", "En 1301") is None
    True
    """
    bare = unicodedata.normalize("NFC", quote).translate(_QUOTES).strip(" \t\n\r.,;:…'")
    pieces = [re.escape(piece) for piece in bare.split()]
    if not pieces or unicodedata.normalize("NFC", text) != text:
        return _find_composed(quote, text) if pieces else None
    pattern = r"\s+".join(pieces)
    before = r"(?<!\w)" if bare[0].isalnum() else ""
    after = r"(?!\w)" if bare[-1].isalnum() else ""
    found = re.search(before + pattern + after, text.translate(_QUOTES))
    return found.span() if found else None


def _find_composed(quote: str, text: str) -> tuple[int, int] | None:
    """`find_quote` in a text that is not composed: offsets are those of its own letters."""
    composed = unicodedata.normalize("NFC", text)
    if composed == text:
        return None
    found = find_quote(quote, composed)
    if found is None:
        return None
    ends = [_letters(text, composed[:at]) for at in found]
    return ends[0], ends[1]


def _letters(text: str, composed: str) -> int:
    """How many letters of `text` make its composed beginning."""
    low, high = len(composed), len(text)
    while low < high:
        middle = (low + high) // 2
        if len(unicodedata.normalize("NFC", text[:middle])) < len(composed):
            low = middle + 1
        else:
            high = middle
    while low < len(text) and unicodedata.combining(text[low]):
        low += 1
    return low


def _content(text: str) -> list[str]:
    words = words_of(text)
    return [word for word in words if word not in COMMON] or words
