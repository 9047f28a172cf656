import asyncio
import sqlite3
import subprocess
import sys

import pytest

from quilate.errors import StoreError
from quilate.middleware import Stored
from quilate.middleware.cache import SqliteCache
from quilate.models import Cost, TokenLogprob, Usage, ask, reply
from quilate.testing import ScriptedModel

FULL = reply(
    "¡sí!\x00 \U0001f600",
    finish_reason="length",
    usage=Usage(3, 4),
    cost=Cost(0.25, "estimated"),
    logprobs=(TokenLogprob("sí", -0.5, (("sí", -0.5), ("no", -1.5))),),
    choice_logprobs={"sí": -0.1, "no": -2.5},
)


async def round_trip(path, key, response=None):
    cache = SqliteCache(path)
    try:
        if response is not None:
            await cache.put(key, "m", ask("?"), response)
        return await cache.get(key)
    finally:
        await cache.aclose()


def test_what_is_put_comes_back_in_another_cache(tmp_path):
    path = tmp_path / "deep" / "cache.sqlite"
    assert asyncio.run(round_trip(path, "k", FULL)) == FULL
    assert asyncio.run(round_trip(path, "k")) == FULL
    assert asyncio.run(round_trip(path, "other")) is None


def test_the_first_answer_stays(tmp_path):
    path = tmp_path / "cache.sqlite"
    asyncio.run(round_trip(path, "k", reply("first")))
    assert asyncio.run(round_trip(path, "k", reply("second"))).text == "first"


def test_two_runs_share_answers(tmp_path):
    model = ScriptedModel("hola")

    async def run():
        cache = SqliteCache(tmp_path / "cache.sqlite")
        stored = Stored(model, cache)
        texts = await asyncio.gather(*(stored.generate(ask(str(n % 5))) for n in range(50)))
        await cache.aclose()
        return {response.text for response in texts}

    assert asyncio.run(run()) == asyncio.run(run()) == {"hola"}
    assert model.calls == 5


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be one" * 50, b"x" * 4096]
)
def test_a_damaged_file_says_to_delete_it(tmp_path, content):
    path = tmp_path / "cache.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"not a database.*Delete the file") as failure:
        asyncio.run(round_trip(path, "k"))
    assert failure.value.where == str(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "cache.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("create table theirs (x)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a cache of this version"):
        asyncio.run(round_trip(path, "k", reply("x")))
    assert path.read_bytes() == before


def test_a_damaged_entry_says_to_delete_the_file(tmp_path):
    path = tmp_path / "cache.sqlite"
    asyncio.run(round_trip(path, "k", reply("x")))
    with sqlite3.connect(path) as file:
        file.execute("update responses set response = '{\"message\": 3}'")
    with pytest.raises(StoreError, match=r"entry k .*Delete the file"):
        asyncio.run(round_trip(path, "k"))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="unable to open"):
        asyncio.run(round_trip(tmp_path / "file" / "cache.sqlite", "k"))


WRITER = """
import asyncio, sys
from quilate.middleware.cache import SqliteCache
from quilate.models import ask, reply

async def write():
    cache = SqliteCache(sys.argv[1])
    for n in range(200):
        await cache.put(f"k{n}", "m", ask("?"), reply(str(n)))
    await cache.aclose()

asyncio.run(write())
"""


def test_processes_share_one_file_from_its_first_moment(tmp_path):
    path = tmp_path / "cache.sqlite"
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [writer.communicate()[1] for writer in writers] == [""] * 4

    async def read():
        cache = SqliteCache(path)
        found = [await cache.get(f"k{n}") for n in range(200)]
        await cache.aclose()
        return [response.text for response in found]

    assert asyncio.run(read()) == [str(n) for n in range(200)]
