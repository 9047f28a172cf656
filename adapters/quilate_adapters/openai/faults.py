"""What can go wrong between here and the server, as Quilate's errors."""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from quilate import errors
from quilate.providers import Endpoint, TooLarge, malformed, raise_alone, status_error
from quilate.registry import require

_MISREAD = (
    LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError,
)  # fmt: skip
"""What reading a reply raises that has other fields, or others in them, than its protocol."""


@contextmanager
def translated(at: Endpoint) -> Iterator[None]:
    """Raise Quilate's errors for the SDK's. They are not chained: the SDK's own may quote headers
    and keys, and hold the request."""
    import httpx2

    sdk = require("openai", extra="openai")
    try:
        yield
    except (TimeoutError, sdk.APITimeoutError, httpx2.TimeoutException):
        failed: errors.ModelError = errors.DeadlineExceeded(
            "The connection timed out.", provider=at.provider, where=at.where
        )
    except sdk.APIStatusError as error:
        failed = _status_error(at, error)
    except (sdk.APIResponseValidationError, ValueError, RecursionError) as error:
        # JSON and UTF-8 among them
        failed = malformed(at, f"The reply cannot be read: {at.quiet(error)[:500]}.")
    except (sdk.APIConnectionError, httpx2.HTTPError, TooLarge) as error:
        failed = _connection_error(at, error)
    except sdk.APIError as error:
        failed = sent_error(at, error.body if isinstance(error.body, Mapping) else str(error))
    else:
        return
    raise_alone(failed)


@contextmanager
def writing(at: Endpoint) -> Iterator[None]:
    """Write a request's body inside: fields that are not what `Request` and its parts say are an
    `InvalidRequest`."""
    try:
        yield
    except (TypeError, ValueError, AttributeError) as error:
        failed = errors.InvalidRequest(
            at.quiet(f"The request is not made of Quilate's values: {error}."),
            provider=at.provider,
            where=at.where,
            remedy="Its fields are those of Request, of its messages' parts and of its tools.",
        )
    else:
        return
    raise_alone(failed)


@contextmanager
def reading(at: Endpoint, headers: Mapping[str, str]) -> Iterator[None]:
    """Read inside what a reply holds: what is not of its protocol's form is a `MalformedReply`,
    and every error about the reply carries its request id."""
    try:
        yield
    except _MISREAD as error:
        failed: errors.ModelError = misread(at, error)
    except errors.ModelError as error:
        failed = error
    else:
        return
    if failed.request_id is None and "x-request-id" in headers:
        failed.request_id = at.quiet(headers["x-request-id"])
    raise_alone(failed)


def misread(at: Endpoint, error: Exception) -> errors.MalformedReply:
    """A reply whose fields are not what the protocol says."""
    return malformed(at, f"The reply is not of its protocol's form ({at.quiet(error)[:500]}).")


def sent_error(at: Endpoint, said: Any) -> errors.ModelError:
    """The error for one that came inside a reply of status 200."""
    body: Mapping[str, Any] = said if isinstance(said, Mapping) else {"message": said}
    code = f"{body.get('code') or ''} {body.get('type') or ''}"
    what = at.quiet(body.get("message") or json.dumps(dict(body)))[:2000].rstrip(".")
    status = body.get("code") if isinstance(body.get("code"), int) else None
    if status is not None and status >= 400:
        return status_error(at, status, what, code=code)
    kind: type[errors.ModelError] = errors.ServerError
    if "rate_limit" in code:
        kind = errors.RateLimited
    elif "overloaded" in code:
        kind = errors.Overloaded
    elif "insufficient_quota" in code:
        kind = errors.ModelError
    elif "policy" in code or "content_filter" in code:
        kind = errors.ContentRefused
    elif "context_length" in code:
        kind = errors.ContextLengthExceeded
    elif "invalid" in code or "image" in code:
        kind = errors.InvalidRequest
    return kind(f"The server sent an error: {what}.", provider=at.provider, where=at.where)


def _connection_error(at: Endpoint, error: BaseException) -> errors.ModelError:
    import httpx2

    causes = list(_causes(error))
    large = next((cause for cause in causes if isinstance(cause, TooLarge)), None)
    if large is not None:
        return malformed(at, f"The reply is too large: {large}.")
    text = at.quiet(error.__cause__ or error).rstrip(".")
    what, remedy = f"The connection failed: {text}.", "Check that the server runs there."
    tls = [cause for cause in causes if isinstance(cause, ssl.SSLError)]
    if tls or "CERTIFICATE" in text.upper() or "[SSL" in text:
        what = f"The TLS connection failed: the server's certificate or protocol: {text}."
        remedy = (
            "Check base_url (http or https?); for a certificate of your own authority, set "
            "SSL_CERT_FILE to its file."
        )
    elif any(isinstance(cause, httpx2.ProxyError) for cause in causes) or _proxy(at):
        what = f"The connection failed through the proxy {_proxy(at) or ''}: {text}."
        remedy = "Check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, or name the host in NO_PROXY."
    return errors.ConnectionFailed(what, provider=at.provider, where=at.where, remedy=remedy)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _proxy(at: Endpoint) -> str | None:
    """The proxy that the environment names for the endpoint."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    address = urlsplit(at.base_url)
    if not address.hostname or proxy_bypass(address.hostname):
        return None
    proxies = getproxies()
    return proxies.get(address.scheme) or proxies.get("all")


def _status_error(at: Endpoint, error: Any) -> errors.ModelError:
    return status_error(
        at,
        error.status_code,
        _message(error),
        code=f"{error.code} {error.type}",
        headers=error.response.headers,
        request_id=error.request_id,
    )


def _message(error: Any) -> str:
    """What the server itself said."""
    body = error.body
    said = body.get("message") if isinstance(body, Mapping) else None
    return str(said or error.message)
