"""The chat template shown: what is read, and what of it is learned."""

import pytest

from quilate import errors
from quilate.messages import Message, Reasoning, Text, ToolCall, ToolResult, assistant, system, user
from quilate.models import Tool
from quilate.tuning.examples import Example
from quilate.tuning.templates import ChatTemplate, Rendered, render

TURNS = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<{{ c.function.name }} {{ c.function.arguments | tojson }}>"
    "{% endfor %}</s>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)
MARKED = (
    "{% for m in messages %}[{{ m.role }}]"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}</s>{% endgeneration %}"
    "{% else %}{{ m.content }}</s>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
CALL = Message("assistant", (ToolCall("c", "clock", {"zone": "América/Lima <b>"}),))
RESULT = Message("tool", (ToolResult("c", "12:00"),))


def shown(prompt, completion, template=TURNS, **about):
    return render(Example("1", tuple(prompt), tuple(completion), **about), template).to_text()


def test_earlier_turns_are_not_learned():
    prompt = (system("s"), user("a"), assistant("b"), user("c"))
    text = "[system]s</s>[user]a</s>[assistant]b</s>[user]c</s>[assistant]⟦d</s>⟧"
    assert shown(prompt, [assistant("d")]) == text
    assert shown(prompt, [assistant("d")], MARKED) == text


@pytest.mark.parametrize("template", [TURNS, MARKED])
def test_tool_results_are_not_learned(template):
    text = shown([user("a")], [assistant("b"), RESULT, assistant("c")], template)
    assert text == "[user]a</s>[assistant]⟦b</s>⟧[tool]12:00</s>[assistant]⟦c</s>⟧"


def test_arguments_are_written_as_they_are():
    text = shown([user("a")], [CALL])
    assert text == '[user]a</s>[assistant]⟦<clock {"zone": "América/Lima <b>"}></s>⟧'


def test_tools_and_reasoning_are_given_to_the_template():
    template = (
        "{{ tools[0].function.name }} "
        "{{ messages[-1].reasoning_content }}{{ messages[-1].thinking }}"
    )
    thought = Message("assistant", (Reasoning("hm"), Text("x")))
    tools = (Tool("clock", "The time.", {}),)
    assert render(Example("1", (user("a"),), (thought,), tools), template).text == "clock hmhm"
    none = "{{ tools is none }}"
    assert render(Example("1", (user("a"),), (thought,)), none).text == "True"


def test_a_prompt_that_is_no_prefix():
    thinking = TURNS.replace("[assistant]{% endif %}", "[assistant]<think>{% endif %}")
    rendered = render(Example("1", (user("a"),), (assistant("b"),)), thinking)
    assert not rendered.prefix
    assert rendered.supervised == "b</s>"
    assert rendered.prompt.endswith("<think>")


def test_a_base_model_has_no_template():
    example = Example("1", (system("s"), user("a")), (assistant("b"),))
    rendered = render(example, ChatTemplate(None, "<s>", "</s>"))
    assert rendered.to_text() == "<s>s\n\na\n⟦b</s>⟧"


def test_a_template_for_lists_of_parts_is_given_them():
    listed = "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}|{% endfor %}"
    assert render(Example("1", (user("a"),), (assistant("b"),)), listed).text == "a|b|"


def test_what_is_written_in_a_message_is_no_template():
    assert "{{ 7 * 7 }}" in shown([user("{{ 7 * 7 }}")], [assistant("b")])


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% for %}", "not valid"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{{ messages.append(1) }}", "SecurityError"),
        ("{{ raise_exception('only two turns') }}", "only two turns"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ messages[0].content + 1 }}", "TypeError"),
        ("{% include 'x' %}", "does not take"),
    ],
)
def test_a_template_that_fails_is_one_clear_error(template, said):
    with pytest.raises(errors.DataError, match=said):
        render(Example("1", (user("a"),), (assistant("b"),)), template)


def test_what_is_shown_cannot_take_over_terminal_or_page():
    rendered = Rendered("\x1b[2J<script>a", ((4, 13),), "\x1b[2J", True)
    assert rendered.to_text() == "�[2J⟦<script>a⟧"
    assert rendered.to_text(color=True).count("\x1b") == 2
    assert "<script>" not in rendered.to_html()
    assert rendered.to_html().count("<mark>") == 1
