"""Checks of what goes wrong on purpose: each must end in its own typed error."""

import ipaddress
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quilate import registry
from quilate.errors import (
    AuthenticationError,
    ConfigurationError,
    ContextLengthExceeded,
    ModelError,
    ModelNotFound,
    PermissionDenied,
)
from quilate.models import Response
from quilate.probing.report import Found, honoured, ignored, unknown
from quilate.probing.session import Session, close

_LARGEST = 20_000
"""Words sent to a model of unknown context: what a probe may cost stays small."""

_NO_SUCH = "quilate-no-such-model"
_BASE_URL = re.compile(r"@https?://.*$")


async def context_length(session: Session) -> Found:
    """A prompt longer than the context is refused, and not cut without a word."""
    known = session.model.info.context_length
    words = _LARGEST if known is None else known + known // 8
    if words > 2 * _LARGEST:
        return unknown(f"not tried: {known} tokens of context would cost too much to fill")
    asked = session.steady(" ".join(str(n % 10) for n in range(words)), tokens=16)
    try:
        response = await session.ask(asked)
    except ContextLengthExceeded as error:
        return honoured(f"{words} words: {_short(error)}")
    read = response.usage.input_tokens
    if read and read < words:
        return ignored(f"of {words} words {read} tokens were read: the prompt was cut")
    return unknown(f"{words} words were taken")


async def unknown_model(session: Session) -> Found:
    """A name that the server lacks is a `ModelNotFound`."""
    if session.name is None:
        return unknown("not tried: the model was given as an object")
    try:
        response = await _answer(session, _renamed(session.name))
    except ModelNotFound as error:
        return honoured(_short(error))
    return unknown(f"the server answers to any name, as {Path(response.model or '?').name!r}")


async def bad_key(session: Session) -> Found:
    """A wrong key is an `AuthenticationError`. Only servers of this machine are asked, unless the
    caller wants it: a hosted provider may lock the account."""
    if session.name is None:
        return unknown("not tried: the model was given as an object")
    if session.model.info.sha256 is not None:
        return unknown("it is a file and takes no key")
    if not session.include_bad_key and not is_local(session.name):
        return unknown("not tried: it may lock the account (--include-bad-key)")
    try:
        await _answer(session, session.name, api_key="quilate-probe-wrong-key")
    except (ConfigurationError, TypeError):  # TypeError: of a factory that takes any option
        return unknown("it takes no key")
    except (AuthenticationError, PermissionDenied) as error:
        return honoured(_short(error))
    return unknown("the server asks for no key")


def is_local(name: str) -> bool:
    """Whether a model string names a server of this machine.

    >>> is_local("openai/m@http://127.0.0.1:8080/v1"), is_local("openai/gpt-5-mini")
    (True, False)
    """
    at = _BASE_URL.search(name)
    host = (urlsplit(at[0][1:]).hostname or "") if at else ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _renamed(name: str) -> str:
    provider, _, rest = name.partition("/")
    at = _BASE_URL.search(rest)
    inner = rest[: at.start()] if at else rest
    # litellm's names begin with a provider of their own.
    kept = inner.partition("/")[0] + "/" if provider == "litellm" and "/" in inner else ""
    return f"{provider}/{kept}{_NO_SUCH}{at[0] if at else ''}"


async def _answer(session: Session, name: str, **options: Any) -> Response:
    """The answer of another model, opened for one question."""
    other = registry.model(name, attempts=1, **options)
    asked = session.steady("Say hello.", tokens=16)
    try:
        response = await other.generate(replace(asked, deadline=session.deadline))
    finally:
        await close(other)
    session.spent(response.usage, response.cost)
    return response


def _short(error: ModelError) -> str:
    return f"{error.kind}: {error.what[:120]}"
