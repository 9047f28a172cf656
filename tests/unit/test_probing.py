"""The probe against an endpoint made by hand, which ignores what it is told to ignore."""

import asyncio
import json
import random
import re
from dataclasses import replace

import pytest

from quilate import registry
from quilate.cli.probe import as_json, markdown
from quilate.errors import AuthenticationError, ContextLengthExceeded, InvalidRequest, UnknownName
from quilate.messages import Audio, File, Image, Message, Reasoning, Text, ToolCall, ToolResult
from quilate.models import (
    Capabilities,
    ChoiceFormat,
    Finished,
    JsonFormat,
    ReasoningDelta,
    Response,
    TokenLogprob,
    Usage,
    reply,
)
from quilate.probing import CHECKS, capabilities, probe
from quilate.probing.faults import is_local
from quilate.probing.parts import GREEN, YELLOW, square_png, tone_wav
from quilate.probing.running import _look
from quilate.probing.sampling import narrowed
from quilate.probing.session import HOT, Session
from quilate.testing import ScriptedModel

FEATURES = (
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "max_tokens",
    "stop",
    "logprobs",
    "json_schema",
    "tools",
    "tool_choice",
    "images",
    "reasoning",
)
CONTEXT = 4000
SQUARES = {square_png(YELLOW): "Yellow.", square_png(GREEN): "It is green"}


class Endpoint(ScriptedModel):
    """Does what a request asks, but for what it is `ignoring` and `refusing`."""

    def __init__(self, *, declared=FEATURES, ignoring=(), refusing=None, noise=False):
        super().__init__(self.answer, capabilities=Capabilities.declared(*declared))
        self.ignoring, self.refusing, self.noise = ignoring, refusing or {}, noise
        self.info = replace(self.info, context_length=CONTEXT)

    def answer(self, request):
        wanted = self.wanted(request)
        for name, error in self.refusing.items():
            if name in wanted:
                raise error
        obeyed = {name: value for name, value in wanted.items() if name not in self.ignoring}
        read = self.read(request, obeyed)
        if read > CONTEXT and "context" not in self.ignoring:
            raise ContextLengthExceeded("The prompt is too long.")
        usage = Usage(min(read, CONTEXT), 0)
        if "images" in obeyed:
            return reply(SQUARES[obeyed["images"]], usage=usage)
        if "json_schema" in obeyed:
            return reply(json.dumps(instance(obeyed["json_schema"])), usage=usage)
        choice = obeyed.get("tool_choice", "none")
        if choice != "none" and wanted.get("tools"):
            tool = next(t for t in wanted["tools"] if choice in ("required", t.name))
            call = ToolCall("1", tool.name, {"city": "Lima"})
            return replace(reply(""), usage=usage, message=Message("assistant", (call,)))
        return self.words(request, obeyed, usage)

    def wanted(self, request):
        sampling = request.sampling
        found = {
            name: getattr(sampling, name)
            for name in ("temperature", "top_p", "top_k", "seed", "max_tokens", "stop")
            if getattr(sampling, name) not in (None, ())
        }
        if isinstance(request.format, JsonFormat):
            found["json_schema"] = request.format.schema
        assert not isinstance(request.format, ChoiceFormat)
        parts = [part for message in request.messages for part in message.parts]
        for part in parts:
            if isinstance(part, Image):
                found["images"] = part.image
        if request.messages[0].role == "system":
            found["system"] = True
        for name in ("tools", "tool_choice", "logprobs", "reasoning"):
            if getattr(request, name):
                found[name] = getattr(request, name)
        return found

    def read(self, request, obeyed):
        messages = request.messages if "system" in obeyed else request.messages[-1:]
        texts = [part.text for m in messages for part in m.parts if isinstance(part, Text)]
        results = [p.content for m in messages for p in m.parts if isinstance(p, ToolResult)]
        words = len(" ".join(texts + results * ("result" not in self.ignoring)).split())
        return words + 40 * ("tools" in obeyed) + 85 * ("images" in obeyed)

    def words(self, request, obeyed, usage):
        steady = not obeyed.get("temperature") or obeyed.get("top_k") == 1
        steady = steady or obeyed.get("top_p", 1) < 0.01
        draw = random.Random(0 if steady else obeyed.get("seed"))
        tokens = [f"word{draw.randrange(10**6)} " for _ in range(100)]
        if self.noise and steady and "temperature" in obeyed:
            tokens[40:] = [f"noise{random.random()} "]
        if "stream" in self.ignoring:
            tokens = ["".join(tokens).replace(" ", "_")]
        tokens = tokens[: obeyed.get("max_tokens", 100)]
        text = "".join(tokens)
        for stop in obeyed.get("stop", ()):
            text = text.partition(stop)[0]
        logprobs = tuple(
            TokenLogprob(token, -0.7, ((token, -0.7), ("b", -3.0), ("c", -4.0))) for token in tokens
        )
        return reply(
            text,
            finish_reason="length" if len(tokens) == obeyed.get("max_tokens") else "stop",
            usage=replace(
                usage,
                output_tokens=max(len(tokens), 9),
                reasoning_tokens=5 if "reasoning" in obeyed else 0,
            ),
            logprobs=logprobs if "logprobs" in obeyed else None,
        )


