"""What a pipeline file may hold: its keys, their types and defaults, and its JSON Schema."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from quilate.data.files.encodings import is_encoding


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_NAME = re.compile(r"^\w[\w.-]*$")


def _name(name: str) -> str:
    # Of Python's own `$` a line's end may follow.
    if _NAME.match(name) and not name.endswith("\n"):
        return name
    raise ValueError(
        f"'{name}' is no name of a dataset. Begin with a letter or digit, then write letters, "
        "digits, '.', '-' and '_', such as notes-2024"
    )


def _encoding(name: str) -> str:
    if is_encoding(name):
        return name
    raise ValueError(f"there is no encoding '{name}'. Write latin-1, cp1252 or utf-16, say")


class SourceSpec(_Spec):
    """Where rows come from."""

    path: Annotated[str, Field(min_length=1)]
    """A file, a folder, a pattern such as ``data/*.jsonl``, ``dataset:NAME[@VERSION]`` or
    ``run:RUN``; relative to the pipeline's file."""
    fields: dict[str, str] = {}
    """Field: column, where their names differ."""
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    """That of a file of text which is not UTF-8, such as ``latin-1``, ``cp1252`` or ``utf-16``."""
    licence: str | None = None


def _entry(value: Any) -> Any:
    options = value.values() if isinstance(value, dict) else ()
    if isinstance(value, str) or (
        len(options) == 1 and all(isinstance(one, dict | None) for one in options)
    ):
        return value
    raise ValueError("write a step's name, or a name with options, such as `- length: {min: 20}`")


StepSpec = Annotated[str | dict[str, dict[str, Any] | None], BeforeValidator(_entry)]


class PipelineSpec(_Spec):
    """A pipeline: sources, then steps, into a dataset."""

    name: Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": _NAME.pattern})]
    """The dataset that it makes."""
    source: str | SourceSpec | Annotated[list[str | SourceSpec], Field(min_length=1)]
    steps: list[StepSpec] = []
    description: str = ""
    licence: str | None = None
    shard_rows: Annotated[int, Field(gt=0, le=1_000_000)] = 8192
    """Rows that are worked on at once, and are the unit of what is cached."""

    @property
    def sources(self) -> tuple[SourceSpec, ...]:
        """The sources, each spelt out."""
        given = self.source if isinstance(self.source, list) else [self.source]
        return tuple(SourceSpec(path=one) if isinstance(one, str) else one for one in given)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the pipeline file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **PipelineSpec.model_json_schema(),
    }
