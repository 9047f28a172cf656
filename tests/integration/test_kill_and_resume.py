"""A run in a child process is killed twenty times and resumed to its end.

Run as a script, this file is the child. It writes a line to ``asked`` when the model is called
and one to ``handed`` when the caller has its answer; single appends, so that a kill cannot tear
them. The kills come after drawn numbers of calls, not after drawn times.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from quilate import sync
from quilate.codec import from_json
from quilate.errors import UnknownName
from quilate.evals import store as stores
from quilate.evals import tables
from quilate.evals.database import connect
from quilate.evals.results import Run
from quilate.evals.runner import evaluate, open_run, resume
from quilate.evals.suite import Suite
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.middleware import ambient
from quilate.models import Model, Request, ask
from quilate.testing import ScriptedModel

RUN = "kill-test"
SAMPLES, KILLS = 240, 20
CALLS = SAMPLES * 2 * 2  # targets, and a judge's call for each answer


class Log:
    """Lines that survive the process: one write each to a file opened for appending."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> None:
        self._file = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def add(self, line: str) -> None:
        os.write(self._file, f"{line}\n".encode())

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []


@dataclass(frozen=True)
class Asking:
    """Asks the model and logs that the answer was handed over."""

    model: Model
    handed: Log

    async def __call__(self, prompt: str) -> str:
        text = (await self.model.generate(ask(prompt))).text
        self.handed.add(prompt)
        return text


@dataclass(frozen=True)
class Judge:
    asking: Asking
    name: str = "judge"
    metrics: tuple[Metric, ...] = (Metric("length", bounds=None),)
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        return [Score.of("length", float(len(await self.asking(f"judge {output.text}"))))]


def suite_for(folder: Path) -> Suite:
    asked, handed = Log(folder / "asked"), Log(folder / "handed")
    asked.open()
    handed.open()

    async def answer(request: Request) -> str:
        prompt = request.messages[0].text
        asked.add(prompt)
        await asyncio.sleep(0.001)
        return f"answer to {prompt}"

    asking = Asking(ambient(ScriptedModel(answer)), handed)

    async def short(sample: Sample) -> Output:
        return Output(await asking(f"short {sample.id}"))

    async def long(sample: Sample) -> Output:
        return Output(await asking(f"long {sample.id}"))

    samples = [Sample(f"s{number}", "?") for number in range(SAMPLES)]
    return Suite("kill", samples, {"short": short, "long": long}, [Judge(asking)])


async def child(folder: Path) -> Run:
    suite = suite_for(folder)
    store = folder / "store"
    try:
        return await resume(RUN, suite, store=store)
    except (UnknownName, stores.StoreError):  # killed before the run was written
        return await evaluate(suite, store=store, run_id=RUN)


def start(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, __file__, str(folder)])


def stop_after(folder: Path, calls: int, sign: signal.Signals) -> int:
    """Start the child, send it a signal once it has made that many calls more, and return its
    exit status."""
    asked = folder / "asked"
    before = len(Log(asked).lines())
    process = start(folder)
    while len(Log(asked).lines()) < before + calls:
        assert process.poll() is None, "the child ended before it could be killed"
        time.sleep(0.0005)
    process.send_signal(sign)
    return process.wait()


def journaled(folder: Path) -> set[str]:
    """The prompts of every call that the journal has."""
    engine = connect(folder / "store")
    with engine.connect() as connection:
        bodies = connection.execute(select(tables.calls.c.request)).scalars().all()
    requests = [from_json(Request, tables.unpack(body)) for body in bodies]
    return {request.messages[0].text for request in requests}


def test_killed_at_twenty_moments_no_finished_call_is_repeated_and_all_is_scored(tmp_path):
    draws = random.Random(20261122)
    asked, handed = Log(tmp_path / "asked"), Log(tmp_path / "handed")
    kept: set[str] = set()
    for _ in range(KILLS):
        since = len(asked.lines())
        assert stop_after(tmp_path, draws.randint(1, 40), signal.SIGKILL) == -signal.SIGKILL
        repeated = kept.intersection(asked.lines()[since:])
        assert not repeated, "a journaled call was made again"
        kept = journaled(tmp_path)
        assert kept.issuperset(handed.lines()), "an answer was handed out before it was durable"
        assert open_run(RUN, tmp_path / "store").status == "stopped"
    assert 0 < len(open_run(RUN, tmp_path / "store").items) < SAMPLES * 2

    since = len(asked.lines())
    assert start(tmp_path).wait() == 0
    assert not kept.intersection(asked.lines()[since:])
    run = open_run(RUN, tmp_path / "store")
    assert (run.status, run.planned) == ("finished", SAMPLES * 2)
    done = Counter((item.target, item.sample_id, len(item.scores)) for item in run.items)
    assert done == {(t, f"s{n}", 1): 1 for n in range(SAMPLES) for t in ("short", "long")}
    assert all(item.failure is None and item.scores[0].value is not None for item in run.items)
    assert len(journaled(tmp_path)) == CALLS == len(set(asked.lines()))


def test_ctrl_c_leaves_a_stopped_run_with_everything_finished(tmp_path):
    asked, handed = Log(tmp_path / "asked"), Log(tmp_path / "handed")
    assert stop_after(tmp_path, 100, signal.SIGINT) != 0
    run = open_run(RUN, tmp_path / "store")
    assert (run.status, run.reason) == ("stopped", "It was interrupted.")
    kept = journaled(tmp_path)
    assert kept.issuperset(handed.lines()) and len(run.items) > 0
    since = len(asked.lines())
    assert start(tmp_path).wait() == 0
    assert not kept.intersection(asked.lines()[since:])
    assert len(open_run(RUN, tmp_path / "store").items) == SAMPLES * 2


if __name__ == "__main__":
    sync.run(child(Path(sys.argv[1])))
