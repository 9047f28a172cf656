"""What adapters of hosted providers share: endpoints, HTTP faults as errors, prices, clients."""

from quilate.providers.clients import PerLoop
from quilate.providers.endpoint import Endpoint
from quilate.providers.faults import malformed, rate_limit, retry_after, status_error
from quilate.providers.prices import estimate

__all__ = [
    "Endpoint",
    "PerLoop",
    "estimate",
    "malformed",
    "rate_limit",
    "retry_after",
    "status_error",
]
