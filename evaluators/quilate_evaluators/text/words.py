"""Words as SQuAD compares them, and what of an output is its answer."""

import re
import unicodedata
from collections import Counter

from quilate.evaluators import Output

_ARTICLES = {
    "en": frozenset({"a", "an", "the"}),
    "es": frozenset({"el", "la", "los", "las", "lo", "un", "una", "unos", "unas"}),
}
# Marks that names of code are made of stay inside words: `json.dumps`, `os.path`, `--help`.
# So do those of decimals and times: 3,5 does not hold the word 5, nor 21:30 the word 21.
_INNER = re.compile(r"(?<=\w)[._](?=\w)|(?<=\d)[,:](?=\d)")
_UNSEEN = re.compile(r"[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_KEPT = str.maketrans("._,:", "\0\1\2\3")
_BACK = str.maketrans("\0\1\2\3", "._,:")


def normalize(text: str, language: str | None = None) -> list[str]:
    """The words of `text` as SQuAD compares them (Rajpurkar et al. 2016, arXiv:1606.05250):
    lower case, without punctuation and articles; Spanish articles as in MLQA (Lewis et al. 2020,
    arXiv:1910.07475). Punctuation is all of Unicode's, so ¿ ¡ « » too, but a dot or underscore
    inside a word stays, since ``json.dumps`` is one name, and so does a comma or colon between
    digits (3,5 and 21:30). Marks that are not seen, such as those of direction, go. Without a
    `language`, English rules.

    >>> normalize("¿El Contador «Counter»?", "es")
    ['contador', 'counter']
    """
    folded = unicodedata.normalize("NFKC", seen(text)).casefold()
    kept = _INNER.sub(lambda mark: mark.group().translate(_KEPT), folded)
    spaced = "".join(" " if unicodedata.category(char)[0] in "PS" else char for char in kept)
    words = spaced.translate(_BACK).split()
    articles = _ARTICLES.get((language or "en")[:2], _ARTICLES["en"])
    return [word for word in words if word not in articles]


def seen(text: str) -> str:
    """The text without marks that nobody sees: of direction, of no width, soft hyphens."""
    return _UNSEEN.sub("", text)


def f1(answer: list[str], reference: list[str]) -> float:
    """Harmonic mean of precision and recall over shared words, with repetition.

    >>> f1(["bisect_right"], ["bisect_right"])
    1.0
    """
    if not answer or not reference:
        return float(answer == reference)
    shared = sum((Counter(answer) & Counter(reference)).values())
    return 2 * shared / (len(answer) + len(reference))


def answer_text(output: Output) -> str:
    """The answer without its citation markers, which are not part of what it says."""
    text, at = output.text, 0
    kept: list[str] = []
    for citation in sorted(output.citations, key=lambda each: each.start):
        kept.append(text[at : citation.start])
        at = max(at, citation.end)
    return ("".join(kept) + text[at:]).strip()
