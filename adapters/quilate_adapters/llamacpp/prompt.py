"""Messages to the model's prompt, through the chat template in its file."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from quilate.errors import InvalidRequest, Unsupported
from quilate.messages import Message, Text

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


def render(messages: Sequence[Message], template: str | None, bos: str, eos: str) -> str:
    """The prompt up to where the assistant begins to speak.

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

    turns = [{"role": message.role, "content": _text_of(message)} for message in messages]
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
