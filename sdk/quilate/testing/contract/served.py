"""What the parts of the kit for hosted adapters share: the server that fails, and calls to it."""

from collections.abc import Callable, Iterator

import pytest

from quilate.middleware.ambient import Ambient
from quilate.middleware.standard import standard
from quilate.models import Event, Finished, Model, Request, Response
from quilate.sync import run
from quilate.testing.faults import FaultServer, fault_server

Make = Callable[[str, str, str], Model]
Open = Callable[[str], Ambient]

KEY = "a-secret-that-no-pattern-knows"
TEXT = "uno dos tres cuatro cinco seis"
whole_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


class Served:
    """The fixtures of every part."""

    @pytest.fixture(scope="class")
    @classmethod
    def make(cls) -> Make:
        """Opens the adapter: a subclass gives it."""
        raise NotImplementedError("Give your class a fixture `make`, of class scope.")

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[FaultServer]:
        """The server that fails, one for the whole class."""
        with fault_server() as server:
            yield server

    @pytest.fixture
    def control(self, server: FaultServer) -> FaultServer:
        """The server, its counters at zero."""
        server.set(reset=True, limit=None, latency=0, huge_bytes=2**20)
        return server

    @pytest.fixture
    def opened(self, make: Make, control: FaultServer) -> Iterator[Open]:
        """Opens a model of that name as `quilate.model` does, without retries."""
        made: list[Ambient] = []

        def open_(name: str) -> Ambient:
            made.append(standard(make(control.address, name, KEY), attempts=1))
            return made[-1]

        yield open_
        for model in made:
            run(model.aclose())


async def take(
    model: Model, request: Request, stream: bool, deltas: list[Event] | None = None
) -> Response:
    """The response of a call; a stream's deltas go into `deltas`."""
    if not stream:
        return await model.generate(request)
    async for event in model.stream(request):
        if isinstance(event, Finished):
            return event.response
        if deltas is not None:
            deltas.append(event)
    raise AssertionError("the stream has no Finished")


def taken(
    model: Model, request: Request, stream: bool, deltas: list[Event] | None = None
) -> Response:
    """The same from sync code."""
    return run(take(model, request, stream, deltas))
