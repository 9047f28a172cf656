"""Whether an answer is in the language that it should be in."""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from quilate.data.cleaning.prose import prose_of
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.registry import require
from quilate_evaluators.options import check_number, texts, wrong
from quilate_evaluators.text.words import answer_text


@cache
def _identifier(languages: tuple[str, ...]) -> tuple[Any, frozenset[str]]:
    """py3langid's classifier (loaded once for each choice of languages), and what it knows."""
    langid = require("py3langid.langid", extra="text-metrics", package="py3langid")
    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    known = frozenset(identifier.labels)
    if languages:
        identifier.set_languages(list(languages))
    return identifier, known


_lock = threading.Lock()


def identify(text: str, languages: tuple[str, ...] = ()) -> tuple[str, float]:
    """The language of a text, as an ISO 639 code, and the confidence in it, from 0 to 1; code and
    addresses are left out. With `languages`, one of them.

    By py3langid: Lui and Baldwin's langid.py (2012), trained anew, with confidences that are
    scaled by length. Raises `MissingDependency` without it.

    >>> identify("¿Dónde está la biblioteca de la universidad?")[0]
    'es'
    """
    prose = prose_of(text)
    if not prose:
        return "und", 0.0
    with _lock:
        identifier, _ = _identifier(tuple(sorted(languages)))
    language, confidence = identifier.classify(prose)
    return str(language), float(confidence)


def _nearest(code: Any, known: Sequence[str]) -> str:
    """What to write in the place of a code that is none: a variant is written as its language."""
    plain = re.split(r"[-_]", str(code).lower())[0]
    short = len(plain) <= 3  # no code is like the name of a language
    near = [plain] if plain in known else get_close_matches(plain, known, n=5) if short else []
    told = f" Near it: {', '.join(near)}." if near else ""
    return f"Write an ISO 639 code, such as es or en; {len(known)} are known.{told}"


@dataclass(frozen=True, slots=True)
class Language:
    """1 when the answer is in `language`, or without it in the sample's language, else 0.

    Below `min_confidence` the answer is unscored: a name or a date has no language. `languages`
    are the only ones it may be in; fewer make short answers surer. Variants count as their
    language: ``es-MX`` is ``es``. Raises `MissingDependency` without py3langid, and
    `ConfigurationError` for a language that it does not know.

    >>> from quilate import sync
    >>> sample = Sample("1", "¿Cuándo abre?", language="es")
    >>> english = Output("The library opens at nine in the morning.")
    >>> sync.run(Language().evaluate(sample, english))[0].value
    0.0
    """

    language: str | None = None
    languages: tuple[str, ...] = ()
    min_confidence: float = 0.5
    name: str = "language"
    metrics: tuple[Metric, ...] = (Metric("language", "The answer is in the language asked for."),)
    needs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_number("language", "min_confidence", self.min_confidence, high=1)
        object.__setattr__(self, "languages", texts("language", "languages", self.languages))
        _, known = _identifier(())
        for option, code in (
            *((("language", self.language),) if self.language is not None else ()),
            *(("languages", each) for each in self.languages),
        ):
            if not isinstance(code, str) or code not in known:
                wrong("language", option, code, _nearest(code, sorted(known)))
        if self.language is not None and self.languages and self.language not in self.languages:
            wrong("language", "languages", self.languages, f"Add '{self.language}' to it.")
        if self.language is None:
            object.__setattr__(self, "needs", frozenset({"language"}))

    def misfit(self, samples: Sequence[Sample]) -> str | None:
        """That no sample is of a language that can be told."""
        if self.language or any(self._known(sample.language) for sample in samples):
            return None
        return "knows the language of no sample: write codes such as es, en, es-MX"

    def _known(self, language: str | None) -> str | None:
        """The code of a language, without its variant, if it is among those that can be told."""
        code = re.split(r"[-_]", (language or "").lower())[0]
        return code if code in (self.languages or _identifier(())[1]) else None

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score, with the language found; unscored where the language wanted is not known or
        the one found is not sure."""
        wanted = self.language or sample.language
        if not wanted:
            return [Score.unscored("language", "the sample has no language")]
        code = self._known(wanted)
        if code is None:
            return [Score.unscored("language", "the sample's language is not among those known")]
        found, confidence = identify(answer_text(output), self.languages)
        if found == "und":
            return [Score.unscored("language", "the answer holds no words")]
        if confidence < self.min_confidence:
            return [Score.unscored("language", "the answer's language is not sure")]
        return [Score.of("language", found == code, explanation=f"{found} ({confidence:.2f})")]
