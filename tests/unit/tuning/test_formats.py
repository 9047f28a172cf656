"""What each training format looks like, what it refuses, and what is read of others' files."""

import json
from datetime import datetime

import pytest

from quilate import errors
from quilate.messages import (
    Audio,
    Image,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    assistant,
    system,
    user,
)
from quilate.models import Tool
from quilate.tuning.examples import Example, Judged, Preference
from quilate.tuning.formats import (
    FORMATS,
    detect,
    export,
    fingerprint,
    from_rows,
    read,
    split_turns,
)

CLOCK = Tool("clock", "The time.", {"type": "object", "properties": {"zone": {"type": "string"}}})
CALL = Message("assistant", (ToolCall("c1", "clock", {"zone": "Lima"}),))
RESULT = Message("tool", (ToolResult("c1", "12:00"),))
TALK = Example(
    "1",
    (system("Be brief."), user("The time?"), CALL, RESULT),
    (assistant("It is noon."),),
    (CLOCK,),
    {"source": "tests"},
)
PLAIN = Example("1", (user("2 + 2?"),), (assistant("4"),))


def line(example, tmp_path, name, **options):
    """The one line that a format writes of an example."""
    file = tmp_path / "one.jsonl"
    export([example], file, name, **options)
    return json.loads(file.read_text())


