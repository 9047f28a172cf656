"""Connections end with the loop that they were opened on."""

import asyncio
import gc
from pathlib import Path

import pytest

import quilate
from quilate.models import ask
from quilate.testing.faults import fault_server

FILES = Path("/proc/self/fd")
pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason="counts open files")


@pytest.fixture(scope="module")
def server():
    with fault_server() as server:
        yield server


def open_files():
    return len(list(FILES.iterdir()))


def just_closed(work):
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()
    gc.collect()  # nothing can be awaited on a closed loop: what is left is garbage


@pytest.mark.parametrize("model", ["openai/echo@{}/v1", "anthropic/echo@{}"])
@pytest.mark.parametrize("on_a_loop", [asyncio.run, just_closed])
def test_loops_leave_no_connection_behind(server, model, on_a_loop):
    opened = quilate.model(model.format(server.address), api_key="k1234567890")
    for _ in range(2):
        on_a_loop(opened.generate(ask("hola")))
    before = open_files()
    for _ in range(10):
        on_a_loop(opened.generate(ask("hola")))
    assert open_files() <= before
