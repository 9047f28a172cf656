"""Messages to the model's prompt, through the chat template in its file."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from quilate.errors import InvalidRequest, Unsupported
from quilate.messages import Message, Text
from quilate_adapters.llamacpp.engine import Engine

if TYPE_CHECKING:
    from jinja2 import Template


@lru_cache(maxsize=32)
def _compile(source: str) -> "Template":
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # A template comes from a downloaded file: it runs in the sandbox. The settings are those that
    # chat templates are written for.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    return environment.from_string(source)


_MARK = "\ue000"
_MARKED = re.compile(f"{_MARK}(\\d+);")


def encode(engine: Engine, messages: Sequence[Message]) -> list[int]:
    """The tokens of the prompt, up to where the assistant begins to speak.

    Only the template makes control tokens. One that is written out in a message (a retrieved page
    that says ``<|im_end|>``) stays text, so that no document can end the user's turn: it is marked
    before the template is rendered, and tokenized apart from the rest.
    """
    hidden: list[str] = []

    def hide(found: re.Match[str]) -> str:
        hidden.append(found[0])
        return f"{_MARK}{len(hidden) - 1};"

    control = re.compile("|".join(map(re.escape, [*engine.control_texts, _MARK])))
    turns = [
        {"role": message.role, "content": control.sub(hide, _text_of(message))}
        for message in messages
    ]
    text = render(turns, engine.template, engine.bos, engine.eos)
    begin = not (engine.bos and text.startswith(engine.bos))
    # re.split alternates the text between marks and the marks' numbers.
    tokens: list[int] = []
    for i, part in enumerate(_MARKED.split(text)):
        plain = i % 2 == 1
        written = hidden[int(part)] if plain else part
        tokens += engine.tokenize(written, special=not plain, begin=begin and i == 0)
    return tokens


def render(turns: Sequence[Mapping[str, str]], template: str | None, bos: str, eos: str) -> str:
    """The prompt as the model's template writes it.

    Templates that would write today's date are not given it, so that a prompt is the same
    tomorrow; they fall back to a date of their own.
    """
    if template is None:
        raise Unsupported(
            "This model has no chat template.",
            provider="llamacpp",
            remedy="Use an instruction-tuned model; its GGUF file carries the template.",
        )
    from jinja2 import TemplateError

    try:
        return _compile(template).render(
            messages=turns,
            bos_token=bos,
            eos_token=eos,
            add_generation_prompt=True,
            raise_exception=_refuse,
        )
    except TemplateError as error:
        raise InvalidRequest(
            f"The model's chat template does not take these messages: {error}.",
            provider="llamacpp",
            remedy="Check their order and roles; some models take no system message.",
        ) from error


def _refuse(message: str) -> None:
    from jinja2 import TemplateError

    raise TemplateError(message)


def _text_of(message: Message) -> str:
    for part in message.parts:
        if not isinstance(part, Text):
            raise Unsupported(
                f"A {message.role} message has a part of kind {type(part).__name__}, "
                "and local models take text alone.",
                provider="llamacpp",
                remedy="Leave it out, or use a model of another provider.",
            )
    return message.text
