"""HTTP faults as Quilate's errors, the same for every provider."""

import math
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from quilate import errors
from quilate.models import RateLimit
from quilate.providers.endpoint import Endpoint

_CONTEXT = re.compile(
    r"(?i)context[_ ](length|size|window|limit)|exceed_context|maximum context|prompt is too long"
)
_QUOTA = re.compile(r"(?i)insufficient_quota|billing_(error|hard_limit|not_active)|spend_limit")
# Whole phrases: a rate limit's message may name the billing page too, a schema's a billing tool.
# Gemini says "exceeded your current quota" of requests in a minute too, and when to come again.
_NO_CREDIT = re.compile(
    r"(?is)credit balance is too low|exceeded your current quota(?!.*\b(re)?try (again )?in\b)"
)
_REFUSED = re.compile(r"(?i)content_filter|content_policy|content_management|safety")
_MODEL = re.compile(r"(?i)model_not_found|model.{0,80}(does not exist|not found)")
# Codes that say what is wrong with the request; the text then may quote any words of the user's.
_SAYS_WHAT = re.compile(r"(?i)\b(invalid|unsupported|missing|unknown)_(?!request|prompt|model)\w")


def status_error(
    at: Endpoint,
    status: int,
    message: object,
    *,
    code: str = "",
    headers: Mapping[str, str] | None = None,
    request_id: str | None = None,
) -> errors.ModelError:
    """The error for a reply of HTTP `status`; `code` is what the provider calls it.

    >>> at = Endpoint("openai", "m", "http://127.0.0.1:8080/v1")
    >>> status_error(at, 429, "slow down", headers={"retry-after": "2"}).retry_after
    2.0
    """
    text = at.quiet(message)[:2000]
    kind, remedy = _kind(status, code, text)
    return kind(
        f"HTTP {status}: {text.rstrip('.')}.",
        provider=at.provider,
        where=at.where,
        remedy=remedy,
        status=status,
        request_id=request_id and at.quiet(request_id),
        retry_after=retry_after(headers or {}),
    )


_BY_STATUS: Mapping[int, tuple[type[errors.ModelError], str | None]] = {
    401: (errors.AuthenticationError, "Check the key."),
    403: (errors.PermissionDenied, "Use a key that may, or another model."),
    404: (errors.ModelNotFound, "Check the model's name and base_url."),
    408: (errors.ServerError, None),
    429: (errors.RateLimited, None),
    503: (errors.Overloaded, None),
    529: (errors.Overloaded, None),
}


def _kind(status: int, code: str, text: str) -> tuple[type[errors.ModelError], str | None]:
    said = code if _SAYS_WHAT.search(code) else f"{code} {text}"
    if status in (400, 402, 429) and (_QUOTA.search(code) or _NO_CREDIT.search(text)):
        return errors.ModelError, "The account has no credit left: waiting does not help."
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return (errors.Overloaded if "overloaded" in code else errors.ServerError), None
    if status < 400:
        return errors.MalformedReply, "Check base_url: something else answers there."
    if _CONTEXT.search(said):
        return errors.ContextLengthExceeded, "Shorten the prompt or ask for fewer max_tokens."
    if _REFUSED.search(code) or "blocked by content filtering policy" in said:  # Anthropic's
        return errors.ContentRefused, None
    if _MODEL.search(said):
        return errors.ModelNotFound, "Check the model's name."
    return errors.InvalidRequest, None


def malformed(at: Endpoint, what: str, remedy: str | None = None) -> errors.MalformedReply:
    """A reply that is not what was asked for."""
    return errors.MalformedReply(
        at.quiet(what), provider=at.provider, where=at.where, remedy=remedy
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: ``retry-after-ms``, or ``Retry-After`` as seconds or
    as a date (RFC 9110, 10.2.3).

    >>> retry_after({"retry-after": "2.5"})
    2.5
    """
    millis = _number(headers.get("retry-after-ms", ""))
    if millis is not None:
        return millis / 1000
    value = headers.get("retry-after", "")
    seconds = _number(value)
    return _until(parsedate_to_datetime, value) if seconds is None else seconds


def _number(text: str) -> float | None:
    """A number of a header, 0 or more; None for whatever else stands there."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found < math.inf else None


def _until(read: Callable[[str], datetime], text: str) -> float | None:
    """Seconds until the time that `read` finds in a header; None where it finds none."""
    try:
        return max(0.0, read(text).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


_RESET = re.compile(
    r"(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9}(?:\.\d*)?)s)?(?:(\d{1,9}(?:\.\d*)?)ms)?"
)


def rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """What ``x-ratelimit-*`` (OpenAI's form) or ``anthropic-ratelimit-*`` headers say is left.

    >>> rate_limit({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "1m6s"})
    RateLimit(requests=3, requests_reset=66.0, tokens=None, tokens_reset=None)
    """
    found: dict[str, float | None] = {}
    for kind in ("requests", "tokens"):
        for left, reset in (
            (f"x-ratelimit-remaining-{kind}", f"x-ratelimit-reset-{kind}"),
            (f"anthropic-ratelimit-{kind}-remaining", f"anthropic-ratelimit-{kind}-reset"),
        ):
            if left in headers:
                remaining = _number(headers[left])
                found[kind] = None if remaining is None else int(remaining)
                found[f"{kind}_reset"] = _seconds(headers.get(reset, ""))
    if not any(value is not None for value in found.values()):
        return None
    return RateLimit(**found)  # type: ignore[arg-type]  # the names are made just above


def _seconds(text: str) -> float | None:
    """Seconds of ``1m6.5s``, ``250ms``, a number, or until an RFC 3339 time."""
    text = text.strip()
    number = _number(text)
    match = _RESET.fullmatch(text)
    if not text or number is not None:
        return number
    if match:
        hours, minutes, seconds, millis = (float(part or 0) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds + millis / 1000
    return _until(datetime.fromisoformat, text)
