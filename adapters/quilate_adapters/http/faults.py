"""What can go wrong with an endpoint, as Quilate's errors, and when it is tried again."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

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


# Of fields, where ``keywords``, ``author`` and ``max_tokens`` are ordinary.
_SECRET_FIELDS = re.compile(
    r"(?i)(?:^|[-_.])(?:auth|authorization|key|token|secret|password|passwd|cookie)$"
    r"|(?:api|access|secret)_?(?:key|token)$"
)


def without_secrets(value: Any, found: set[str] | None = None, name: str = "") -> Any:
    """Parameters or a body without the values whose names say that they are secret, which are added
    to `found`; what is read from the environment or the sample stays, since it is only named."""
    if isinstance(value, Mapping):
        return {name: without_secrets(inner, found, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner, found, name) for inner in value]
    if not isinstance(value, str) or _is_named(value) or not _SECRET_FIELDS.search(name):
        return value
    if found is not None:
        found.add(value)
    return "[redacted]"


def _is_named(text: str) -> bool:
    return "${" in text or "{{" in text


def public(url: str) -> str:
    """A URL without the values of its query, and without a password."""
    address = urlsplit(url)
    if not address.query:
        return errors.redact(url)
    names = (entry.partition("=") for entry in address.query.split("&"))
    query = "&".join(n + equals + (v if "${" in v else "…" * bool(v)) for n, equals, v in names)
    return errors.redact(address._replace(query=query).geturl())


def secrets_of(url: str, headers: Mapping[str, str], *sent: Any) -> set[str]:
    """What must not be shown of what is sent: a password in the URL; in its query, in headers
    (whole and without the scheme, ``Bearer``) and in what else is `sent`, the values whose names
    say that they are secret."""
    address = urlsplit(url)
    found = {address.password} if address.password else set()
    for name, text in headers.items():
        if _SECRET_HEADERS.search(name):
            found |= {text, *text.split()[-1:]}
    without_secrets([dict(parse_qsl(address.query)), *sent], found)
    return {text for text in found if not _is_named(text)}


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
    """The text without what is secret of the request."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4:  # a shorter one is a word like any other
            text = text.replace(secret, "[redacted]")
    return text
