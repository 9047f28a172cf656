"""The step ``language``: the language of each row, with how sure it is, by py3langid."""

import copy
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from quilate.data.cleaning.options import check_count, check_number, check_text, set_texts, wrong
from quilate.data.cleaning.prose import prose_of
from quilate.data.cleaning.within import text_within
from quilate.data.steps import Change, Drop, Row, Verdict
from quilate.registry import nearest, require

UNDETERMINED = "und"
"""The code of a text whose language cannot be told (ISO 639-2)."""

_lock = threading.Lock()


@cache
def _identifier(languages: tuple[str, ...]) -> Any:
    """py3langid's classifier, for each choice of languages; it keeps no state."""
    if languages:
        # The tables (74 MB, half a second to load) are those of all languages.
        narrowed = copy.copy(_identifier(()))
        narrowed.set_languages(list(languages))
        return narrowed
    langid = require("py3langid.langid", extra="data", package="py3langid")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def known_languages() -> frozenset[str]:
    """The codes of the languages that can be told."""
    with _lock:
        return frozenset(_identifier(()).labels)


def identify(text: str, languages: tuple[str, ...] = (), reach: int = 2000) -> tuple[str, float]:
    """The language of a text as an ISO 639 code, and the confidence in it, from 0 to 1; code and
    addresses are left out. With `languages`, one of them. ``und`` for a text without words.

    By py3langid: Lui and Baldwin's langid.py (ACL 2012), trained anew, with confidences scaled by
    length. Raises `MissingDependency` without it. Safe in threads.

    >>> identify("¿Dónde está la biblioteca de la universidad?")[0], identify("1902 😀")
    ('es', ('und', 0.0))
    """
    prose = prose_of(text, reach)
    if not prose:
        return UNDETERMINED, 0.0
    with _lock:
        identifier = _identifier(languages)
    language, confidence = identifier.classify(prose)
    return str(language), float(confidence)


@dataclass(frozen=True, slots=True)
class DetectLanguage:
    """Writes the language of each row into `column`, as an ISO 639 code, and the confidence in it,
    from 0 to 1, into ``COLUMN_confidence``. What is less sure than `min_confidence`, and what holds
    no words, is ``und``.

    With `keep`, rows of other languages are dropped. `languages` are the only ones looked for: a
    short text is surer among few. The first `reach` characters of `field` are looked at, without
    code and addresses. Raises `ConfigurationError` for a language that py3langid does not know.

    >>> step = DetectLanguage(keep=["es"])
    >>> rows = [{"id": "1", "text": "La biblioteca abre a las nueve de la mañana."},
    ...         {"id": "2", "text": "The library opens at nine in the morning."}]
    >>> kept, dropped = step.apply(rows)
    >>> kept.fields["language"], dropped.reason
    ('es', 'language en')
    """

    field: str = "text"
    keep: str | Sequence[str] | None = None
    min_confidence: float = 0.0
    languages: str | Sequence[str] = ()
    column: str = "language"
    reach: int = 2000
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_text("language", "field", self.field)
        check_text("language", "column", self.column)
        check_number("language", "min_confidence", self.min_confidence, high=1)
        check_count("language", "reach", self.reach, low=1)
        if self.column in ("id", self.field):
            wrong("language", "column", self.column, "Name another column.")
        self._check_languages()

    def _check_languages(self) -> None:
        known = known_languages()
        if self.languages:
            set_texts(self, "language", "languages")
            object.__setattr__(self, "languages", tuple(sorted(self.languages)))
        if self.keep is not None:
            set_texts(self, "language", "keep")
        for option, codes in (("languages", self.languages), ("keep", self.keep or ())):
            for code in codes:
                if code not in known and not (option == "keep" and code == UNDETERMINED):
                    remedy = "Write an ISO 639 code, such as es or en. "
                    wrong("language", option, code, remedy + _near(code, known))
        for code in self.keep or ():
            if self.languages and code not in (*self.languages, UNDETERMINED):
                wrong("language", "keep", code, "Add it to `languages` too.")

    def reads(self) -> Sequence[str]:
        """The field whose language is told."""
        return (self.field,)

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """Each row with its language, or dropped: as ``no words``, ``language not sure``, or
        ``language en``. Raises `MissingDependency` without py3langid."""
        return [self._verdict(row) for row in rows]

    def _verdict(self, row: Row) -> Verdict:
        found, confidence = identify(
            text_within(row, self.field), tuple(self.languages), self.reach
        )
        sure = confidence >= self.min_confidence
        code = found if sure else UNDETERMINED
        if self.keep is not None and code not in self.keep:
            if found == UNDETERMINED:
                return Drop("no words")
            detail = f"{found} {confidence:.3f}"
            return Drop(f"language {found}" if sure else "language not sure", detail)
        fields = {self.column: code, f"{self.column}_confidence": round(confidence, 4)}
        return Change(fields, (code,))


def _near(code: str, known: frozenset[str]) -> str:
    plain = code.replace("_", "-").partition("-")[0].lower()
    if plain in known:
        return f"Variants are written as their language: {plain}."
    return nearest(code, sorted(known)) if len(code) <= 3 else f"{len(known)} are known."
