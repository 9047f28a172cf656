"""What a call cost, by genai-prices' tables, which come with the package and need no network."""

from functools import lru_cache
from typing import Any

from quilate.models import Cost, Usage
from quilate.providers.endpoint import Endpoint

_PER = 1_000_000


def estimate(at: Endpoint, name: str | None, usage: Usage, *, cache_write_tokens: int = 0) -> Cost:
    """The price of `usage` at the model that answered; unknown for a server or model that the
    tables do not have, and where they are not installed.

    `cache_write_tokens` are those of the input that were written to the provider's cache, where
    it charges more for them (Anthropic: a quarter more).

    >>> estimate(Endpoint("openai", "m", "http://127.0.0.1:8080/v1"), "m", Usage(10, 5))
    Cost(usd=None, basis='unknown')
    """
    if not usage.total_tokens:
        return Cost()
    name = name or at.name
    if not _known(at.base_url, name):
        return Cost()
    from genai_prices import Usage as Priced
    from genai_prices import calc_price

    read, written = max(0, usage.cached_tokens), max(0, cache_write_tokens)
    counted: Any = Priced(
        # The tables refuse less input than was cached; a good answer is no error for that.
        input_tokens=max(usage.input_tokens, read + written),
        cache_read_tokens=read,
        cache_write_tokens=written or None,
        output_tokens=max(0, usage.output_tokens),
    )
    price = calc_price(counted, model_ref=name, provider_api_url=at.base_url)
    return Cost(float(price.total_price), "estimated")


@lru_cache(maxsize=256)
def _known(base_url: str, name: str) -> bool:
    """Whether the tables have the model: looked up once, for a miss searches them all."""
    try:
        from genai_prices import Usage as Priced
        from genai_prices import calc_price

        calc_price(Priced(input_tokens=_PER), model_ref=name, provider_api_url=base_url)
    except (ImportError, LookupError):
        return False
    return True
