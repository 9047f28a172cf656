"""What a data card says, as texts, for its pages and for Markdown alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quilate.data.card.lineage import CONTAMINATION, DUPLICATES, PRIVACY, is_about
from quilate.data.card.showing import as_text
from quilate.data.card.values import Card, FieldCard, LanguageCard, StepCard
from quilate.data.card.words import CardWords
from quilate.data.reasons import reason_in

_LABELS = 20  # values that a field of labels has at most
_REASONS = 12  # that are told of a step
_OPTION = 300  # characters of an option


@dataclass(frozen=True, slots=True)
class Check:
    """What the steps of one kind found; without any, `missing` says what that means."""

    title: str
    found: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    missing: str


def notices(words: CardWords, card: Card) -> list[str]:
    """What a reader must know first."""
    said = []
    if not card.rows:
        said.append(words["no_rows"])
    if card.licence is None:
        said.append(words["licence_warning"])
    if card.told_rows is not None and card.told_rows != card.rows:
        told, found = (words.some("rows", n) for n in (card.told_rows, card.rows))
        said.append(words("rows_differ", told=told, found=found))
    said += [check.missing for check in checks(words, card)[1:] if not check.found]
    return said


def facts(words: CardWords, card: Card) -> list[tuple[str, str]]:
    """Name and value of what is said of the dataset as a whole."""
    rows = [
        (words["version"], card.version),
        (words["licence"], card.licence or words["no_licence"]),
        (words["rows"], words.count(card.rows)),
        (words["created"], card.created),
        (words["digest"], card.digest),
        (words["made_with"], card.quilate),
    ]
    return [(name, value) for name, value in rows if value is not None]


def checks(words: CardWords, card: Card) -> tuple[Check, Check, Check]:
    """Duplicates, contamination, personal data."""
    kinds = (
        ("duplicates", DUPLICATES),
        ("contamination", CONTAMINATION),
        ("personal", PRIVACY),
    )
    made = []
    for key, parts in kinds:
        steps = [step for step in card.steps if is_about(step.step, parts)]
        found = tuple((_found(words, step), _details(words, step)) for step in steps)
        made.append(Check(words[key], found, words[f"no_{key}"]))
    return made[0], made[1], made[2]


def _found(words: CardWords, step: StepCard) -> str:
    rows = words.some("rows", step.rows_in or 0)
    if not step.dropped and not step.changed:
        return words("nothing_found", step=step.step, rows=rows)
    dropped, changed = words.count(step.dropped), words.count(step.changed)
    return words("step_found", step=step.step, dropped=dropped, changed=changed, rows=rows)


def _details(words: CardWords, step: StepCard) -> tuple[tuple[str, str], ...]:
    """Reasons with their counts, then options."""
    return (*((reason, count) for _, reason, count in reasons(words, step)), *options(step))


def reasons(words: CardWords, step: StepCard) -> list[tuple[str, str, str]]:
    """What was done, for which reason, to how many rows: the most frequent reasons."""
    told = []
    for did, counts in step.reasons.items():
        order = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        told += [
            (words[did], one_line(reason_in(reason, words.lang)), words.count(n))
            for reason, n in order[:_REASONS]
        ]
        if len(order) > _REASONS:
            rest = sum(n for _, n in order[_REASONS:])
            more = words.some("more", len(order) - _REASONS)
            told.append((words[did], more, words.count(rest)))
    return told


def options(step: StepCard) -> list[tuple[str, str]]:
    """The options of a step as texts."""
    told = []
    for name, value in step.options.items():
        text = one_line(as_text(value))
        told.append((name, text if len(text) <= _OPTION else text[:_OPTION] + "…"))
    return told


def one_line(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def types(words: CardWords, field: FieldCard) -> str:
    """The types of a field's values, the most frequent first, each with its rows where there are
    several."""
    if len(field.types) == 1:
        return words.type(next(iter(field.types)))
    return ", ".join(f"{words.type(name)} ({words.count(n)})" for name, n in field.types.items())


def distinct(words: CardWords, field: FieldCard) -> str:
    """How many values differ."""
    n = words.count(field.distinct)
    return words("more_than", n=n) if field.more else n


def examples(words: CardWords, field: FieldCard) -> list[str]:
    """Examples of a field's values, and the span of numbers."""
    told = [one_line(one.text) + ("…" if one.cut else "") for one in field.examples]
    if field.least is not None and field.most is not None and told and field.least < field.most:
        least, most = (_number(words, end) for end in (field.least, field.most))
        return [words("span", least=least, most=most)]
    return told


def _number(words: CardWords, value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return words.count(int(value))
    return words.number(value, digits=4)


def labels(card: Card) -> list[FieldCard]:
    """The fields whose values are labels: few, and each of them on several rows."""
    return [
        field
        for field in card.fields
        if field.values and field.name != card.languages.field and 1 < len(field.values) <= _LABELS
    ]


def texts(card: Card) -> list[FieldCard]:
    """The fields of texts whose lengths are told: those that are no labels."""
    few = {field.name for field in labels(card)} | {card.languages.field, "id"}
    return [field for field in card.fields if field.lengths is not None and field.name not in few]


def confidence(words: CardWords, one: LanguageCard) -> str:
    """The mean confidence of a language's rows."""
    return "—" if one.confidence is None else words.number(one.confidence)


def has_confidence(card: Card) -> bool:
    """Whether the rows tell how sure their language is."""
    return any(one.confidence is not None for one in card.languages.shares)


def shares(words: CardWords, counts: Mapping[str, int]) -> Sequence[tuple[str, str, str]]:
    """Values with their rows and share."""
    total = sum(counts.values())
    return [(name, words.count(n), words.share(n / total)) for name, n in counts.items()]
