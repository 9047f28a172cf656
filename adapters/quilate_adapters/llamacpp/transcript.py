"""Bytes of tokens to text: no broken characters, nothing of a stop string let out."""

import codecs
from collections.abc import Sequence


class Transcript:
    r"""Collects an answer piece by piece.

    >>> answer = Transcript(stops=("END",))
    >>> [answer.feed(piece) for piece in (b"ni\xc3", b"\xb1o E", b"ND more")]
    ['ni', 'ño ', '']
    >>> answer.text, answer.stopped
    ('niño ', True)
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self.text = ""
        self.stopped = False
        self._stops = stops
        self._held = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def seen(self) -> int:
        """Characters so far, with those held back."""
        return len(self.text) + len(self._held)

    def feed(self, piece: bytes) -> str:
        """Add a token's bytes; returns the text that is now certain to belong to the answer."""
        self._held += self._decoder.decode(piece)
        found = [at for at in map(self._held.find, self._stops) if at >= 0]
        if found:
            self.stopped = True
            return self._release(min(found))
        return self._release(len(self._held) - self._maybe_stop())

    def finish(self) -> str:
        """Let out what was held back; the bytes of an unfinished character are dropped."""
        return "" if self.stopped else self._release(len(self._held))

    def _maybe_stop(self) -> int:
        """The length of the longest tail that may be the beginning of a stop string."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for size in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-size:]) for stop in self._stops):
                return size
        return 0

    def _release(self, size: int) -> str:
        out, self._held = self._held[:size], self._held[size:]
        self.text += out
        return out