def instance(schema):
    """A value that is valid under `schema`, as far as the probe's go."""
    if "anyOf" in schema:
        return instance(schema["anyOf"][0])
    if schema.get("type") == "object":
        return {name: instance(wanted) for name, wanted in schema["properties"].items()}
    if schema.get("type") == "array":
        return [instance(schema["items"])]
    return schema.get("const") or schema.get("minimum") or (schema.get("enum") or ["text"])[0]


def look(model, *only, **options):
    return asyncio.run(probe(model, only=only, **options))


def standings(report):
    return {finding.feature: finding.found.standing for finding in report.findings}


def test_an_honest_endpoint_has_no_defect_and_proves_what_it_declares():
    report = look(Endpoint())
    assert not report.defects, report.defects
    proved = capabilities(report).features
    for name in ("stream", "temperature", "top_p", "top_k", "seed", "max_tokens", "stop"):
        assert proved[name].supported, proved[name]
        assert proved[name].provenance == "probed"
    for name in ("logprobs", "json_schema", "images", "reasoning"):
        assert proved[name].supported, proved[name]
    assert not proved["audio"].supported
    assert not proved["count_tokens"].supported
    assert report["context length error"].standing == "honoured"
    assert report["bad key error"].standing == "unknown"
    assert report.calls > 30
    assert report.usage.input_tokens > 1000


@pytest.mark.parametrize(
    ("ignoring", "feature"),
    [
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("top_k", "top_k"),
        ("seed", "seed"),
        ("max_tokens", "max_tokens"),
        ("stop", "stop"),
        ("system", "system message"),
        ("json_schema", "json_schema"),
        ("json_schema", "json_schema bounds"),
        ("json_schema", "choices"),
        ("logprobs", "logprobs"),
        ("tools", "tools"),
        ("tool_choice", "tool_choice required"),
        ("tool_choice", "tool_choice named"),
        ("result", "tool loop"),
        ("images", "images"),
        ("reasoning", "reasoning"),
        ("stream", "stream"),
        ("context", "context length error"),
    ],
)
def test_what_the_endpoint_ignores_is_found(ignoring, feature):
    report = look(Endpoint(ignoring=(ignoring,)), feature)
    assert standings(report) == {feature: "silently ignored"}, report[feature]
    assert [defect.feature for defect in report.defects] == [feature]


def test_a_server_that_is_not_quite_deterministic_ignores_nothing():
    report = look(Endpoint(noise=True), "temperature", "top_p", "top_k", "seed")
    assert not report.defects, report.defects


def test_near_ties_late_in_the_answers_are_an_effect():
    free = ["aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"]
    late = ["xxxxxxx1", "xxxxxxx2", "xxxxxxx3", "xxxxxxx4"]
    assert narrowed(late, free, "seed").standing == "unknown"
    assert narrowed(free, ["same"] * 4, "seed").standing == "unknown"


@pytest.mark.parametrize("name", ["temperature", "top_k", "images", "logprobs", "reasoning"])
def test_what_is_not_declared_is_rejected_before_the_call(name):
    declared = tuple(feature for feature in FEATURES if feature != name)
    report = look(Endpoint(declared=declared), name)
    assert standings(report) == {name: "rejected"}
    assert "does not take" in report[name].evidence


def test_what_the_endpoint_refuses_is_rejected_and_the_rest_goes_on_without():
    model = Endpoint(refusing={"temperature": InvalidRequest("No temperature here.")})
    report = look(model, "temperature", "max_tokens")
    assert standings(report) == {"temperature": "rejected", "max_tokens": "honoured"}


