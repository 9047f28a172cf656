"""Wrappers that are themselves Models: stores of calls, retries, limits, budgets."""

from quilate.middleware.ambient import ambient, layers
from quilate.middleware.calls import (
    CallNote,
    CallStore,
    Replayed,
    Stored,
    call_key,
    call_scope,
    collect,
    request_json,
)
from quilate.middleware.retry import Retrying
from quilate.middleware.standard import standard

__all__ = [
    "CallNote",
    "CallStore",
    "Replayed",
    "Retrying",
    "Stored",
    "ambient",
    "call_key",
    "call_scope",
    "collect",
    "layers",
    "request_json",
    "standard",
]
