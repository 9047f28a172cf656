"""The probe against an endpoint made by hand, which ignores what it is told to ignore."""

import asyncio
import json
import random
from dataclasses import replace

import pytest

from quilate.cli.probe import as_json, markdown
from quilate.errors import AuthenticationError, ContextLengthExceeded, InvalidRequest, UnknownName
from quilate.messages import Image, Message, Text, ToolCall, ToolResult
from quilate.models import (
    Capabilities,
    ChoiceFormat,
    JsonFormat,
    TokenLogprob,
    Usage,
    reply,
)
from quilate.probing import CHECKS, capabilities, probe
from quilate.probing.faults import is_local
from quilate.probing.sampling import narrowed
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
        if any(isinstance(part, Image) for part in parts):
            found["images"] = True
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
            TokenLogprob(token, -0.1, ((token, -0.1), ("b", -3.0), ("c", -4.0))) for token in tokens
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
    async def slow(request):
        await asyncio.sleep(0 if "hello" in request.messages[-1].text else 60)
        return "Hello there"

    report = look(ScriptedModel(slow), "max_tokens", deadline=0.05)
    assert report["max_tokens"].standing == "unknown"
    assert "timeout" in report["max_tokens"].evidence


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
