"""What adapters of hosted providers share: endpoints, HTTP faults as errors, prices, clients."""

from quilate.providers.alone import raise_alone
from quilate.providers.bills import billed
from quilate.providers.bodies import TooLarge, bounded, encoded
from quilate.providers.calls import patiently
from quilate.providers.clients import PerLoop
from quilate.providers.clients_env import building_client
from quilate.providers.endpoint import Endpoint
from quilate.providers.faults import malformed, rate_limit, retry_after, status_error
from quilate.providers.features import as_identity, feature_names, with_more
from quilate.providers.prices import estimate

__all__ = [
    "Endpoint",
    "PerLoop",
    "TooLarge",
    "as_identity",
    "billed",
    "bounded",
    "building_client",
    "encoded",
    "estimate",
    "feature_names",
    "malformed",
    "patiently",
    "raise_alone",
    "rate_limit",
    "retry_after",
    "status_error",
    "with_more",
]
