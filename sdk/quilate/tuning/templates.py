"""What a trainer reads of an example: its text in the model's chat template, and which part of it
is learned.

The template is a program from a downloaded file: it runs in jinja2's sandbox, with what Hugging
Face's templates expect (`raise_exception`, ``tojson`` that escapes nothing, ``{% generation %}``).
It is not given today's date, so that a text is the same tomorrow.
"""

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from quilate.errors import DataError
from quilate.messages import Image, Message, Text
from quilate.tuning.examples import AnyExample, Example, Judged
from quilate.tuning.formats.chat import names_of_calls, to_trl
from quilate.tuning.formats.tools import wire
from quilate.tuning.formats.values import NotCarried

if TYPE_CHECKING:
    from jinja2 import Environment, Template

# Stand around what a generation block writes: private characters that no text has.
_OPEN, _CLOSE = "\ue0f0<\ue0f1", "\ue0f0>\ue0f1"
_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_PROBE = "quilate"


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A chat template's `source` (None: a base model, which has none) and the texts of the tokens
    that begin and end a text."""

    source: str | None
    bos: str = ""
    eos: str = ""

    @property
    def marks_generation(self) -> bool:
        """Whether it says itself, by ``{% generation %}``, what the assistant writes."""
        return self.source is not None and _GENERATION.search(self.source) is not None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text and the ranges of characters (start, end) in it that are learned.

    `prompt` is the prompt's text alone, as it is when the model is asked; where `prefix` is false,
    the whole text does not begin with it: the model is trained on another prompt than it is asked
    with.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    prompt: str
    prefix: bool

    @property
    def supervised(self) -> str:
        """What is learned, joined."""
        return "".join(self.text[start:end] for start, end in self.spans)

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """The text in pieces, each with whether it is learned."""
        at = 0
        for start, end in self.spans:
            if start > at:
                yield self.text[at:start], False
            yield self.text[start:end], True
            at = end
        if at < len(self.text):
            yield self.text[at:], False

    def to_text(self, *, color: bool = False) -> str:
        """For the terminal: what is learned stands between ⟦ and ⟧, or in green. Control characters
        are shown as �, so that no text takes over the terminal.

        >>> Rendered("Q: 2 + 2? A: 4", ((13, 14),), "Q: 2 + 2? A: ", True).to_text()
        'Q: 2 + 2? A: ⟦4⟧'
        """
        opened, closed = ("\x1b[32m", "\x1b[0m") if color else ("⟦", "⟧")
        return "".join(
            f"{opened}{_CONTROL.sub('�', piece)}{closed}" if learned else _CONTROL.sub("�", piece)
            for piece, learned in self.pieces()
        )

    def to_html(self) -> str:
        """For a page: escaped, what is learned in ``<mark>``.

        >>> Rendered("<b>4", ((3, 4),), "<b>", True).to_html()
        '<pre class="rendered">&lt;b&gt;<mark>4</mark></pre>'
        """
        inner = "".join(
            f"<mark>{html.escape(piece)}</mark>" if learned else html.escape(piece)
            for piece, learned in self.pieces()
        )
        return f'<pre class="rendered">{inner}</pre>'


def render(example: Example, template: ChatTemplate | str) -> Rendered:
    """The text of an example in a chat template, and the parts of it that are learned: the turns of
    the assistant in its completion, with the token that ends them. Raises `DataError` where the
    template does not take the messages.

    >>> from quilate.messages import assistant, user
    >>> source = (
    ...     "{% for m in messages %}[{{ m.role }}] {{ m.content }}</s>{% endfor %}"
    ...     "{% if add_generation_prompt %}[assistant] {% endif %}"
    ... )
    >>> render(Example("1", (user("2 + 2?"),), (assistant("4"),)), source).to_text()
    '[user] 2 + 2?</s>[assistant] ⟦4</s>⟧'
    """
    if isinstance(template, str):
        template = ChatTemplate(template)
    if template.source is None:
        return _without_template(example, template)
    whole = (*example.prompt, *example.completion)
    prompt = _text(example, example.prompt, template, ask=True)[0]
    text, marked = _text(example, whole, template, ask=False)
    shared = _shared(prompt, text)
    if template.marks_generation:
        spans = [(max(start, shared), end) for start, end in marked if end > shared]
    else:
        spans = _turn_spans(example, template, text, shared)
    return Rendered(text, _merged(spans), prompt, shared == len(prompt))


def sides(example: AnyExample) -> list[tuple[str, Example]]:
    """The completions of an example with their names, each as an example that can be rendered: both
    of a preference, that of a judged one by its verdict, and a supervised one without a name.

    >>> from quilate.messages import assistant, user
    >>> from quilate.tuning.examples import Preference
    >>> asked = Preference("1", (user("2 + 2?"),), (assistant("4"),), (assistant("5"),))
    >>> [(name, one.completion[0].text) for name, one in sides(asked)]
    [('chosen', '4'), ('rejected', '5')]
    """
    if isinstance(example, Example):
        return [("", example)]
    if isinstance(example, Judged):
        found = [("good" if example.good else "bad", example.completion)]
    else:
        found = [("chosen", example.chosen), ("rejected", example.rejected)]
    return [
        (name, Example(example.id, example.prompt, completion, example.tools, example.metadata))
        for name, completion in found
    ]


def masked(rendered: Rendered, encode: Callable[[str], list[int]]) -> tuple[list[int], list[bool]]:
    """The tokens of a text, and for each whether the loss is on it. `encode` gives the ids of a
    rendered text, control tokens read out of it. A token that reaches over the beginning of what is
    learned is learned, as in TRL.

    >>> masked(Rendered("ab4", ((2, 3),), "ab", True), lambda text: [ord(one) for one in text])
    ([97, 98, 52], [False, False, True])
    """
    ids = encode(rendered.text)
    mask = [False] * len(ids)
    for start, end in rendered.spans:
        first, last = (_tokens_before(rendered.text, at, ids, encode) for at in (start, end))
        mask[first:last] = [True] * (last - first)
    return ids, mask


def _tokens_before(
    text: str, end: int, ids: Sequence[int], encode: Callable[[str], list[int]]
) -> int:
    """How many tokens lie wholly before a place in the text."""
    if end >= len(text):
        return len(ids)
    before = encode(text[:end])
    differ = (at for at, (a, b) in enumerate(zip(before, ids, strict=False)) if a != b)
    return next(differ, min(len(before), len(ids)))


def check(template: ChatTemplate) -> None:
    """Raise `DataError` for a template that is no valid jinja2."""
    _compiled(template.source or "")


def written(example: Example, turns: int, template: ChatTemplate) -> str:
    """The first so many turns of an example (prompt, then completion) in a template, as they stand
    when others may follow. Raises `DataError` as `render` does."""
    whole = (*example.prompt, *example.completion)
    return _text(example, whole[:turns], template, ask=False)[0]


def _without_template(example: Example, template: ChatTemplate) -> Rendered:
    """As llama.cpp's adapter asks a base model: the texts, a blank line between them, and a line
    break before the answer, which the end token closes."""
    prompt = template.bos + "\n\n".join(turn.text for turn in example.prompt) + "\n"
    answer = "\n\n".join(turn.text for turn in example.completion) + template.eos
    text = prompt + answer
    return Rendered(text, ((len(prompt), len(text)),), prompt, True)


def _turn_spans(
    example: Example, template: ChatTemplate, text: str, shared: int
) -> list[tuple[int, int]]:
    """The ranges of the completion's turns of the assistant; where a tool's turn stands between
    them and the template renders a beginning otherwise than the whole, all after the prompt."""
    if len(example.completion) == 1:
        return [(shared, len(text))]
    spans: list[tuple[int, int]] = []
    for place, turn in enumerate(example.completion):
        if turn.role != "assistant":
            continue
        before = (*example.prompt, *example.completion[:place])
        try:
            asked = _text(example, before, template, ask=True)[0] if before else ""
            answered = _text(example, (*before, turn), template, ask=False)[0]
        except DataError:
            return [(shared, len(text))]
        if not (text.startswith(asked) and text.startswith(answered)):
            return [(shared, len(text))]
        spans.append((len(asked), len(answered)))
    return spans


def _merged(spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The ranges in order, without empty ones, those that touch made one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif end > start:
            found.append((start, end))
    return tuple(found)


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    if other.startswith(one):
        return len(one)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _text(
    example: Example, messages: Sequence[Message], template: ChatTemplate, *, ask: bool
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The messages in the template, and the ranges that its generation blocks wrote."""
    source = template.source or ""
    names = names_of_calls((*example.prompt, *example.completion))
    try:
        turns = [turn for message in messages for turn in _turns(message, names)]
        tools = wire(example.tools) or None
    except NotCarried as why:
        raise DataError(
            f"The example cannot be rendered: {why.detail}.", where=example.id
        ) from None
    written = _apply(template, turns, tools, ask, _wants_lists(source), example.id)
    return _unmarked(written)


