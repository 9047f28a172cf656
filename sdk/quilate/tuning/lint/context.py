"""What the checks know of the training besides the row."""

from dataclasses import dataclass

from quilate.tuning.lint.values import ChatTokenizer
from quilate.tuning.templates import ChatTemplate


@dataclass(frozen=True, slots=True)
class Context:
    """The tokenizer, the template that is trained with, and the longest row in tokens."""

    tokenizer: ChatTokenizer
    template: ChatTemplate
    max_length: int
