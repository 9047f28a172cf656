"""How tokenizers fit a dataset: `fit`, in one pass over its rows."""

from collections.abc import Iterator, Sequence
from typing import Any

from quilate.data.tokens.counting import Batch, Counting, Tally, TextTally
from quilate.data.tokens.lengths import Histogram
from quilate.data.tokens.opening import open_tokenizer
from quilate.data.tokens.packing import batch_positions, windows_needed
from quilate.data.tokens.pairing import Pairs
from quilate.data.tokens.pricing import Asked, price_of
from quilate.data.tokens.reading import Reading, Rules, rows_of
from quilate.data.tokens.texts import Field
from quilate.data.tokens.tokenizer import Tokenizer
from quilate.data.tokens.values import Counts, Fit, Packing, Parallel, Price, Text, TokenizerFit
from quilate.errors import ConfigurationError, DataError

_Key = tuple[str | None, str | None]  # with what a row pairs, and its cluster
_BATCH_ROWS, _BATCH_CHARACTERS = 256, 1 << 20


def fit(
    rows: Any,
    tokenizers: Sequence[str | Tokenizer],
    *,
    field: Field = "text",
    windows: Sequence[int] = (512, 2048, 8192),
    price: Asked = None,
    limit: int | None = None,
    sample: float | None = None,
    seed: int = 0,
    language: str = "language",
    pair: str | Sequence[str] | None = ("source_id", "id"),
    cluster: str | Sequence[str] = ("group", "paragraph_id"),
    batch: int = 8,
) -> Fit:
    """Measure how `tokenizers` (names, see `open_tokenizer`, or tokenizers) fit the texts of rows.

    `rows` are rows, or a dataset. `field` is the field of the text, or a function of the row.
    `windows` are context lengths in tokens. `price` is US dollars for a million input tokens, or
    the name of a model whose list price genai-prices has, or a mapping of such by tokenizer.
    `limit` reads only so many rows; `sample` (a share) keeps rows by the seeded hash of their key,
    pairs whole.

    The language of a row is that of its field `language` (or ``lang``), else told from its text,
    as Spanish or English. Rows of two languages with one value of the first of the fields `pair`
    that they have are taken for translations of each other (a pipeline keeps an id that was there
    twice as ``source_id``); their ratio's interval is clustered by the first of the fields
    `cluster` that a row has. `batch` is the rows of a training batch, against whose padding packing
    is compared.

    Rows are read once and not kept. Raises `DataError` where no row has a text in the field, and
    `ConfigurationError` for options that are none.

    >>> class Letters:
    ...     name, around = "letters", 0
    ...     def __init__(self):
    ...         import numpy
    ...         self.kinds = numpy.zeros(0x110000, "uint8")
    ...     def encode(self, texts):
    ...         import numpy
    ...         return [numpy.array([ord(c) for c in t], "int32") for t in texts]
    >>> found = fit([{"id": "1", "text": "Hola a todos"}], [Letters()], windows=(8,))
    >>> found.tokenizers[0].total.per_character, found.tokenizers[0].total.cuts[0].tokens
    (1.0, 4)
    """
    opened = _opened(tokenizers)
    windows = _checked(windows, batch, limit, sample)
    prices = [price_of(price, one.name) for one in opened]
    reading = Reading(rows_of(rows), Rules(field, language, pair, cluster, sample, seed, limit))
    work = _Work([Counting(one, windows) for one in opened])
    for some in _batches(reading):
        work.add(*some)
    if not work.texts:
        raise _no_text(reading)
    return work.result(reading, windows, prices, batch)


class _Work:
    """All tokenizers over the same rows."""

    def __init__(self, countings: list[Counting]) -> None:
        self.countings = countings
        self.texts: dict[str, TextTally] = {}
        self.pairs = Pairs()

    def add(self, batch: Batch, keys: Sequence[_Key]) -> None:
        """Count a batch, with the pair's key and the cluster of each of its rows."""
        for language, text in zip(batch.languages, batch.texts, strict=True):
            self.texts.setdefault(language, TextTally()).add(text)
        for language, words in batch.words():
            self.texts[language].words += words.total()
            for one in self.countings:
                one.add_words(language, words)
        tokens = [one.add(batch) for one in self.countings]
        for place, (key, cluster) in enumerate(keys):
            if key is not None:
                counts = [int(one[place]) for one in tokens]
                self.pairs.add(key, cluster, batch.languages[place], counts)

    def result(
        self, reading: Reading, windows: Sequence[int], prices: Sequence[Price | None], batch: int
    ) -> Fit:
        """Everything that was counted, as values."""
        order = sorted(self.texts, key=lambda one: (-self.texts[one].rows, one))
        found = []
        for number, (one, price) in enumerate(zip(self.countings, prices, strict=True)):
            total = _total(one, self.texts)
            found.append(
                TokenizerFit(
                    name=one.tokenizer.name,
                    vocabulary=len(one.tokenizer.kinds),
                    around=one.tokenizer.around,
                    total=total[0],
                    languages={k: one.tallies[k].value(self.texts[k].value()) for k in order},
                    packing=tuple(_packing(one, total[0], total[1], w, batch) for w in windows),
                    parallel=tuple(self._parallel(number)),
                    price=price,
                )
            )
        return Fit(
            field=reading.rules.field if isinstance(reading.rules.field, str) else "…",
            rows=reading.rows,
            empty=reading.empty,
            guessed=reading.guessed,
            limited=reading.limited,
            sample=reading.rules.sample,
            windows=tuple(windows),
            tokenizers=tuple(found),
        )

    def _parallel(self, tokenizer: int) -> Iterator[Parallel]:
        reference = reference_of({name: one.rows for name, one in self.texts.items()})
        for language in sorted(self.texts):
            if language == reference:
                continue
            kept, of = self.pairs.keys(language, reference)
            if kept:
                ratio = self.pairs.ratio(language, reference, tokenizer)
                yield Parallel(language, reference, ratio, of)


