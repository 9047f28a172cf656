"""An event loop whose clock jumps: what takes minutes is over at once, and always the same."""

import asyncio
import selectors

import pytest


class VirtualLoop(asyncio.SelectorEventLoop):
    """Sleeps take no time, and `time()` says that they did."""

    def __init__(self):
        self.now = 0.0
        loop = self

        class Jumping(selectors.DefaultSelector):
            def select(self, timeout=None):
                loop.now += timeout or 0.0
                return super().select(0)

        super().__init__(Jumping())

    def time(self):
        return self.now


@pytest.fixture
def run():
    """Runs the coroutine that a function of the loop gives, in virtual time."""
    return _run


def _run(make):
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(asyncio.wait_for(make(loop), 10_000))
    finally:
        loop.close()
