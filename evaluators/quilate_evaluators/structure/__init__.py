"""Answers as data: JSON that parses, that is valid under a schema, that holds the right fields."""

from quilate_evaluators.structure.matching import JsonMatch
from quilate_evaluators.structure.validity import JsonSchema, JsonValid

__all__ = ["JsonMatch", "JsonSchema", "JsonValid"]
