"""The package's own loop, and what belongs to a loop."""

import asyncio
import gc
import multiprocessing
import os
import threading

import pytest

from quilate.providers import PerLoop
from quilate.sync import run, stoppable


async def answer():
    return 42


def child():
    os._exit(0 if run(answer()) == 42 else 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_sync_calls_work_in_a_forked_child_and_then_in_its_parent():
    assert run(answer()) == 42
    forked = multiprocessing.get_context("fork").Process(target=child)
    forked.start()
    forked.join(60)
    code = forked.exitcode
    forked.kill()
    assert code == 0
    assert run(answer()) == 42


class Client:
    """Counts the clients that are open; closing one takes the loop."""

    open = 0

    def __init__(self):
        Client.open += 1

    async def aclose(self):
        await asyncio.sleep(0)
        Client.open -= 1


@pytest.fixture(autouse=True)
def none_open():
    Client.open = 0


def test_a_client_is_closed_at_the_end_of_its_loop_and_let_go():
    clients = PerLoop(Client)

    async def use():
        assert clients.get() is clients.get()
        assert Client.open == 1

    for _ in range(3):
        asyncio.run(use())
        assert (Client.open, len(clients._clients)) == (0, 0)


def test_a_client_that_was_given_up_is_not_closed_a_second_time():
    clients = PerLoop(Client)

    async def use():
        first = clients.get()
        assert clients.pop() is first
        await first.aclose()
        assert clients.pop() is None
        assert clients.get() is not first
        gc.collect()
        await asyncio.sleep(0)
        assert Client.open == 1

    asyncio.run(use())
    assert Client.open == 0


def test_clients_of_loops_that_were_just_closed_are_let_go():
    clients = PerLoop(Client)

    async def use():
        clients.get()

    for _ in range(5):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(use())
        loop.close()
    assert len(clients._clients) == 1


def test_work_in_a_thread_ends_when_its_call_is_cancelled():
    began, ended = threading.Event(), threading.Event()

    def work(check):
        try:
            while True:
                began.set()
                check()
        finally:
            ended.set()

    async def cancelled():
        task = asyncio.ensure_future(stoppable(work))
        await asyncio.to_thread(began.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return ended.is_set()

    assert asyncio.run(cancelled())


def test_what_work_in_a_thread_raises_is_raised():
    with pytest.raises(ValueError, match="spoilt"):
        run(stoppable(lambda check: int("spoilt")))
