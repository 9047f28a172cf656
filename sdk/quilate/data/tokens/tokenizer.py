"""What a tokenizer is to the measurements: texts in, token ids out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEXT, UNKNOWN, BYTES = 0, 1, 2
"""What a token is: text; the mark that stands for what the vocabulary lacks; or bytes that are no
whole character, which is how a vocabulary spells a character that it lacks."""


class Tokenizer(Protocol):
    """Gives the token ids of texts. Adapters make them; any object of this shape will do."""

    @property
    def name(self) -> str:
        """How it is called in reports, such as ``tiktoken/cl100k_base``."""
        ...

    @property
    def around(self) -> int:
        """How many tokens it puts around a text (beginning and end marks) when a model reads it."""
        ...

    @property
    def kinds(self) -> "NDArray[np.uint8]":
        """For each token id `TEXT`, `UNKNOWN` or `BYTES`; the length is that of the vocabulary."""
        ...

    def encode(self, texts: Sequence[str]) -> "list[NDArray[np.int32]]":
        """The ids of each text, without the tokens around it. What looks like a control token in
        a text is text. Texts hold no lone surrogates, and at most some 20,000 characters."""
        ...