def reference_of(rows: dict[str, int]) -> str:
    """The language that the others are compared with: English, else that of most rows.

    >>> reference_of({"es": 9, "en": 2}), reference_of({"es": 9, "pt": 2})
    ('en', 'es')
    """
    return "en" if "en" in rows else max(sorted(rows), key=rows.__getitem__)


def _batches(reading: Reading) -> Iterator[tuple[Batch, list[_Key]]]:
    batch, size = Batch(), 0
    keys: list[_Key] = []
    for one in reading:
        batch.languages.append(one.language)
        batch.texts.append(one.text)
        keys.append((one.key, one.cluster))
        size += len(one.text)
        if len(batch.texts) >= _BATCH_ROWS or size >= _BATCH_CHARACTERS:
            yield batch, keys
            batch, keys, size = Batch(), [], 0
    if batch.texts:
        yield batch, keys


def _total(counting: Counting, texts: dict[str, TextTally]) -> tuple[Counts, Histogram]:
    """All languages together."""
    tallies, text = counting.tallies.values(), texts.values()
    total = Tally()
    for one in tallies:
        total.tokens += one.tokens
        total.whole_words += one.whole_words
        total.unknown += one.unknown
        total.byte_tokens += one.byte_tokens
        total.lengths.merge(one.lengths)
        for window in one.cut_rows:
            total.cut_rows[window] = total.cut_rows.get(window, 0) + one.cut_rows[window]
            total.cut_tokens[window] = total.cut_tokens.get(window, 0) + one.cut_tokens[window]
    return total.value(
        Text(
            sum(one.rows for one in text),
            sum(one.words for one in text),
            sum(one.characters for one in text),
            sum(one.bytes for one in text),
        )
    ), total.lengths


def _packing(
    counting: Counting, total: Counts, lengths: Histogram, window: int, batch: int
) -> Packing:
    rows = total.text.rows
    cut = next(one.tokens for one in total.cuts if one.window == window)
    return Packing(
        window=window,
        rows=rows,
        tokens=total.tokens + counting.tokenizer.around * rows - cut,
        packed=windows_needed(lengths.items(), window),
        batch=batch,
        batch_positions=batch_positions(lengths.items(), window, batch),
    )


def _opened(tokenizers: Sequence[str | Tokenizer]) -> list[Tokenizer]:
    if isinstance(tokenizers, str):
        tokenizers = [tokenizers]
    opened = [open_tokenizer(one) if isinstance(one, str) else one for one in tokenizers]
    names = [one.name for one in opened]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not opened or twice:
        raise ConfigurationError(
            f"The tokenizer {twice[0]} is named twice." if twice else "There is no tokenizer.",
            remedy="Name each tokenizer once, such as gguf/smollm2-135m-instruct.",
        )
    return opened


def _checked(
    windows: Sequence[int], batch: int, limit: int | None, sample: float | None
) -> tuple[int, ...]:
    """The windows, rising and each once; raises `ConfigurationError` for what is no option."""
    for name, value in [*(("windows", one) for one in windows), ("batch", batch)]:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigurationError(
                f"{value!r} of {name} is not a length.", remedy="Give whole numbers from 1 on."
            )
    if limit is not None and (isinstance(limit, bool) or limit < 1):
        raise ConfigurationError(f"limit is {limit!r}.", remedy="Give a number of rows, or None.")
    if sample is not None and not 0.0 < sample <= 1.0:
        raise ConfigurationError(
            f"sample is {sample!r}.", remedy="Give the share of the rows to keep, such as 0.1."
        )
    return tuple(sorted(set(windows)))


def _no_text(reading: Reading) -> DataError:
    if not reading.rows:
        return DataError("There are no rows to measure.", remedy="Give a dataset with rows.")
    name = reading.rules.field
    what = f"the field '{name}'" if isinstance(name, str) else "what the function gives"
    fields = ", ".join(reading.fields) or "none"
    return DataError(
        f"None of {reading.rows:,} rows has text in {what}.",
        remedy=f"Name the field of the text with field=…; the rows' fields: {fields}.",
    )
