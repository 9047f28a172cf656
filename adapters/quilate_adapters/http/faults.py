"""What can go wrong with an endpoint, as Quilate's errors, and when it is tried again."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from quilate import errors
from quilate.providers import Endpoint, status_error
from quilate_adapters.http.replies import Unreadable

if TYPE_CHECKING:
    import httpx2

_REMEDIES = {
    401: "Check the key in the target's `headers`.",
    403: "Check the key in the target's `headers`.",
    404: "Check the target's `url` and `method`.",
}
_SECRET_HEADERS = re.compile(r"(?i)auth|key|token|secret|cookie|password")


def without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters without those whose names say that they are secret; what is read from the
    environment stays, since only its name is there."""
    return {
        name: "[redacted]"
        if _SECRET_HEADERS.search(name) and not (isinstance(value, str) and "${" in value)
        else value
        for name, value in values.items()
    }


def public(url: str) -> str:
    """A URL without the values of its query, and without a password."""
    address = urlsplit(url)
    if not address.query:
        return errors.redact(url)
    names = (entry.partition("=") for entry in address.query.split("&"))
    query = "&".join(n + equals + (v if "${" in v else "…" * bool(v)) for n, equals, v in names)
    return errors.redact(address._replace(query=query).geturl())


def secrets_of(headers: Mapping[str, str]) -> set[str]:
    """What stands in headers that carry secrets, whole and without its scheme (``Bearer``)."""
    values = [text for name, text in headers.items() if _SECRET_HEADERS.search(name)]
    return {part for text in values if "${" not in text for part in (text, *text.split()[-1:])}


def of_status(
    method: str, url: str, reply: "httpx2.Response", said: bytes, secrets: set[str]
) -> errors.ModelError:
    """The error for a reply that is not a success."""
    error = status_error(
        Endpoint("http", method, url),
        reply.status_code,
        _quiet(said.decode(errors="replace").strip() or reply.reason_phrase, secrets),
        headers=reply.headers,
        request_id=reply.headers.get("x-request-id"),
    )
    error.where = public(url)
    if reply.status_code < 400:
        error.retryable, error.remedy = False, "Check the target's `url`: it redirects."
    else:
        error.remedy = _REMEDIES.get(reply.status_code)
    return error


@contextmanager
def translated(where: str, timeout: float, secrets: set[str]) -> Iterator[None]:
    """Raise Quilate's errors for httpx2's, which may quote the request and are not chained."""
    import httpx2

    def made(kind: Callable[..., errors.ModelError], what: str, remedy: str) -> errors.ModelError:
        return kind(_quiet(what, secrets), where=where, provider="http", remedy=remedy)

    try:
        yield
    except (TimeoutError, httpx2.TimeoutException):
        what = f"No whole answer came within {timeout:g} seconds."
        remedy = "Give the target a longer `timeout`."
        raise made(errors.DeadlineExceeded, what, remedy) from None
    except Unreadable as unreadable:
        remedy = "Check the target's `answer`, `stream` and other paths."
        wrong = made(errors.MalformedReply, f"{unreadable}.", remedy)
        wrong.retryable = unreadable.transient
        raise wrong from None
    except httpx2.DecodingError as error:
        remedy = "Check what stands between here and the application."
        what = f"The reply cannot be read: {error}."
        raise made(errors.MalformedReply, what, remedy) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeEncodeError) as error:
        remedy = "Check that the application runs and that the address is right."
        what = f"The connection failed: {str(error) or type(error).__name__}."
        raise made(errors.ConnectionFailed, what, remedy) from None


def _quiet(text: str, secrets: set[str]) -> str:
    """The text without the values that came from headers and the environment."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4:  # a shorter one is a word like any other
            text = text.replace(secret, "[redacted]")
    return text
