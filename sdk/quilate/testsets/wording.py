"""The checks of a draft's own words, which ask no model."""

import re
import unicodedata

from quilate.retrieval.languages import language_of
from quilate.testsets.values import Draft, Rejection
from quilate.testsets.words import COMMON, find_quote, numbers_of, subject_words, words_of

CHECKS = (
    "wording",
    "language",
    "self_contained",
    "on_subject",
    "answer_not_given_away",
    "quotes_verbatim",
)
"""The names of what `first_flaw` checks; the last two only of answerable questions."""

_MOST = {"question": 400, "answer": 600, "missing": 600}  # characters
_LEAST_QUOTE = 3  # words; fewer show nothing
_TEXT_EN = r"(?:passages?|texts?|excerpts?|snippets?|paragraphs?|extracts?)"
_TEXT_ES = r"(?:pasajes?|textos?|fragmentos?|párrafos?|extractos?)"
_DOCUMENT_EN = rf"(?:{_TEXT_EN}|documents?|articles?|sections?|context|author)"
_DOCUMENT_ES = rf"(?:{_TEXT_ES}|documentos?|artículos?|secci(?:ón|ones)|contexto|autora?)"
_POINTS = re.compile(
    rf"""\b(?:
        (?:this|these|above|given|following|provided|preceding|previous|both|two)\s{_TEXT_EN}
      | (?:given|following|provided|above|preceding)\s{_DOCUMENT_EN}
      | (?:according\sto|based\son|described\sin|mentioned\sin|stated\sin|per)
          \s(?:the|this|these|that)\s(?:\w+\s)?{_DOCUMENT_EN}
      | (?:of|by)\sthe\s(?:passages?|excerpts?|snippets?|paragraphs?)\b(?!\sof\b)
      | (?:in|from|does|do)\sthe\s{_TEXT_EN}(?!\s(?:of|through|field|file|box|editor)\b)
      | (?:mentioned|described|shown|listed|stated|given)\s(?:above|below|here)
      | (?:passage|text)\s[12]
      | (?:este|estos|dicho|dichos|ambos|dos)\s{_TEXT_ES}
      | {_DOCUMENT_ES}\s(?:anterior|siguiente|dad[oa]|proporcionad[oa]|citad[oa])s?
      | (?:según|de\sacuerdo\scon|conforme\sa|menciona\s(?:en|el)|descrit[oa]s?\sen
          |mencionad[oa]s?\sen|indica\sen)\s(?:el|la|los|las|este|esta|estos)\s{_DOCUMENT_ES}
      | (?:en|del|dice)\s(?:el\s)?{_TEXT_ES}(?!\s(?:de|del)\b)
      | (?:mencionad[oa]s?|descrit[oa]s?|citad[oa]s?|indicad[oa]s?)\s(?:arriba|antes|aquí)
      | (?:pasaje|texto|fragmento)\s[12]
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)
_YES_NO = frozenset({"yes", "no", "si", "true", "false", "verdadero", "falso"})


def first_flaw(draft: Draft) -> Rejection | None:
    """Why the draft cannot be taken, by its words alone; None when nothing is wrong with them."""
    checks = [_printable, _present, _form, _language, _self_contained, _subject]
    if draft.task.kind != "unanswerable":
        checks += [_given_away, _quotes]
    return next(filter(None, (check(draft) for check in checks)), None)


def _printable(draft: Draft) -> Rejection | None:
    for text in (draft.question, draft.answer, draft.missing, *draft.quotes):
        for letter in text:
            if unicodedata.category(letter) in ("Cc", "Cs", "Co") and letter not in "\n\r\t":
                return Rejection("unprintable", f"It holds U+{ord(letter):04X}.")
    return None


def _present(draft: Draft) -> Rejection | None:
    if not draft.question:
        return Rejection("declined", "The model wrote no question.")
    if draft.task.kind != "unanswerable" and not draft.answer:
        return Rejection("declined", "The model wrote no answer.")
    return None


def _form(draft: Draft) -> Rejection | None:
    texts = {"question": draft.question, "answer": draft.answer, "missing": draft.missing}
    for name, text in texts.items():
        if len(text) > _MOST[name]:
            return Rejection("length", f"The {name} has {len(text)} characters.")
    if len(words_of(draft.question)) < 3:
        return Rejection("length", "The question has fewer than 3 words.")
    if not draft.question.rstrip(" .\"'»”").endswith("?"):
        return Rejection("not_a_question", "It ends in no question mark.")
    return None


def _language(draft: Draft) -> Rejection | None:
    found, wanted = language_of(draft.question), draft.task.language
    if wanted in ("en", "es") and found != wanted:
        return Rejection("language", f"The question is in {found}, its passage in {wanted}.")
    return None


def _self_contained(draft: Draft) -> Rejection | None:
    found = _POINTS.search(" ".join(draft.question.split()))
    return Rejection("not_self_contained", f"It says '{found[0]}'.") if found else None


def _subject(draft: Draft) -> Rejection | None:
    """A question that shares no word with its passage is about something else, or names nothing."""
    asked = _beginnings(draft.question)
    for passage in draft.task.passages:
        if asked & _beginnings(f"{passage.title} {passage.text}"):
            return None
    return Rejection("off_subject", "It shares no word with its passages.")


def _beginnings(text: str) -> set[str]:
    """The first letters of the words that say what a text is about, so that inflections meet."""
    return {word[:5] for word in subject_words(text)}


def _given_away(draft: Draft) -> Rejection | None:
    answer = set(words_of(draft.answer)) - COMMON - _YES_NO
    asked = set(words_of(draft.question))
    if answer and answer <= asked and numbers_of(draft.answer) <= numbers_of(draft.question):
        return Rejection("gives_answer_away", "All words of the answer are in the question.")
    return None


def _quotes(draft: Draft) -> Rejection | None:
    for number, (quote, passage) in enumerate(
        zip(draft.quotes, draft.task.passages, strict=True), 1
    ):
        if len(quote.split()) < _LEAST_QUOTE:
            return Rejection("quote_too_short", f"Quote {number} has {len(quote.split())} words.")
        if find_quote(quote, passage.text) is None:
            return Rejection(
                "quote_not_in_passage", f"Quote {number} does not stand in {passage.id}."
            )
    return None


def quotes_as_they_stand(draft: Draft) -> tuple[str, ...]:
    """The quotes with the letters of their passages."""
    places = [
        (passage.text, find_quote(quote, passage.text))
        for quote, passage in zip(draft.quotes, draft.task.passages, strict=False)
    ]
    return tuple(text[slice(*place)] for text, place in places if place is not None)
