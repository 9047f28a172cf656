"""How far two models are apart in what they expect next."""

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from quilate.errors import DataError
from quilate_adapters.llamacpp.engine import Engine, Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 1024
"""Tokens of a text that are compared; the rest of a longer one is not."""


@dataclass(slots=True)
class Divergence:
    """The mean Kullback–Leibler divergence in nats a position, and the share of positions whose
    likeliest token is the same, summed up position by position."""

    _kl: list[float] = field(default_factory=list)
    _same: int = 0

    def add(self, reference: "NDArray[np.float64]", other: "NDArray[np.float64]") -> None:
        """Count a position: the natural-log probabilities of the vocabulary in both models.

        >>> import numpy as np
        >>> both = Divergence()
        >>> both.add(np.log([0.5, 0.5]), np.log([0.75, 0.25]))
        >>> round(both.kl, 4), both.top1
        (0.1438, 1.0)
        """
        import numpy as np

        self._kl.append(max(0.0, float(np.exp(reference) @ (reference - other))))
        self._same += int(reference.argmax() == other.argmax())

    def extend(self, other: "Divergence") -> None:
        """Count the positions of another."""
        self._kl.extend(other._kl)
        self._same += other._same

    @property
    def positions(self) -> int:
        """How many were counted."""
        return len(self._kl)

    @property
    def kl(self) -> float:
        """Mean KL divergence from the reference to the other; 0 for no positions."""
        return math.fsum(self._kl) / max(1, len(self._kl))

    @property
    def top1(self) -> float:
        """Share of positions with the same likeliest token; 1 for no positions."""
        return self._same / len(self._kl) if self._kl else 1.0


def log_softmax(logits: "NDArray[np.floating]") -> "NDArray[np.float64]":
    """Natural-log probabilities of the last axis, in float64.

    >>> import numpy as np
    >>> log_softmax(np.array([0.0, 0.0])).round(4).tolist()
    [-0.6931, -0.6931]
    """
    import numpy as np

    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


class ScoringEngine(Engine):
    """An engine that gives the probabilities after every token of a text."""

    def rows(self, tokens: Sequence[int]) -> "Iterator[NDArray[np.float64]]":
        """The natural-log probabilities after each token; decoded in chunks of `n_batch`."""
        import numpy as np

        self._forget()
        for at in range(0, len(tokens), self.settings.n_batch):
            chunk = tokens[at : at + self.settings.n_batch]
            self._decode(chunk, every=True)
            for i in range(len(chunk)):
                pointer = self.lib.llama_get_logits_ith(self._context, i)
                yield log_softmax(np.ctypeslib.as_array(pointer, (self.vocab_size,)))


def kl_between(reference: Path, other: Path, texts: Sequence[str]) -> tuple[float, float]:
    """Mean KL divergence in nats a token from one GGUF model to another on `texts`, and the share
    of tokens before which both find the same likeliest.

    Only the first 1,024 tokens of a text count. Raises `DataError` for models of different
    vocabularies and for texts without two tokens.
    """
    found = Divergence()
    with closing(_engine(reference)) as one, closing(_engine(other)) as two:
        for text in texts:
            tokens = one.tokenize(text, begin=True)
            if tokens != two.tokenize(text, begin=True) or one.vocab_size != two.vocab_size:
                raise DataError(
                    "The models cut a text into different tokens; they cannot be compared.",
                    where=str(other),
                    remedy=f"Compare files made of one model; the reference is {reference}.",
                )
            tokens = tokens[:LONGEST]
            for row, its in zip(one.rows(tokens), two.rows(tokens), strict=True):
                found.add(row, its)
    if not found.positions:
        raise DataError("There is no text to compare the models on.", remedy="Give some texts.")
    return found.kl, found.top1


def _engine(path: Path) -> ScoringEngine:
    return ScoringEngine(path, Settings(LONGEST))
