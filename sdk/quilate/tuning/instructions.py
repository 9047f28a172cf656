"""Instructions: runs of words that many prompts share, which say nothing of what was copied."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quilate.data.decontamination.coding import Vocabulary, gram_keys
from quilate.data.decontamination.words import folded, word_pattern

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]

RUN = 8
"""Words of the runs that are counted."""
_LOOKED_AT = 5_000  # prompts: enough to tell what is in a twentieth of them


@dataclass(frozen=True, slots=True)
class Instructions:
    """The runs of words (their keys, sorted) that are instructions."""

    keys: "Keys"
    words: Vocabulary

    def cut_out(self, text: str) -> list[str]:
        """The pieces of a text that are left without them.

        >>> asked = [[f"Answer with one word, and say nothing more than that: {n}"] for n in "abc"]
        >>> find_instructions(asked, []).cut_out(asked[0][0])
        ['a']
        """
        import numpy as np

        if not len(self.keys):
            return [text]
        keys = _keys(text, self.words)
        starts = np.flatnonzero(np.isin(keys, self.keys))
        if not len(starts):
            return [text]
        spans = [found.span() for found in word_pattern().finditer(text) if folded(found[0])]
        left = np.ones(len(spans) + 2, bool)
        left[[0, -1]] = False
        for start in starts.tolist():
            left[start + 1 : start + 1 + RUN] = False
        edges = np.flatnonzero(left[1:] != left[:-1]).reshape(-1, 2).tolist()
        return [text[spans[first][0] : spans[after - 1][1]] for first, after in edges]


def find_instructions(
    prompts: Sequence[Sequence[str]], samples: Sequence[Sequence[str]], *, common: float = 0.05
) -> Instructions:
    """The runs of `RUN` words that are in more than `common` of the prompts, or of the samples (the
    texts of each), and in more than five of them; or in more than half of three or more.

    What is common among the prompts is none where a single sample has it: that is this sample, in
    prompts that were written from it.
    """
    import numpy as np

    words = Vocabulary()
    some = prompts[:: max(1, -(-len(prompts) // _LOOKED_AT))]
    keys, counts = _counted(samples, words)
    asked = np.setdiff1d(_common(*_counted(some, words), len(some), common), keys[counts == 1])
    return Instructions(np.union1d(asked, _common(keys, counts, len(samples), common)), words)


def _counted(side: Sequence[Sequence[str]], words: Vocabulary) -> "tuple[Keys, NDArray[np.int64]]":
    """The runs of a side's texts, and in how many of them each is."""
    import numpy as np

    empty = np.zeros(0, np.uint64)
    each = [
        np.unique(np.concatenate([empty, *(_keys(text, words) for text in texts)]))
        for texts in side
    ]
    return np.unique(np.concatenate([empty, *each]), return_counts=True)


def _common(keys: "Keys", counts: "NDArray[np.int64]", total: int, common: float) -> "Keys":
    is_common = (counts > 5) & (counts > common * total)
    if total >= 3:
        is_common |= counts > total / 2
    found: Keys = keys[is_common]
    return found


def _keys(text: str, words: Vocabulary) -> "Keys":
    import numpy as np

    return gram_keys(np.array(words.learn(text), np.int32), RUN)
