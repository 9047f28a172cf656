"""Clients that cannot be built, because of what the environment says of proxies or certificates."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from quilate.errors import ConfigurationError
from quilate.providers.alone import raise_alone

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@contextmanager
def building_client(where: str) -> Iterator[None]:
    """Build an HTTP client inside: what it cannot make of the environment's proxies and
    certificates is a `ConfigurationError` that names the variables.

    >>> with building_client("openai/m"):
    ...     raise FileNotFoundError("no such file")
    Traceback (most recent call last):
    quilate.errors.ConfigurationError: openai/m: No client can be built: no such file. Check ...
    """
    import httpx2

    try:
        yield
    except (ImportError, OSError, ValueError, httpx2.InvalidURL) as error:
        # Files that are missing and ssl's errors are OSErrors; the others are about proxies.
        names = _CERTIFICATES if isinstance(error, OSError) else _PROXIES
        failed = _unbuilt(where, str(error), names)
    else:
        return
    raise_alone(failed)


def _unbuilt(where: str, said: str, names: tuple[str, ...]) -> ConfigurationError:
    either = [spelt for name in names for spelt in (name, name.lower())]
    found = [name for name in either if os.environ.get(name)] or list(names)
    return ConfigurationError(
        f"No client can be built: {said.rstrip('.')}.",
        where=where,
        remedy=f"Check {', '.join(found)} in the environment.",
    )
