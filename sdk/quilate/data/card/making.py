"""Making a data card: one pass for the figures, and one, over a sample, for the tokenizers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quilate.data.card.lineage import Manifest, sources_of, steps_of
from quilate.data.card.profile import Profile
from quilate.data.card.values import Card
from quilate.data.steps import Row
from quilate.data.tokens.measuring import fit
from quilate.data.tokens.pricing import Asked
from quilate.data.tokens.reading import rows_of
from quilate.data.tokens.tokenizer import Tokenizer
from quilate.data.tokens.values import Fit
from quilate.errors import ConfigurationError

_TOKENIZED = 20_000


def make_card(
    dataset: Any,
    *,
    manifest: Mapping[str, Any] | None = None,
    tokenizers: Sequence[str | Tokenizer] = (),
    field: str | None = None,
    windows: Sequence[int] = (512, 2048, 8192),
    price: Asked = None,
    samples: int = 5,
    seed: int = 0,
    load: str | None = None,
    tokenized: int | None = _TOKENIZED,
) -> Card:
    """The card of a dataset: anything with a method ``rows()``, or rows themselves.

    `manifest` is what a pipeline tells of it (else the dataset's own ``manifest``); every key of it
    is optional. With `tokenizers` their fit to `field` (else the field with the most text) is
    measured, on about `tokenized` rows drawn at random (None: all). So many `samples` are shown,
    drawn with `seed`; 0 shows no value of any row, in examples neither, save for labels. `load` is
    how to load it, as Python.

    Rows are read once, and once more for the tokenizers; none is kept but the samples. Raises
    `DataError` for rows or a manifest that are none.

    >>> rows = [{"id": "1", "text": "Hola", "stars": 5}, {"id": "2", "text": "Adiós", "stars": 3}]
    >>> card = make_card(rows, manifest={"name": "saludos", "licence": "CC0-1.0"})
    >>> card.rows, card.text_field, [one.distinct for one in card.fields]
    (2, 'text', [2, 2, 2])
    """
    told = Manifest(manifest if manifest is not None else getattr(dataset, "manifest", None) or {})
    profile = _profile(dataset, samples, seed, again=bool(tokenizers))
    text_field = field or profile.text_field()
    name = told.text("name") or getattr(dataset, "name", None) or "dataset"
    version = told.text("version") or getattr(dataset, "version", None)
    measured = None
    if tokenizers and text_field is not None:
        measured = _fit(dataset, tokenizers, text_field, windows, price, tokenized, profile, seed)
    return Card(
        name=str(name),
        version=None if version is None else str(version),
        digest=told.text("digest"),
        created=told.text("created"),
        quilate=told.text("quilate"),
        licence=told.text("licence") or told.text("license"),
        description=told.text("description"),
        rows=profile.rows,
        told_rows=told.count("rows"),
        fields=profile.fields(),
        unseen_fields=profile.unseen_fields,
        text_field=text_field,
        languages=profile.languages(),
        sources=sources_of(told),
        steps=steps_of(told),
        quarantined=told.count("quarantined"),
        samples=profile.samples(),
        seed=seed,
        load=load or _load(str(name), version, stored=hasattr(dataset, "take")),
        tokens=measured,
    )


def _profile(dataset: Any, samples: int, seed: int, *, again: bool) -> Profile:
    if isinstance(samples, bool) or samples < 0:
        raise ConfigurationError(f"samples is {samples!r}.", remedy="Give a number from 0 on.")
    profile = Profile(samples=samples, seed=seed)
    for row in _rows(dataset, again=again):
        profile.add(row)
    return profile


def _rows(dataset: Any, *, again: bool) -> Iterator[Row]:
    rows = rows_of(dataset)
    if again and rows is dataset and iter(rows) is rows:
        raise ConfigurationError(
            "These rows can be read once only, and tokenizers need them twice.",
            remedy="Give a dataset or a list.",
        )
    return iter(rows)


def _fit(
    dataset: Any,
    tokenizers: Sequence[str | Tokenizer],
    text_field: str,
    windows: Sequence[int],
    price: Asked,
    tokenized: int | None,
    profile: Profile,
    seed: int,
) -> Fit:
    sample = None
    if tokenized is not None and tokenized < profile.rows:
        sample = max(tokenized, 1) / profile.rows
    return fit(
        _rows(dataset, again=True),
        tokenizers,
        field=text_field,
        windows=windows,
        price=price,
        sample=sample,
        seed=seed,
    )


def _load(name: str, version: Any, *, stored: bool) -> str | None:
    """How to load a dataset of the store; None for rows from elsewhere."""
    if not stored:
        return None
    at = name if version is None else f"{name}@{version}"
    return (
        "from quilate.data import open_dataset\n\n"
        f"dataset = open_dataset({at!r})\n"
        "for row in dataset.rows():\n    print(row)"
    )
