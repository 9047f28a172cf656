"""The step ``boilerplate``: lines of web pages that are not the text, in Spanish and English."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from quilate.data.cleaning.options import check_choice, check_count, set_texts
from quilate.data.cleaning.within import change_texts
from quilate.data.quality.words import bare
from quilate.data.steps import Change, Drop, Row, Verdict

_LONGEST = 300  # characters of a line that is looked at: longer ones are prose
_REPEATABLE = 20  # characters from which a repeated line is no verse, mark or bracket
_KEPT = ("    ", "\t", "#")  # code, lists of lists, headings
_FENCE = re.compile(r"\s{0,3}(?:```|~~~)")


def _whole(*lines: str) -> re.Pattern[str]:
    """Matches what says one of these and nothing else."""
    return re.compile("|".join(lines), re.IGNORECASE)


_COOKIES = re.compile(
    r"""\bcookies\b.{0,200}\b(?:
        acept\w* | consent\w* | configur\w* | rechaz\w* | navegando | navegación | de\ terceros
      | mejorar | personalizar | accept\w* | reject\w* | settings | experience | browsing
      | third[- ]part\w+ | personali[sz]e | preferences)\b
      | \b(?:acept\w+ | consent\w* | rechaz\w+ | gestionar | usamos | utilizamos | utiliza | usa
      | uses? | accept | reject | manage | we\ use)\b.{0,60}\bcookies\b""",
    re.IGNORECASE | re.VERBOSE,
)
_COOKIE_LINKS = _whole(
    r"pol[ií]tica de cookies", r"aviso de cookies", r"cookies?(?: policy| notice| settings)",
    r"configuraci[oó]n de cookies",
)  # fmt: skip
_NAVIGATION = _whole(
    r"(?:ir|saltar|volver)? ?al? (?:contenido(?: principal)?|men[uú]|inicio|principio)",
    r"(?:volver |ir )?arriba", r"inicio", r"men[uú](?: principal)?", r"navegaci[oó]n",
    r"mapa del sitio", r"buscar", r"siguiente", r"anterior", r"p[aá]gina \d+ de \d+",
    r"(?:leer|ver|saber|mostrar) m[aá]s", r"(?:contacto|cont[aá]ctenos|cont[aá]ctanos)",
    r"iniciar sesi[oó]n", r"cerrar sesi[oó]n", r"reg[ií]str(?:arse|ate|ese)", r"aviso legal",
    r"pol[ií]tica de privacidad", r"(?:t[eé]rminos|condiciones)(?: y condiciones)?(?: de uso)?",
    r"skip to (?:main )?(?:content|navigation)", r"(?:back to )?top", r"home", r"main menu",
    r"menu", r"navigation", r"site ?map", r"search", r"next(?: page)?", r"previous(?: page)?",
    r"page \d+ of \d+", r"(?:read|show|load|see|learn) more", r"contact(?: us)?", r"about us",
    r"(?:log|sign) (?:in|out|up)", r"register", r"legal notice", r"privacy policy",
    r"terms(?: (?:and|&) conditions| of (?:use|service))?",
)  # fmt: skip
_PARTED = re.compile(r"\s*[|>»·•]\s*")
_COPYRIGHT = re.compile(
    r"""(?:[^\w©(]|_)*+(?: (?:copyright\b|©|\(c\)).{0,30}\b(?:19|20)\d\d\b.*
      | .{0,120}\b(?:todos\ los\ derechos\ reservados|all\ rights\ reserved)\b.{0,60} )""",
    re.IGNORECASE | re.VERBOSE,
)
_SHARING = _whole(
    r"(?:compartir|comparte|comp[aá]rtelo)(?: (?:esto|en|por|v[ií]a)\b.{0,40})?",
    r"s[ií]guenos(?: en)?\b.{0,60}", r"tuitear", r"imprimir",
    r"enviar por correo(?: electr[oó]nico)?",
    r"suscr[ií]b(?:ete|ase|irse)\b.{0,60}", r"comentarios \(?\d+", r"me gusta", r"publicidad",
    r"share(?: (?:this|on|via)\b.{0,40})?", r"follow us\b.{0,60}", r"tweet(?: this)?", r"print",
    r"email this\b.{0,30}", r"subscribe\b.{0,60}", r"\d+\)? comments?", r"like this",
    r"advertisement",
)  # fmt: skip


def _links(line: str) -> bool:
    """Whether a line is a row of links, such as ``Inicio | Noticias | Contacto``: of a table it is
    one only where half of its cells are words of navigation."""
    parts = [part for part in _PARTED.split(line) if part]
    named = sum(_NAVIGATION.fullmatch(part) is not None for part in parts)
    return len(parts) >= 3 and named * 2 >= len(parts)


_RULES: dict[str, Callable[[str, str], object]] = {  # of a line, and it without signs around
    "cookies": lambda line, words: _COOKIE_LINKS.fullmatch(words) or _COOKIES.search(line),
    "navigation": lambda line, words: _NAVIGATION.fullmatch(words) or _links(line),
    "copyright": lambda line, words: _COPYRIGHT.fullmatch(line),
    "sharing": lambda line, words: _SHARING.fullmatch(words),
}
KINDS = (*_RULES, "repeated")
"""The kinds of lines that are taken out."""


@dataclass(frozen=True, slots=True)
class Boilerplate:
    r"""Takes lines of web pages out: notices of cookies, navigation, copyright, calls to share, and
    lines repeated `repeats` times or more in one text, of which the first stays.

    A line goes only when the whole of it is such a thing. Headings of Markdown, lines over 300
    characters, indented lines, and code between fences stay. The reasons of a change are the
    `kinds` of the lines taken out, each as often as lines were, so that the report counts lines. A
    row of nothing else is dropped as ``only boilerplate``.

    >>> text = "Inicio\nLima fue fundada en 1535.\nUsamos cookies para mejorar su visita.\n© 2024 X"
    >>> (verdict,) = Boilerplate().apply([{"id": "1", "text": text}])
    >>> verdict.fields["text"], verdict.reasons
    ('Lima fue fundada en 1535.', ('navigation', 'cookies', 'copyright'))
    """

    field: str | Sequence[str] = "text"
    kinds: str | Sequence[str] = KINDS
    repeats: int = 3
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        set_texts(self, "boilerplate", "field")
        set_texts(self, "boilerplate", "kinds")
        for kind in self.kinds:
            check_choice("boilerplate", "kinds", kind, KINDS)
        check_count("boilerplate", "repeats", self.repeats, low=2)

    def reads(self) -> Sequence[str]:
        """The fields that are cleaned."""
        return self.field

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """A change for each row with such lines."""
        return [self._verdict(row) for row in rows]

    def _verdict(self, row: Row) -> Verdict:
        removed: list[str] = []

        def changer(text: str) -> tuple[str, Sequence[str]]:
            after, why = self._without(text)
            removed.extend(why)
            return after, why

        verdict = change_texts(row, self.field, changer)
        if not isinstance(verdict, Change):
            return verdict
        emptied = [name for name, value in verdict.fields.items() if value == ""]
        if emptied:
            return Drop("only boilerplate", f"{emptied[0]}: {_told(removed)}")
        return Change(verdict.fields, tuple(removed))

    def _without(self, text: str) -> tuple[str, list[str]]:
        kept, why = [], []
        for line, reason in self._judged(text):
            if reason is None:
                kept.append(line)
            else:
                why.append(reason)
        return ("\n".join(kept).strip("\n"), why) if why else (text, [])

    def _judged(self, text: str) -> Iterator[tuple[str, str | None]]:
        """Each line, with the reason why it goes."""
        lines = text.split("\n")
        if len(lines) == 1:  # a text of one line is somebody's whole say
            yield text, None
            return
        often = self._repeated(lines)
        seen: set[str] = set()
        in_code = False
        for line in lines:
            if _FENCE.match(line):
                in_code = not in_code
                yield line, None
                continue
            said = line.strip()
            if in_code or not said or line.startswith(_KEPT):
                yield line, None
            elif said in seen:
                yield line, "repeated"
            else:
                if said in often:
                    seen.add(said)
                yield line, self._kind(said)

    def _repeated(self, lines: Sequence[str]) -> frozenset[str]:
        if "repeated" not in self.kinds:
            return frozenset()
        counts = Counter(
            said
            for line in lines
            if not line.startswith(_KEPT) and len(said := line.strip()) >= _REPEATABLE
        )
        often = (line for line, count in counts.items() if count >= self.repeats)
        return frozenset(line for line in often if any(map(str.isalpha, line)))

    def _kind(self, line: str) -> str | None:
        if len(line) > _LONGEST:
            return None
        words = bare(line)
        if not words:
            return None
        kinds = (kind for kind, rule in _RULES.items() if kind in self.kinds and rule(line, words))
        return next(kinds, None)


def _told(reasons: Sequence[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in Counter(reasons).items())
