"""What can go wrong between here and the server, as Quilate's errors."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from quilate import errors
from quilate.providers import Endpoint, TooLarge, malformed, status_error
from quilate.registry import require

_STATUS: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "exceed_context_size_error": 400,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The HTTP status that each type of error has, for those that come inside a reply."""


@contextmanager
def translated(at: Endpoint) -> Iterator[None]:
    """Raise Quilate's errors for the SDK's. They are not chained: the SDK's own may quote headers
    and keys."""
    import httpx2

    sdk = require("anthropic", extra="anthropic")
    try:
        yield
    except sdk.APIStatusError as error:
        raise _status_error(at, error) from None
    except (sdk.APITimeoutError, httpx2.TimeoutException):
        raise errors.DeadlineExceeded(
            "The server did not answer in time.", provider=at.provider, where=at.where
        ) from None
    except UnicodeEncodeError as error:
        raise errors.InvalidRequest(
            f"The request holds text that UTF-8 cannot encode: {error.reason}.",
            provider=at.provider,
            where=at.where,
            remedy="Remove the lone surrogates from it.",
        ) from None
    except TooLarge as error:
        raise malformed(at, f"The reply is too large: {error}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError, httpx2.DecodingError) as bad:
        raise _unreadable(at, bad) from None
    except (sdk.APIConnectionError, httpx2.HTTPError, httpx2.StreamError, OSError) as error:
        cause = error.__cause__ or error
        if isinstance(cause, TooLarge):
            raise malformed(at, f"The reply is too large: {cause}.") from None
        if isinstance(cause, httpx2.DecodingError):
            raise _unreadable(at, cause) from None
        raise unreachable(at, cause) from None
    except sdk.AnthropicError as error:
        raise errors.ServerError(
            f"The SDK reports: {at.quiet(error)}.", provider=at.provider, where=at.where
        ) from None


@contextmanager
def identified(headers: Mapping[str, str]) -> Iterator[None]:
    """Give errors that arise inside the id of the request, which the reply's headers hold."""
    try:
        yield
    except errors.ModelError as error:
        error.request_id = error.request_id or headers.get("request-id")
        raise


def _unreadable(at: Endpoint, error: BaseException) -> errors.MalformedReply:
    return malformed(at, f"The reply cannot be read: {at.quiet(error)}.")


def unreachable(at: Endpoint, error: BaseException) -> errors.ConnectionFailed:
    """The error for a server that cannot be spoken to."""
    said = at.quiet(error)
    if "certificate" in said.lower() or "ssl" in said.lower():
        remedy = "Check https or http in base_url; SSL_CERT_FILE can name a bundle of your own."
    elif "proxy" in f"{type(error).__name__} {said}".lower():
        remedy = "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY."
    else:
        remedy = "Check that the server runs and that the address is right."
    return errors.ConnectionFailed(
        f"The connection failed: {said.rstrip('.')}.",
        provider=at.provider,
        where=at.where,
        remedy=remedy,
    )


def error_within(at: Endpoint, reply: Mapping[str, Any]) -> errors.ModelError:
    """The error that a reply, an event of a stream or a line of a batch holds."""
    found = reply.get("error")
    error = found if isinstance(found, Mapping) else {}
    kind = str(error.get("type") or "api_error")
    code = error.get("code")
    status = _STATUS.get(kind, code if isinstance(code, int) and code >= 400 else 500)
    return status_error(
        at,
        status,
        error.get("message") or found or "an error without a message",
        code=kind,
        request_id=reply.get("request_id"),
    )


def _status_error(at: Endpoint, error: Any) -> errors.ModelError:
    code = f"{error.type or ''} {error.error_code or ''}".strip()
    said = error.api_message or error.body or error.message
    return status_error(
        at,
        error.status_code,
        said,
        code=code,
        headers=error.response.headers,
        request_id=error.request_id,
    )
