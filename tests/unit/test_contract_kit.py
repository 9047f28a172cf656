"""The conformance kit fails what it should: each defect here is caught by the test that is named
beside it, and the same test passes the model without the defect."""

import asyncio
import inspect
import json
import math
import random
from dataclasses import replace
from functools import partial

import pytest

from quilate.errors import ConnectionFailed, InvalidRequest, ModelError
from quilate.messages import Audio, File, Image, Message, Reasoning, Text, ToolCall, ToolResult
from quilate.middleware.base import Wrapper
from quilate.middleware.standard import standard
from quilate.models import (
    FREE,
    Capabilities,
    ChoiceFormat,
    Finished,
    JsonFormat,
    Likelihood,
    ModelInfo,
    Request,
    Response,
    TextDelta,
    TokenCount,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    ask,
)
from quilate.sync import run
from quilate.testing.contract import FaultContract, ModelContract
from quilate.testing.contract.answers import PIXEL
from quilate.testing.contract.base import Reconnecting
from quilate.testing.contract.served import KEY, taken
from quilate.testing.faults import FaultServer

WORDS = "red green blue yellow orange violet indigo sky sea land sun moon star cloud"
DRAWING = ("temperature", "top_p", "top_k", "seed")
ALL = (
    *DRAWING,
    *("stream", "max_tokens", "stop", "logprobs", "json_schema", "choices", "choice_logprobs"),
    *("tools", "tool_choice", "parallel_tool_calls", "images", "count_tokens", "loglikelihood"),
)


