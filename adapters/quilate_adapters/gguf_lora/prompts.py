"""Examples as the tokens that the trained model has learned, checked against those that the served
model is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quilate.errors import DataError, InvalidRequest
from quilate.messages import Message, Reasoning, Text, ToolResult
from quilate.models import Tool
from quilate.tuning.examples import AnyExample, Preference
from quilate_adapters.llamacpp.engine import Engine
from quilate_adapters.llamacpp.prompt import encode

POSITIONS = 256
"""Tokens of a completion that are compared; what a longer one has beyond is not."""
CONTEXT = 4096
"""Tokens that a prompt with its completion may have; longer examples are left out."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """An example in tokens: the prompt, up to where the assistant begins to speak, and the answer
    with the token that ends it."""

    id: str
    prompt: tuple[int, ...]
    completion: tuple[int, ...]


def completion_of(example: AnyExample) -> tuple[Message, ...]:
    """The messages that are learned: of a preference, the better ones."""
    return example.chosen if isinstance(example, Preference) else example.completion


def tokens_of(example: AnyExample, tokenizer: Any, engine: Engine) -> Tokens | None:
    """The example's tokens, by llama.cpp's tokenizer, which a GGUF base is trained with too; None
    where it is too long, has no text to compare, or writes out a control token, which is rendered
    as one here. (transformers' tokenizer, made of the GGUF file, only renders the template here: it
    cuts some texts otherwise.)

    Raises `DataError` where the prompt is served as another text.
    """
    if any(_has_control(turn, engine) for turn in (*example.prompt, *completion_of(example))):
        return None
    head, tail = _texts(example, tokenizer)
    prompt = engine.tokenize(head, special=True, begin=tokenizer.chat_template is None)
    completion = engine.tokenize(tail, special=True)
    _check_prompt(example, prompt, engine)
    ends = [at for at, token in enumerate(completion) if token in engine.end_tokens]
    # After the end of the turn, the template has a line break that is never generated.
    completion = completion[: ends[-1] + 1 if ends else None][:POSITIONS]
    if not prompt or not completion or len(prompt) + len(completion) > CONTEXT:
        return None
    return Tokens(example.id, tuple(prompt), tuple(completion))


def _texts(example: AnyExample, tokenizer: Any) -> tuple[str, str]:
    if tokenizer.chat_template is None:
        # As llama.cpp is given the messages of a base model.
        head = "\n\n".join(message.text for message in example.prompt) + "\n"
        return head, "".join(m.text for m in completion_of(example)) + tokenizer.eos_token
    tools = [_tool(tool) for tool in example.tools] or None
    turns = [_turn(message) for message in example.prompt]
    answer = [_turn(message) for message in completion_of(example)]
    try:
        head = tokenizer.apply_chat_template(
            turns, tools=tools, tokenize=False, add_generation_prompt=True
        )
        whole = tokenizer.apply_chat_template([*turns, *answer], tools=tools, tokenize=False)
    except Exception as error:  # a template is a program: it may fail in any way
        raise DataError(
            f"The model's chat template does not take example {example.id}: {error}.",
            remedy="Check the order and roles of its messages.",
        ) from error
    if not whole.startswith(head):
        raise DataError(
            f"The model's chat template writes the prompt of example {example.id} otherwise when "
            "its answer follows, so that the two cannot be told apart.",
            remedy="Take a base whose template keeps a prompt as it is.",
        )
    return head, whole[len(head) :]


def _has_control(message: Message, engine: Engine) -> bool:
    texts = (message.text, message.reasoning)
    return any(engine.tokenize(one, special=True) != engine.tokenize(one) for one in texts if one)


def _turn(message: Message) -> Mapping[str, Any]:
    known = Text | Reasoning | ToolResult
    unfit = next((p for p in message.parts if not isinstance(p, known)), None)
    calls = [
        {"type": "function", "function": {"name": call.name, "arguments": dict(call.arguments)}}
        for call in message.tool_calls
    ]
    if unfit is not None and not calls:
        raise DataError(
            f"A message has a part of kind {type(unfit).__name__}, and text models are compared on "
            "text alone.",
            remedy="Leave such examples out of the held-out prompts.",
        )
    results = "".join(part.content for part in message.parts if isinstance(part, ToolResult))
    turn = {"role": message.role, "content": message.text or results}
    if message.reasoning:
        turn["reasoning_content"] = message.reasoning
    return {**turn, "tool_calls": calls} if calls else turn


def _tool(tool: Tool) -> Mapping[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}


def _check_prompt(example: AnyExample, prompt: Sequence[int], engine: Engine) -> None:
    plain = all(isinstance(part, Text) for message in example.prompt for part in message.parts)
    if example.tools or not plain:
        return  # local models take neither tools nor their results yet
    try:
        served = encode(engine, example.prompt)
    except InvalidRequest as error:
        raise DataError(f"llama.cpp does not take example {example.id}: {error.what}") from error
    if served != list(prompt):
        raise DataError(
            f"The prompt of example {example.id} is served with other tokens than it was trained "
            "with: the chat template is another.",
            remedy="The template is the one in the GGUF file: serve it with that.",
        )
