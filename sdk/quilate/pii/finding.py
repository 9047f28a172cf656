"""Finding personal data in a text: where it stands and of what kind, never what it says."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from quilate.pii import numbers

_MARKS = re.compile(r"[\s.\-–/()\u00a0\u202f]")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of personal data: its pattern, and the check that what it finds must pass."""

    pattern: re.Pattern[str]
    valid: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Personal data of a `kind` at ``text[start:end]``."""

    kind: str
    start: int
    end: int


def _kind(pattern: str, valid: Callable[[str], bool] | None = None) -> Kind:
    return Kind(re.compile(pattern, re.VERBOSE | re.IGNORECASE | re.ASCII), valid)


def _phone(number: str) -> bool:
    return number.lstrip("+").isdecimal() and 9 <= len(number.lstrip("+")) <= 15


def _iban_pattern() -> str:
    """Every country's IBAN in its length, with or without a space or hyphen between characters."""
    countries: dict[int, list[str]] = {}
    for country, length in numbers.IBAN_LENGTHS.items():
        countries.setdefault(length, []).append(country)
    return "|".join(
        rf"(?:{'|'.join(codes)})\d\d(?:[\ -]?[a-z0-9]){{{length - 4}}}"
        for length, codes in countries.items()
    )


# Eleven digits without marks are one of these only where it says so just before.
_NAMED = {
    "cuit": re.compile(r"\bcui[tl]\b", re.I),
    "cpf": re.compile(r"\bcpf\b", re.I),
    "rut": re.compile(r"\bru[tn]\b", re.I),
    "phone": re.compile(
        r"\b(?:tel|tlf|tfno|fono|fax|m[oó]vil|cel|phone|mobile|whatsapp|ll[aá]m|marca|call|dial"
        r"|contact|n[uú]mero\sde\scontacto|ring|text\b|ligue|chamar)",
        re.I,
    ),
}
_NEAR = 40  # characters
# A run of nine digits after one of these is something else.
_COUNTED = re.compile(
    r"(?:pedido|orden|order|factura|invoice|expediente|serie|serial|c[oó]digo|code|ref(?:erencia)?"
    r"|reference|tracking|env[ií]o|id|ticket|n[º°o]|n\.[º°]|n[uú]m(?:ero)?|isbn|issn|ean)\W{0,3}$",
    re.I,
)
_VERSION = re.compile(r"(?:\bv|\bver\.?|\bversi[oó]n|\brelease|\bsecci[oó]n|\bsection)\s?$", re.I)

# The order matters: what an earlier kind has taken is no longer looked at. Numbers with a check
# come before those that only look like one. Every repetition is bounded, for the time's sake.
KINDS = {
    "email": _kind(
        r"(?<![\w.+%à-öø-ÿ-])(?!git@)[a-z0-9_à-öø-ÿ][\w.+%à-öø-ÿ-]{0,63}"
        r"@(?:[a-z0-9à-öø-ÿ][a-z0-9à-öø-ÿ-]{0,62}\.){1,8}[a-z]{2,24}(?![\w-])"
    ),
    "iban": _kind(rf"(?<![a-z0-9])(?:{_iban_pattern()})(?![a-z0-9])", numbers.iban),
    "card": _kind(
        r"""(?<![\w.,-])(?: \d{4}([\ -])\d{4}\1\d{4}\1\d{4} | \d{4}([\ -])\d{6}\2\d{5}
          | \d{13,19} )(?![\w-])(?![.,]\d)""",
        numbers.card,
    ),
    "curp": _kind(r"(?<!\w)[a-z]{4}\d{6}[hmx][a-z]{5}[a-z0-9]\d(?!\w)", numbers.curp),
    "rfc": _kind(
        r"(?<![\w&ñÑ])[a-zñÑ&]{4}[\ -]?\d{6}[\ -]?[1-9a-v][1-9a-z][0-9a](?!\w)", numbers.rfc
    ),
    "dni": _kind(r"(?<![\w.-])\d{2}\.?\d{3}\.?\d{3}(?:-?[a-z]|\ (?-i:[A-Z]))(?!\w)", numbers.dni),
    "nie": _kind(
        r"(?<!\w)[xyz][\ -]?\d\.?\d{3}\.?\d{3}(?:-?[a-z]|\ (?-i:[A-Z]))(?!\w)", numbers.nie
    ),
    "cuit": _kind(r"(?<![\w-])\d{2}[\ -]?\d{8}[\ -]?\d(?![\w-])", numbers.cuit),
    "cpf": _kind(r"(?<![\w.-])\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?![\w-])", numbers.cpf),
    "rut": _kind(r"(?<![\w.-])\d{1,2}(?:\.\d{3}\.\d{3}|\d{6})-?[\dk](?![\w-])", numbers.rut),
    "ssn": _kind(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])", numbers.ssn),
    "ip": _kind(
        r"""(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)
          | (?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:]))"""
    ),
    "phone": _kind(
        r"""(?<![\w.,/$€£-])(?:
            (?:\+(?!\d{1,3}(?:[\ .]000){2})|00(?=[1-9]\d{0,2}[\ .-]))\d{1,3}[\ .-]?
              (?:\(\d{1,4}\)[\ .-]?)?\d{1,4}(?:[\ .-]?\d{1,4}){1,5}
          | \(\d{2,4}\)[\ .-]?\d{3,5}[\ .-]?\d{3,4}
          | (?P<plain>[6-9]\d{8})
          | [6-9]\d{2}([\ -])\d{3}\2(?!000)\d{3}
          | [6-9]\d{2}(?:[\ .-]\d{2}){3}
          | (?:1[\ .-])?\d{3}[.-]\d{3}[.-]\d{4}
          | (?<!\d[\ -])(?:9\d([\ .-])\d{3}(?:\3\d{2}){2}
            | (?P<named> \d{10} | (?:1[\ .-])?\d{3}\ \d{3}\ \d{4} | 0?\d{2,3}\ 9?\d{4}[\ -]\d{4}
              | 9\ \d{4}\ \d{4} ))(?![\ -]\d)
        )(?![\w-])(?![.,]\d)(?!\s?(?:[€$%]|(?:euros?|pesos|dólares|dollars|habitantes
          |inhabitants|people|personas|usd|eur|km|m2)(?!\w)))""",
        _phone,
    ),
}