class ToyModel:
    """A small language model: each word is drawn from probabilities that depend on all words
    before it. It does what it declares, but for its `defects`."""

    def __init__(self, *defects, capabilities=ALL):
        self.defects = defects
        takes = Capabilities.declared(*capabilities)
        self.info = ModelInfo("toy/toy", "toy", f"toy:{defects}", capabilities=takes)
        self._reading = ()

    async def generate(self, request):
        work = asyncio.ensure_future(self._whole(request))
        if "goes on when cancelled" in self.defects:
            return await asyncio.shield(work)
        return await work

    async def _whole(self, request):
        return [event async for event in self.stream(request)][-1].response

    async def stream(self, request):
        said = self._reading = tuple(self._read(request))
        await asyncio.sleep(0.005)
        if "answers another request" in self.defects:
            said = self._reading
        formed = self._formed(request, " ".join(said))
        if formed is not None:
            for event in formed:
                yield event
            return
        async for event in self._draw(request, " ".join(said)):
            yield event

    async def count_tokens(self, request):
        return TokenCount(len(self._read(request)), True)

    async def loglikelihood(self, context, continuations):
        return [
            Likelihood(-2.0 * len(text) if text.startswith("Paris") else -50.0, len(text), False)
            for text in continuations
        ]

    def _read(self, request):
        """The tokens of a request."""
        found = []
        for part in (part for message in request.messages for part in message.parts):
            if isinstance(part, File):
                raise InvalidRequest("This model reads no files.", provider="toy")
            if isinstance(part, Text):
                found += part.text.split()
            elif isinstance(part, ToolCall):
                if "loses calls" not in self.defects:
                    found += [part.name, *json.dumps(dict(part.arguments)).split()]
            elif isinstance(part, ToolResult):
                found += part.content.split()
            elif isinstance(part, Image) and "sees nothing" not in self.defects:
                found += ["pixel"] * 9
        for tool in request.tools:
            found += tool.description.split()
        return [*found, *("turn" for _ in request.messages)]

    def _finished(self, request, parts, reason, n, **more):
        usage = Usage(len(self._read(request)), n)
        message = Message("assistant", tuple(parts))
        return Finished(
            Response(message, finish_reason=reason, usage=usage, cost=FREE, model="toy", **more)
        )

    def _formed(self, request, key):
        """An answer in a form that was asked for, or None."""
        wanted, drawn = request.format, random.Random(key)
        if isinstance(wanted, ChoiceFormat):
            text, n = drawn.choice(wanted.choices), len(wanted.choices)
            sure = "is sure of every choice" in self.defects
            logprobs = {choice: 0.0 if sure else -math.log(n) for choice in wanted.choices}
            last = self._finished(request, [Text(text)], "stop", 1, choice_logprobs=logprobs)
            return [TextDelta(text), last]
        if isinstance(wanted, JsonFormat):
            text = json.dumps(_instance(wanted.schema, drawn))
            return [TextDelta(text), self._finished(request, [Text(text)], "stop", 1)]
        calls = [
            ToolCall(f"call_{n}", tool.name, _instance(tool.parameters, drawn))
            for n, tool in enumerate(self._called(request))
        ]
        if not calls:
            return None
        deltas = [ToolCallDelta(c.id, c.name, json.dumps(c.arguments)) for c in calls]
        return [*deltas, self._finished(request, calls, "tool_calls", len(calls))]

    def _called(self, request):
        choice = request.tool_choice
        if choice == "none" and "calls what is forbidden" not in self.defects:
            return ()
        named = tuple(tool for tool in request.tools if tool.name == choice)
        alone = request.parallel_tool_calls is False and "calls several" not in self.defects
        return named or (request.tools[:1] if alone else request.tools)

    async def _draw(self, request, key):
        sampling = request.sampling
        seeded = sampling.seed is not None and "ignores the seed" not in self.defects
        drawn = random.Random(sampling.seed if seeded else None)
        limit = sampling.max_tokens or 64
        natural = limit if "Count" in key else 24
        text, entries, reason = "", [], "length"
        for n in range(limit):
            await asyncio.sleep(0.001)
            if n == natural:
                reason = "stop"
                break
            odds = self._odds(f"{key} {text}")
            at = drawn.choices(range(len(odds)), self._narrowed(odds, sampling))[0]
            word = WORDS.split()[at] if not text else f" {WORDS.split()[at]}"
            stop = next((stop for stop in sampling.stop if stop in text + word), None)
            if stop is not None:
                cut = (text + word).partition(stop)[0]
                text, word, reason = cut[: len(text)], cut[len(text) :], "stop"
            text += word
            if word:
                entries.append(self._entry(word, at, odds, request.logprobs))
                yield TextDelta(word)
            if stop is not None:
                break
        logprobs = None if request.logprobs is None else tuple(entries)
        yield self._finished(request, [Text(text)], reason, len(entries) or 1, logprobs=logprobs)

    def _odds(self, key):
        drawn = random.Random(key)
        weights = [math.exp(drawn.gauss(0, 2)) for _ in WORDS.split()]
        return [weight / sum(weights) for weight in weights]

    def _narrowed(self, odds, sampling):
        temperature = 1.0 if sampling.temperature is None else sampling.temperature
        if "ignores the temperature" in self.defects:
            temperature = 1.0
        best = max(odds)
        if temperature == 0 or "is always greedy" in self.defects:
            return [float(p == best) for p in odds]
        for name in ("top_k", "top_p"):  # the kit asks for the likeliest alone
            if getattr(sampling, name) is not None and f"ignores {name}" not in self.defects:
                return [float(p == best) for p in odds]
        return [p ** (1 / temperature) for p in odds]

    def _entry(self, word, at, odds, top):
        lead = " " if word.startswith(" ") else ""
        likeliest = sorted(range(len(odds)), key=lambda i: -odds[i])[: top or 0]
        found = tuple((lead + WORDS.split()[i], math.log(odds[i])) for i in likeliest)
        constant = "says one log-probability" in self.defects
        return TokenLogprob(word, -1.0 if constant else math.log(odds[at]), found)


def _instance(schema, drawn):
    if "enum" in schema:
        return drawn.choice(schema["enum"])
    if schema.get("type") == "integer":
        return drawn.randint(schema.get("minimum", 0), schema.get("maximum", 9))
    return {name: _instance(part, drawn) for name, part in schema["properties"].items()}