def _turns(message: Message, names: Mapping[str, str]) -> list[dict[str, Any]]:
    if message.role == "user" and any(isinstance(part, Image) for part in message.parts):
        parts = [
            {"type": "text", "text": part.text} if isinstance(part, Text) else {"type": "image"}
            for part in message.parts
            if isinstance(part, Text | Image)
        ]
        return [{"role": "user", "content": parts}]
    turns = to_trl([message], names)
    for turn in turns:
        if "reasoning_content" in turn:  # templates of gpt-oss call it so, and transformers helps
            turn["thinking"] = turn["reasoning_content"]
    return turns


def _apply(
    template: ChatTemplate,
    turns: Sequence[Mapping[str, Any]],
    tools: list[dict[str, Any]] | None,
    ask: bool,
    listed: bool,
    where: str,
) -> str:
    given = [{**turn, "content": _content(turn["content"], listed)} for turn in turns]
    try:
        return _compiled(template.source or "").render(
            messages=given,
            tools=tools,
            bos_token=template.bos,
            eos_token=template.eos,
            add_generation_prompt=ask,
        )
    except Exception as error:  # a template is a program: it may fail in any way
        raise DataError(
            f"The chat template does not take these messages: {type(error).__name__}: {error}.",
            where=where,
            remedy="Check their order, roles and tool calls; some templates take no system turn.",
        ) from None


