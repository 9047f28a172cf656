r"""Other ways to write a number, brought to plain digits before numbers are read.

LaTeX, Markdown's underscores, powers of ten and whole powers, fractions of one character, thousands
parted by apostrophes (1'234'567), and thousands and millions in the Mexican press's writing
(2 mil 500, 3 millones 450 mil).
"""

import re
import unicodedata
from collections.abc import Callable

_LATEX: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\\[dt]?frac\{([-−]?\d{1,9})\}\{(\d{1,9})\}"), r" \1/\2"),
    (re.compile(r"\\[dt]?frac(\d)(\d)"), r" \1/\2"),
    # The sign of a fraction stands before its digits.
    (re.compile(r"([-−]) (?=\d{1,9}/)"), r"\1"),
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s?\{([^{}]*)\}"), r" \1"),
    (re.compile(r"\^\{([-−+]?\d{1,3})\}"), r"^\1"),
    (re.compile(r"\\(?:times|cdot)(?![A-Za-z])"), "×"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[!]"), ""),
    (re.compile(r"\\[,;:]|~"), " "),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\\$"), "$"),
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_RAISED_TEN = re.compile(r"(?<![\d.,])10([⁻⁺]?[⁰¹²³⁴-⁹]{1,3})")
_TIMES_TEN = re.compile(r"(?<=\d)\s?[×x·∙*]\s?10(?:\^|\*\*)[({]?([-−+]?\d{1,3})[)}]?")
_POWER = re.compile(r"(?<![\w.,/^)\]}])(\d{1,4})(?:\^|\*\*)\(?(\d{1,3})\)?(?![\w^])")
_UNDERSCORES = re.compile(r"(?<!\w)_{1,3}(?=\S)")
_APOSTROPHES = re.compile(r"(?<![\w'’])\d{1,3}(?:['’]\d{3})+(?!\d)")
_FRACTION_SIGN = re.compile(r"(\d?)\s?([¼-¾⅐-⅞])")
_MILLIONS = re.compile(
    r"(?<![\w.,])(\d{1,6}) mill(?:ón|ones) (\d{1,3}) mil(?: (\d{1,3}))?(?![\w.,]*\d)\b"
)
_THOUSANDS = re.compile(r"(?<![\w.,])(\d{1,3}) mil (\d{1,3})(?![.,]?\d)(?! mil)\b")


def plain(text: str) -> str:
    r"""The text with its numbers in plain digits.

    >>> plain(r"$1{,}200$"), plain("1,5 × 10³"), plain("1½"), plain("2 mil 500 pesos")
    ('$1,200$', '1,5e3', '1 1/2', '2500 pesos')
    """
    if "\\" in text or "{" in text or "~" in text:
        for pattern, written in _LATEX:
            text = pattern.sub(written, text)
    for marks, pattern, rewrite in _REWRITES:
        if any(mark in text for mark in marks):
            text = pattern.sub(rewrite, text)
    return text.replace("⁄", "/")


def _raised_ten(found: re.Match[str]) -> str:
    return f"10^{found[1].translate(_RAISED)}"


def _times_ten(found: re.Match[str]) -> str:
    return f"e{found[1].replace('−', '-')}"


def _power(found: re.Match[str]) -> str:
    base, exponent = int(found[1]), int(found[2])
    return f"1e{exponent}" if base == 10 else str(base**exponent) if exponent < 100 else found[0]


def _fraction_sign(found: re.Match[str]) -> str:
    value = unicodedata.normalize("NFKC", found[2]).replace("⁄", "/")
    return f"{found[1]} {value}" if found[1] else value


def _together(found: re.Match[str]) -> str:
    return re.sub(r"\D", "", found[0])


def _compound(found: re.Match[str]) -> str:
    parts = [int(part or 0) for part in found.groups()]
    if len(parts) == 2:
        return str(parts[0] * 1000 + parts[1])
    return str(parts[0] * 1_000_000 + parts[1] * 1000 + parts[2])


_Rewrite = Callable[[re.Match[str]], str]
# What must stand in the text for a pattern to be looked for: most texts have none of it.
_REWRITES: tuple[tuple[tuple[str, ...], re.Pattern[str], _Rewrite | str], ...] = (
    (("_",), _UNDERSCORES, ""),
    (("10⁻", "10⁺", *(f"10{digit}" for digit in "⁰¹²³⁴⁵⁶⁷⁸⁹")), _RAISED_TEN, _raised_ten),
    (("10^", "10**"), _TIMES_TEN, _times_ten),
    (("^", "**"), _POWER, _power),
    (("'", "’"), _APOSTROPHES, _together),
    (tuple("¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"), _FRACTION_SIGN, _fraction_sign),
    (("mill",), _MILLIONS, _compound),
    ((" mil ",), _THOUSANDS, _compound),
)
