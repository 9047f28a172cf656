"""litellm's errors as Quilate's."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from quilate import errors
from quilate.providers import malformed, raise_alone, retry_after, status_error
from quilate_adapters.litellm.loading import litellm
from quilate_adapters.litellm.route import Route

# Classes that say more than their HTTP status, by name: not every version has every one.
_KINDS: Mapping[str, tuple[type[errors.ModelError], str | None]] = {
    "ContextWindowExceededError": (
        errors.ContextLengthExceeded,
        "Shorten the prompt or ask for fewer max_tokens.",
    ),
    "ContentPolicyViolationError": (errors.ContentRefused, None),
    "RejectedRequestError": (errors.ContentRefused, None),
    "GuardrailRaisedException": (errors.ContentRefused, None),
    "BlockedPiiEntityError": (errors.ContentRefused, None),
    "UnsupportedParamsError": (errors.Unsupported, "Leave it out, or use another model."),
    "PaymentRequiredError": (errors.ModelError, "The account has no credit left."),
    "BudgetExceededError": (errors.ModelError, "The account's budget is spent."),
    "Timeout": (errors.DeadlineExceeded, None),
    "APIResponseValidationError": (errors.MalformedReply, None),
    "JSONSchemaValidationError": (errors.MalformedReply, None),
}
_PREFIXES = re.compile(r"^(?:litellm\.)?(?:[A-Z]\w*(?:Error|Exception|Timeout))(?::| -) ?")
_ADVICE = re.compile(r"\.? Handle with `litellm\.\w+`\.?")
# An SSL context's repr, which says nothing and is another at each run.
_CONTEXT = re.compile(r" ssl:(?:default|<[^>]*>)")
_NO_KEY = re.compile(
    r"(?i)missing credentials|missing \w+ api key|unable to locate credentials|no key is set"
)
_NO_MODULE = re.compile(r"No module named '([\w.]+)'")
_QUOTED = re.compile(r'"message": ?("(?:[^"\\]|\\.)*")')
_OVERLOADED = re.compile(r"(?i)overloaded_error|^overloaded\b")
# What litellm says of a reply that it cannot read, as an HTTP 500 or a connection's error.
_MISREAD = re.compile(
    r"Unable to get json response|invalid response from LLM|response with no 'choices'"
)
_UNREAD = re.compile(
    r"(?i)jsondecode|^expecting |invalid json|unterminated|codec can't decode|^'\w+'$"
    r"|has no attribute|not subscriptable|index out of range"
)
_BROKEN = re.compile(
    r"(?i)connection error|cannot connect|connect call failed|disconnected|incomplete|peer closed"
    r"|payload is not completed|connection (reset|lost)|stream ended before"
)


@contextmanager
def translated(at: Route) -> Iterator[None]:
    """Raise Quilate's errors for whatever litellm raises, alone: its own may quote the request
    and the key."""
    try:
        yield
    except errors.QuilateError:
        raise
    except Exception as error:
        raise_alone(_error(at, error))


def _error(at: Route, error: Any) -> errors.ModelError:
    inner = getattr(error, "original_exception", None)
    if isinstance(inner, Exception) and type(error).__name__ == "MidStreamFallbackError":
        return _error(at, inner)
    headers, status = _headers(error), getattr(error, "status_code", None)
    raw = str(getattr(error, "message", None) or error) or type(error).__name__
    text = at.quiet(_said(raw))
    request_id = headers.get("x-request-id") or headers.get("request-id")
    known = next((k.__name__ for k in type(error).__mro__ if k.__name__ in _KINDS), None)
    if known is not None:
        kind, remedy = _KINDS[known]
        return kind(
            f"{text.rstrip('.')}.",
            provider=at.provider,
            where=at.where,
            remedy=remedy,
            status=status,
            request_id=request_id,
            retry_after=retry_after(headers),
        )
    # A status that only a server's reply can have outranks its words.
    told = isinstance(status, int) and 400 <= status < 500
    unanswered = None if headers or told else _unanswered(at, error, text)
    if unanswered is not None:
        return unanswered
    if _MISREAD.search(raw):
        return malformed(at, f"The reply cannot be read: {text[:500]}.")
    if not isinstance(status, int):
        return errors.ModelError(
            f"litellm failed: {type(error).__name__}: {text}", provider=at.provider, where=at.where
        )
    code = "overloaded" if _OVERLOADED.search(raw) else str(getattr(error, "code", "") or "")
    return status_error(at, status, text, code=code, headers=headers, request_id=request_id)


def _unanswered(at: Route, error: Any, text: str) -> errors.ModelError | None:
    """The error for one that is no server's reply, whatever status litellm gives it."""

    def made(kind: type[errors.ModelError], what: str, remedy: str | None) -> errors.ModelError:
        what = f"{what}: {text[:1000].rstrip('.')}."
        return kind(what, provider=at.provider, where=at.where, remedy=remedy)

    if _NO_KEY.search(text):  # told as a server's or a connection's failure
        return made(errors.AuthenticationError, "There is no key", "Set it, or pass api_key=….")
    missing = _NO_MODULE.search(text)
    if missing is not None:
        remedy = "Install the package that litellm's documentation names for this provider."
        what = f"litellm needs the module '{missing[1]}' for this provider"
        return made(errors.ModelError, what, remedy)
    if _OVERLOADED.search(text):  # said in the middle of a stream
        return made(errors.Overloaded, "The server sent an error", None)
    if _UNREAD.search(text) or isinstance(error, UnicodeDecodeError):
        return made(errors.MalformedReply, "The reply cannot be read", None)
    if _BROKEN.search(text) or isinstance(error, litellm().exceptions.APIConnectionError | OSError):
        remedy = "Check that the server runs and that the address is right."
        return made(errors.ConnectionFailed, "The connection failed", remedy)
    return None


def _said(raw: str) -> str:
    """What the provider said, without what litellm wraps round it."""
    text = raw
    while found := _PREFIXES.match(text):
        text = text[found.end() :]
    text = _CONTEXT.sub("", text)
    # A traceback of litellm's own that it sometimes puts into the message.
    text = _ADVICE.sub("", text.partition("Traceback (most recent call last)")[0]).strip()
    quoted = _QUOTED.search(text) if text.startswith(("{", "b'{")) else None
    if quoted is not None:
        with suppress(ValueError):
            text = str(json.loads(quoted[1]))
    return text


def _headers(error: Any) -> dict[str, str]:
    found = getattr(error, "litellm_response_headers", None)
    if not found:
        found = getattr(getattr(error, "response", None), "headers", None)
    return {str(name).lower(): str(value) for name, value in (found or {}).items()}
