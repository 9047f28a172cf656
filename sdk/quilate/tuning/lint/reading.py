"""An example as the model reads it: its text, its tokens, and which of them are learned."""

from dataclasses import dataclass

from quilate.errors import DataError
from quilate.tuning.examples import Example
from quilate.tuning.lint.values import ChatTokenizer, Finding, Severity
from quilate.tuning.templates import ChatTemplate, Rendered, masked, render

_CHARACTERS = 64  # a token, at the most: longer texts are too long without being counted


@dataclass(frozen=True, slots=True)
class Reading:
    """One side of an example (`side` is its name in `quilate.tuning.templates.sides`).

    `tokens` and `learned` are counts, None where the text cannot be rendered or is far too long;
    `last` is the last token that is learned, white space aside.
    """

    place: int
    example: Example
    side: str
    rendered: Rendered | None
    tokens: int | None
    learned: int | None
    last: int | None
    failure: str = ""

    def finding(self, severity: Severity, reason: str, detail: str = "") -> Finding:
        """A finding of this example."""
        said = f"{self.side}: {detail}" if self.side else detail
        return Finding(severity, self.example.id, reason, said, self.place)


def read(
    place: int,
    side: str,
    example: Example,
    tokenizer: ChatTokenizer,
    template: ChatTemplate,
    max_length: int,
) -> Reading:
    """The example as the tokenizer reads it in the template."""
    try:
        rendered = render(example, template)
    except DataError as error:
        return Reading(place, example, side, None, None, None, None, error.what)
    if len(rendered.text) > _CHARACTERS * max_length:
        return Reading(place, example, side, rendered, None, None, None)
    ids, mask = masked(rendered, tokenizer.encode)
    return Reading(place, example, side, rendered, len(ids), sum(mask), _last(rendered, tokenizer))


def _last(rendered: Rendered, tokenizer: ChatTokenizer) -> int | None:
    """The last token that is learned, the white space after it aside."""
    end = rendered.spans[-1][1] if rendered.spans else 0
    spoken = tokenizer.encode(rendered.text[:end].rstrip())
    return spoken[-1] if spoken and rendered.supervised.strip() else None
