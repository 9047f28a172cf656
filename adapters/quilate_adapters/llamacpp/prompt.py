"""Messages to the model's prompt, through the chat template in its file; a base model, which has
none, is given their texts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from quilate.errors import InvalidRequest, Unsupported
from quilate.messages import Image, Message, Part, Text
from quilate_adapters.llamacpp.engine import Engine
from quilate_adapters.llamacpp.images import check_image
from quilate_adapters.llamacpp.vision import ImagePrompt, Plain

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
_PROBE = "quilate"

Content = str | list[dict[str, str]]


def check_parts(messages: Sequence[Message], *, images: bool) -> None:
    """Raise `Unsupported` for parts of messages that local models do not take, and with `images`
    (else they are refused) `InvalidRequest` for images that cannot be read."""
    number = 0
    for message in messages:
        for part in message.parts:
            if isinstance(part, Image) and images and message.role == "user":
                number += 1
                check_image(part, number)
            elif not isinstance(part, Text):
                raise _unsupported(message, part, images)


def _unsupported(message: Message, part: Part, images: bool) -> Unsupported:
    takes, remedy = "text alone", "Leave it out, or use a model of another provider."
    if images:
        takes = "text, and images in user messages"
    elif isinstance(part, Image):
        remedy = (
            'If the model was made for images, open it with its projector (mmproj="…"); '
            "otherwise leave them out, or use a model of another provider."
        )
    return Unsupported(
        f"A message of role {message.role} has a part of kind {type(part).__name__}, "
        f"and this local model takes {takes}.",
        provider="llamacpp",
        remedy=remedy,
    )


def encode(engine: Engine, messages: Sequence[Message]) -> "list[int] | ImagePrompt":
    """The prompt of checked messages, up to where the assistant begins to speak.

    Only the template makes control tokens. One that is written out in a message (a retrieved page
    that says ``<|im_end|>``) stays text, so that no document can end the user's turn: it is marked
    before the template is rendered, and tokenized apart from the rest. So is the place of an image.
    """
    hidden: list[Plain | bytes] = []

    def mark(what: Plain | bytes) -> str:
        hidden.append(what)
        return f"{_MARK}{len(hidden) - 1};"

    control = re.compile("|".join(map(re.escape, [*engine.control_texts, _MARK])))

    def written(message: Message) -> str:
        # Texts side by side are one text: a control token may begin in one and end in the next.
        runs = groupby(message.parts, key=lambda part: isinstance(part, Text))
        return "".join(
            control.sub(lambda found: mark(Plain(found[0], special=False)), _joined(run))
            if is_text
            else "".join(mark(part.image or b"") for part in run if isinstance(part, Image))
            for is_text, run in runs
        )

    turns = [{"role": message.role, "content": written(message)} for message in messages]
    text = render(turns, engine.template, engine.bos, engine.eos)
    begin = not (engine.bos and text.startswith(engine.bos))
    # re.split alternates the text between marks and the marks' numbers.
    parts = [
        hidden[int(part)] if i % 2 == 1 else Plain(part, special=True)
        for i, part in enumerate(_MARKED.split(text))
    ]
    texts = [part for part in parts if isinstance(part, Plain)]
    images = sum(isinstance(part, bytes) for part in hidden)
    if len(parts) - len(texts) != images:
        raise InvalidRequest(
            "The model's chat template leaves out some of these messages' images.",
            provider="llamacpp",
            remedy="Put all images into one user message, the last.",
        )
    if images:
        if engine.vision is None:
            raise Unsupported("This local model takes text alone.", provider="llamacpp")
        return engine.vision.prepare(parts, begin=begin)
    return [
        token
        for i, part in enumerate(texts)
        for token in engine.tokenize(part.text, special=part.special, begin=begin and i == 0)
    ]


def _joined(parts: Iterable[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def render(turns: Sequence[Mapping[str, str]], template: str | None, bos: str, eos: str) -> str:
    """The prompt as the model's template writes it; without one (a base model), the texts alone,
    a blank line between them and a line break at the end, where the answer begins.

    Templates that would write today's date are not given it, so that a prompt is the same
    tomorrow; they fall back to a date of their own.
    """
    if template is None:
        return "\n\n".join(turn["content"] for turn in turns) + "\n"
    from jinja2 import TemplateError

    listed = _wants_lists(template)
    messages = [{**turn, "content": _content(turn["content"], listed)} for turn in turns]
    try:
        return _rendered(template, messages, bos, eos)
    except TemplateError as error:
        raise InvalidRequest(
            f"The model's chat template does not take these messages: {error}.",
            provider="llamacpp",
            remedy="Check their order and roles; some models take no system message.",
        ) from error


def _rendered(template: str, messages: Sequence[Mapping[str, Any]], bos: str, eos: str) -> str:
    return _compile(template).render(
        messages=messages,
        bos_token=bos,
        eos_token=eos,
        add_generation_prompt=True,
        raise_exception=_refuse,
    )


@lru_cache(maxsize=32)
def _wants_lists(template: str) -> bool:
    """Whether a template reads a message's content as a list of parts alone, as those of some
    models for images do: of a plain string they write nothing."""

    def writes(listed: bool) -> bool:
        try:
            turn = {"role": "user", "content": _content(_PROBE, listed)}
            return _PROBE in _rendered(template, [turn], "", "")
        except Exception:  # a template is a program: it may fail in any way
            return False

    return not writes(False) and writes(True)


def _content(text: str, listed: bool) -> Content:
    return [{"type": "text", "text": text}] if listed else text


def _refuse(message: str) -> None:
    from jinja2 import TemplateError

    raise TemplateError(message)
