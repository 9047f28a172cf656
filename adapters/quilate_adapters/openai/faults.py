"""What can go wrong between here and the server, as Quilate's errors."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

from quilate import errors
from quilate.registry import require
from quilate_adapters.openai.endpoint import Endpoint


@contextmanager
def translated(at: Endpoint, deadline: float | None) -> Iterator[None]:
    """Raise Quilate's errors for the SDK's. They are not chained: the SDK's own may quote headers
    and keys."""
    import httpx2

    sdk = require("openai", extra="openai")
    try:
        yield
    except sdk.APIStatusError as error:
        raise _status_error(at, error) from None
    except (TimeoutError, sdk.APITimeoutError, httpx2.TimeoutException):
        limit = "the SDK's own limit" if deadline is None else f"{deadline:g} seconds"
        raise errors.DeadlineExceeded(
            f"No whole answer came within {limit}.",
            provider="openai",
            where=at.where,
            remedy="Give it a longer deadline, or ask for fewer max_tokens.",
        ) from None
    except (sdk.APIResponseValidationError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise malformed(at, f"The reply cannot be read: {at.quiet(error)}.") from None
    except (sdk.APIConnectionError, httpx2.HTTPError) as error:
        raise errors.ConnectionFailed(
            f"The connection failed: {at.quiet(error.__cause__ or error)}.",
            provider="openai",
            where=at.where,
            remedy="Check that the server runs and that the address is right.",
        ) from None
    except sdk.APIError as error:
        raise errors.ServerError(
            f"The server sent an error: {at.quiet(error)}", provider="openai", where=at.where
        ) from None


def malformed(at: Endpoint, what: str, remedy: str | None = None) -> errors.MalformedReply:
    """A reply that is not what was asked for."""
    return errors.MalformedReply(what, provider="openai", where=at.where, remedy=remedy)


def _status_error(at: Endpoint, error: Any) -> errors.ModelError:
    kind, remedy = _status_kind(error)
    return kind(
        f"HTTP {error.status_code}: {at.quiet(_message(error)).rstrip('.')}.",
        provider="openai",
        where=at.where,
        remedy=remedy,
        status=error.status_code,
        request_id=error.request_id,
        retry_after=retry_after(error.response.headers),
    )


def _message(error: Any) -> str:
    """What the server itself said."""
    body = error.body
    said = body.get("message") if isinstance(body, Mapping) else None
    return str(said or error.message)


def _status_kind(error: Any) -> tuple[type[errors.ModelError], str | None]:
    """Our error for an HTTP status, with the remedy where there is one."""
    status, code = error.status_code, f"{error.code} {error.type}"
    if status in (401, 403):
        return errors.AuthenticationError, "Check the key (OPENAI_API_KEY or api_key=…)."
    if status == 404:
        return errors.ModelNotFound, "Check the model's name and base_url."
    if status == 429 and "insufficient_quota" in code:
        return errors.ModelError, "The account has no credit left: waiting does not help."
    if status == 429:
        return errors.RateLimited, None
    if status == 408 or status >= 500:
        return errors.ServerError, None
    if "context_length" in code or "exceed_context" in code:
        return errors.ContextLengthExceeded, "Shorten the prompt or ask for fewer max_tokens."
    if "content_filter" in code or "content_policy" in code:
        return errors.ContentRefused, None
    return errors.InvalidRequest, None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: ``retry-after-ms``, or ``Retry-After`` as seconds or
    as a date (RFC 9110, 10.2.3).

    >>> retry_after({"retry-after": "2.5"})
    2.5
    """
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if value.replace(".", "", 1).strip().isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