# What a text must hold for a kind to be in it, sought first: most texts hold none, and this is far
# faster. All but three kinds have six digits, with at most three other characters between two.
_SIX_DIGITS = re.compile(r"[0-9](?:[^0-9]{0,3}[0-9]){5}")
_SIGNS = {
    "email": re.compile("@"),
    "iban": re.compile(r"[A-Za-z]{2}[0-9]{2}"),
    "ip": re.compile(r"[0-9]\.[0-9]|:[0-9A-Fa-f]{0,4}:"),
}


def _possible(text: str) -> set[str]:
    """The kinds that a text may hold."""
    numbers_too = _SIX_DIGITS.search(text) is not None
    return {
        name
        for name in KINDS
        if (_SIGNS[name].search(text) is not None if name in _SIGNS else numbers_too)
    }


def find_pii(text: str, kinds: Iterable[str] = KINDS) -> list[Found]:
    """The personal data in a text, in order, each place of one kind only.

    `kinds` are among ``email``, ``phone``, ``iban``, ``card`` (Luhn), Spain's ``dni`` and ``nie``,
    Mexico's ``curp`` and ``rfc``, Chile's ``rut``, Argentina's ``cuit``, Brazil's ``cpf``, the
    United States' ``ssn``, and ``ip``. Numbers with check digits must have the right ones.

    >>> [each.kind for each in find_pii("Ana: ana@ejemplo.es, DNI 12345678Z, tel. +34 612 345 678")]
    ['email', 'dni', 'phone']
    """
    chosen = _possible(text).intersection(kinds)
    if not chosen:
        return []
    found = [
        Found(name, match.start(), match.end())
        for name, kind in KINDS.items()
        if name in chosen
        for match in kind.pattern.finditer(text)
        if _valid(name, kind, match)
    ]
    return _apart(found)


def _valid(name: str, kind: Kind, match: re.Match[str]) -> bool:
    said = match.group()
    before = match.string[max(match.start() - _NEAR, 0) : match.start()]
    if name == "ip":
        return numbers.ip(said) and _VERSION.search(before) is None
    if name == "phone" and match["plain"] and _COUNTED.search(before):
        return False
    bare = match["named"] if name == "phone" else name in _NAMED and said.isalnum()
    if bare and _NAMED[name].search(before) is None:
        return False
    return kind.valid is None or kind.valid(canonical(name, said))


def _apart(found: list[Found]) -> list[Found]:
    """What was found first of all that overlaps, in the order of the text."""
    rank = {name: at for at, name in enumerate(KINDS)}
    taken: list[Found] = []
    for each in sorted(found, key=lambda one: (one.start, rank[one.kind])):
        if taken and each.start < taken[-1].end:
            if rank[each.kind] < rank[taken[-1].kind]:
                taken[-1] = each
        else:
            taken.append(each)
    return taken


def canonical(kind: str, said: str) -> str:
    """The data in one writing, by which two mentions of it are the same.

    >>> canonical("dni", "12.345.678-z"), canonical("email", "Ana@Ejemplo.es")
    ('12345678Z', 'ANA@EJEMPLO.ES')
    """
    if kind in ("email", "ip"):
        return said.upper()
    bare = _MARKS.sub("", said).upper()
    # A country's prefix may stand or not: +34 612 345 678 is 612345678.
    return bare[-9:] if kind == "phone" else bare
