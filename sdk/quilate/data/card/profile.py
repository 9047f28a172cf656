"""The figures of a dataset in one pass, with state that does not grow with the rows."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from quilate.data.card.drawing import Reservoir
from quilate.data.card.showing import as_text, is_filled, shown, type_of
from quilate.data.card.values import FieldCard, LanguageCard, Languages, Shown
from quilate.data.steps import Row
from quilate.data.tokens.lengths import Histogram
from quilate.data.tokens.reading import OTHER
from quilate.errors import DataError

LANGUAGE_FIELDS = ("language", "lang")
_FIELDS = 200  # that are told of; what names fields by data would fill memory
_DISTINCT = 2_000
_VALUES, _VALUE = 50, 80  # values that are counted each; their longest
_LANGUAGES = 64
_EXAMPLES, _EXAMPLE = 3, 80
_DRAWN, _GUESSED = 50, 1_000
_SAMPLE_FIELD = 20_000
_TYPES = 12


class FieldProfile:
    """What is known of one field so far."""

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.filled = self.characters = 0
        self.first: Shown | None = None
        self._distinct: set[int] | None = set()
        self._least, self._most = math.inf, -math.inf
        self._lengths: Histogram | None = None
        self._values: Counter[str] | None = Counter()

    def add(self, value: Any) -> None:
        """One row's value."""
        kind = type_of(value)
        self.types[kind if kind in self.types or len(self.types) < _TYPES else OTHER] += 1
        if not is_filled(value):
            return
        self.filled += 1
        if self.first is None:
            self.first = shown(value, _EXAMPLE)
        if isinstance(value, str):
            self.characters += len(value)
            if self._lengths is None:
                self._lengths = Histogram()
            self._lengths.add((len(value),))
        elif (number := _finite(value)) is not None:
            self._least, self._most = min(self._least, number), max(self._most, number)
        if self._distinct is not None:
            self._count(value)

    def _count(self, value: Any) -> None:
        assert self._distinct is not None  # noqa: S101
        simple = isinstance(value, str | int | float)
        self._distinct.add(hash((type(value), value)) if simple else hash(as_text(value)))
        if len(self._distinct) > _DISTINCT:
            self._distinct = None
        if self._values is not None and _countable(value):
            self._values[as_text(value)] += 1
        if self._values is not None and (len(self._values) > _VALUES or not _countable(value)):
            self._values = None

    def card(self, name: str, drawn: Iterable[Mapping[str, Shown]], examples: bool) -> FieldCard:
        """The field's part of the card, with examples from rows that were drawn."""
        more = self._distinct is None
        return FieldCard(
            name=name,
            types=dict(self.types.most_common()),
            filled=self.filled,
            distinct=_DISTINCT if self._distinct is None else len(self._distinct),
            more=more,
            examples=self._examples(name, drawn) if examples else (),
            least=self._least if math.isfinite(self._least) else None,
            most=self._most if math.isfinite(self._most) else None,
            lengths=None if self._lengths is None else self._lengths.lengths(),
            values=self._labels(),
        )

    def _labels(self) -> dict[str, int] | None:
        """How often each value occurs, where each is on two rows or more on the average."""
        if not self._values or self.filled < 2 * len(self._values):
            return None
        return dict(self._values.most_common())

    def _examples(self, name: str, drawn: Iterable[Mapping[str, Shown]]) -> tuple[Shown, ...]:
        found: dict[str, Shown] = {}
        for row in drawn:
            if name in row and len(found) < _EXAMPLES:
                text = row[name].text[:_EXAMPLE]
                found.setdefault(text, Shown(text, row[name].characters))
        if not found and self.first is not None:
            found[self.first.text] = self.first
        return tuple(found.values())