def _content(content: Any, listed: bool) -> Any:
    if listed and isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content


@lru_cache(maxsize=32)
def _wants_lists(source: str) -> bool:
    """Whether a template reads content as a list of parts alone, as those of some models for images
    do: of a plain string they write nothing."""

    def writes(listed: bool) -> bool:
        turn = {"role": "user", "content": _PROBE}
        try:
            return _PROBE in _apply(ChatTemplate(source), [turn], None, True, listed, "")
        except DataError:
            return False

    return not writes(False) and writes(True)


def _unmarked(written: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text without the marks around generation blocks, and where those stood."""
    pieces: list[str] = []
    spans: list[tuple[int, int]] = []
    size, opened = 0, 0
    for piece in re.split(f"({_OPEN}|{_CLOSE})", written):
        if piece == _OPEN:
            opened = size
        elif piece == _CLOSE:
            spans.append((opened, size))
        else:
            pieces.append(piece)
            size += len(piece)
    return "".join(pieces), tuple(spans)


@lru_cache(maxsize=32)
def _compiled(source: str) -> "Template":
    from jinja2 import TemplateSyntaxError

    try:
        return _environment().from_string(source)
    except TemplateSyntaxError as error:
        raise DataError(
            f"The chat template is not valid: {error.message}.", where=f"line {error.lineno}"
        ) from None


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """``{% generation %}``: what the assistant writes."""

        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Any) -> list[nodes.Node]:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            opened, closed = (
                nodes.Output([nodes.TemplateData(mark)], lineno=line) for mark in (_OPEN, _CLOSE)
            )
            return [opened, *body, closed]

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    return environment


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _refuse(message: str) -> None:
    from jinja2 import TemplateError

    raise TemplateError(message)
