"""A data card as plain JSON values."""

import math
from dataclasses import fields
from typing import Any

from quilate.data.card.showing import as_text
from quilate.data.card.values import Card


def plain(card: Card) -> dict[str, Any]:
    """Everything, the tokenizers' fit as `Fit.as_data` gives it."""
    data = {
        one.name: _plain(getattr(card, one.name)) for one in fields(card) if one.name != "tokens"
    }
    data["tokens"] = None if card.tokens is None else card.tokens.as_data()
    return data


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else as_text(value)