def test_emulated_tools_are_honoured_but_not_proved():
    declared = tuple(name for name in FEATURES if name not in ("tools", "tool_choice"))
    report = look(Endpoint(declared=declared), "tool_choice required", "tool_choice none")
    for found in (report["tool_choice required"], report["tool_choice none"]):
        assert found.standing == "honoured"
        assert found.emulated
        assert found.evidence.startswith("emulated by Quilate")
    assert not capabilities(report).has("tool_choice")
    assert "| tool_choice none | emulated |" in markdown([report])


def test_a_refused_key_or_an_unknown_feature_is_one_error():
    def refuse(request):
        raise AuthenticationError("The key was refused.")

    with pytest.raises(AuthenticationError, match="refused"):
        look(ScriptedModel(refuse))
    with pytest.raises(UnknownName, match="Did you mean 'temperature'"):
        look(Endpoint(), "temprature")


def test_a_check_that_hangs_is_unknown():
    async def hang(request):
        await asyncio.Event().wait()

    # Without the opening question, whose answer would have to be faster than the deadline.
    session = Session(registry.model(ScriptedModel(hang), attempts=1), deadline=0.05)
    check = next(check for check in CHECKS if check.feature == "max_tokens")
    found = asyncio.run(_look(session, check))
    assert found.standing == "unknown"
    assert "timeout" in found.evidence


def test_a_wrong_key_is_sent_to_no_hosted_provider_unasked():
    report = look("scripted/hola", "bad key error")
    assert "not tried" in report["bad key error"].evidence
    report = look("scripted/hola", "bad key error", include_bad_key=True)
    assert "no key" in report["bad key error"].evidence
    assert not is_local("openai/gpt-5-mini")
    assert not is_local("openai/m@https://example.com/v1")
    assert is_local("openai/m@http://[::1]:8080/v1")


def test_every_feature_has_a_name_of_its_own():
    names = [check.feature for check in CHECKS]
    assert len(names) == len(set(names))


def test_json_and_markdown_say_what_the_report_says():
    report = look(Endpoint(ignoring=("seed",)), "seed", "stop", "images")
    data = json.loads(as_json(report))
    assert data["features"]["seed"]["standing"] == "silently ignored"
    assert data["silently_ignored"] == ["seed"]
    assert data["calls"] == report.calls
    table = markdown([report, report])
    assert "| seed | **silently ignored** | **silently ignored** |" in table
    assert "- seed, `scripted/scripted`: " in table


def declaring(script, *declared):
    return ScriptedModel(script, capabilities=Capabilities.declared(*declared))


@pytest.mark.parametrize(
    ("feature", "blind"),
    [
        ("images", "I don't see any picture shared with me."),
        ("images", "Yellow."),
        ("images", "I cannot tell whether it is yellow or green."),
        ("audio", "There is no sound; only silence."),
        ("audio", "Noise."),
        ("files", "The number is 4217, or 8365."),
    ],
)
def test_a_part_that_is_dropped_is_ignored_whatever_the_blind_model_says(feature, blind):
    model = declaring(lambda request: reply(blind, usage=Usage(12, 9)), feature)
    assert standings(look(model, feature)) == {feature: "silently ignored"}


def test_a_part_that_is_counted_and_not_understood_is_unknown():
    def count(request):
        shown = len(request.messages[0].parts) > 1
        return reply("a colour", usage=Usage(12 + 80 * shown, 2))

    assert look(declaring(count, "images"), "images")["images"].standing == "unknown"

    def uncounted(request):
        return reply("a colour")

    assert look(declaring(uncounted, "images"), "images")["images"].standing == "unknown"


def test_sounds_and_documents_that_are_told_apart_are_honoured():
    def hear(request):
        for part in request.messages[0].parts:
            if isinstance(part, Audio):
                return "A beep" if part.audio == tone_wav() else "Static!"
            if isinstance(part, File):
                return re.search(rb"number is (\d+)", part.file)[1].decode()
        return "Nothing"

    report = look(declaring(hear, "audio", "files"), "audio", "files")
    assert standings(report) == {"audio": "honoured", "files": "honoured"}


