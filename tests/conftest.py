"""What all tests share."""

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

# A shell starts background jobs with SIGINT ignored, and children inherit that: the tests of Ctrl-C
# need it heard.
signal.signal(signal.SIGINT, signal.default_int_handler)


SERVERS = Path(__file__).parent / "servers"


@pytest.fixture(scope="session")
def llama_server():
    """The address of llama.cpp's own server on the real SmolLM2, in a process of its own; the
    paths of its APIs (``/v1/chat/completions``, ``/v1/messages``) follow it."""
    with _served("llama.py") as address:
        yield address


@pytest.fixture(scope="session")
def fault_server():
    """The address of the server that echoes and fails as told (`quilate.testing.faults`), in a
    process of its own."""
    from quilate.testing.faults import fault_server

    with fault_server() as server:
        yield server.address


@pytest.fixture
def served():
    """Starts a script of `tests/servers` with arguments, for as long as a ``with`` block lasts;
    gives its address."""
    return _served


@contextmanager
def _served(script, *arguments):
    process = subprocess.Popen(
        [sys.executable, str(SERVERS / script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        address = process.stdout.readline().strip()
        assert address, f"{script} did not start"
        yield address
    finally:
        process.communicate()
