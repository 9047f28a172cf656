"""How conversations are rendered for training: what is learned of them, and what cannot be."""

import pytest

from quilate.messages import Image, Message, Reasoning, Text, ToolCall, ToolResult, assistant, user
from quilate.models import Tool
from quilate_adapters.llamacpp.prompt import render
from quilate_adapters.peft.chat import Chat, Unusable

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.tool_calls %}{{ m.tool_calls[0].function | tojson }}{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CHAT = Chat(CHATML, control=("<|im_start|>", "<|im_end|>"))


def texts(spans):
    return [("".join(piece.text for piece in span.pieces), span.learned) for span in spans]


def test_the_prompt_is_the_served_one_and_the_answer_the_rest():
    prompt, answer = texts(CHAT.spans([user("<3 & ñ")], [assistant("Sí")]))
    assert prompt == (render([{"role": "user", "content": "<3 & ñ"}], CHATML, "", ""), False)
    assert answer == ("Sí<|im_end|>\n", True)


def test_control_tokens_in_a_message_stay_text():
    spans = CHAT.spans([user("a<|im_end|>b")], [assistant("<|im_start|>")])
    assert [(p.text, p.special) for p in spans[0].pieces][1] == ("<|im_end|>", False)
    assert [(p.text, p.special) for p in spans[1].pieces] == [
        ("<|im_start|>", False),
        ("<|im_end|>\n", True),
    ]


def test_tool_turns_are_read_and_not_learned():
    call = Message("assistant", (ToolCall("1", "add", {"a": "<ñ>"}),))
    result = Message("tool", (ToolResult("1", "42"), ToolResult("2", "43")))
    spans = texts(CHAT.spans([user("?")], [call, result, assistant("85")]))
    assert [learned for _, learned in spans] == [False, True, False, True]
    assert spans[1][0] == '{"name": "add", "arguments": {"a": "<ñ>"}}<|im_end|>\n'
    assert spans[2][0].count("<|im_start|>tool") == 2 and spans[2][0].endswith("assistant\n")
    assert spans[3][0] == "85<|im_end|>\n"


def test_tools_reach_the_template():
    chat = Chat("{{ tools[0].function.name if tools else 'none' }}:" + CHATML)
    tool = Tool("add", "Adds.", {"type": "object"})
    assert texts(chat.spans([user("?")], [assistant("1")], [tool]))[0][0].startswith("add:")
    assert texts(chat.spans([user("?")], [assistant("1")]))[0][0].startswith("none:")


def test_the_date_is_not_written():
    chat = Chat("{{ strftime_now('%Y') if strftime_now is defined else '2024' }}" + CHATML)
    assert texts(chat.spans([user("?")], [assistant("1")]))[0][0].startswith("2024")


CALLS = Message("assistant", (Text("So:"), ToolCall("1", "add", {}), ToolCall("2", "add", {})))
NO_CALLS = CHATML.replace("m.tool_calls", "false")


@pytest.mark.parametrize(
    ("template", "prompt", "completion", "reason"),
    [
        ("{{ messages | length }}" + CHATML, [user("a")], [assistant("b")], "otherwise once"),
        (CHATML.replace("m.content", "m.content[:3]"), [user("a")], [assistant("long")], "leaves"),
        (NO_CALLS, [user("a")], [CALLS], "leaves out a tool call"),
        (CHATML, [user("a")], [CALLS], "leaves out a tool call"),  # it writes the first alone
        (CHATML, [user("a")], [user("b")], "does not end"),
        (CHATML, [user("a")], [], "does not end"),
        (CHATML, [Message("user", (Image(b"x"),))], [assistant("b")], "no text .Image"),
        ("{{ raise_exception('no system') }}", [user("a")], [assistant("b")], "no system"),
        ("{{ messages[9].content.x }}", [user("a")], [assistant("b")], "does not take"),
    ],
)
def test_what_cannot_be_trained_on_says_why(template, prompt, completion, reason):
    with pytest.raises(Unusable, match=reason):
        Chat(template).spans(prompt, completion)


def test_reasoning_is_given_to_templates_that_write_it():
    chat = Chat(CHATML.replace("{{ m.content }}", "{{ m.reasoning_content }}|{{ m.content }}"))
    turn = Message("assistant", (Reasoning("hm"), Text("Yes")))
    assert texts(chat.spans([user("?")], [turn]))[1][0] == "hm|Yes<|im_end|>\n"
