"""Passages as rows of a LanceDB table, and filters over their metadata."""

import functools
import json
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quilate.codec import digest
from quilate.errors import ConfigurationError, DataError
from quilate.registry import require
from quilate.retrievers import Passage, Where

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEMMED = {"words_spanish": "Spanish", "words_english": "English"}
"""Each passage is indexed once with each stemmer, and scores the sum. On XQuAD without titles this
had a mean reciprocal rank of 0.956 in Spanish and 0.962 in English, against 0.938 and 0.949 without
stemming, 0.951 and 0.956 with the Spanish stemmer alone, 0.943 and 0.958 with the English one; and
no one has to say, or guess, which language a passage or a query is in."""

PASSAGE = ("id", "text", "document_id", "start", "end", "title", "metadata")
"""The columns that a `Passage` is read back from."""


def schema(dimension: int, metadata: Mapping[str, str]) -> Any:
    """The Arrow schema of an index whose vectors have `dimension` numbers."""
    pa = require("pyarrow", extra="lancedb")
    kinds = {"start": pa.int64(), "end": pa.int64(), "vector": pa.list_(pa.float32(), dimension)}
    names = [*PASSAGE, "filters", "hash", *STEMMED, "vector"]
    return pa.schema([(name, kinds.get(name, pa.string())) for name in names], metadata=metadata)


def searched_text(passage: Passage) -> str:
    """What is embedded and indexed of a passage: its title, where it has one, above its text."""
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text


def fingerprints(passages: Sequence[Passage]) -> dict[str, str]:
    """Passage id to content hash; raises `DataError` for an id that is empty or comes twice."""
    hashes: dict[str, str] = {}
    for passage in passages:
        if not passage.id or passage.id in hashes:
            fault = "two passages have" if passage.id else "a passage has"
            raise DataError(
                f"Cannot index: {fault} the id '{passage.id}'.",
                where=passage.document_id or None,
                remedy="Give every passage an id of its own.",
            )
        hashes[passage.id] = _fingerprint(passage)
    return hashes


def _fingerprint(passage: Passage) -> str:
    place = f"{passage.start}:{passage.end}"
    try:
        return digest(
            passage.text, passage.title, passage.document_id, place, _metadata_json(passage)
        )
    except UnicodeEncodeError as error:
        raise DataError(
            f"Passage '{passage.id}' holds characters that are not Unicode text ({error.reason}).",
            where=passage.document_id or None,
            remedy="Decode its document with the right encoding.",
        ) from None


def _metadata_json(passage: Passage) -> str:
    try:
        return json.dumps(
            dict(passage.metadata), ensure_ascii=False, sort_keys=True, allow_nan=False
        )
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The metadata of passage '{passage.id}' cannot be stored as JSON: {error}.",
            where=passage.document_id or None,
            remedy="Use text, finite numbers, booleans, and lists or mappings of them.",
        ) from None


def to_arrow(
    passages: Sequence[Passage],
    hashes: Mapping[str, str],
    vectors: "NDArray[np.float32]",
    schema: Any,
) -> Any:
    """The rows of `passages`, whose vectors have shape (len(passages), dimension)."""
    pa = require("pyarrow", extra="lancedb")
    texts = [searched_text(passage) for passage in passages]
    columns = {
        **{name: [getattr(passage, name) for passage in passages] for name in PASSAGE},
        "metadata": [_metadata_json(passage) for passage in passages],
        "filters": [_filter_lines(passage.metadata) for passage in passages],
        "hash": [hashes[passage.id] for passage in passages],
        **dict.fromkeys(STEMMED, texts),
        "vector": pa.FixedSizeListArray.from_arrays(
            pa.array(vectors.ravel(), pa.float32()), vectors.shape[1]
        ),
    }
    return pa.table(columns, schema=schema)


def to_passage(row: Mapping[str, Any]) -> Passage:
    """The passage that a row was made from."""
    values = {name: row[name] for name in PASSAGE}
    return Passage(**{**values, "metadata": json.loads(row["metadata"])})


def _filter_line(key: str, value: Any) -> str:
    # 2 and 2.0 are one value in Python, and so they must be here.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "\n" + json.dumps([key, value], ensure_ascii=False) + "\n"


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _filter_lines(metadata: Mapping[str, Any]) -> str:
    """Every scalar entry as a line of its own. JSON never holds a raw line break, so a line
    matches an entry exactly when it equals it: no table column for each key is needed."""
    return "".join(_filter_line(key, value) for key, value in metadata.items() if _is_scalar(value))


def condition(where: Where | None) -> Any:
    """A filter as a LanceDB expression, or None. Values go in as literals, never into a string
    of SQL. A key that a passage lacks does not match it; a list of values matches any of them.
    Raises `ConfigurationError` for a value that is neither a scalar nor a list of scalars."""
    if not where:
        return None
    return functools.reduce(operator.and_, (_equals(key, where[key]) for key in where))


def _equals(key: str, wanted: Any) -> Any:
    expr = require("lancedb.expr", extra="lancedb")
    values = list(_alternatives(key, wanted))
    if not values:
        return expr.col("id") != expr.col("id")  # no value is one of none
    lines = (expr.col("filters").contains(_filter_line(key, value)) for value in values)
    return functools.reduce(operator.or_, lines)


def _alternatives(key: str, wanted: Any) -> Iterator[Any]:
    values = [wanted] if _is_scalar(wanted) else wanted
    if not isinstance(values, list | tuple | set | frozenset) or not all(map(_is_scalar, values)):
        raise ConfigurationError(
            f"The filter on '{key}' compares with a {type(wanted).__name__}.",
            remedy="Give a text, number, boolean or None, or a list of these (any of them).",
        )
    yield from values
