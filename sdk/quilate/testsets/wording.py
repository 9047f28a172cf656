"""The checks of a draft's own words, which ask no model."""

import re
import unicodedata

from quilate.retrieval.languages import language_of
from quilate.testsets.values import Draft, Rejection
from quilate.testsets.words import (
    COMMON,
    find_quote,
    longest_run,
    numbers_of,
    subject_words,
    words_of,
)

OF_ALL = ("wording", "language", "self_contained", "on_subject", "not_copied")
CHECKS = (*OF_ALL, "answer_not_given_away", "quotes_verbatim", "answer_quoted")
"""The names of what `first_flaw` checks; `OF_ALL` also of unanswerable questions."""

_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MOST = {"question": 400, "answer": 600, "missing": 600}  # characters
_COPIED = 7  # words in a row from a passage, and
_COPIED_SHARE = 0.5  # this share of the question: benchmarks/testset_checks.py shows what it costs
_QUESTIONS = re.compile(r"[^.!?\n]*\?")
_SENTENCE = 4  # words of an answer from which its language shows
_OF_THE = {"en": "of the", "es": "de la"}
_LEAST_QUOTE = 3  # words; fewer show nothing
_SUPPORTED = 0.5  # of an answer's words that are not the question's, those of the quotes
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
_PRONOUN = re.compile(
    r"\b(?:it|he|she|they|him|her|them|this|these|those|él|ella|ellos|ellas|esto|eso)\b",
    re.IGNORECASE,
)
_WHEN_ES = re.compile(
    r"^\W*(?:cuándo|dónde|cómo|quién(?:es)?|por\squé|en\squé\s(?:año|fecha|lugar|ciudad|país))"
    r"\s(?!hay\b)(?:se\s)?\w+(?:\s\w+)?\W*$",
    re.IGNORECASE,
)
_NAMED = re.compile(r"(?<=\w\s)[«“\"']?(?:[^\W\d_]*[A-ZÁÉÍÓÚÑ]|\w*\d)")
_ASKED_FOR_WORDS = "year date time place city country ano fecha lugar ciudad pais"
_ASKED_FOR = frozenset(_ASKED_FOR_WORDS.split())
_ASKING_WORDS = """
what which who whom whose when where why how qué quién quiénes cuál cuáles cuándo cuánto cuánta
cuántos cuántas dónde cómo
"""
_ASKING = frozenset(_ASKING_WORDS.split())
_INVERTED_VERBS = """
am is are was were do does did can could has have had will would shall should may might must
"""
_INVERTED = frozenset(_INVERTED_VERBS.split())
_YES_NO = frozenset({"yes", "no", "si", "true", "false", "verdadero", "falso"})


def first_flaw(draft: Draft) -> Rejection | None:
    """Why the draft cannot be taken, by its words alone; None when nothing is wrong with them."""
    checks = [_printable, _present, _form, _language, _self_contained, _subject, _copied]
    if draft.task.kind != "unanswerable":
        checks += [_given_away, _quotes, _supported]
    return next(filter(None, (check(draft) for check in checks)), None)


def _printable(draft: Draft) -> Rejection | None:
    for text in (draft.question, draft.answer, draft.missing, *draft.quotes):
        for letter in text:
            hidden = letter in _REORDERING or letter >= "\U000e0000"
            if hidden or unicodedata.category(letter) in ("Cc", "Cs", "Co"):
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
    if wanted in _OF_THE and _own_words(draft):
        found = language_of(f"{draft.answer} {_OF_THE[wanted]}")  # in doubt, it is the passage's
        if found != wanted:
            return Rejection("language", f"The answer is in {found}, its passage in {wanted}.")
    return None


def _own_words(draft: Draft) -> bool:
    """Whether the answer is the model's own sentence, not a name or words of a passage."""
    return len(words_of(draft.answer)) >= _SENTENCE and not any(
        find_quote(draft.answer, passage.text) for passage in draft.task.passages
    )


def _self_contained(draft: Draft) -> Rejection | None:
    found = _POINTS.search(" ".join(draft.question.split()))
    if found:
        return Rejection("not_self_contained", f"It says '{found[0]}'.")
    if _names_nothing(draft):
        return Rejection("not_self_contained", "It does not name what it is about.")
    return None


def _names_nothing(draft: Draft) -> bool:
    """Whether it asks “When was it built?” or “¿Dónde nació?”: one word about it knows not what."""
    told = subject_words(draft.question) - _ASKED_FOR
    if len(told) > 1 or _NAMED.search(draft.question):
        return False
    shape = _WHEN_ES if draft.task.language == "es" else _PRONOUN
    return shape.search(draft.question) is not None


def _subject(draft: Draft) -> Rejection | None:
    """A question that shares no word with its passage is about something else, or names nothing."""
    asked = _beginnings(draft.question)
    for passage in draft.task.passages:
        if asked & _beginnings(f"{passage.title} {passage.text}"):
            return None
    return Rejection("off_subject", "It shares no word with its passages.")


def _copied(draft: Draft) -> Rejection | None:
    """A sentence of the passage with a question mark, or with a “what” in its place. Questions
    that the passage itself asks, as lists of frequent ones do, may be asked again."""
    asked = words_of(draft.question)
    if _begins_by_asking(draft.question):
        return None
    for passage in draft.task.passages:
        run = longest_run(asked, words_of(_QUESTIONS.sub(" ", passage.text)))
        if run >= max(_COPIED, _COPIED_SHARE * len(asked)):
            return Rejection("copied", f"{run} words in a row are those of {passage.id}.")
    return None


def _begins_by_asking(question: str) -> bool:
    """Whether a question word, or an English verb before its subject, is where it should be."""
    first = re.findall(r"\w+", question.rpartition("¿")[2].casefold())[:3]
    return first[:1] != [] and (first[0] in _INVERTED or not _ASKING.isdisjoint(first))


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


def _supported(draft: Draft) -> Rejection | None:
    """An answer whose words, those of the question apart, are hardly those of its quotes rests on
    something else. Of two passages, what is put together may be new: a sum, or that both do."""
    said = _beginnings(draft.answer) - _beginnings(draft.question) - _YES_NO
    told = said & _beginnings(" ".join(draft.quotes))
    joined = draft.task.kind == "multi"
    new = numbers_of(draft.answer) or _YES_NO & set(words_of(draft.answer))
    if (joined and (told or new)) or len(told) >= _SUPPORTED * len(said):
        return None
    where = "the quotes" if joined else "the quote"
    return Rejection("answer_not_quoted", f"{len(told)} of its {len(said)} words stand in {where}.")


def quote_spans(draft: Draft) -> tuple[tuple[int, int], ...]:
    """Where each quote stands in its passage, in characters."""
    found = (
        find_quote(quote, passage.text)
        for quote, passage in zip(draft.quotes, draft.task.passages, strict=False)
    )
    return tuple(span for span in found if span is not None)
