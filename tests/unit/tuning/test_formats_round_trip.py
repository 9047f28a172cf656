"""Export and read back: exactly the same examples, in every format."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quilate.errors import DataError
from quilate.messages import Image, Message, Reasoning, Text, ToolCall, ToolResult, user
from quilate.models import Tool
from quilate.tuning.examples import Example, Judged, Preference
from quilate.tuning.formats import FORMATS, export, read

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", " ", "2026-01-01", "<|im_end|>", "\u2028", "null", "ñandú 🦙", '{"a": 1}', "\x00", "\r\n"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)
NAMES = st.text(st.characters(categories=["Ll", "Nd"]), min_size=1, max_size=6)
CALL = st.builds(ToolCall, NAMES, NAMES, OBJECT)
THOUGHT = st.builds(Reasoning, TEXT, st.none() | NAMES, st.none() | NAMES, st.none() | NAMES)
TEXTS = st.builds(Text, TEXT)


def turn(role, *kinds, least=0):
    return st.builds(
        Message, st.just(role), st.lists(st.one_of(*kinds), min_size=least, max_size=3).map(tuple)
    )


RESULTS = turn("tool", st.builds(ToolResult, NAMES, TEXT, st.booleans()), least=1)
ASSISTANT = turn("assistant", TEXTS, THOUGHT, CALL)
OTHER = turn("system", TEXTS) | turn("user", TEXTS)
PROMPT = st.lists(OTHER | ASSISTANT | RESULTS, min_size=1, max_size=4).map(tuple)
COMPLETION = st.tuples(st.lists(ASSISTANT | RESULTS, max_size=2), ASSISTANT).map(
    lambda found: (*found[0], found[1])
)
ABOUT = {
    "id": TEXT.filter(bool),
    "tools": st.lists(st.builds(Tool, NAMES, TEXT, OBJECT), max_size=2).map(tuple),
    "metadata": OBJECT,
}
KINDS = {
    Example: st.builds(Example, prompt=PROMPT, completion=COMPLETION, **ABOUT),
    Preference: st.builds(
        Preference, prompt=PROMPT, chosen=COMPLETION, rejected=COMPLETION, **ABOUT
    ),
    Judged: st.builds(Judged, prompt=PROMPT, completion=COMPLETION, good=st.booleans(), **ABOUT),
}
# What the formats besides TRL's say that they cannot hold.
EXPECTED = {
    "sharegpt": {"reasoning", "turn_order", "text_with_call", "several_results", "empty_system"},
    "alpaca": {"reasoning", "turn_order", "tool_calls", "empty_system"},
    "openai": {"reasoning"},
    "openai-preference": {"reasoning", "several_turns"},
}
QUICK = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def back(examples, tmp_path, name):
    """What a format holds of examples, read back with its name and by detection."""
    file = tmp_path / "train.jsonl"
    try:
        told = export(examples, file, name)
    except DataError:
        return None
    found, rejected = read(file, name)
    assert rejected == ()
    assert read(file).examples == found  # detected alike
    assert told.rows == len(found)
    assert {one.reason for one in told.refused} <= EXPECTED.get(name, set())
    return found, {one.id for one in told.refused}


@pytest.mark.parametrize("name", FORMATS)
@QUICK
@given(data=st.data())
def test_what_is_read_back_is_what_was_written(name, data, tmp_path):
    examples = data.draw(
        st.lists(KINDS[FORMATS[name].kind], max_size=3, min_size=1, unique_by=lambda one: one.id)
    )
    result = back(examples, tmp_path, name)
    if result is None:
        assert name in EXPECTED
        return
    found, refused = result
    assert list(found) == [one for one in examples if one.id not in refused]
    # 1 and 1.0 are equal, but not the same to a model.
    kept = [one for one in examples if one.id not in refused]
    assert list(map(repr, found)) == list(map(repr, kept))


PLAIN = st.builds(Text, TEXT.filter(bool)).map(lambda part: (part,))
TURNS = st.integers(0, 2).flatmap(
    lambda pairs: st.tuples(
        *(
            st.builds(Message, st.just(role), PLAIN)
            for role in (["user", "assistant"] * pairs) + ["user", "assistant"]
        )
    )
)


@pytest.mark.parametrize("name", ["messages", "prompt-completion", "sharegpt", "alpaca", "openai"])
@QUICK
@given(turns=TURNS, said=st.none() | TEXT.filter(bool), metadata=OBJECT)
def test_no_format_refuses_an_ordinary_conversation(name, turns, said, metadata, tmp_path):
    first = () if said is None else (Message("system", (Text(said),)),)
    example = Example("1", (*first, *turns[:-1]), turns[-1:], metadata=metadata)
    found, refused = back([example], tmp_path, name)
    assert (list(found), refused) == ([example], set())


@pytest.mark.parametrize("name", ["messages", "prompt-completion", "sharegpt", "openai"])
@QUICK
@given(calls=st.lists(CALL, min_size=1, max_size=3), content=TEXT, tools=ABOUT["tools"])
def test_no_format_with_tools_refuses_a_call_and_its_result(name, calls, content, tools, tmp_path):
    asked = (user("?"), Message("assistant", tuple(calls)))
    answered = Message("tool", (ToolResult(calls[0].id, content),))
    done = (*asked, answered, Message("assistant", (Text("Done."),)))
    examples = [
        Example("1", asked[:1], asked[1:], tools),
        Example("2", asked[:1], done[1:], tools),
        Example("3", done[:3], done[3:], tools),
    ]
    found, refused = back(examples, tmp_path, name)
    assert (list(found), refused) == (examples, set())


def test_openai_holds_images(tmp_path):
    picture = Image(b"\x89PNG", media_type="image/png")
    linked = Image(url="https://example.org/a.jpg", media_type="image/jpeg")
    asked = Message("user", (Text("What is it?"), picture, linked))
    example = Example("1", (asked,), (Message("assistant", (Text("A cat."),)),))
    found, refused = back([example], tmp_path, "openai")
    assert (list(found), refused) == ([example], set())
    line = json.loads((tmp_path / "train.jsonl").read_text())
    assert line["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64")


def test_an_edited_turn_is_read_as_it_is(tmp_path):
    said = Message("assistant", (Text("one "), Text("two")))
    file = tmp_path / "train.jsonl"
    export([Example("1", (user("?"),), (said,))], file)
    row = json.loads(file.read_text())
    row["completion"][0]["content"] = "three"
    file.write_text(json.dumps(row))
    assert read(file).examples[0].completion == (Message("assistant", (Text("three"),)),)


def test_metadata_that_json_changes_come_back_as_json_has_them(tmp_path):
    example = Example(
        "1", (user("?"),), (Message("assistant", (Text("!"),)),), metadata={"a": (1,)}
    )
    file = tmp_path / "train.jsonl"
    export([example], file)
    assert read(file).examples == (replace(example, metadata={"a": [1]}),)
