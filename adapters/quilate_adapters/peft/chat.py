"""Conversations as the model's chat template writes them, cut into what is learned and what not."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from quilate.messages import Message, Reasoning, Text, ToolCall, ToolResult
from quilate.models import Tool

if TYPE_CHECKING:
    from jinja2 import Template

_MARK = "\ue000"
_MARKED = re.compile(f"{_MARK}(\\d+);")


class Unusable(Exception):
    """An example that cannot be trained on; the message says why, in a few words."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a rendered text. In one that is `special`, control tokens are read; else they are
    text, as a person wrote them."""

    text: str
    special: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a rendered conversation: an answer that is `learned`, or what stands before."""

    pieces: tuple[Piece, ...]
    learned: bool


@dataclass(frozen=True, slots=True)
class Chat:
    """How a model's conversations are written: its `template` (None: a base model, which is given
    the texts alone), the texts of its first and last token, and its control tokens' texts."""

    template: str | None
    bos: str = ""
    eos: str = ""
    control: tuple[str, ...] = ()

    def spans(
        self,
        prompt: Sequence[Message],
        completion: Sequence[Message],
        tools: Sequence[Tool] = (),
    ) -> list[Span]:
        r"""The prompt up to where the model speaks, then what it is to say, turn by turn.

        Each answer is what the template adds to the conversation before it; raises `Unusable`
        where it writes that part otherwise once the answer is there, and for parts of messages
        that are no text.

        >>> from quilate.messages import assistant, user
        >>> spans = Chat(None).spans([user("Hi")], [assistant("Yo")])
        >>> [(span.pieces[0].text, span.learned) for span in spans]
        [('Hi\n', False), ('Yo', True)]
        """
        marks = _Marks(self.control)
        told = [turn for message in prompt for turn in _turns(message, marks)]
        done = self._render(told, tools, begun=True)
        found = [Span(marks.pieces(done), False)]
        for message in completion:
            if message.role == "assistant":
                before = self._render(told, tools, begun=True)
                if added := _rest(before, done):
                    found.append(Span(marks.pieces(added), False))
                told = [*told, *_turns(message, marks)]
                done = self._render(told, tools, begun=False)
                said = _rest(done, before)
                _check_said(said, told[-1])
                found.append(Span(marks.pieces(said), True))
            else:
                told = [*told, *_turns(message, marks)]
        if not completion or completion[-1].role != "assistant":
            raise Unusable("the completion does not end with an assistant's turn")
        return found

    def _render(
        self, turns: Sequence[Mapping[str, Any]], tools: Sequence[Tool], *, begun: bool
    ) -> str:
        if self.template is None:
            return _plain(turns, begun=begun)
        from jinja2 import TemplateError

        # A template that would write today's date is not given it, as where the model is served:
        # what is learned must not depend on the day.
        try:
            return _compile(self.template).render(
                messages=turns,
                tools=[_tool(tool) for tool in tools] or None,
                bos_token=self.bos,
                eos_token=self.eos,
                add_generation_prompt=begun,
                raise_exception=_refuse,
            )
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
            said = " ".join(str(error).split())[:200]
            raise Unusable(f"the chat template does not take these messages: {said}") from None


class _Marks:
    """Control tokens that are written out in a message stay text: they are marked before the
    template is rendered, as where the model is served."""

    def __init__(self, control: Sequence[str]) -> None:
        self._control = re.compile("|".join(map(re.escape, [*control, _MARK])))
        self._hidden: list[str] = []

    def mark(self, text: str) -> str:
        return self._control.sub(self._hide, text)

    def _hide(self, found: re.Match[str]) -> str:
        self._hidden.append(found[0])
        return f"{_MARK}{len(self._hidden) - 1};"

    def pieces(self, text: str) -> tuple[Piece, ...]:
        # re.split alternates the text between marks and the marks' numbers.
        parts = enumerate(_MARKED.split(text))
        made = (
            Piece(self._hidden[int(part)], False) if i % 2 else Piece(part, True)
            for i, part in parts
        )
        return tuple(piece for piece in made if piece.text)


def _rest(whole: str, begin: str) -> str:
    if not whole.startswith(begin):
        raise Unusable("the chat template writes the prompt otherwise once the answer follows")
    return whole[len(begin) :]


def _check_said(said: str, turn: Mapping[str, Any]) -> None:
    if turn["content"].strip() not in said:
        raise Unusable("the chat template leaves out a part of the answer")
    called = [call["function"]["name"] for call in turn.get("tool_calls", ())]
    if any(said.count(name) < called.count(name) for name in called):
        raise Unusable("the chat template leaves out a tool call")
    if not said.strip():
        raise Unusable("the answer is empty")


def _plain(turns: Sequence[Mapping[str, Any]], *, begun: bool) -> str:
    """Without a template: the texts, a blank line between them, and a line break where the answer
    begins."""
    texts = [str(turn["content"]) for turn in turns]
    if begun:
        return "\n\n".join(texts) + "\n"
    return "\n\n".join(texts[:-1]) + "\n" + texts[-1]


def _turns(message: Message, marks: _Marks) -> list[dict[str, Any]]:
    """A message as chat templates take it; tool results as one turn each."""
    unknown = [
        part
        for part in message.parts
        if not isinstance(part, Text | Reasoning | ToolCall | ToolResult)
    ]
    if unknown:
        raise Unusable(f"it has a part that is no text ({type(unknown[0]).__name__})")
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    if results:
        return [
            {"role": "tool", "tool_call_id": one.id, "content": marks.mark(one.content)}
            for one in results
        ]
    turn: dict[str, Any] = {"role": message.role, "content": marks.mark(message.text)}
    if message.reasoning:
        turn["reasoning_content"] = marks.mark(message.reasoning)
    if message.tool_calls:
        turn["tool_calls"] = [_call(call) for call in message.tool_calls]
    return [turn]


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": dict(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        },
    }


@lru_cache(maxsize=32)
def _compile(source: str) -> "Template":
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # A template comes from a downloaded file: it runs in the sandbox.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    return environment.from_string(source)


def _tojson(value: Any, indent: int | None = None, **options: Any) -> str:
    # Jinja's own would write < and & as escapes, for HTML.
    options.setdefault("ensure_ascii", False)
    return json.dumps(value, indent=indent, **options)


def _refuse(message: str) -> None:
    from jinja2 import TemplateError

    raise TemplateError(message)