def _finite(value: Any) -> float | None:
    """A number that a float can hold; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _countable(value: Any) -> bool:
    """Whether it may be a label: short, and no fraction."""
    return isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= _VALUE)


class Profile:
    """What is known of all rows so far."""

    def __init__(self, *, samples: int, seed: int) -> None:
        self.rows = self.unseen_fields = 0
        self._fields: dict[str, FieldProfile] = {}
        self._beyond: set[int] = set()
        self._samples = samples
        self._drawn: Reservoir[dict[str, Shown]] = Reservoir(max(samples, _DRAWN), seed=seed)
        self._seed = seed
        self._languages: dict[str, list[float]] = {}  # rows, sum and number of confidences, doubts
        self._language_field: str | None = None
        self._texts: Reservoir[str] = Reservoir(_GUESSED, seed=seed)

    def add(self, row: Any) -> None:
        """One row; raises `DataError` for what is none."""
        if not isinstance(row, Mapping):
            raise DataError(
                f"This row is no mapping of fields, but of the type {type(row).__name__}.",
                where=f"row {self.rows}",
                remedy="Give rows such as {'id': '1', 'text': 'Hola'}.",
            )
        self.rows += 1
        for name, value in row.items():
            field = self._fields.get(name)
            if field is None:
                if len(self._fields) >= _FIELDS:
                    self._pass_over(name)
                    continue
                field = self._fields[name] = FieldProfile()
            field.add(value)
        self._drawn.offer(lambda: _kept(row))
        self._language(row)

    def _pass_over(self, name: str) -> None:
        if len(self._beyond) < _DISTINCT:
            self._beyond.add(hash(name))
        self.unseen_fields = len(self._beyond)

    def _language(self, row: Row) -> None:
        named = next((name for name in LANGUAGE_FIELDS if isinstance(row.get(name), str)), None)
        if named is None:
            self._texts.offer(lambda: _longest(row))
            return
        self._language_field = self._language_field or named
        language = row[named] or OTHER
        if language not in self._languages and len(self._languages) >= _LANGUAGES:
            language = OTHER
        tally = self._languages.setdefault(language, [0, 0.0, 0, 0])
        tally[0] += 1
        confidence = _finite(row.get(f"{named}_confidence"))
        if confidence is not None:
            tally[1] += confidence
            tally[2] += 1
            tally[3] += confidence < 0.5

    def languages(self) -> Languages:
        """The languages: as the rows name them, else as a sample of their texts looks."""
        if self._language_field is not None:
            rows = int(sum(tally[0] for tally in self._languages.values()))
            found = [
                LanguageCard(
                    as_text(name),
                    int(n),
                    n / rows,
                    confidence=total / told if told else None,
                    doubtful=int(doubtful),
                )
                for name, (n, total, told, doubtful) in self._languages.items()
            ]
            order = sorted(found, key=lambda one: (-one.rows, one.language))
            return Languages(self._language_field, rows, tuple(order))
        from quilate.retrieval.languages import language_of

        texts = [text for text in self._texts.items if text]
        counts = Counter(map(language_of, texts))
        shares = (LanguageCard(k, n, n / len(texts)) for k, n in counts.most_common())
        return Languages(None, len(texts), tuple(shares))

    def fields(self) -> tuple[FieldCard, ...]:
        """The fields, in the order in which they were met."""
        drawn = self._drawn.items
        return tuple(
            one.card(as_text(name), drawn, self._samples > 0) for name, one in self._fields.items()
        )

    def text_field(self) -> str | None:
        """The field with the most text; None where no field has any."""
        sizes = {name: one.characters for name, one in self._fields.items() if one.characters}
        return max(sizes, key=sizes.__getitem__) if sizes else None

    def samples(self) -> tuple[Mapping[str, Shown], ...]:
        """Rows drawn at random, as texts."""
        import random

        drawn = self._drawn.items
        chosen = sorted(
            random.Random(self._seed).sample(  # noqa: S311 — no secret
                range(len(drawn)), min(self._samples, len(drawn))
            )
        )
        return tuple(drawn[place] for place in chosen)


def _kept(row: Row) -> dict[str, Shown]:
    """A row as it is kept for the samples: what is filled, long values cut."""
    filled = ((name, value) for name, value in list(row.items())[:_FIELDS] if is_filled(value))
    return {as_text(name): shown(value, _SAMPLE_FIELD) for name, value in filled}


def _longest(row: Row) -> str:
    """The beginning of the row's longest text."""
    texts = [value for value in row.values() if isinstance(value, str)]
    return max(texts, key=len, default="")[:2_000]