class TestToyModel(ModelContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        return ToyModel()


def put_to(contract, test, **given):
    """Runs one test of a contract with those of the arguments that it takes."""
    method = getattr(contract(), test)
    method(**{name: given[name] for name in inspect.signature(method).parameters})


FAILURES = (AssertionError, ModelError, pytest.fail.Exception)
NO_HEAT = tuple(name for name in ALL if name != "temperature")
HEAT_ALONE = (*(name for name in ALL if name not in DRAWING), "temperature")
NARROWED = "test_narrowed_draws_are_the_likeliest"


@pytest.mark.parametrize(
    ("defect", "test", "given"),
    [
        ("answers another request", "test_concurrent_calls_do_not_mix", {}),
        ("answers another request", "test_concurrent_streams_do_not_mix", {}),
        ("loses calls", "test_calls_go_back", {}),
        ("sees nothing", "test_parts_are_taken_or_refused", {"part": Image(PIXEL)}),
        ("ignores the temperature", "test_greedy_draws_are_alike", {}),
        ("ignores the temperature", "test_greedy_draws_are_alike", {"takes": HEAT_ALONE}),
        ("is always greedy", "test_hot_draws_differ", {}),
        ("is always greedy", "test_hot_draws_differ", {"takes": HEAT_ALONE}),
        ("ignores the seed", "test_draws_of_one_seed_are_alike", {}),
        ("ignores the seed", "test_draws_of_one_seed_are_alike", {"takes": NO_HEAT}),
        *(
            (f"ignores {name}", NARROWED, {"narrow": {name: value}, "takes": takes})
            for name, value in (("top_k", 1), ("top_p", 1e-4))
            for takes in (ALL, tuple(set(NO_HEAT) - {"seed"}))
        ),
        ("calls what is forbidden", "test_forbidden_tools_are_not_called", {}),
        ("calls what is forbidden", "test_results_go_back", {}),
        ("calls what is forbidden", "test_its_own_calls_go_back", {}),
        ("calls several", "test_one_call_at_a_time", {}),
        ("says one log-probability", "test_log_probabilities", {"top": 0}),
        ("says one log-probability", "test_log_probabilities", {"top": 2}),
        ("is sure of every choice", "test_a_choice_is_one_of_them", {}),
        ("goes on when cancelled", "test_a_cancelled_call_stops", {}),
    ],
)
def test_a_model_with_a_defect_fails(defect, test, given):
    takes = given.get("takes", ALL)
    given = {"is_language_model": True, "name": "images", **given}
    honest, defective = (
        standard(ToyModel(*defects, capabilities=takes), attempts=1) for defects in ((), (defect,))
    )
    put_to(ModelContract, test, opened=honest, **given)
    with pytest.raises(FAILURES):
        put_to(ModelContract, test, opened=defective, **given)


def test_a_connection_that_broke_before_anything_came_is_no_failure():
    class Idle(ToyModel):
        asked = 0

        async def stream(self, request):
            self.asked += 1
            if self.asked % 2:
                raise ConnectionFailed("The idle connection was closed.", provider="toy")
            async for event in super().stream(request):
                yield event

    model = Idle()
    for stream in (False, True):
        assert taken(Reconnecting(model), ask("?", max_tokens=2), stream).text
    assert model.asked == 4


class Changed(Wrapper):
    """An adapter in which a defect changes the values of one type."""

    def __init__(self, inner, of, change):
        super().__init__(inner)
        self._of, self._change = of, change

    @property
    def info(self):
        return self._passed(self.inner.info)

    async def generate(self, request):
        return self._passed(await self.inner.generate(self._passed(request)))

    async def stream(self, request):
        async for event in self.inner.stream(self._passed(request)):
            yield Finished(self._passed(event.response)) if isinstance(event, Finished) else event

    def _passed(self, value):
        return self._change(value) if isinstance(value, self._of) else value


def counting(change):
    """A response whose usage is changed."""
    return (Response, lambda found: replace(found, usage=change(found.usage)))


def reading(change):
    """A response whose parts are changed, or left out."""

    def changed(response):
        parts = filter(None, map(change, response.message.parts))
        return replace(response, message=Message("assistant", tuple(parts)))

    return (Response, changed)


def losing(*kinds):
    """A request without the parts of some kinds."""

    def left(request):
        turns = [
            replace(turn, parts=tuple(part for part in turn.parts if not isinstance(part, kinds)))
            for turn in request.messages
        ]
        return replace(request, messages=tuple(turn for turn in turns if turn.parts))

    return (Request, left)


def ignoring(name):
    """A request without a setting."""

    def left(request):
        plain = ask("")
        if hasattr(plain, name):
            return replace(request, **{name: getattr(plain, name)})
        default = getattr(plain.sampling, name)
        return replace(request, sampling=replace(request.sampling, **{name: default}))

    return (Request, left)


def _unsigned(part):
    return replace(part, signature=None) if isinstance(part, Reasoning) else part


def _thoughtless(part):
    return None if isinstance(part, Reasoning) else part


def _first_call_alone(part):
    return None if getattr(part, "id", "") == "call_1" else part


def _renamed(part):
    return replace(part, id=f"{part.id}x") if isinstance(part, ToolCall) else part


MORE = (
    *("tools", "tool_choice", "parallel_tool_calls", "json_schema"),
    *("reasoning", "images", "files"),
)


def chat(address, name, key):
    from quilate_adapters.openai import model

    more = (*MORE, "audio")
    return model(name, base_url=f"{address}/v1", api_key=key, capabilities=more)


def responses(address, name, key):
    from quilate_adapters.openai import model

    return model(name, base_url=f"{address}/v1", api_key=key, api="responses", capabilities=MORE)


def messages(address, name, key):
    from quilate_adapters.anthropic import model

    return model(name, base_url=address, api_key=key, capabilities=MORE)


@pytest.fixture
def against(fault_server):
    """Puts an adapter, with a defect or without, to a test of the `FaultContract`."""
    control = FaultServer(fault_server)

    def put(test, wire, defect=None, **given):
        control.set(reset=True)
        made = []

        def make(address, name, key):
            inner = wire(address, name, key)
            made.append(inner)
            return Changed(inner, *defect) if defect else inner

        def opened(name):
            return standard(make(control.address, name, KEY), attempts=1)

        try:
            put_to(FaultContract, test, opened=opened, make=make, control=control, **given)
        finally:
            for model in made:
                run(model.aclose())

    return put


WIRES = (chat, responses, messages)
SIGNING = (responses, messages)
CACHED = "test_cached_tokens_are_counted_once"
THOUGHTS = "test_reasoning_goes_back_signed"
CALLS = "test_several_calls_at_once"
BACK = "test_calls_and_results_go_back"
IDENTITY = "test_identities_tell_models_apart"
DEFECTS = [
    (CACHED, WIRES, counting(lambda u: replace(u, input_tokens=u.input_tokens + u.cached_tokens))),
    (CACHED, WIRES, counting(lambda u: replace(u, input_tokens=u.input_tokens - u.cached_tokens))),
    (
        "test_reasoning_tokens_are_counted_once",
        WIRES,
        counting(lambda u: replace(u, output_tokens=u.output_tokens + u.reasoning_tokens)),
    ),
    (THOUGHTS, WIRES, reading(_thoughtless)),
    (THOUGHTS, SIGNING, reading(_unsigned)),
    (THOUGHTS, SIGNING, losing(Reasoning)),
    (CALLS, WIRES, reading(_first_call_alone)),
    (CALLS, WIRES, reading(_renamed)),
    (BACK, WIRES, losing(ToolCall)),
    (BACK, WIRES, losing(ToolResult)),
    (IDENTITY, WIRES, (ModelInfo, lambda info: replace(info, identity=f"m:{info.name}"))),
    (IDENTITY, WIRES, (ModelInfo, lambda info: replace(info, quota="all"))),
]
IGNORED = [
    *((name, WIRES, ignoring(name)) for name in ("temperature", "top_p", "max_tokens")),
    *((name, WIRES, ignoring(name)) for name in ("reasoning", "parallel_tool_calls")),
    *((name, WIRES, ignoring(name)) for name in ("tool_choice", "tools")),
    *((name, (chat,), ignoring(name)) for name in ("seed", "stop", "logprobs", "top_k")),
    ("json_schema", WIRES, ignoring("format")),
    *((name, WIRES, losing(Image, File)) for name in ("images", "files")),
    ("audio", (chat,), losing(Audio)),
]


def _by_wire(found):
    return [
        pytest.param(name, wire, defect, id=f"{name}-{wire.__name__}-{n}")
        for n, (name, wires, defect) in enumerate(found)
        for wire in wires
    ]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("test", "wire", "defect"), _by_wire(DEFECTS))
def test_an_adapter_with_a_defect_fails(against, test, wire, defect, stream):
    against(test, wire, stream=stream)
    with pytest.raises(FAILURES):
        against(test, wire, defect, stream=stream)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("name", "wire", "defect"), _by_wire(IGNORED))
def test_an_adapter_that_ignores_a_setting_fails(against, name, wire, defect, stream):
    sent = partial(against, "test_what_is_declared_is_sent", wire, name=name, stream=stream)
    sent()
    with pytest.raises(AssertionError, match="ignored"):
        sent(defect)
