"""The one error tree: every error that Quilate raises on purpose is a `QuilateError`.

An error says what happened, where (file, line, sample, provider) and what to do about it.
Errors cross process borders, so they are picklable, and they never hold a secret: messages
pass through `redact` when they are built.
"""

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quilate.models import Cost, Usage

_SECRETS = re.compile(
    r"""(?ix)
    \b(?:sk|pk|rk|xai|gsk|hf|ghp|glpat)[-_][A-Za-z0-9_\-]{12,}     # provider keys
    | \bAKIA[0-9A-Z]{16}\b                                         # AWS access keys
    | \bAIza[0-9A-Za-z_\-]{30,}                                    # Google keys
    | (?P<bearer>\bbearer\s+)[A-Za-z0-9._~+/\-]{8,}=*              # Authorization headers
    | (?P<named>(?:api[-_]?key|secret|password|access[-_]token)["']?\s*[:=]\s*["']?)
      [^\s"',}]{4,}                                                # api_key=…, "api-key": "…"
    | (?P<scheme>://)[^/\s:@]+:[^/\s@]+(?=@)                       # ://user:password@host
    """
)


def redact(text: str) -> str:
    """Replace what looks like a key, token or password in `text` by ``[redacted]``.

    >>> redact("401 for sk-abcdefghijklmnop")
    '401 for [redacted]'
    >>> redact('{"api_key": "hunter2hunter2"}')
    '{"api_key": "[redacted]"}'
    """

    def hide(found: re.Match[str]) -> str:
        kept = found[found.lastgroup] if found.lastgroup else ""
        return f"{kept}[redacted]"

    return _SECRETS.sub(hide, text)


class QuilateError(Exception):
    """Base of every error raised on purpose: what happened, `where`, and the `remedy`.

    >>> print(QuilateError("It broke.", where="suite.yaml:3", remedy="Mend line 3."))
    suite.yaml:3: It broke. Mend line 3.
    """

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.what = redact(what)
        self.where = redact(where) if where else None
        self.remedy = redact(remedy) if remedy else None
        super().__init__(self.what)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{remedy}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__.copy())


def _rebuild(kind: type[QuilateError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class MissingDependency(QuilateError):
    """A package that an extra brings is not installed; the remedy is the ``pip install`` line.

    >>> print(MissingDependency("lancedb", extra="lancedb"))  # doctest: +ELLIPSIS
    The package 'lancedb' is not installed. Run: pip install ...[lancedb]'
    """

    def __init__(self, package: str, *, extra: str) -> None:
        from quilate.installation import pip_install

        super().__init__(
            f"The package '{package}' is not installed.", remedy=f"Run: {pip_install(extra)}"
        )
        self.package, self.extra = package, extra


class ConfigurationError(QuilateError):
    """A suite, template, option or name that Quilate cannot use as written."""


class UnknownName(ConfigurationError):
    """No model, store, evaluator … is registered under a name; the remedy names the nearest."""


class DataError(QuilateError):
    """A file of samples or documents that cannot be read as what it should be."""


class IndexingError(QuilateError):
    """An index that is locked, half-written, or was built with another embedder."""


class StoreError(QuilateError):
    """The run store cannot be read or written (locked, disk full, not ours)."""


class BudgetExceeded(QuilateError):
    """A limit of money, tokens or seconds was reached; finished work is kept, resume goes on."""


class ReplayMiss(QuilateError):
    """A replayed run asked for a call that its cassette does not hold."""


class ModelError(QuilateError):
    """A model call that failed. `retry_after` is in seconds; `retryable` guides the retry layer.
    `usage` and `cost` are those of the replies that led to it, where a provider told them: an
    answer that is of no use is paid for too."""

    kind = "model_error"
    retryable = False

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        remedy: str | None = None,
        provider: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.provider, self.status, self.request_id = provider, status, request_id
        self.retry_after = retry_after
        self.usage: Usage | None = None
        self.cost: Cost | None = None


class ModelNotFound(ModelError):
    """The provider, or the disk, has no model of that name."""

    kind = "not_found"


class ModelFileError(ModelNotFound):
    """A local model file that is missing, truncated, or not a GGUF file."""

    kind = "model_file"


class AuthenticationError(ModelError):
    """The key is missing or was refused."""

    kind = "authentication"


class PermissionDenied(ModelError):
    """The key is known, but may not use this model or feature."""

    kind = "permission"


class InvalidRequest(ModelError):
    """The provider cannot take this request as it is."""

    kind = "invalid_request"


class Unsupported(InvalidRequest):
    """The model lacks a capability that the request needs."""

    kind = "unsupported"


class SchemaUnsupported(Unsupported):
    """The provider's structured output cannot express a JSON Schema; names keyword and path."""

    kind = "schema"


class ContextLengthExceeded(InvalidRequest):
    """Prompt and answer do not fit the model's context window."""

    kind = "context_length"


class ContentRefused(ModelError):
    """The provider's filter refused the prompt or the answer."""

    kind = "content_refused"


class RateLimited(ModelError):
    """Too many requests; wait `retry_after` seconds where the provider says so."""

    kind = "rate_limited"
    retryable = True


class ServerError(ModelError):
    """The provider failed."""

    kind = "server"
    retryable = True


class Overloaded(ServerError):
    """The provider has more work than it can take (HTTP 503 or 529)."""

    kind = "overloaded"


class ConnectionFailed(ModelError):
    """The provider could not be reached, or the connection broke."""

    kind = "connection"
    retryable = True


class DeadlineExceeded(ModelError):
    """The call did not finish within its deadline."""

    kind = "timeout"
    retryable = True


class MalformedReply(ModelError):
    """The provider answered something that its own protocol does not allow."""

    kind = "malformed_reply"
    retryable = True
