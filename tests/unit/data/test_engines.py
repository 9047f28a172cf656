"""Work on shards in this process and in others."""

import json
import subprocess
import sys

import pytest

from quilate.data.engines import Processes

SCRIPT = """\
import json, os, sys, time
from quilate.data import engines

def slow(item):
    time.sleep(0.02)
    return item, os.getpid()

def deadly(item):
    time.sleep(0.02)
    if item >= 30 and os.getpid() != int(os.environ["PARENT"]):
        os._exit(1)
    return item

def failing(item):
    time.sleep(0.02)
    if item == 7:
        raise ValueError("seven")
    return item

if __name__ == "__main__":
    os.environ["PARENT"] = str(os.getpid())
    engines._WORTH = 0.1
    told = {}
    shared = engines.Processes(2)
    answers = list(shared.map(slow, range(300)))
    told["order"] = [item for item, _ in answers] == list(range(300))
    told["processes"] = len({pid for _, pid in answers})
    told["here"] = list(shared.map(lambda item: -item, range(3)))
    asked, ahead = [], []
    def items():
        for item in range(60):
            asked.append(item)
            yield item
    for item, _ in shared.map(slow, items()):
        ahead.append(len(asked) - item)
    told["ahead"] = max(ahead)
    got = []
    try:
        for item in shared.map(failing, range(20)):
            got.append(item)
    except ValueError as error:
        told["failed"] = [got, str(error)]
    told["after"] = list(shared.map(deadly, range(60))) == list(range(60))
    shared.close()
    print(json.dumps(told))
"""


def test_work_is_shared_in_order_and_survives_dead_workers(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["order"]
    assert told["processes"] == 2  # this one and another
    assert told["here"] == [0, -1, -2]  # what cannot go to another process
    assert told["ahead"] <= 9
    assert told["failed"] == [list(range(7)), "seven"]
    assert told["after"]
    assert "the work goes on in this one" in done.stderr


def test_little_work_starts_no_process():
    shared = Processes(4)
    assert list(shared.map(abs, range(-50, 0))) == list(range(50, 0, -1))
    assert shared._pool is None


def test_an_error_of_the_items_themselves_comes_through():
    def items():
        yield 1
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        list(Processes(2).map(abs, items()))
