import pickle

import pytest

from quilate import errors
from quilate.errors import MissingDependency, QuilateError, RateLimited, redact


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("key sk-proj-abcdefgh12345678 refused", "abcdefgh12345678"),
        ("Authorization: Bearer abc.def-ghi123", "abc.def-ghi123"),
        ('{"api_key": "hunter2hunter2"}', "hunter2"),
        ('{"api_key":"hunter2hunter2"}', "hunter2"),
        ("OPENAI_API_KEY=hunter2hunter2", "hunter2"),
        ("x-api-key: hunter2hunter2", "hunter2"),
        ("postgresql://bob:hunter2@db/runs", "hunter2"),
        ("password = hunter2", "hunter2"),
    ],
)
def test_secrets_are_hidden(text, hidden):
    assert hidden not in redact(text)
    assert "[redacted]" in redact(text)
    assert hidden not in str(QuilateError(text))


@pytest.mark.parametrize(
    "text",
    ["the keyword argument", "task-oriented dialogue", "https://example.com/a@b", "desk-top"],
)
def test_plain_text_is_left_alone(text):
    assert redact(text) == text


ALL = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, QuilateError)
]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_survives_a_pickle(kind):
    if kind is MissingDependency:
        error = kind("lancedb", extra="lancedb")
    else:
        error = kind("It broke.", where="a.yaml:3", remedy="Mend it.")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)


def test_what_a_rate_limit_says_is_kept():
    error = RateLimited("slow down", retry_after=3.5, status=429, request_id="r1")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.retry_after, copy.status, copy.request_id, copy.retryable) == (
        3.5,
        429,
        "r1",
        True,
    )


def test_redaction_takes_time_in_proportion_to_the_text():
    # Hours, were any pattern to look for its end from every place of a long word.
    for text in ("a-" * 500_000, "sk" * 500_000, "://a" * 250_000, "secret " * 150_000):
        assert redact(text) == text
