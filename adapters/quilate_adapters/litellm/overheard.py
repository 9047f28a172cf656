"""What a provider's stream says and litellm's does not: a refusal, an end that comes twice."""

from typing import Any

from quilate.errors import MalformedReply
from quilate_adapters.litellm.route import Route
from quilate_adapters.openai.chat_stream import Assembly


class Overheard:
    """The stream that litellm reads, passed on as it is, and looked at where its pieces are chunks
    of Chat Completions; those of other protocols litellm translates, and they are not looked at."""

    def __init__(self, at: Route, source: Any) -> None:
        self._source, self._pieces, self._whole = source, source, Assembly(at)
        self.fault: MalformedReply | None = None

    @property
    def refusal(self) -> str | None:
        """What the model said in refusing, so far."""
        found: str | None = self._whole.completion()["choices"][0]["message"].get("refusal")
        return found

    def __aiter__(self) -> "Overheard":
        self._pieces = aiter(self._source)  # litellm's own readers begin here
        return self

    async def __anext__(self) -> Any:
        """The next piece. A fault in it is kept for the reader: raised here, litellm would wrap
        it in an error of its own."""
        piece = await anext(self._pieces)
        if self.fault is None and hasattr(piece, "choices") and hasattr(piece, "model_dump"):
            try:
                list(self._whole.add(piece.model_dump(mode="json", exclude_none=True)))
            except MalformedReply as fault:
                self.fault = fault
            except (TypeError, AttributeError, KeyError, IndexError):
                pass  # litellm reads the piece too, and says what is wrong with it
        return piece

    async def aclose(self) -> None:
        """Close the stream, and its connection."""
        close = getattr(self._source, "aclose", None) or getattr(self._source, "close", None)
        if close is not None:
            await close()


def overhear(at: Route, stream: Any) -> Overheard | None:
    """Put an `Overheard` between litellm's stream and the provider's; None where there is no
    asynchronous one to listen to."""
    source = stream.completion_stream
    if not hasattr(source, "__aiter__") or not hasattr(source, "__anext__"):
        return None
    stream.completion_stream = Overheard(at, source)
    found: Overheard = stream.completion_stream
    return found
