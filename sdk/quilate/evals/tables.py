"""The tables of the run store, and how values are kept in them.

The tables are SQLAlchemy Core's, so that another database can hold them. Bodies are compact JSON,
deflated; columns hold what a query would ask for.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

from quilate.codec import from_json, to_json
from quilate.evals.results import Failure
from quilate.evaluators import Output, Score

VERSION = 1
"""Of the tables and of what their bodies hold."""

KEY_BYTES = 16
"""Of a call's SHA-256: enough that a billion calls collide with probability 1e-21."""

_DEFLATE_FROM = 128

# What most bodies consist of, likeliest last: a dictionary for zlib, without which short JSON
# hardly shrinks. It is part of the format: another one needs another VERSION.
_FREQUENT = (
    b'"status":"unscored","reason":"status":"error","reason":"the failure":{"kind":"message":"'
    b'"metadata":{"language":"es","en","answerable":false,"group":"gold":["'
    b'"decision":{"question":"decision","probabilities":{"supported":0.,"partly":0.,"unsupported":'
    b'"source":"logprobs","reply":"mass":0.99,"choice_logprobs":{"supported":-"partly":-'
    b'"format":{"choices":["supported","partly","unsupported"]},"logprobs":[{"token":"logprob":-0.'
    b'"top":[["tools":[{"name":"description":"parameters":{"type":"object","properties":{'
    b'"score_calls":{"groundedness":["explanation":"evidence":["metric":"retrieval'
    b'"metric":"citation_validity","value":0.0},{"metric":"abstention","value":1.0},'
    b'{"metric":"recall@4","value":1.0},{"metric":"token_f1","value":0.'
    b'"context":[{"passage":{"id":"document_id":"start":"end":"title":"},"score":0.0'
    b'"ranks":{"vector":1,"text":1}},{"hits":[{"passage":{"id":"citations":[{"marker":"[1]",'
    b'"passage_id":"quote":"quote_start":"quote_end":"status":"verified"},"abstained":false,'
    b'"finish_reason":"length","timing":{"total_s":0.,"first_token_s":0.},"id":"chatcmpl-'
    b'"sampling":{"temperature":0.0,"seed":0,"max_tokens":{"role":"system","parts":[{"text":"'
    b'{"messages":[{"role":"user","parts":[{"text":"?"}]}]}{"id":"input":"What is the '
    b'","references":["{"message":{"role":"assistant","parts":[{"text":"{"output":{"text":"'
    b'"}]},"usage":{"input_tokens":1,"output_tokens":2},"cost":{"usd":0.0,"basis":"exact"}},'
    b'"scores":[{"metric":"exact_match","value":1.0}]}'
)

metadata = MetaData()
runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("suite", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("planned", Integer, nullable=False),
    Column("epochs", Integer, nullable=False),
    Column("targets", Text, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("provenance", Text, nullable=False),
)


def _run_column() -> Column[int]:
    return Column("run", Integer, ForeignKey("runs.id"), primary_key=True)


def _position_column() -> Column[int]:
    return Column("position", Integer, primary_key=True, autoincrement=False)


samples = Table(
    "samples",
    metadata,
    _run_column(),
    _position_column(),
    Column("body", LargeBinary, nullable=False),
)
items = Table(
    "items",
    metadata,
    _run_column(),
    _position_column(),
    Column("outcome", SmallInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("calls", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
calls = Table(
    "calls",
    metadata,
    _run_column(),
    Column("key", LargeBinary, primary_key=True),
    Column("model", Text, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("paid", SmallInteger, nullable=False),  # 0: the answer came from the cache
)


@dataclass(frozen=True, slots=True)
class ItemBody:
    """What of an Item is kept as JSON; the rest are columns."""

    output: Output | None = None
    scores: tuple[Score, ...] = ()
    failure: Failure | None = None
    score_calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def column_json(value: Any) -> str:
    """The JSON of a run's column, in which what JSON has no value for is its name.

    >>> column_json({"most": float("inf")})
    '{"most": "inf"}'
    """
    return json.dumps(as_kept(value))


def as_kept(value: Any) -> Any:
    """A value as a run's column gives it back."""
    return read_json(json.dumps(value, default=str))


def read_json(text: str) -> Any:
    """The value of a run's column. Older stores have there the numbers as Python writes them,
    which are no JSON: they too become their names.

    >>> read_json('[NaN, -Infinity]')
    ['nan', '-inf']
    """
    return json.loads(text, parse_constant=lambda said: str(float(said)))


def pack(text: bytes) -> bytes:
    """JSON as it is stored: deflated when that makes it smaller. An object's JSON begins
    with ``{``, which no zlib stream does.

    >>> len(pack(b'{"message":{"role":"assistant","parts":[{"text":"' + b"ha" * 60 + b'"}]}}'))
    22
    """
    if len(text) < _DEFLATE_FROM:
        return text
    window, memory = (12, 5) if len(text) < 4096 else (15, 8)  # a short body fills no big window
    deflater = zlib.compressobj(6, zlib.DEFLATED, window, memory, zdict=_FREQUENT)
    packed = deflater.compress(text) + deflater.flush()
    return packed if len(packed) < len(text) else text


def unpack(body: bytes) -> bytes:
    """What `pack` was given.

    >>> unpack(pack(b'{"a":1}'))
    b'{"a":1}'
    """
    if body[:1] == b"{":
        return body
    return zlib.decompressobj(zdict=_FREQUENT).decompress(body)


def key_bytes(key: str) -> bytes:
    """A call's key as the store has it."""
    return bytes.fromhex(key)[:KEY_BYTES]


def split_keys(joined: bytes) -> tuple[str, ...]:
    """The keys in an item's `calls` column, as hex.

    >>> split_keys(bytes(16) + bytes([255]) * 16)[1]
    'ffffffffffffffffffffffffffffffff'
    """
    starts = range(0, len(joined), KEY_BYTES)
    return tuple(joined[start : start + KEY_BYTES].hex() for start in starts)


def safe_json(value: Any) -> bytes:
    """A value's JSON, sure to be read back. Raises ValueError, naming the place, for what would
    not be: a NaN, an object, half a surrogate pair, another type than was declared.

    >>> from quilate.models import TokenLogprob
    >>> safe_json(TokenLogprob("a", float("nan")))
    Traceback (most recent call last):
    ValueError: logprob: Input should be a valid number
    """
    text = to_json(value)
    try:
        from_json(type(value), text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}") from None
    return text


def dump(value: Any) -> bytes:
    """A value as a stored body; raises ValueError as `safe_json` does."""
    return pack(safe_json(value))