def write(tmp_path, *rows, name="rows.jsonl"):
    file = tmp_path / name
    file.write_text(
        "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    )
    return file


def reasons(told):
    return {one.id: one.reason for one in told.refused}


def test_prompt_completion_is_what_trl_documents(tmp_path):
    row = line(TALK, tmp_path, None)
    assert row["prompt"][1] == {"role": "user", "content": "The time?"}
    assert row["prompt"][2]["tool_calls"] == [
        {
            "id": "c1",
            "type": "function",
            "function": {"name": "clock", "arguments": {"zone": "Lima"}},
        }
    ]
    assert row["prompt"][3] == {
        "role": "tool",
        "tool_call_id": "c1",
        "name": "clock",
        "content": "12:00",
    }
    assert row["completion"] == [{"role": "assistant", "content": "It is noon."}]
    # TRL takes JSON in a string; Arrow would merge the parameters of different tools.
    assert json.loads(row["tools"])[0]["function"]["name"] == "clock"
    assert json.loads(row["metadata"]) == {"source": "tests"}
    assert row["id"] == "1"


def test_rows_without_tools_say_null_beside_rows_with_some(tmp_path):
    file = tmp_path / "a.jsonl"
    export([PLAIN, TALK], file)
    rows = [json.loads(text) for text in file.read_text().splitlines()]
    assert rows[0]["tools"] == "null"
    assert set(rows[0]) == set(rows[1])
    assert "tools" not in line(PLAIN, tmp_path, None)


def test_sharegpt_is_what_llama_factory_documents(tmp_path):
    row = line(TALK, tmp_path, "sharegpt")
    assert row["conversations"] == [
        {"from": "human", "value": "The time?"},
        {"from": "function_call", "value": '{"name": "clock", "arguments": {"zone": "Lima"}}'},
        {"from": "observation", "value": "12:00"},
        {"from": "gpt", "value": "It is noon."},
    ]
    assert row["system"] == "Be brief."
    assert json.loads(row["tools"])[0]["name"] == "clock"


def test_alpaca_has_earlier_turns_as_history(tmp_path):
    talk = Example("1", (system("s"), user("a"), assistant("b"), user("c")), (assistant("d"),))
    row = line(talk, tmp_path, "alpaca", extras=False)
    assert row == {
        "instruction": "c",
        "input": "",
        "output": "d",
        "system": "s",
        "history": [["a", "b"]],
    }


def test_openai_has_arguments_as_text_and_weights(tmp_path):
    row = line(TALK, tmp_path, "openai", extras=False)
    called = row["messages"][2]
    assert called["content"] is None
    assert called["weight"] == 0
    assert called["tool_calls"][0]["function"]["arguments"] == '{"zone": "Lima"}'
    assert row["messages"][-1] == {"role": "assistant", "content": "It is noon."}
    assert row["tools"][0]["function"]["parameters"]["type"] == "object"
    assert row["parallel_tool_calls"] is True
    assert set(row) == {"messages", "tools", "parallel_tool_calls"}


def test_openais_preferences(tmp_path):
    pair = Preference("1", (user("a"),), (assistant("b"),), (assistant("c"),))
    assert line(pair, tmp_path, "openai-preference", extras=False) == {
        "input": {"messages": [{"role": "user", "content": "a"}]},
        "preferred_output": [{"role": "assistant", "content": "b"}],
        "non_preferred_output": [{"role": "assistant", "content": "c"}],
    }


def test_kto_has_a_label(tmp_path):
    row = line(Judged("1", (user("a"),), (assistant("b"),), False), tmp_path, None, extras=False)
    assert row["label"] is False and set(row) == {"prompt", "completion", "label"}


@pytest.mark.parametrize(
    ("name", "example", "reason"),
    [
        ("prompt-completion", Example("1", (), (assistant("b"),)), "no_prompt"),
        ("prompt-completion", Example("1", (user("a"),), ()), "no_completion"),
        ("messages", Example("1", (user("a"),), (RESULT,)), "no_completion"),
        ("messages", Example("1", (user("a"),), (user("b"), assistant("c"))), "foreign_turn"),
        ("messages", Example("1", (Message("user", (Image(b"x"),)),), (assistant("c"),)), "image"),
        ("openai", Example("1", (Message("user", (Audio(b"x"),)),), (assistant("c"),)), "part"),
        ("sharegpt", Example("1", (user("a"), user("b")), (assistant("c"),)), "turn_order"),
        (
            "sharegpt",
            Example("1", (user("a"),), (Message("assistant", (Text("so"), *CALL.parts)),)),
            "text_with_call",
        ),
        ("alpaca", TALK, "tool_calls"),
        (
            "openai",
            Example("1", (user("a"),), (Message("assistant", (Reasoning("r"), Text("b"))),)),
            "reasoning",
        ),
        (
            "messages",
            Example("1", (user("a"),), (Message("assistant", (Reasoning("", redacted=True),)),)),
            "reasoning",
        ),
        (
            "messages",
            Example(
                "1", (user("a"),), (Message("assistant", (ToolCall("c", "f", {"n": 2**70}),)),)
            ),
            "number_too_large",
        ),
        (
            "messages",
            Example(
                "1",
                (user("a"),),
                (Message("assistant", (ToolCall("c", "f", {"n": float("nan")}),)),),
            ),
            "not_json",
        ),
        ("messages", Example("1", (user("\ud83d"),), (assistant("b"),)), "half_a_character"),
        (
            "messages",
            Example("1", (user("a"),), (assistant("b"),), metadata={"at": datetime(2026, 1, 1)}),
            "metadata",
        ),
        ("preference", PLAIN, "other_kind"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_by_id(tmp_path, name, example, reason):
    kind = FORMATS[name].kind
    good = PLAIN if kind is Example else Preference("g", PLAIN.prompt, *[PLAIN.completion] * 2)
    bad = example if example is PLAIN else type(example)(**{**as_fields(example), "id": "bad"})
    file = tmp_path / "a.jsonl"
    told = export([good, bad], file, name)
    assert reasons(told) == {bad.id: reason}
    assert told.refused[0].detail
    assert (told.rows, len(file.read_text().splitlines())) == (1, 1)
    with pytest.raises(errors.DataError, match=reason):
        export([bad], file, name)
    assert len(file.read_text().splitlines()) == 1  # what was there is kept


def as_fields(example):
    return {name: getattr(example, name) for name in example.__slots__}


def test_bad_use_of_export(tmp_path):
    with pytest.raises(errors.DataError, match="no examples"):
        export([], tmp_path / "a.jsonl")
    with pytest.raises(errors.DataError, match="prompt-completion"):
        export([PLAIN], tmp_path / "a.jsonl", "prompt-completions")
    (tmp_path / "file").write_text("")
    with pytest.raises((errors.DataError, FileExistsError, NotADirectoryError)):
        export([PLAIN], tmp_path / "file" / "a.jsonl")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file"]


def test_types_that_arrow_would_guess_wrong_are_guarded(tmp_path):
    def first(*examples, name=None):
        file = tmp_path / "a.jsonl"
        export(examples, file, name)
        return json.loads(file.read_text().splitlines()[0])

    dated = Example("2", (user("When?"),), (assistant("2026-01-01"),))
    guarded = {"role": "assistant", "content": "2026-01-01", "name": None}
    assert first(dated, dated)["completion"] == [guarded]
    assert first(dated, dated)["prompt"] == [{"role": "user", "content": "When?"}]
    asked = Example("3", (user("2026-01-01"),), (assistant("2026-01-01"),))
    assert first(asked, asked, name="messages")["messages"][0]["name"] is None
    assert "name" not in first(asked, dated, name="messages")["messages"][0]
    assert first(PLAIN, PLAIN)["completion"] == [{"role": "assistant", "content": "4"}]
    told = export([dated, dated], tmp_path / "b.jsonl", "alpaca")
    assert told.dates == ("output",)
    assert read(tmp_path / "b.jsonl").examples == (dated, dated)


def test_fractions_that_datasets_would_change_are_told(tmp_path):
    def called(key, arguments):
        said = Message("assistant", (ToolCall(key, "set", arguments),))
        return Example(key, (user("Set it."),), (said,))

    def inexact(*examples):
        return export(examples, tmp_path / "a.jsonl").inexact

    assert inexact(called("a", {"x": 0.3}), called("b", {"x": 0.1})) == ()
    assert inexact(called("a", {"x": 0.3}), called("b", {"y": 1})) == ("a",)
    assert inexact(called("a", {"x": 0.3}), called("b", {"x": 1})) == ("a",)
    assert inexact(called("a", {"x": 1.0}), called("b", {"y": 1})) == ()


def test_detection():
    turns = [{"role": "user", "content": "a"}]
    assert detect({"messages": turns}).name == "messages"
    assert detect({"messages": [{**turns[0], "weight": 1}]}).name == "openai"
    assert detect({"messages": turns, "parallel_tool_calls": False}).name == "openai"
    assert detect({"prompt": "a", "completion": "b"}).name == "prompt-completion"
    assert detect({"prompt": "a", "completion": "b", "label": True}).name == "kto"
    assert detect({"prompt": "a", "completion": "b", "label": None}).name == "prompt-completion"
    assert detect({"chosen": "a", "rejected": "b"}).name == "preference"
    assert detect({"instruction": "a", "output": "b", "input": ""}).name == "alpaca"
    with pytest.raises(errors.DataError, match=r"Several formats .*messages and sharegpt"):
        detect({"messages": turns, "conversations": turns})
    with pytest.raises(errors.DataError, match="Several formats"):
        detect({"prompt": "a", "completion": "b", "chosen": "c", "rejected": "d"})
    with pytest.raises(errors.DataError, match="No training format"):
        detect({"question": "a", "answer": "b"})


def test_malformed_rows_are_told_with_line_and_reason(tmp_path):
    good = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    file = write(
        tmp_path,
        good,
        "{not json",
        {"text": "c"},
        {"messages": "no list"},
        {"messages": [{"role": "wizard", "content": "a"}]},
        {"messages": [{"role": "user", "content": "a"}]},
        {"messages": [{"role": "user", "content": 7}, {"role": "assistant", "content": "b"}]},
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [1]}]},
        {"messages": [good["messages"][0], {"role": "assistant", "function_call": {"name": "f"}}]},
        {"messages": [{"role": "user", "content": [{"type": "image"}]}, good["messages"][1]]},
        {**good, "tools": "[{}]"},
        "[1, 2]",
        {**good, "id": "last"},
    )
    examples, rejected = read(file)
    assert [one.id for one in examples] == ["rows.jsonl:1", "last"]
    assert {one.where.removeprefix("rows.jsonl:"): one.reason for one in rejected} == {
        "2": "not JSON",
        "3": "missing_columns",
        "4": "not_messages",
        "5": "unknown_role",
        "6": "no_completion",
        "7": "not_text",
        "8": "tool_calls",
        "9": "function_call",
        "10": "image_placeholder",
        "11": "tools",
        "12": "not an object",
    }


def test_files_that_give_nothing(tmp_path):
    with pytest.raises(errors.DataError, match="no rows"):
        read(write(tmp_path))
    with pytest.raises(errors.DataError, match="missing_columns"):
        read(write(tmp_path, {"text": "a"}), "messages")
    with pytest.raises(errors.DataError, match=r"rows\.jsonl:2: No training format"):
        read(write(tmp_path, "{", {"text": "a"}))
    with pytest.raises(errors.DataError, match="no such file"):
        read(tmp_path / "absent.jsonl")


def test_columns_of_other_names(tmp_path):
    file = write(tmp_path, {"q": "2 + 2?", "a": "4", "prompt": "old", "level": 3})
    (one,), rejected = read(file, fields={"prompt": "q", "completion": "a"})
    assert (one.prompt, one.completion, rejected) == ((user("2 + 2?"),), (assistant("4"),), ())
    assert one.metadata == {"fields": {"level": 3}}


def test_plain_texts_and_other_files(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("id,instruction,input,output\n7,Add,2 + 2,4\n", encoding="utf-8")
    (one,), _ = read(table)
    assert (one.id, one.prompt, one.completion) == ("7", (user("Add\n2 + 2"),), (assistant("4"),))
    array = tmp_path / "a.json"
    array.write_text(json.dumps([{"prompt": "a", "completion": "b"}]))
    assert read(array).examples[0].prompt == (user("a"),)


def test_a_preference_with_its_prompt_in_both_lists():
    row = {
        "chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}],
    }
    (one,), _ = from_rows([row])
    assert (one.prompt, one.chosen, one.rejected) == (
        (user("a"),),
        (assistant("b"),),
        (assistant("c"),),
    )


def test_openais_weights_say_what_is_learned():
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b", "weight": 0},
        {"role": "assistant", "content": "c"},
    ]
    (one,), _ = from_rows([{"messages": turns}])
    assert (len(one.prompt), one.completion) == (2, (assistant("c"),))
    held = [turns[0], turns[1]]
    _, rejected = from_rows([{"messages": held}])
    assert rejected[0].reason == "no_completion"


def test_llama_factorys_several_calls_at_once():
    calls = [{"name": "a", "arguments": {"x": 1}}, {"name": "b", "arguments": {}}]
    row = {
        "conversations": [
            {"from": "system", "value": "s"},
            {"from": "human", "value": "go"},
            {"from": "function_call", "value": json.dumps(calls)},
            {"from": "observation", "value": "done"},
            {"from": "gpt", "value": "Done."},
        ],
        "tools": "",
    }
    (one,), _ = from_rows([row])
    assert [turn.role for turn in one.prompt] == ["system", "user"]
    assert [call.name for call in one.completion[0].tool_calls] == ["a", "b"]
    assert one.completion[1].parts[0].id == one.completion[0].tool_calls[0].id


def test_turns_after_the_last_answer_are_kept_as_metadata():
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    (one,), _ = from_rows([{"messages": [*turns, {"role": "user", "content": "Thanks!"}]}])
    assert (one.prompt, one.completion) == ((user("a"),), (assistant("b"),))
    assert one.metadata == {"unanswered": [{"role": "user", "content": "Thanks!"}]}


def test_split_turns():
    whole = Example("x", (user("a"), assistant("b"), user("c"), CALL, RESULT), (assistant("d"),))
    parts = split_turns(whole)
    assert [one.id for one in parts] == ["x#1", "x#2", "x#3"]
    assert [one.completion for one in parts] == [(assistant("b"),), (CALL,), (assistant("d"),)]
    assert parts[2].prompt == (user("a"), assistant("b"), user("c"), CALL, RESULT)
    assert parts[0].metadata == {"turn": 1, "of": "x"}
    assert split_turns(PLAIN) == (PLAIN,)


def test_fingerprints():
    same = Example("9", PLAIN.prompt, PLAIN.completion, metadata={"a": 1})
    assert fingerprint(PLAIN) == fingerprint(same)
    others = [
        Example("1", PLAIN.prompt, (assistant("5"),)),
        Example("1", PLAIN.completion, PLAIN.prompt),
        Example("1", PLAIN.prompt, PLAIN.completion, (CLOCK,)),
        Judged("1", PLAIN.prompt, PLAIN.completion, True),
        Judged("1", PLAIN.prompt, PLAIN.completion, False),
        Preference("1", PLAIN.prompt, PLAIN.completion, PLAIN.completion),
    ]
    assert len({fingerprint(one) for one in [PLAIN, *others]}) == 7
    # Written down, so that another version cannot change it unseen.
    assert fingerprint(PLAIN).startswith("03e559438c7ef747")


def test_a_very_long_row(tmp_path):
    long = Example("1", (user("ñ" * 5_000_000),), (assistant("b"),))
    export([long], tmp_path / "a.jsonl")
    assert read(tmp_path / "a.jsonl").examples == (long,)


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [50, 500, 2_000, 100_000])
def test_deeply_nested_arguments_are_written_or_refused(tmp_path, depth):
    said = Message("assistant", (ToolCall("c", "f", {"a": nested(depth)}),))
    told = export([PLAIN, Example("deep", (user("a"),), (said,))], tmp_path / "a.jsonl")
    if told.refused:
        assert reasons(told) == {"deep": "not_json"}
        assert depth > 50
    assert len(read(tmp_path / "a.jsonl").examples) == told.rows


def test_ids(tmp_path):
    nameless = Example("", PLAIN.prompt, PLAIN.completion)
    assert reasons(export([PLAIN, nameless], tmp_path / "a.jsonl")) == {"": "no_id"}
    assert export([nameless], tmp_path / "a.jsonl", extras=False).rows == 1
    assert read(tmp_path / "a.jsonl").examples[0].id == "a.jsonl:1"
    (one,), _ = from_rows([{"id": 7, "prompt": "a", "completion": "b"}])
    assert one.id == "7"


def test_rows_in_memory_that_are_none():
    good = {"prompt": "a", "completion": "b"}
    found = from_rows([good, None, "text", [1], {**good, "completion": float("nan")}], name="mine")
    assert len(found.examples) == 1
    assert [(one.where, one.reason) for one in found.rejected] == [
        ("mine:2", "not_a_row"),
        ("mine:3", "not_a_row"),
        ("mine:4", "not_a_row"),
        ("mine:5", "not_messages"),
    ]
