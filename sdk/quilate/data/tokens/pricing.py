"""What a million tokens cost: as given, or by the list price of a model."""

import math
from collections.abc import Mapping

from quilate.data.tokens.values import Price
from quilate.errors import ConfigurationError, MissingDependency

Asked = float | str | Mapping[str, float | str] | None
"""US dollars a million input tokens, or a model whose list price is taken; or either for each
tokenizer by its name."""

_TOKENS = 1_000  # far below where long prompts get dearer


def price_of(asked: Asked, tokenizer: str) -> Price | None:
    """The price for a tokenizer's tokens; None where none was asked for.

    Raises `ConfigurationError` for a price that is none or a model without one, and
    `MissingDependency` without genai-prices.

    >>> price_of(2.5, "any")
    Price(usd_per_million=2.5, basis='given', model=None)
    """
    if isinstance(asked, Mapping):
        asked = asked.get(tokenizer)
    if asked is None:
        return None
    if isinstance(asked, str):
        return Price(_list_price(asked), "estimated", asked)
    if isinstance(asked, bool) or not isinstance(asked, int | float) or not _is_price(asked):
        raise ConfigurationError(
            f"The price {asked!r} is not one.",
            remedy="Give US dollars for a million tokens, or the name of a model.",
        )
    return Price(float(asked), "given")


def _is_price(value: float) -> bool:
    return math.isfinite(value) and value >= 0


def _list_price(model: str) -> float:
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        raise MissingDependency("genai-prices", extra="openai") from None
    try:
        price = calc_price(Usage(input_tokens=_TOKENS), model_ref=model)
    except LookupError:
        raise ConfigurationError(
            f"genai-prices has no price for '{model}'.",
            remedy="Give the US dollars for a million tokens as a number.",
        ) from None
    return float(price.total_price) * 1e6 / _TOKENS
