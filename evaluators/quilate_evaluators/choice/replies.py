"""Which options a free reply names, in Spanish and English, by one set of rules.

First a reply that is nothing but options; then the last place that announces an answer ("the
answer is B", "me quedo con la C"); then a label that opens the reply ("B) …"); last, whatever
options the reply mentions without denying them. An option that is "no", "sí" or "true" counts where
it stands by itself: "No lo sé" does not answer no.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

_REACH = 10_000  # characters at each end: an answer stands at the beginning or the end
_FLAGS = re.IGNORECASE | re.VERBOSE

# Between what announces an answer and the option: "is most likely the option number".
_FILLERS = re.compile(
    r"""(?:(?:the|la|el|lo|an?(?=\s(?:option|choice))|una?(?=\sopción)|most|likely|definitely
      |probably|clearly|certainly|surely|simply|claramente|probablemente|seguramente|sin\sduda
      |perhaps|maybe|possibly|either|quizás?|tal\svez|posiblemente
      |correcta|correct|right|option|choice|letter|number|answer|opción|alternativa|letra
      |respuesta|inciso|número)\b\s*:?\s*)*+""",
    _FLAGS,
)
_NOUN = r"(?:answer|option|choice|solution|respuesta|opción|alternativa|solución|elección|letra)"
_QUALITY = r"""(?:final|correct[ao]?|right|best|adecuada|verdadera|acertada|buena|mejor|here
  |to\s(?:the|this)\squestion|a\s(?:la|esta)\spregunta)"""
_IS = r"""(?:is|was|would\sbe|will\sbe|should\sbe|must\sbe|has\sto\sbe|es|era|sería|será|debe\sser
  |tiene\sque\sser|ha\sde\sser|:|=|->|→)"""
_HEADS = re.compile(
    rf"""\b{_NOUN}(?:\s{_QUALITY})*+\s*+(?:{_IS}\s*+)+
      | \bi(?:\swould|\swill|'d|'ll)?\s(?:choose|pick|select|go\swith|say|answer|opt\sfor)\s
      | (?<!no\s)(?<!nunca\s)\b(?:elijo|escojo|selecciono|marco|elegiría|escogería|diría|digo
          |me\squedo\scon|me\squedaría\scon|opto\spor|me\sdecanto\spor|me\sinclino\spor
          |respondo|contesto)\s
      | (?<!no\s)\b(?:la|lo)\s(?:correcta|correcto|verdadera|buena|acertada)\s(?:es|sería)\s
      | (?<!no\s)(?<!if\s)(?<!si\s)(?<!that\s)(?<!que\s)\b
        (?:it(?:'s|\sis|\smust\sbe)|(?:es|sería)(?=\sla\s))\s
      | \b(?:the|la)\s(?:right|correct)\sone\s(?:is|would\sbe)\s
      | \bthat\sleaves(?:\sus\swith)?\s | \b(?:eso|esto)\s(?:nos\s)?deja\s | \basí\sque\s(?=la\s)
      | \\boxed\s*""",
    _FLAGS,
)
_TAIL = re.compile(
    r"""\s(?:is|es|sería)\s(?:the\s|la\s|el\s)?
    (?:correct[ao]?|right|best|verdader[ao]|acertad[ao]|respuesta|buena|answer)\b""",
    _FLAGS,
)
_AND = re.compile(r"\s*(?:,|/|&|\b(?:and|or|y|e|o|u)\b)\s*(?:(?:and|or|y|o)\s)?", re.IGNORECASE)
_OPEN, _CLOSE = r"[\"'«“‘(\[{]*+", r"[\"'»”’)\]}]*+"
_BETWEEN = r"\s?[\"'»”’)\]}.:=\-–]++\s?"  # label and text: "B) Roma", "(B): Roma"
_DENIED_BEFORE = re.compile(
    r"""\b(?:not|no|never|neither|nor|cannot|\w+n't|tampoco|ni|nunca|jamás|except|salvo|excepto
    |rather\sthan|instead\sof|en\slugar\sde|en\svez\sde|wrong|incorrect[ao]?|discard|rule\sout
    |descarto|descartamos|unlike)\b""",
    _FLAGS,
)
_DENIED_AFTER = re.compile(
    r"""\s?[?:]\s(?:no|false|fals[ao]|wrong|incorrect[ao]?)\s?(?=[.,;:!\n]|$)
    | \s(?:is|are|was|es|son|era|sería|would\sbe)?(?:n't)?\s?
    (?:(?:not|no|never|nunca|tampoco)\b|(?:clearly\s|claramente\s)?
       (?:wrong|incorrect[ao]?|false|fals[ao]|ruled\sout|descartad[ao])\b)""",
    _FLAGS,
)
# "If it had asked about Italy, the answer would be B" answers another question.
_SUPPOSED = re.compile(
    r"""\b(?:if|si)\b[^.!?\n]*?\b(?:were|was|had|fuera|fuese|hubiera|hubiese|tratara|tratase
    |preguntara|preguntase|preguntaran)\b""",
    _FLAGS,
)
_SENTENCE = re.compile(r"[.!?\n]")
_CLAUSE = re.compile(r"[.;:,!?\n¿¡]|\b(?:but|pero|sino|however|though|aunque)\b", re.IGNORECASE)
# A letter that is a word of its own in English or Spanish names nothing by standing alone.
_WORDS = frozenset("AIEOYU")
_END = re.compile(r"[\W_]*$")
# 1,5 is 1.5 in a reply of the other language.
_DECIMAL = re.compile(r"(?<=\d),(?=\d)")
_ESCAPED_DECIMAL = re.compile(r"(?<=\d)(?:\\\.|,)(?=\d)")
# Words that say more often something else than the option of that text.
_POLAR = frozenset({"yes", "no", "sí", "si"})
_TRUTH = frozenset({"true", "false", "verdadero", "falso", "cierto", "correcto", "incorrecto"})
_ALONE = (
    r"(?=[\"'»”’)\]}]*\s?"
    r"(?:[.,;:!?\n–—-]|$|(?:because|since|porque|ya\sque|pues|and|y|or|o)\b))"
)
_ARTICLE = re.compile(r"\b(?:la|el|both|tanto)\s$", re.IGNORECASE)
_THOUGHT = re.compile(r"^.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_UNSEEN = re.compile(r"[\u200b-\u200f\u2060\ufeff]")


class Named(NamedTuple):
    """The labels that a reply names, in the order of the options. `committed` says that it gives
    them as its answer, and does not merely mention them."""

    labels: tuple[str, ...]
    committed: bool


def named(reply: str, choices: Mapping[str, str]) -> Named:
    """Which of `choices`, texts by label, the reply names.

    >>> choices = {"A": "París", "B": "Roma", "C": "Lima"}
    >>> named("No es París. La respuesta correcta es la **B**.", choices)
    Named(labels=('B',), committed=True)
    >>> named("Roma y Lima son capitales.", choices)
    Named(labels=('B', 'C'), committed=False)
    """
    said = _THOUGHT.sub("", reply)
    text = _plain(said if len(said) <= 2 * _REACH else f"{said[:_REACH]}\n{said[-_REACH:]}")
    return _reader(tuple(choices.items())).read(text)


def _plain(text: str) -> str:
    """Without Markdown's marks, one form of apostrophe, minus and white space; lines stay."""
    text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
    text = text.replace("’", "'").replace("\u2212", "-")
    text = re.sub(r"(?<!\w)[*_`$]+|[*_`$]+(?!\w)", "", text)
    return re.sub(r"[^\S\n]+", " ", re.sub(r"\s*\n\s*", "\n", text)).strip()


class _Mention(NamedTuple):
    """An option at a place of the text; two labels where label and text contradict each other."""

    labels: frozenset[str]
    end: int


@lru_cache(maxsize=256)
def _reader(choices: tuple[tuple[str, str], ...]) -> "_Reader":
    return _Reader(dict(choices))


class _Reader:
    """The rules for one set of options."""

    def __init__(self, choices: Mapping[str, str]) -> None:
        self._order = tuple(choices)
        self._meant: dict[str, set[str]] = {}
        texts = {label: _plain(text).strip(" .") or text for label, text in choices.items()}
        for label in choices:
            self._meant.setdefault(_key(label), set()).add(label)
        forms = {form for text in texts.values() for form in _forms(text)}
        for label, text in texts.items():
            for form in _forms(text):
                self._meant.setdefault(_key(form), set()).add(label)
        by_length = sorted(forms, key=lambda form: (-len(form), form))
        text = "|".join(
            _bounded(one) + (_ALONE if _key(one) in _POLAR else "") for one in by_length
        )
        label = "|".join(map(re.escape, sorted(choices, key=len, reverse=True)))
        # A small letter counts where no word follows: "the answer is a." but not "a city".
        self._at = re.compile(
            rf"""{_OPEN}(?:
                 (?P<l1>{label}){_BETWEEN}{_OPEN}(?P<t1>{text})
               | (?P<t2>{text})
               | (?P<l2>(?-i:{label}))(?![\w'])
               | (?P<l3>{label})(?={_CLOSE}\s?(?:[.),;:!?\n]|$))
             ){_CLOSE}""",
            _FLAGS,
        )
        spoken = "|".join(_bounded(one) for one in by_length if _key(one) not in _POLAR) or "(?!)"
        self._anywhere = re.compile(
            rf"""(?P<l1>(?<![\w']){label}){_BETWEEN}{_OPEN}(?P<t1>{text})
               | (?P<t2>{spoken})
               | (?:\((?P<l2>{label})\) | (?<![\w'])(?P<l3>{label})\))
               | \b{_NOUN}\s[\"'(]?(?P<l4>(?-i:{label}))(?![\w'])
               | (?<![\w'])(?P<bare>(?-i:{label}))(?![\w'])""",
            _FLAGS,
        )
        self._opening = re.compile(
            rf"(?P<l1>{label}){_CLOSE}(?:\s?[).:\]–]|\s-\s|,|\n)(?P<rest>[\s\S]*)", _FLAGS
        )
        self._listed = re.compile(rf"(?:^|[\s(])({label})[).]\s", _FLAGS)
        self._joined = re.compile(
            rf"""\s*(?:,|/|&|\b(?:and|or|nor|y|e|o|u|ni|como)\b)\s*(?:la\s|el\s)?
            (?-i:{label})(?![\w'])""",
            _FLAGS,
        )
        polar = [one for one in by_length if _key(one) in _POLAR | _TRUTH]
        self._by_itself = re.compile(
            rf"""(?:^|[.,;:!?\n¡¿–—]\s?){_OPEN}(?P<polar>{"|".join(map(_bounded, polar)) or "(?!)"})
            {_CLOSE}\s?(?=[.,;:!\n–—]|$)""",
            _FLAGS,
        )

    def read(self, text: str) -> Named:
        """The labels that a plain text names."""
        chain = self._chain(text, _start(text))
        if chain and _END.match(text, chain[-1].end):
            return self._named(chain, committed=True)
        announced = self._announced(text)
        if announced:
            return self._named(announced, committed=True)
        alone = {label for one in self._by_itself.finditer(text) for label in self._of(one)}
        if len(alone) == 1:
            return Named(tuple(alone), True)
        opened = self._opened(text)
        if opened is not None:
            return Named((opened,), True)
        return self._named(list(self._asserted(text)))

    def _named(self, mentions: list[_Mention], *, committed: bool = False) -> Named:
        found = {label for one in mentions for label in one.labels}
        sure = all(len(one.labels) == 1 for one in mentions)
        return Named(tuple(one for one in self._order if one in found), committed and sure)

    def _chain(self, text: str, at: int) -> list[_Mention]:
        """The options that stand one after another from `at` on: "B", "A or B", "B) Roma"."""
        found: list[_Mention] = []
        while True:
            match = self._at.match(text, _end(_FILLERS.match(text, at), at))
            if match is None:
                return found
            found.append(self._mention(match))
            link = _AND.match(text, match.end())
            if link is None:
                return found
            at = link.end()

    def _announced(self, text: str) -> list[_Mention]:
        """The options of the last announcement."""
        last: tuple[int, list[_Mention]] = (-1, [])
        for head in _HEADS.finditer(text):
            chain = self._chain(text, head.end())
            if chain and not _supposed(text, head.start()):
                last = (head.end(), chain)
        for match in self._anywhere.finditer(text):
            said_of = match.start() > last[0] and _TAIL.match(text, match.end())
            if said_of and not _denied(text, match):
                last = (match.start(), [self._mention(match)])
        return last[1]

    def _opened(self, text: str) -> str | None:
        """The label that opens the reply, unless others are listed after it or it is denied."""
        match = self._opening.match(text, _start(text))
        if match is None or _DENIED_AFTER.match(f" {match['rest'].lstrip()}"):
            return None
        found = self._meant[_key(match["l1"])]
        others = {_key(one) for one in self._listed.findall(match["rest"])} - {_key(match["l1"])}
        return None if others or len(found) != 1 else next(iter(found))

    def _asserted(self, text: str) -> Iterator[_Mention]:
        """All options that are mentioned and not denied."""
        for match in self._anywhere.finditer(text):
            bare = match["bare"]
            tells = bare is None or (len(bare) == 1 and bare.isalpha() and self._label(text, match))
            if tells and not _denied(text, match):
                yield self._mention(match)

    def _label(self, text: str, match: re.Match[str]) -> bool:
        """Whether a letter by itself is a label: "la A", "A and C", but not "A city"."""
        if match["bare"] not in _WORDS or self._joined.match(text, match.end()):
            return True
        return _ARTICLE.search(text, max(0, match.start() - 8), match.start()) is not None

    def _mention(self, match: re.Match[str]) -> _Mention:
        return _Mention(frozenset(self._of(match)), match.end())

    def _of(self, match: re.Match[str]) -> set[str]:
        said = [text for text in match.groups() if text is not None]
        return {label for text in said for label in self._meant[_key(text)]}


def _forms(text: str) -> tuple[str, ...]:
    """An option's text and, where it is a verdict such as *falso*, its feminine; *si* for *sí*."""
    if _key(text) == "sí":
        return (text, "si")
    feminine = _key(text) in _TRUTH and text[-1:] in "oO"
    return (text, text[:-1] + "a") if feminine else (text,)


def _supposed(text: str, at: int) -> bool:
    """Whether what stands at `at` holds in another case only."""
    before = text[max(0, at - 200) : at]
    starts = [one.end() for one in _SENTENCE.finditer(before)]
    return _SUPPOSED.search(before, starts[-1] if starts else 0) is not None


def _denied(text: str, match: re.Match[str]) -> bool:
    """Whether the clause says that it is not this option."""
    before = text[max(0, match.start() - 100) : match.start()]
    starts = [one.end() for one in _CLAUSE.finditer(before)]
    clause = before[starts[-1] if starts else 0 :]
    return bool(_DENIED_BEFORE.search(clause) or _DENIED_AFTER.match(text, match.end()))


def _key(text: str) -> str:
    return _DECIMAL.sub(".", re.sub(r"\s+%", "%", " ".join(text.casefold().split())))


def _bounded(text: str) -> str:
    """A pattern of an option's text as whole words; a number is no part of a longer one."""
    pattern = r"\s".join(map(re.escape, text.split()))
    pattern = _ESCAPED_DECIMAL.sub("[.,]", re.sub(r"(?:\\s)?%", r"\\s?%", pattern))
    left = r"(?<![\w.,\-])" if text[:1].isdigit() else r"(?<!\w)" if text[:1].isalnum() else ""
    right = r"(?!\w|[.,]\d)" if text[-1:].isalnum() else ""
    return f"{left}{pattern}{right}"


def _start(text: str) -> int:
    return len(text) - len(text.lstrip(" \n.¡¿-–#>"))


def _end(match: re.Match[str] | None, at: int) -> int:
    return at if match is None else match.end()
