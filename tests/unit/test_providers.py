"""What adapters of hosted providers share: faults, headers, prices, endpoints, clients."""

import math

import pytest

from quilate import errors
from quilate.errors import ConfigurationError, InvalidRequest, QuilateError
from quilate.models import Usage
from quilate.providers import (
    Endpoint,
    building_client,
    encoded,
    estimate,
    raise_alone,
    rate_limit,
    retry_after,
    status_error,
)

AT = Endpoint("openai", "gpt-4o", "https://api.openai.com/v1", "a-secret-key")
RPM = (
    "Rate limit reached for gpt-4o on requests per min (RPM): Limit 3, Used 3. Please try again "
    "in 20s. You can increase your rate limit by adding a payment method to your account at "
    "https://platform.openai.com/account/billing."
)


@pytest.mark.parametrize(
    ("status", "text", "code", "kind"),
    [
        (429, RPM, "rate_limit_exceeded requests", errors.RateLimited),
        (429, "You exceeded your current quota.", "insufficient_quota", errors.ModelError),
        (429, "You exceeded your current quota. Please retry in 12.5s.", "", errors.RateLimited),
        (400, "Your credit balance is too low to access …", "", errors.ModelError),
        (
            400,
            "Invalid schema for function 'get_billing_info'",
            "invalid_function_parameters invalid_request_error",
            InvalidRequest,
        ),
        (400, "Invalid value: 'maximum context'", "invalid_value", InvalidRequest),
        (400, "Tool 'model_search': 'x' not found", "invalid_value x", InvalidRequest),
        (400, "maximum context length is 9", "invalid_request_error", errors.ContextLengthExceeded),
        (400, "The model `x` does not exist", "unknown_model", errors.ModelNotFound),
        (400, "'safety' is no such name", "None invalid_request_error", InvalidRequest),
        (400, "Output blocked by content filtering policy", "", errors.ContentRefused),
    ],
)
def test_the_code_tells_what_happened_and_the_text_where_it_does_not(status, text, code, kind):
    error = status_error(AT, status, text, code=code, headers={"retry-after": "20"})
    assert type(error) is kind
    assert error.retryable is (kind is errors.RateLimited)


def test_a_key_that_is_echoed_as_the_request_id():
    assert status_error(AT, 401, "x", request_id="r-a-secret-key").request_id == "r-[redacted]"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": " 2.5 "}, 2.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({}, None),
        *(
            ({"retry-after": text}, None)
            for text in ("nan", "inf", "-5", "1e999", "²", "1.2.3", "", "9" * 5000, "soon")
        ),
        ({"retry-after": "Mon, 99 Foo 99999999999 99:99:99 GMT"}, None),
    ],
)
def test_a_wait_is_finite_or_none(headers, seconds):
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h1m6.5s", 3666.5),
        ("250ms", 0.25),
        ("0.5", 0.5),
        ("2015-10-21T07:28:00Z", 0.0),
        *((text, None) for text in ("1.2.3s", "nan", "-1", "²", "9" * 400, "9" * 400 + "s", "?")),
    ],
)
def test_limits_that_cannot_be_read_are_left_out(text, seconds):
    told = {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": text}
    assert rate_limit(told).requests_reset == seconds
    odd = {**told, "x-ratelimit-remaining-tokens": text, "x-ratelimit-reset-tokens": "1s"}
    assert rate_limit(odd).requests == 3


def test_more_cached_tokens_than_input_have_a_price_too():
    assert estimate(AT, None, Usage(10, 5, cached_tokens=20)).usd > 0
    assert estimate(AT, None, Usage(10, 5), cache_write_tokens=50).usd > 0
    assert estimate(AT, None, Usage(-3, 5, cached_tokens=-7)).usd > 0


@pytest.mark.parametrize("key", [" k", "k ", "k\n", "k\tk", "ké"])
def test_keys_that_no_header_carries(key):
    with pytest.raises(ConfigurationError, match="Copy the key again"):
        Endpoint("openai", "m", "http://h/v1", key)


def test_the_public_url_has_no_user():
    at = Endpoint("openai", "m", "https://user:secret@h:8/v1")
    assert at.public_url == "https://h:8/v1"


@pytest.mark.parametrize("value", [math.nan, "\ud800", object(), {"a": {1}}])
def test_a_body_that_cannot_be_sent(value):
    with pytest.raises(InvalidRequest) as caught:
        encoded(AT, {"value": value})
    assert caught.value.__context__ is None


def test_nested_too_deep_to_be_sent():
    deep = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest):
        encoded(AT, deep)


def test_raised_alone_inside_a_handler():
    with pytest.raises(QuilateError) as caught:
        try:
            raise ValueError("a-secret-key")
        except ValueError:
            raise_alone(QuilateError("No."))
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "foo://user:hunter2@bar"),
        ("HTTP_PROXY", "http://h:port"),
        ("https_proxy", "foo://bar"),
        ("SSL_CERT_FILE", "/nonexistent/x.pem"),
    ],
)
def test_a_client_that_the_environment_forbids(monkeypatch, name, value):
    import httpx2

    monkeypatch.setenv(name, value)
    with (
        pytest.raises(ConfigurationError, match=f"openai/m: .*Check {name}") as caught,
        building_client("openai/m"),
    ):
        httpx2.AsyncClient()
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None
