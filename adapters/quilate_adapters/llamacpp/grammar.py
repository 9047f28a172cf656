"""JSON Schemas as grammars: which tokens may come next. By llguidance, which enforces a schema
whole (bounds of numbers, patterns, formats, recursion) or says that it cannot.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from quilate.errors import InvalidRequest, MalformedReply, SchemaUnsupported
from quilate.registry import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# One layout, that of json.dumps: a small model left free to indent may do nothing else for ever.
# The last two because a schema may set these options itself.
_OPTIONS = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": False,
    "coerce_one_of": False,
}
_OF_ONE = ("items", "additionalProperties")
_OF_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_OF_NAMES = ("$defs", "definitions", "properties", "patternProperties")
_BESIDE = {"patternProperties", "additionalProperties", "$ref", "anyOf", "oneOf"}
_BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}


@dataclass(frozen=True)
class Vocabulary:
    """A model's tokens as llguidance wants them: the bytes of each, which of them are control
    tokens, which end the turn, and the tokenizer of plain text."""

    tokens: Sequence[bytes]
    special_token_ids: Sequence[int]
    end_tokens: Sequence[int]
    tokenize: Callable[[str], list[int]]
    bos_token_id: int | None = None

    @property
    def eos_token_id(self) -> int:
        """One of the tokens that end the turn."""
        return self.end_tokens[0]

    def __call__(self, text: str) -> list[int]:
        """The tokens of plain text."""
        return self.tokenize(text)


class Grammars:
    """The grammars of one model's vocabulary, made once for a model (in about 0.2 s)."""

    def __init__(self, vocabulary: "Vocabulary") -> None:
        guidance = require("llguidance", extra="local")
        self._matcher = guidance.LLMatcher
        self._tokenizer = guidance.LLTokenizer(
            guidance.TokenizerWrapper(vocabulary), eos_token=list(vocabulary.end_tokens)
        )
        self._vocab_size = len(vocabulary.tokens)
        self._compile = lru_cache(maxsize=32)(self._compiled)

    def constraint(self, schema: Mapping[str, Any]) -> "Constraint":
        """A fresh constraint to `schema`. Raises `SchemaUnsupported` with keyword and path for
        what cannot be enforced, and `InvalidRequest` for a schema that nothing satisfies."""
        return Constraint(self._compile(json.dumps(schema)).deep_copy(), self._vocab_size)

    def _compiled(self, schema: str) -> Any:
        whole = json.loads(schema)
        wrong = self._wrong(whole)
        if wrong is not None:
            raise _refused(*self._culprit(whole, "$", whole), wrong)
        matcher = self._matcher(self._tokenizer, self._grammar(tightened(whole)), log_level=0)
        if matcher.is_error():
            matcher = self._matcher(self._tokenizer, self._grammar(whole), log_level=0)
        if matcher.is_error():
            raise _refused("$", "; ".join(whole), matcher.get_error())
        return matcher

    def _grammar(self, schema: Any) -> str:
        # The library takes options with an object alone.
        whole = json.dumps(schema if isinstance(schema, Mapping) else {"anyOf": [schema]})
        grammar: str = self._matcher.grammar_from_json_schema(whole, overrides=_OPTIONS)
        return grammar

    def _wrong(self, schema: Any) -> str | None:
        """Why there is no grammar for `schema`; None when there is one."""
        failed, messages = self._matcher.validate_grammar_with_warnings(self._grammar(schema), None)
        return "; ".join(messages) if failed or messages else None

    def _culprit(self, schema: Any, path: str, whole: Any) -> tuple[str, str]:
        """The path of the innermost schema without a grammar, and the keyword at fault in it."""
        for place, part in _parts(schema):
            if isinstance(part, Mapping) and self._wrong(_standing_alone(part, whole)):
                return self._culprit(part, f"{path}.{place}", whole)
        for keyword in schema if isinstance(schema, Mapping) else ():
            rest = {name: value for name, value in schema.items() if name != keyword}
            if self._wrong(_standing_alone(rest, whole)) is None:
                return path, keyword
        return path, "; ".join(schema) if isinstance(schema, Mapping) else repr(schema)


