"""Whether an answer is JSON, and valid under a JSON Schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio.to_thread

from quilate.errors import InvalidRequest
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.middleware.json_schema import check_schema, timed_violation
from quilate.registry import require
from quilate_evaluators.options import check_choice, no_metadata, wrong
from quilate_evaluators.structure.reading import EXTRACTS, Extract, NoJson, read_answer


@dataclass(frozen=True, slots=True)
class JsonValid:
    """1 when the answer is one JSON value (RFC 8259, so without NaN), else 0.

    `extract` ``first`` takes the first object or array in the answer, such as one in a code
    fence, and lets prose stand around it.

    >>> from quilate import sync
    >>> sync.run(JsonValid().evaluate(Sample("1", "?"), Output('{"a": [1, 2]}')))[0].value
    1.0
    """

    extract: Extract = "whole"
    name: str = "json_valid"
    metrics: tuple[Metric, ...] = (Metric("json_valid", "The answer is JSON."),)
    needs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_choice("json_valid", "extract", self.extract, EXTRACTS)

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score; what is wrong is explained."""
        try:
            read_answer(output, self.extract)
        except NoJson as error:
            return [Score.of("json_valid", False, explanation=str(error))]
        return [Score.of("json_valid", True)]


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """1 when the answer is JSON that is valid under a JSON Schema (draft 2020-12), else 0.

    `schema` is the schema itself, written into the suite; without it, each sample brings its own
    as ``json_schema`` in its metadata. Nothing that a schema refers to is fetched. A pattern in it
    that takes more than a second is an error score, as of `Regex`. `extract` is as in `JsonValid`.
    Raises `ConfigurationError` for a schema that is none, and `MissingDependency` for one with
    patterns without the package regex.

    >>> from quilate import sync
    >>> wanted = JsonSchema({"required": ["name"], "properties": {"age": {"type": "integer"}}})
    >>> score = sync.run(wanted.evaluate(Sample("1", "?"), Output('{"name": "A", "age": "7"}')))[0]
    >>> score.value, score.explanation
    (0.0, "$.age: '7' is not of type 'integer'")
    """

    schema: Mapping[str, Any] | None = None
    extract: Extract = "whole"
    name: str = "json_schema"
    metrics: tuple[Metric, ...] = (
        Metric("json_schema", "The answer is JSON and valid under the schema."),
    )
    needs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_choice("json_schema", "extract", self.extract, EXTRACTS)
        if self.schema is None:
            return
        if not isinstance(self.schema, Mapping):
            wrong("json_schema", "schema", self.schema, "Write the schema itself, as a mapping.")
        problem = _problem(self.schema)
        if problem is not None:
            wrong("json_schema", "schema", self.schema, problem)
        _check_engine(self.schema)

    def misfit(self, samples: Sequence[Sample]) -> str | None:
        """That there is no schema anywhere."""
        return None if self.schema is not None else no_metadata(samples, "json_schema")

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score, with the first thing that is wrong explained; unscored for a sample without a
        schema, an error for one whose schema is none, or has a pattern that takes too long."""
        schema = self.schema if self.schema is not None else sample.metadata.get("json_schema")
        if schema is None:
            return [Score.unscored("json_schema", "the sample has no `json_schema`")]
        problem = _problem(schema) if self.schema is None else None
        if problem is not None:
            return [Score.error("json_schema", f"`json_schema` of the sample: {problem}")]
        _check_engine(schema)
        try:
            said = read_answer(output, self.extract)
            wrong_with = await anyio.to_thread.run_sync(timed_violation, said, schema)
        except NoJson as error:
            wrong_with = str(error)
        except TimeoutError as error:
            return [Score.error("json_schema", str(error))]
        return [Score.of("json_schema", wrong_with is None, explanation=wrong_with)]


def _check_engine(schema: Any) -> None:
    """Raise `MissingDependency` where patterns could not be given up when they take too long."""
    if _has_patterns(schema):
        require("regex", extra="text-metrics")


def _has_patterns(schema: Any) -> bool:
    waiting = [schema]
    while waiting:
        at = waiting.pop()
        if isinstance(at, Mapping):
            # A property may be called `pattern` too: its value is a schema.
            if isinstance(at.get("pattern"), str) or "patternProperties" in at:
                return True
            waiting += at.values()
        elif isinstance(at, list | tuple):
            waiting += at
    return False


def _problem(schema: Any) -> str | None:
    """What is wrong with a schema, if anything."""
    if not isinstance(schema, Mapping):
        return "It is no mapping."
    try:
        check_schema(schema)
    except InvalidRequest as error:
        return error.what
    except (TypeError, ValueError) as error:
        return f"It is no JSON: {error}."
    return None
