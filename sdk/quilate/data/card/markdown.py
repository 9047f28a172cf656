"""A data card as Markdown, with the metadata block that Hugging Face's dataset cards begin with.

What the data say is escaped: it can neither end a table's cell, nor a code block, nor be read as
HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from quilate.data.card import wording
from quilate.data.card.values import Card, Shown, StepCard
from quilate.data.card.words import CardWords
from quilate.data.tokens.terminal import heading
from quilate.data.tokens.values import Fit, TokenizerFit
from quilate.reports.strings import language
from quilate.reports.visible import visible

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$])")
_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)
_TEXT = 1_000  # characters of one value of a sample


def markdown(card: Card, lang: str | None = None) -> str:
    """The card as Markdown."""
    words = CardWords(language(lang))
    parts: list[Iterable[str]] = [
        _metadata(card),
        _head(words, card),
        _fields(words, card),
        _languages(words, card),
        _lengths(words, card),
        _labels(words, card),
        _checks(words, card),
        [] if card.tokens is None else _tokens(words, card.tokens),
        _samples(words, card),
        _lineage(words, card),
        _load(words, card),
    ]
    blocks = (block for part in parts for block in part if block)
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    r"""Text of the data as Markdown that shows it on one line.

    >>> print(escaped("a|b <b>*x*</b>\n# no"))
    a\|b \<b\>\*x\*\</b\> \# no
    """
    return _SPECIAL.sub(r"\\\1", visible(wording.one_line(text)))


def fenced(text: str, kind: str = "text") -> str:
    """A code block that nothing in the text can end.

    >>> print(fenced("a ``` b"))
    ````text
    a ``` b
    ````
    """
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{kind}\n{visible(text)}\n{fence}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown already."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _items(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(sentence)}" for sentence in sentences)


def _metadata(card: Card) -> Iterator[str]:
    import yaml

    codes = [one.language for one in card.languages.shares]
    data: dict[str, object] = {"pretty_name": card.name}
    if card.licence and _LICENCE.fullmatch(card.licence):
        data["license"] = card.licence.casefold()
    elif card.licence:
        data |= {"license": "other", "license_name": card.licence}
    known = [code for code in codes if re.fullmatch("[a-z]{2,3}", code) and code != "und"]
    if known:
        data["language"] = known
    data["size_categories"] = [next((name for most, name in _SIZES if card.rows < most), "n>100M")]
    yield "---\n" + yaml.safe_dump(data, allow_unicode=True, sort_keys=False) + "---"


def _head(words: CardWords, card: Card) -> Iterator[str]:
    yield f"# {words['card']}: {escaped(card.name)}"
    if card.description:
        yield escaped(card.description)
    yield "\n".join(f"> **{escaped(one)}**  " for one in wording.notices(words, card))
    yield _table(("", ""), ((name, escaped(value)) for name, value in wording.facts(words, card)))


def _fields(words: CardWords, card: Card) -> Iterator[str]:
    if not card.fields:
        return
    yield f"## {words['fields']}"
    heads = [words[key] for key in ("field", "types", "filled", "distinct", "examples")]
    yield _table(
        heads,
        (
            (
                f"**{escaped(field.name)}**",
                escaped(wording.types(words, field)),
                words.share(field.filled / card.rows),
                wording.distinct(words, field),
                " · ".join(map(escaped, wording.examples(words, field))),
            )
            for field in card.fields
        ),
    )
    if card.unseen_fields:
        yield words.some("more_fields", card.unseen_fields)


def _languages(words: CardWords, card: Card) -> Iterator[str]:
    if not card.languages.shares:
        return
    yield f"## {words['languages']}"
    heads, sure = [words["language"], words["rows"], words["share"]], wording.has_confidence(card)
    heads += [words["confidence"], words["doubtful"]] if sure else []
    yield _table(
        heads,
        (
            [
                escaped(words.named(one.language)),
                words.count(one.rows),
                words.share(one.share),
                *([wording.confidence(words, one), words.count(one.doubtful)] if sure else []),
            ]
            for one in card.languages.shares
        ),
    )
    if card.languages.field is None:
        yield words("languages_guessed", rows=words.some("rows", card.languages.of))


def _lengths(words: CardWords, card: Card) -> Iterator[str]:
    fields = wording.texts(card)
    if not fields:
        return
    yield f"## {words['lengths_of']}"
    heads = [words["field"], words["mean"], words["median"], "95 %", words["longest"]]
    yield _table(
        heads,
        (
            (
                escaped(field.name),
                words.count(round(field.lengths.mean)),
                words.count(field.lengths.quantiles[0.5]),
                words.count(field.lengths.quantiles[0.95]),
                words.count(field.lengths.most),
            )
            for field in fields
            if field.lengths is not None
        ),
    )


def _labels(words: CardWords, card: Card) -> Iterator[str]:
    fields = wording.labels(card)
    if fields:
        yield f"## {words['distribution']}"
    for field in fields:
        rows = wording.shares(words, field.values or {})
        yield _table(
            (escaped(field.name), words["rows"], words["share"]),
            ((escaped(name), n, share) for name, n, share in rows),
        )


def _checks(words: CardWords, card: Card) -> Iterator[str]:
    yield f"## {words['checks']}"
    for check in wording.checks(words, card):
        yield f"### {check.title}"
        if not check.found:
            yield check.missing
        for sentence, details in check.found:
            yield escaped(sentence)
            yield "\n".join(f"- {escaped(name)}: {escaped(value)}" for name, value in details)


def _tokens(words: CardWords, fit: Fit) -> Iterator[str]:
    yield f"## {words['fit']}"
    yield escaped(heading(words, fit))
    yield _items(fit.advice(words.lang))
    keys = ("language", "rows", "per_word", "per_character", "per_byte", "whole", "unknown")
    for one in fit.tokenizers:
        yield f"### {escaped(one.name)}"
        yield _table([words[key] for key in keys], _tokenizer(words, one))


def _tokenizer(words: CardWords, one: TokenizerFit) -> Iterator[Sequence[str]]:
    named = [(words.named(name), counts) for name, counts in one.languages.items()]
    for name, counts in [*named, (words["all_languages"], one.total)]:
        yield (
            escaped(name),
            words.count(counts.text.rows),
            words.ratio(counts.per_word),
            words.ratio(counts.per_character),
            words.ratio(counts.per_byte),
            words.share(counts.whole_share),
            words.share(counts.unknown_share),
        )


def _samples(words: CardWords, card: Card) -> Iterator[str]:
    yield f"## {words['sample_rows']}"
    if not card.samples:
        yield words["no_samples"]
        return
    yield words("samples_drawn", seed=card.seed)
    for sample in card.samples:
        yield fenced(_sample(words, sample))


def _sample(words: CardWords, sample: Mapping[str, Shown]) -> str:
    lines = []
    for name, value in sample.items():
        text, cut = value.text[:_TEXT], value.characters - min(len(value.text), _TEXT)
        rest = " " + words("cut_text", n=words.count(cut)) if cut else ""
        lines.append(f"{wording.one_line(name)}: {text}{rest}")
    return "\n".join(lines)


def _lineage(words: CardWords, card: Card) -> Iterator[str]:
    yield f"## {words['lineage']}"
    if not card.sources and not card.steps:
        yield words["no_lineage"]
    if card.sources:
        yield f"### {words['sources']}"
        heads = (words["path"], "SHA-256", words["rows"], words["rejected"])
        yield _table(
            heads,
            (
                (
                    escaped(one.path),
                    escaped(one.sha256 or "—"),
                    "—" if one.rows is None else words.count(one.rows),
                    words.count(one.rejected),
                )
                for one in card.sources
            ),
        )
    if card.steps:
        yield f"### {words['steps']}"
        yield _steps(words, card.steps)
        for step in card.steps:
            yield from _step(words, step)
    if card.quarantined:
        yield words.some("quarantined", card.quarantined) + "."


def _steps(words: CardWords, steps: Sequence[StepCard]) -> str:
    keys = ("step", "rows_in", "kept", "changed", "dropped", "added", "rows_out")
    return _table(
        [words[key] for key in keys],
        (
            (
                escaped(step.step),
                *(
                    "—" if n is None else words.count(n)
                    for n in (
                        step.rows_in,
                        step.kept,
                        step.changed,
                        step.dropped,
                        step.added,
                        step.rows_out,
                    )
                ),
            )
            for step in steps
        ),
    )


def _step(words: CardWords, step: StepCard) -> Iterator[str]:
    told = [f"{name}: {value}" for name, value in wording.options(step)]
    told += [f"{did}, {reason}: {n}" for did, reason, n in wording.reasons(words, step)]
    if told:
        yield f"**{escaped(step.step)}**"
        yield _items(told)


def _load(words: CardWords, card: Card) -> Iterator[str]:
    if card.load:
        yield f"## {words['load']}"
        yield fenced(card.load, "python")
