"""The step ``toxicity``: a hook for a score of harm, which the user brings."""

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from quilate import registry, sync
from quilate.data.cleaning.hooks import hook, hook_file
from quilate.data.cleaning.options import check_choice, check_number, check_text, set_texts, wrong
from quilate.data.cleaning.within import text_within
from quilate.data.steps import Change, Drop, Row, Verdict
from quilate.errors import ConfigurationError, DataError

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Toxicity:
    """Scores each row's `field` and drops, or labels, what reaches the `threshold`. It has no model
    or list of its own.

    `scorer` is a function of a text in a Python file (``FILE.py:NAME``) that gives a number, or the
    name of a registered evaluator (made with `options`), whose first metric is the score; where
    higher is better, what lies below the threshold is toxic. Or `words` are a list, or a text file
    with one on each line (``#`` begins a note): the score is 1 where the text has one of them as a
    word, in whatever case, else 0.

    `action` ``drop`` drops toxic rows; ``label`` keeps every row, with the score in `column`. Rows
    that an evaluator leaves unscored stay, counted as ``not scored``. Raises `ConfigurationError`
    for what is no scorer, `DataError` for what is no number.

    >>> step = Toxicity(words=["maldito"])
    >>> list(step.apply([{"id": "1", "text": "¡Maldito seas!"}, {"id": "2", "text": "Hola"}]))
    [Drop(reason='toxic', detail='score 1.000'), None]
    """

    field: str = "text"
    scorer: str | Callable[[str], float] | None = None
    words: str | Sequence[str] | None = None
    threshold: float = 0.5
    action: Literal["drop", "label"] = "drop"
    column: str = "toxicity"
    options: Mapping[str, Any] | None = None
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_text("toxicity", "field", self.field)
        check_text("toxicity", "column", self.column)
        check_choice("toxicity", "action", self.action, ("drop", "label"))
        check_number("toxicity", "threshold", self.threshold)
        if self.column in ("id", self.field):
            wrong("toxicity", "column", self.column, "Name another column.")
        if (self.scorer is None) == (self.words is None):
            wrong("toxicity", "scorer", self.scorer, "Give a scorer or words, one of the two.")
        if self.words is not None and not isinstance(self.words, str):
            set_texts(self, "toxicity", "words")
        self._scoring()

    def inputs(self) -> Mapping[str, str]:
        """The files that are read, each with its SHA-256."""
        file = self.words if isinstance(self.words, str) else hook_file(self.scorer)
        return {file: hashlib.sha256(Path(file).read_bytes()).hexdigest()} if file else {}

    def reads(self) -> Sequence[str]:
        """The field that is scored."""
        return (self.field,)

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """Toxic rows dropped, or every row with its score."""
        score, low_is_toxic = self._scoring()
        return [self._verdict(row, score, low_is_toxic) for row in rows]

    def _verdict(self, row: Row, scored: "Scored", low_is_toxic: bool) -> Verdict:
        score = _number(scored(text_within(row, self.field)), row)
        if score is None:
            return Change({}, ("not scored",))
        toxic = score < self.threshold if low_is_toxic else score >= self.threshold
        if self.action == "label":
            return Change({self.column: score}, ("toxic" if toxic else "not toxic",))
        return Drop("toxic", f"score {score:.3f}") if toxic else None

    def _scoring(self) -> "tuple[Scored, bool]":
        """What scores a text, and whether a low score is the toxic one."""
        if self.words is not None:
            return _listed(_word_list(self.words)), False
        if callable(self.scorer) or hook_file(self.scorer):
            return hook(self.scorer, "the step 'toxicity'"), False
        return _evaluated(str(self.scorer), self.options or {})


Scored = Callable[[str], Any]


def _number(score: Any, row: Row) -> float | None:
    if score is None:
        return None
    score = score.item() if hasattr(score, "item") else score
    if isinstance(score, int | float) and math.isfinite(score):
        return float(score)
    raise DataError(
        f"The scorer of the step 'toxicity' gave {score!r}.",
        where=f"row {row.get('id')}",
        remedy="Let it return a finite number, or None where it cannot tell.",
    )


def _word_list(words: str | Sequence[str]) -> tuple[str, ...]:
    if not isinstance(words, str):
        return tuple(words)
    try:
        lines = Path(words).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The list of words cannot be read: {error}.",
            where=words,
            remedy="Name a UTF-8 file with one word a line, or write the words as a list.",
        ) from None
    found = tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    if not found:
        raise ConfigurationError("The list of words is empty.", where=words)
    return found


def _listed(words: Sequence[str]) -> Scored:
    """Scores 1 where one of the words, or of the phrases, is in a text."""
    single = {word.casefold() for word in words if _WORD.fullmatch(word)}
    others = [re.escape(" ".join(w.casefold().split())) for w in words if not _WORD.fullmatch(w)]
    phrases = re.compile(rf"(?<!\w)(?:{'|'.join(others)})(?!\w)") if others else None

    def scored(text: str) -> float:
        folded = text.casefold()
        if any(match[0] in single for match in _WORD.finditer(folded)):
            return 1.0
        return float(phrases is not None and phrases.search(" ".join(folded.split())) is not None)

    return scored


def _evaluated(name: str, options: Mapping[str, Any]) -> tuple[Scored, bool]:
    from quilate.evaluators import Output, Sample

    evaluator = registry.evaluator(name, **options)
    if evaluator.needs:
        wrong("toxicity", "scorer", name, f"It needs {', '.join(sorted(evaluator.needs))}.")
    metric = evaluator.metrics[0]

    def scored(text: str) -> float | None:
        scores = sync.run(evaluator.evaluate(Sample("row", ""), Output(text)))
        return next((score.value for score in scores if score.metric == metric.name), None)

    return scored, metric.higher_is_better
