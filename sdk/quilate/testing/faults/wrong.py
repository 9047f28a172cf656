"""The errors that the fault server sends, as each provider names them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wrong:
    """An error as each provider names it."""

    status: int
    openai: str
    code: str | None
    anthropic: str
    message: str


WRONG = {
    "400": Wrong(400, "invalid_request_error", None, "invalid_request_error", "Bad parameter."),
    "context": Wrong(
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "invalid_request_error",
        "prompt is too long: 200001 tokens > 200000 maximum context length",
    ),
    "content-filter": Wrong(
        400,
        "invalid_request_error",
        "content_filter",
        "invalid_request_error",
        "Output blocked by content filtering policy",
    ),
    "401": Wrong(
        401,
        "invalid_request_error",
        "invalid_api_key",
        "authentication_error",
        "Incorrect API key provided: {key}.",
    ),
    "403": Wrong(
        403, "invalid_request_error", "permission_denied", "permission_error", "Not for {key}."
    ),
    "404": Wrong(
        404,
        "invalid_request_error",
        "model_not_found",
        "not_found_error",
        "The model does not exist.",
    ),
    "413": Wrong(
        413, "invalid_request_error", None, "request_too_large", "The request is too large."
    ),
    "429": Wrong(429, "requests", "rate_limit_exceeded", "rate_limit_error", "Slow down."),
    "500": Wrong(500, "server_error", None, "api_error", "Internal error."),
    "503": Wrong(503, "server_error", None, "overloaded_error", "Try again later."),
    "529": Wrong(529, "overloaded_error", None, "overloaded_error", "Overloaded."),
}
"""By the name of the fault; ``{key}`` in a message becomes the key that the request carried."""
