"""Callables as models."""

import asyncio
import functools
import subprocess
import sys
import threading

import pytest

import quilate
from quilate import errors
from quilate.messages import assistant, system, user
from quilate.models import Finished, Request, Response, TextDelta, Usage, ask, reply
from quilate.sync import iterate, run
from quilate_adapters.function import model


def shout(text):
    return text.upper()


async def shout_later(text):
    await asyncio.sleep(0)
    return text.upper()


def whole(request: Request) -> Response:
    return reply(request.messages[-1].text.upper(), usage=Usage(3, 1))


def pieces(text):
    yield from (text[:2].upper(), text[2:].upper())


async def pieces_later(text):
    for piece in (text[:2].upper(), text[2:].upper()):
        yield piece


class Shouter:
    async def __call__(self, text):
        return text.upper()


@pytest.mark.parametrize(
    "function",
    [shout, shout_later, whole, pieces, pieces_later, Shouter(), lambda t: shout_later(t)],
    ids=lambda function: getattr(function, "__name__", type(function).__name__),
)
def test_every_kind_of_callable_answers_and_streams_the_same(function):
    made = model(function)
    *deltas, last = iterate(made.stream(ask("hola")))
    assert isinstance(last, Finished)
    assert run(made.generate(ask("hola"))).text == last.response.text == "HOLA"
    assert "".join(delta.text for delta in deltas) == "HOLA"
    assert all(isinstance(delta, TextDelta) for delta in deltas)


def test_what_yields_is_streamed_as_it_comes_and_closed_when_left():
    gate, closed = threading.Event(), threading.Event()

    def slowly(text):
        try:
            yield "first"
            gate.wait(20)
            yield "second"
        finally:
            closed.set()

    async def first_only():
        events = model(slowly).stream(ask("?"))
        event = await anext(events)  # comes while the function has not gone on
        await events.aclose()
        return event

    assert run(first_only()) == TextDelta("first")
    assert closed.wait(5)


def test_a_function_of_the_text_sees_every_message_or_the_request_is_refused():
    seen = model(lambda text: text)
    assert run(seen.generate(Request((system("S"), user("U"))))).text == "S\n\nU"
    with pytest.raises(errors.Unsupported, match="conversation"):
        run(seen.generate(Request((user("a"), assistant("b"), user("c")))))


def test_errors_name_the_place_and_chain_nothing():
    def broken(text):
        raise KeyError("no sk-abcdefghijklmnopqrs")

    with pytest.raises(errors.ModelError, match=r"KeyError: .*test_function\.py:\d+") as caught:
        run(model(broken).generate(ask("?")))
    assert "sk-abc" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_quilates_own_errors_pass_as_they_are():
    def full(text):
        raise errors.RateLimited("slow down", retry_after=2)

    with pytest.raises(errors.RateLimited) as caught:
        run(model(full).generate(ask("?")))
    assert caught.value.retry_after == 2


@pytest.mark.parametrize("answer", [None, 3, ["a"]])
def test_no_answer_is_an_error_that_is_not_retried(answer):
    calls = []

    def odd(text):
        calls.append(text)
        return answer

    with pytest.raises(errors.MalformedReply, match="Return a text"):
        run(quilate.model(odd).generate(ask("?")))
    assert len(calls) == 1


def test_only_declared_settings_reach_it():
    warm = ask("?", temperature=0.5)
    with pytest.raises(errors.Unsupported, match="temperature"):
        run(quilate.model(shout).generate(warm))
    told = quilate.model(
        lambda request: str(request.sampling.temperature), capabilities=("temperature",)
    )
    assert run(told.generate(warm)).text == "0.5"


def multiplied(by):
    return lambda text: text * by


def test_identities_tell_answers_apart():
    def other(text):
        return text.lower()

    assert model(shout).info.identity == model(shout).info.identity
    assert model(multiplied(2)).info.identity == model(multiplied(2)).info.identity
    identities = [
        model(function).info.identity
        for function in (
            shout,
            other,
            multiplied(2),
            multiplied(3),
            functools.partial(shout_later),
            functools.partial(multiplied, 3),
            functools.partial(multiplied, 4),
            Shouter(),
            Shouter(),
            multiplied(object()),
            multiplied(object()),
        )
    ]
    assert len(set(identities)) == len(identities)
    assert model(Shouter(), identity="v1").info.identity.endswith(":v1")


PROGRAM = """
from quilate.sync import run
from quilate.models import ask
from quilate_adapters.function import model
made = model("app:answer")
print(made.info.identity)
print(run(made.generate(ask("hola"))).text)
"""


def test_a_path_is_imported_and_a_changed_function_is_another_model(tmp_path):
    def printed(source):
        (tmp_path / "app.py").write_text(source)
        command = [sys.executable, "-B", "-c", PROGRAM]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.split()

    first = printed("def answer(text):\n    return text + '!'\n")
    again = printed("x = 1\ndef answer(text):\n    return text + '!'\n")
    changed = printed("def answer(text):\n    return text + '?'\n")
    assert (first[1], changed[1]) == ("hola!", "hola?")
    assert first == again
    assert first[0] != changed[0]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("no_colon", "package.module:function"),
        ("no_such_module_here:f", "PYTHONPATH"),
        ("json:dumsp", "no 'dumsp'"),
        ("json:__name__", "cannot be called"),
    ],
)
def test_a_path_that_names_no_function(path, says):
    with pytest.raises(errors.ConfigurationError, match=says):
        model(path)


def test_functions_that_differ_have_identities_that_differ():
    one, other = model(lambda text: "A"), model(lambda text: "B")  # on one line
    assert one.info.identity != other.info.identity

    def plain(text: str) -> str:
        return text

    def marked(function, mark):
        @functools.wraps(function)
        def wrapper(text: str) -> str:
            return mark + function(text)

        return wrapper

    assert model(marked(plain, "A")).info.identity != model(marked(plain, "B")).info.identity
    assert model(marked(plain, "A")).info.identity == model(marked(plain, "A")).info.identity
    assert model(plain).info.identity != model(plain, capabilities=["seed"]).info.identity
    with pytest.raises(errors.ConfigurationError, match=r"temprature.*temperature"):
        model(plain, capabilities=["temprature"])


def test_a_function_that_exits_ends_its_call_alone():
    def leave(text: str) -> str:
        sys.exit("usage")

    with pytest.raises(errors.ModelError, match="SystemExit: usage"):
        quilate.model(leave).ask("?")
    assert quilate.model(lambda text: "still here").ask("?").text == "still here"