class Thinker(ScriptedModel):
    """Spends every token on thoughts, which it tells where they are `shown`, and does all that it
    declares."""

    def __init__(self, *, shown):
        tools = ("tools", "tool_choice", "parallel_tool_calls")
        settings = ("stream", "temperature", "seed", "max_tokens", "logprobs")
        super().__init__(self.think, capabilities=Capabilities.declared(*settings, *tools))
        self.shown = shown

    def think(self, request):
        sampling = request.sampling
        draw = random.Random(sampling.seed if sampling.temperature else 0)
        tokens = sampling.max_tokens or 100
        thoughts = " ".join(str(draw.random()) for _ in range(tokens))
        message = Message("assistant", (Reasoning(thoughts),) if self.shown else ())
        read = len(str((request.messages, request.tools)).split())
        return Response(
            message,
            finish_reason="length",
            usage=Usage(read, tokens),
            logprobs=() if self.shown else None,
        )

    async def stream(self, request):
        response = await self.generate(request)
        for word in response.message.reasoning.split(" "):
            yield ReasoningDelta(word)
        yield Finished(response)


@pytest.mark.parametrize("shown", [True, False])
def test_a_model_still_thinking_at_the_limit_ignores_nothing(shown):
    report = look(Thinker(shown=shown))
    assert not report.defects, report.defects
    assert report["temperature"].standing == ("honoured" if shown else "unknown")
    assert report["seed"].standing == ("honoured" if shown else "unknown")
    assert report["stream"].standing == ("honoured" if shown else "unknown")
    assert report["logprobs"].standing == report["tool_choice named"].standing == "unknown"


def test_thoughts_told_at_once_are_no_missing_stream():
    def think(request):
        message = Message("assistant", (Reasoning("hm " * 64),))
        return Response(message, finish_reason="length", usage=Usage(12, 64))

    assert look(declaring(think, "stream"), "stream")["stream"].standing == "unknown"


@pytest.mark.parametrize("logprobs", [True, False])
def test_equal_hot_answers_tell_only_by_their_log_probabilities(logprobs):
    """One model is sure of its words; the other says that it is not, and draws the same."""

    def answer(request):
        tokens = tuple(TokenLogprob("alpha ", -0.7, (("alpha ", -0.7),)) for _ in range(32))
        return reply("alpha " * 32, usage=Usage(12, 32), logprobs=tokens if logprobs else None)

    declared = ("temperature", "max_tokens", *(("logprobs",) if logprobs else ()))
    found = look(declaring(answer, *declared), "temperature")["temperature"]
    assert found.standing == ("silently ignored" if logprobs else "unknown")


def test_a_model_sure_of_its_words_shows_the_temperature_at_the_highest():
    def answer(request):
        sampling = request.sampling
        hot = (sampling.temperature or 0.0) > HOT
        return f"word{random.Random(sampling.seed).randrange(10**6) if hot else 0}"

    model = declaring(answer, "temperature", "seed", "max_tokens")
    assert look(model, "temperature")["temperature"].standing == "honoured"

    def refuse(request):
        if (request.sampling.temperature or 0.0) > HOT:
            raise InvalidRequest("At most 1.")
        return "word"

    model = declaring(refuse, "temperature", "max_tokens")
    assert look(model, "temperature")["temperature"].standing == "unknown"


TOOL_ROWS = ("tools", "tool_choice required", "tool_choice named", "parallel_tool_calls")


def calling(*names, declared=("tools", "tool_choice", "max_tokens"), **arguments):
    def answer(request):
        if not request.tools or request.tool_choice == "none":
            return reply("hello", usage=Usage(12, 9))
        forced = {tool.name for tool in request.tools} & {request.tool_choice}
        calls = tuple(
            ToolCall(str(at), name or next(iter(forced), request.tools[0].name), arguments)
            for at, name in enumerate(names)
        )
        return Response(Message("assistant", calls), usage=Usage(100, 9))

    return declaring(answer, *declared)


def test_an_argument_too_many_is_the_models_doing():
    report = look(calling(None, city="Lima", unit="C"), *TOOL_ROWS)
    assert set(standings(report).values()) == {"unknown"}, standings(report)


def test_calls_of_what_was_not_offered_are_the_endpoints_doing():
    report = look(calling("rm", city="Lima"), *TOOL_ROWS)
    assert set(list(standings(report).values())[:3]) == {"silently ignored"}, standings(report)


def test_several_calls_where_one_was_allowed():
    alone = ("tools", "tool_choice")
    twice = calling(None, None, city="Lima", declared=(*alone, "parallel_tool_calls"))
    found = look(twice, "parallel_tool_calls")["parallel_tool_calls"]
    assert found.standing == "silently ignored"
    twice = calling(None, None, city="Lima", declared=alone)
    found = look(twice, "parallel_tool_calls")["parallel_tool_calls"]
    assert (found.standing, found.emulated) == ("honoured", True)
    assert "the first call alone is kept" in found.evidence
    assert "in the prompt" not in found.evidence
