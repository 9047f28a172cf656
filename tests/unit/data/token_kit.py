"""A tokenizer whose every figure can be worked out by hand."""

import numpy as np

VOWELS = "aeiouáéíóú"


class Syllables:
    """A token for each run of non-spaces of at most three characters, with the space before it;
    ``#`` is unknown (1), ``@`` is a byte (2). It puts two tokens around a text."""

    around = 2

    def __init__(self, name: str = "syllables", size: int = 3) -> None:
        self.name, self._size = name, size
        self.kinds = np.array([0, 1, 2], np.uint8)
        self.longest = 0

    def encode(self, texts):
        found = []
        for text in texts:
            self.longest = max(self.longest, len(text))
            ids = []
            for word in text.split():
                for start in range(0, len(word), self._size):
                    part = word[start : start + self._size]
                    ids.append(1 if "#" in part else 2 if "@" in part else 0)
            found.append(np.array(ids, np.int32))
        return found