class Constraint:
    """What a grammar still allows, as an answer grows."""

    def __init__(self, matcher: Any, vocab_size: int) -> None:
        self._matcher, self._vocab_size = matcher, vocab_size

    def allowed(self) -> "NDArray[np.intp]":
        """The tokens that may come next, those that end the turn among them."""
        import numpy as np

        mask = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        found = np.flatnonzero(np.unpackbits(mask, count=self._vocab_size, bitorder="little"))
        if not found.size or self._matcher.is_error():
            raise self._failed()
        return found

    def accept(self, token: int) -> bool:
        """Add a token; True when nothing can follow it."""
        if not self._matcher.consume_token(token):
            raise self._failed()
        return bool(self._matcher.is_stopped())

    def _failed(self) -> MalformedReply:
        return MalformedReply(
            f"The grammar of the JSON schema came to no answer: {self._matcher.get_error()[:300]}.",
            provider="llamacpp",
            remedy="Simplify the schema; very long patterns or lists may be too much for it.",
        )


def tightened(schema: Any) -> Any:
    """The schema with what it leaves endless made finite, so that a small model does not go on for
    ever: objects that declare properties and say nothing of others have no others, and numbers
    with a bound have at most 9 decimal places. What that allows is valid under the schema.

    >>> tightened({"properties": {"a": {}}})
    {'properties': {'a': {}}, 'additionalProperties': False}
    """
    # Closing a part of an `allOf` would forbid what the other parts declare.
    return schema if "allOf" in _keywords(schema) else _tightened(schema)


def _tightened(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    inner: dict[str, Any] = dict(schema)
    for name, value in schema.items():
        if name in _OF_ONE:
            inner[name] = _tightened(value)
        elif name in _OF_LISTS and isinstance(value, list):
            inner[name] = [_tightened(part) for part in value]
        elif name in _OF_NAMES and isinstance(value, Mapping):
            inner[name] = {key: _tightened(part) for key, part in value.items()}
    # Properties beside a reference or alternatives may be declared there.
    if "properties" in schema and not _BESIDE & set(schema):
        inner["additionalProperties"] = False
    if schema.get("type") == "number" and _BOUNDS & set(schema):
        inner.setdefault("multipleOf", 1e-9)
    return inner


def _keywords(schema: Any) -> set[str]:
    """All keywords in a schema and its parts."""
    found = set(schema) if isinstance(schema, Mapping) else set()
    for _, part in _parts(schema):
        found |= _keywords(part)
    return found


def _parts(schema: Any) -> Iterator[tuple[str, Any]]:
    """The schemas directly inside a schema, with their places; definitions first."""
    if not isinstance(schema, Mapping):
        return
    for name in _OF_NAMES:
        named = schema.get(name)
        if isinstance(named, Mapping):
            yield from ((f"{name}.{key}", part) for key, part in named.items())
    for name in _OF_LISTS:
        listed = schema.get(name)
        if isinstance(listed, list):
            yield from ((f"{name}[{i}]", part) for i, part in enumerate(listed))
    yield from ((name, schema[name]) for name in _OF_ONE if name in schema)


def _standing_alone(part: Any, whole: Any) -> Any:
    """A part of a schema with the definitions that its references may need."""
    if not isinstance(part, Mapping):
        return part
    shared = {name: whole[name] for name in ("$defs", "definitions") if name in whole}
    return {**shared, **part}


def _refused(path: str, keyword: str, why: str) -> InvalidRequest:
    why = " ".join(why.split())[:300]
    if "Unsatisfiable" in why:
        return InvalidRequest(
            f"Nothing satisfies the JSON schema at {path}: {why}.",
            provider="llamacpp",
            remedy="Correct the bounds that exclude one another.",
        )
    return SchemaUnsupported(
        f"The grammar of local models cannot enforce '{keyword}' at {path} of the JSON schema: "
        f"{why}.",
        provider="llamacpp",
        remedy="Leave the keyword out, or say the same with type, enum, anyOf, pattern or bounds.",
    )
