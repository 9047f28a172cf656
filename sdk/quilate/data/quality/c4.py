"""The rules of C4: Raffel et al., Exploring the Limits of Transfer Learning with a Unified
Text-to-Text Transformer, JMLR 21 (2020), section 2.2, and what its published code adds."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from quilate.data.cleaning.options import check_count, check_flag, check_text
from quilate.data.quality.words import lines_of, sentences_in, some
from quilate.data.steps import Change, Drop, Row, Verdict, text_of

_END_MARKS = (".", "?", "!", '"', "”", "»")
_ELLIPSES = ("...", "…")
_CITATION = re.compile(r"\[(?:\d*|edit|citation needed|editar|cita requerida)\]", re.IGNORECASE)
_POLICIES_EN = "terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies"
_POLICIES_ES = (
    "términos de uso|condiciones de uso|política de privacidad|política de cookies|usa cookies"
    "|uso de cookies|usamos cookies|utiliza cookies|utilizamos cookies"
)
_POLICIES = (*_POLICIES_EN.split("|"), *_POLICIES_ES.split("|"))


@dataclass(frozen=True, slots=True)
class C4Quality:
    r"""C4's filter: keeps the lines that are sentences, and drops pages with too few of them.

    A line stays when it ends in ``.``, ``!``, ``?`` or a closing quotation mark (and in no
    ellipsis) and has at least 5 words, none over 1,000 characters; not when it speaks of
    JavaScript, or of terms of use, privacy or cookies, in English or Spanish. Numbers of notes such
    as ``[1]`` and ``[citation needed]`` are taken out of it. Dropped are pages that have ``lorem
    ipsum`` or a curly bracket in a line that would stay, or fewer than 3 sentences left. The order
    is that of the published code. Not here is C4's list of bad words: see the step ``toxicity``.

    The reasons of a change are those of the lines taken out, each as often as lines were.

    >>> text = "Menu\nLima was founded in the year 1535.\nIt is old. Is it large? It is."
    >>> (verdict,) = C4Quality().apply([{"id": "1", "text": text}])
    >>> verdict.reasons, verdict.fields["text"].splitlines()[0]
    (('no end mark',), 'Lima was founded in the year 1535.')
    """

    field: str = "text"
    min_words_per_line: int = 5
    min_sentences: int = 3
    max_word_length: int = 1000
    citations: bool = True
    end_marks: bool = True
    lorem_ipsum: bool = True
    javascript: bool = True
    curly_bracket: bool = True
    policies: bool = True
    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_text("c4_quality", "field", self.field)
        for option in ("min_words_per_line", "min_sentences", "max_word_length"):
            check_count("c4_quality", option, getattr(self, option))
        flags = ("citations", "end_marks", "lorem_ipsum", "javascript", "curly_bracket", "policies")
        for option in flags:
            check_flag("c4_quality", option, getattr(self, option))

    def reads(self) -> Sequence[str]:
        """The field that is judged."""
        return (self.field,)

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """Each row as C4 would have it, or dropped."""
        return [self._verdict(row) for row in rows]

    def _verdict(self, row: Row) -> Verdict:
        text = text_of(row, self.field)
        kept: list[str] = []
        why: list[str] = []
        for line in lines_of(text):
            after, reason = self._line(line.strip())
            if reason in ("lorem ipsum", "curly bracket"):
                return Drop(reason)
            if reason is None:
                kept.append(after)
            else:
                why.append(reason)
        if sentences_in(kept) < self.min_sentences:
            return Drop("too few sentences", f"{sentences_in(kept)} in {some(len(kept), 'lines')}")
        made = "\n".join(kept)
        if made == text:
            return None
        return Change({self.field: made}, tuple(why) or ("white space or citations",))

    def _line(self, line: str) -> tuple[str, str | None]:
        """The line without citations, and the reason why it goes; None: it stays."""
        words = line.split()
        if any(len(word) > self.max_word_length for word in words):
            return line, "word too long"
        if self.citations:
            line = _CITATION.sub("", line).rstrip()
        if self.end_marks and (not line.endswith(_END_MARKS) or line.endswith(_ELLIPSES)):
            return line, "no end mark"
        if len(line.split()) < self.min_words_per_line:
            return line, "too few words"
        return line, self._said(line.lower())

    def _said(self, lower: str) -> str | None:
        if self.lorem_ipsum and "lorem ipsum" in lower:
            return "lorem ipsum"
        if self.javascript and "javascript" in lower:
            return "JavaScript"
        if self.curly_bracket and "{" in lower:
            return "curly bracket"
        if self.policies and any(said in lower for said in _POLICIES):
            return "policy"
        return None
