import asyncio
import math
import shutil
import sqlite3
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest

from quilate import sync
from quilate.errors import (
    AuthenticationError,
    BudgetExceeded,
    ConfigurationError,
    ConnectionFailed,
    MalformedReply,
    RateLimited,
    StoreError,
    UnknownName,
)
from quilate.evals import database, runner
from quilate.evals import store as stores
from quilate.evals.gate import gate
from quilate.evals.results import Run
from quilate.evals.runner import evaluate, list_runs, new_run_id, open_run, resume
from quilate.evals.suite import Limits, Suite
from quilate.evals.suite_file import load_suite
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.middleware import ambient
from quilate.models import Usage, ask, reply
from quilate.reports.summary import summarize
from quilate.reports.terminal import render
from quilate.retrievers import Hit, Passage
from quilate.testing import ScriptedModel


@dataclass(frozen=True)
class Exact:
    name: str = "exact"
    metrics: tuple[Metric, ...] = (Metric("exact"),)
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        return [Score.of("exact", output.text in sample.references)]


@dataclass(frozen=True)
class Judge:
    """Asks a model for a number; may fail on the way."""

    model: object
    name: str = "judge"
    metrics: tuple[Metric, ...] = (Metric("clarity"), Metric("tone"))
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        said = await self.model.generate(ask(f"judge {output.text}"))
        return [Score.of("clarity", float(said.text))]


def echo_model() -> ScriptedModel:
    """Answers with the last word of the question."""
    return ScriptedModel(lambda request: request.messages[-1].text.split()[-1])


def samples(count: int) -> list[Sample]:
    return [Sample(f"s{n}", f"say {n}", (str(n),)) for n in range(count)]


def suite_of(target, *evaluators, count=4, **fields) -> Suite:
    targets = target if isinstance(target, dict) else {"t": target}
    return Suite("demo", samples(count), targets, evaluators or (Exact(),), **fields)


def start(suite: Suite, store: Path, **options) -> Run:
    return sync.run(evaluate(suite, store=store, **options))


def go_on(run: Run, suite: Suite, store: Path, **options) -> Run:
    return sync.run(resume(run.id, suite, store=store, **options))


def test_every_target_meets_every_sample_and_reads_back_in_plan_order(tmp_path):
    model = echo_model()
    run = start(suite_of({"model": model, "upper": str.upper}, count=30), tmp_path)
    assert (run.status, run.planned, len(run.items), model.calls) == ("finished", 60, 60, 30)
    assert [(i.sample_id, i.target) for i in run.items[:3]] == [
        ("s0", "model"),
        ("s0", "upper"),
        ("s1", "model"),
    ]
    assert [item.scores[0].value for item in run.items] == [1.0, 0.0] * 30
    call = run.call(run.items[2].calls[0])
    assert (call.request.messages[0].text, call.response.text) == ("say 1", "1")
    assert open_run(run.id[:20], tmp_path).items[59] == run.items[59] == run.items[-1]
    assert open_run("latest", tmp_path).samples == run.samples


def test_progress_tells_done_planned_and_the_run(tmp_path):
    told = []
    run = start(suite_of(str.upper), tmp_path, progress=lambda *args: told.append(args))
    assert told == [(done, 4, run.id) for done in range(5)]


def test_errors_of_a_target_are_results(tmp_path):
    def bad(question: str):
        match question.split()[-1]:
            case "0":
                raise ValueError("refused sk-abcdefghijklmnop")
            case "1":
                return None
            case "2":
                return Output("text", metadata={"weird": object()})
            case _:
                raise RateLimited("busy", provider="p")

    items = start(suite_of(bad), tmp_path).items
    kinds = [item.failure.kind for item in items]
    assert kinds == ["ValueError", "TypeError", "TypeError", "rate_limited"]
    assert "[redacted] (test_runner.py:" in items[0].failure.message
    assert "gave nothing" in items[1].failure.message
    assert "JSON" in items[2].failure.message
    assert [item.failure.retryable for item in items] == [False, False, False, True]
    assert all(item.scores == () and item.output is None for item in items)
    assert b"sk-abcdefghijklmnop" not in (tmp_path / stores.FILE).read_bytes()


def test_code_under_test_that_ends_itself_ends_its_item_alone(tmp_path):
    async def cancels(question: str) -> str:
        raise asyncio.CancelledError

    async def leaves(question: str) -> str:
        raise SystemExit("bye")

    class Leaving(Exact):
        async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
            raise SystemExit(3)

    targets = {"cancels": cancels, "leaves": leaves, "in a thread": lambda q: sys.exit("bye")}
    run = start(suite_of({**targets, "fine": str.upper}, Leaving(), count=1), tmp_path)
    kinds = [item.failure and item.failure.kind for item in run.items]
    assert kinds == ["CancelledError", "SystemExit", "SystemExit", None]
    assert run.items[3].scores[0].reason.startswith("SystemExit: 3")


@dataclass(frozen=True)
class Given:
    """Gives the scores that it was made with."""

    scores: tuple[Score, ...]
    name: str = "given"
    metrics: tuple[Metric, ...] = (Metric("a"), Metric("b"))
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        return list(self.scores)


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_what_json_cannot_hold_is_an_error_of_its_own_and_the_run_reads_back(tmp_path):
    nan, passage = float("nan"), Passage("p", "d", "text")
    unlikely = ScriptedModel(lambda request: reply("x", choice_logprobs={"a": -math.inf}))
    targets = {
        "no text": lambda question: Output(None),
        "nan": lambda question: Output("a", hits=(Hit(passage, nan),)),
        "half a pair": lambda question: Output("\ud800"),
        "said in an error": lambda question: {}["\ud800"],
        "model": unlikely,
        "fine": lambda question: "text",
    }
    scores = (Score.of("a", 1.0, evidence=(object(),)), Score.of("b", 1.0))
    items = start(suite_of(targets, Given(scores), count=1), tmp_path).items
    messages = [item.failure.message for item in items[:5]]
    assert "text: Input should be a valid string" in messages[0]
    assert "hits.0.score: Input should be a valid number" in messages[1]
    assert "surrogates" in messages[2] and r"\ud800" in messages[3]
    assert "choice_logprobs.a: Input should be a valid number" in messages[4]
    fine = items[5]
    assert (fine.output.text, [score.status for score in fine.scores]) == (
        "text",
        ["error", "scored"],
    )
    assert "cannot be kept" in fine.scores[0].reason


def test_errors_of_an_evaluator_are_scores_with_a_reason_never_zeros(tmp_path):
    def answer(request):
        if request.messages[0].text == "judge 1":
            raise AuthenticationError("no key")
        return "0.5"

    run = start(suite_of(echo_model(), Exact(), Judge(ambient(ScriptedModel(answer)))), tmp_path)
    good, failed = run.items[0], run.items[1]
    assert [(s.metric, s.status) for s in good.scores] == [
        ("exact", "scored"),
        ("clarity", "scored"),
        ("tone", "error"),
    ]
    assert "gave 0 scores" in good.scores[2].reason
    assert [(s.metric, s.reason) for s in failed.scores[1:]] == [
        ("clarity", "authentication: no key"),
        ("tone", "authentication: no key"),
    ]
    assert run.call(good.score_calls["judge"][0]).response.text == "0.5"


def test_what_a_judge_took_before_it_failed_is_in_its_scores(tmp_path):
    def useless(request):
        error = MalformedReply("No label.")
        error.usage = Usage(7, 3)
        raise error

    run = start(suite_of(echo_model(), Judge(ScriptedModel(useless)), count=2), tmp_path)
    assert [score.usage.total_tokens for score in run.items[0].scores] == [10, 0]
    effort = summarize(run).efforts[0]
    assert (effort.evaluation_usage, effort.evaluation_cost.basis) == (Usage(14, 6), "unknown")


def test_resume_retries_what_may_mend_and_keeps_what_will_not(tmp_path):
    broken = {"0", "1"}

    def flaky(question: str) -> str:
        word = question.split()[-1]
        if word in broken:
            raise RateLimited("busy") if word == "0" else ValueError("never")
        return word

    suite = suite_of(flaky)
    run = start(suite, tmp_path)
    assert run.status == "finished"
    assert sum(item.failure is not None for item in run.items) == 2
    broken.clear()
    again = go_on(run, suite, tmp_path)
    assert [item.failure and item.failure.kind for item in again.items] == [
        None,
        "ValueError",
        None,
        None,
    ]
    mended = go_on(run, suite, tmp_path, retry_errors=True)
    assert [item.scores[0].value for item in mended.items] == [1.0] * 4


def test_a_run_that_cannot_work_stops_early_and_goes_on_when_it_can(tmp_path):
    key: list[str] = []

    def locked(question: str) -> str:
        if not key:
            raise AuthenticationError("No key.", remedy="Set EXAMPLE_KEY.")
        return question.split()[-1]

    suite = suite_of(locked, count=30, concurrency=1)
    run = start(suite, tmp_path)
    assert (run.status, len(run.items)) == ("stopped", 5)
    assert run.reason == "No item so far came to its end: No key. Set EXAMPLE_KEY."
    key.append("found")
    again = go_on(run, suite, tmp_path)
    assert (again.status, [item.failure for item in again.items]) == ("finished", [None] * 30)


@dataclass(frozen=True)
class LockedJudge(Exact):
    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        raise ConnectionFailed("Nobody answers.")


def test_a_judge_that_cannot_be_reached_stops_the_run_too(tmp_path):
    run = start(suite_of(echo_model(), LockedJudge(), count=30, concurrency=1), tmp_path)
    assert (run.status, len(run.items)) == ("stopped", 5)
    assert "Nobody answers." in run.reason
    # Nobody took the last ones in hand away: then there is nothing left to stop.
    whole = start(suite_of(echo_model(), LockedJudge(), count=6, concurrency=6), tmp_path)
    assert (whole.status, len(whole.items)) == ("finished", 6)


@pytest.mark.parametrize("error", [RateLimited("busy"), ValueError("wrong")])
def test_other_failures_and_one_target_of_two_do_not_stop_a_run(tmp_path, error):
    def fails(question: str) -> str:
        raise error

    def locked(question: str) -> str:
        raise AuthenticationError("No key.")

    for target in (fails, {"locked": locked, "fine": str.upper}):
        run = start(suite_of(target, count=12, concurrency=1), tmp_path)
        assert (run.status, len(run.items)) == ("finished", run.planned)


def test_a_target_that_is_still_at_work_or_epochs_of_one_sample_stop_no_run(tmp_path):
    def locked(question: str) -> str:
        raise AuthenticationError("No key.")

    async def slow(question: str) -> str:
        await asyncio.sleep(0.05)
        return question

    suite = suite_of({"locked": locked, "slow": slow}, count=8, concurrency=2)
    assert start(suite, tmp_path).status == "finished"

    def first_is_locked(question: str) -> str:
        return locked(question) if question == "say 0" else question

    again = suite_of(first_is_locked, count=3, epochs=6, concurrency=1)
    assert start(again, tmp_path).status == "finished"


def test_a_token_budget_stops_the_run_and_resume_counts_what_was_spent(tmp_path):
    def two_tokens(request):
        return reply(request.messages[-1].text.split()[-1], usage=Usage(1, 1))

    model = ScriptedModel(two_tokens)
    suite = suite_of(model, count=10, concurrency=2, limits=Limits(tokens=10))
    run = start(suite, tmp_path)
    assert run.status == "stopped"
    assert "budget of 10 tokens" in run.reason
    assert f"To go on: quilate resume {run.id} --store {tmp_path}" in render(run, width=1000)
    assert len(run.items) == model.calls == 5
    assert len(go_on(run, suite, tmp_path).items) == model.calls == 5
    raised = go_on(run, replace(suite, limits=Limits(tokens=100)), tmp_path)
    assert (raised.status, len(raised.items), model.calls) == ("finished", 10, 10)


def test_answers_from_the_cache_are_not_paid_for_on_resume_either(tmp_path):
    def two_tokens(request):
        return reply(request.messages[-1].text.split()[-1], usage=Usage(1, 1))

    model = ScriptedModel(two_tokens)
    suite = suite_of(model, count=10, concurrency=1, cache=True)
    start(replace(suite, samples=suite.samples[:4]), tmp_path)
    assert model.calls == 4
    run = start(replace(suite, limits=Limits(tokens=6)), tmp_path)
    assert (run.status, model.calls) == ("stopped", 7)
    assert len(run.items) > 3  # so the cache has answered some of them
    raised = go_on(run, replace(suite, limits=Limits(tokens=12)), tmp_path)
    assert (raised.status, len(raised.items), model.calls) == ("finished", 10, 10)


def test_a_budget_error_inside_a_task_group_still_stops_the_run(tmp_path):
    async def grouped(question: str) -> str:
        async with asyncio.TaskGroup() as group:
            group.create_task(over())
        return "never"

    async def over() -> None:
        raise BudgetExceeded("enough")

    run = start(suite_of(grouped), tmp_path)
    assert (run.status, len(run.items)) == ("stopped", 0)


def test_a_time_limit_stops_the_run_and_keeps_what_is_finished(tmp_path):
    async def stuck_on_2(question: str) -> str:
        if question == "say 2":
            await asyncio.Event().wait()
        return question.split()[-1]

    suite = suite_of(stuck_on_2, limits=Limits(seconds=0.5))
    run = start(suite, tmp_path)
    assert run.status == "stopped" and "0.5 seconds" in run.reason
    assert {item.sample_id for item in run.items} <= {"s0", "s1", "s3"}


def test_a_target_that_swallows_its_cancellation_does_not_hold_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "_GRACE", 0.05)
    calls, gate = [], asyncio.Event()

    async def stubborn(question: str) -> str:
        calls.append(question)
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                asyncio.get_running_loop().call_later(20, gate.set)
        return question

    async def work() -> Run:
        suite = suite_of(stubborn, concurrency=2, limits=Limits(seconds=0.2))
        run = await evaluate(suite, store=tmp_path)
        assert not gate.is_set()
        gate.set()
        return run

    run = asyncio.run(work())
    assert (run.status, len(run.items)) == ("stopped", 0)
    assert len(calls) == 2, "after the end of the run another item was begun"


def test_an_answer_that_comes_while_the_run_stops_is_kept_and_no_item_is_begun(tmp_path):
    calls = []

    async def late(question: str) -> str:
        calls.append(question)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return question
        return "never"

    run = start(suite_of(late, concurrency=1, limits=Limits(seconds=0.2)), tmp_path)
    assert (run.status, len(run.items), len(calls)) == ("stopped", 1, 1)


def test_cancelling_keeps_what_is_finished_and_resume_does_the_rest(tmp_path):
    gate = asyncio.Event()
    model = echo_model()

    async def target(question: str) -> str:
        text = (await ambient(model).generate(ask(question))).text
        if text == "3" and not gate.is_set():
            await asyncio.Event().wait()
        return text

    suite = suite_of(target, count=6, concurrency=2)

    async def interrupted() -> None:
        told = asyncio.Event()

        def progress(done: int, total: int, what: str) -> None:
            if done == 5:
                told.set()

        work = asyncio.create_task(evaluate(suite, store=tmp_path, progress=progress))
        await told.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(interrupted())
    run = open_run("latest", tmp_path)
    assert (run.status, len(run.items)) == ("stopped", 5)
    assert run.reason == "It was interrupted."
    gate.set()
    run = asyncio.run(resume(run.id, suite, store=tmp_path))
    assert (run.status, len(run.items), model.calls) == ("finished", 6, 6)


def test_resume_refuses_another_suite_and_names_what_changed(tmp_path):
    suite = suite_of(str.upper)
    run = start(suite, tmp_path)
    changed = [replace(one, input="new") if one.id == "s2" else one for one in suite.samples]
    with pytest.raises(ConfigurationError, match=r"samples: 1 differ \(s2\)"):
        go_on(run, replace(suite, samples=changed), tmp_path)
    with pytest.raises(ConfigurationError, match=r"epochs: 1 → 2"):
        go_on(run, replace(suite, epochs=2), tmp_path)
    with pytest.raises(ConfigurationError, match=r"targets\.t\.function: .*upper → .*lower"):
        go_on(run, replace(suite, targets={"t": str.lower}), tmp_path)
    with pytest.raises(ConfigurationError, match=r"evaluators\.0 exact: absent|evaluators.*absent"):
        go_on(run, replace(suite, evaluators=()), tmp_path)


def test_a_run_from_a_file_is_resumed_by_its_id_alone(tmp_path):
    (tmp_path / "data.jsonl").write_text(
        "".join(f'{{"id": "{n}", "input": "q{n}", "references": ["Q{n}"]}}\n' for n in range(9))
    )
    (tmp_path / "app.py").write_text(
        "from pathlib import Path\n"
        "from quilate.errors import RateLimited\n"
        "def answer(question):\n"
        "    if not Path(__file__).with_name('up').exists():\n"
        "        raise RateLimited('down')\n"
        "    return question.upper()\n"
    )
    (tmp_path / "suite.yaml").write_text(
        "name: file\nsamples: {files: [data.jsonl]}\n"
        "targets: {app: {python: 'app.py:answer'}}\nevaluators: [exact_match]\n"
    )
    store = tmp_path / "store"
    run = start(load_suite(tmp_path / "suite.yaml", limit=5, store=store), store)
    assert len(run.items) == 5 and all(item.failure.retryable for item in run.items)
    (tmp_path / "up").touch()
    again = sync.run(resume("latest", store=store))
    assert [item.scores[0].value for item in again.items] == [1.0] * 5
    in_python = start(suite_of(str.upper), store)
    with pytest.raises(ConfigurationError, match="did not come from a suite file"):
        sync.run(resume(in_python.id, store=store))


def test_a_run_is_worked_on_once_at_a_time(tmp_path):
    suite = suite_of(str.upper)
    run = start(suite, tmp_path)
    with stores.lease(tmp_path, run.id), pytest.raises(StoreError, match="by another process"):
        go_on(run, suite, tmp_path)
    assert go_on(run, suite, tmp_path).status == "finished"


def test_a_full_disk_stops_the_run_and_resume_does_the_rest(tmp_path, monkeypatch):
    suite = suite_of(echo_model(), count=300)
    full = (*database._PRAGMAS, "max_page_count=24")
    with monkeypatch.context() as patch:
        patch.setattr(database, "_PRAGMAS", full)
        with pytest.raises(StoreError, match=r"full.*Free some space.*quilate resume"):
            start(suite, tmp_path)
    stopped = open_run("latest", tmp_path)
    assert stopped.status == "stopped" and 0 < len(stopped.items) < 300
    run = go_on(stopped, suite, tmp_path)
    assert (run.status, len(run.items)) == ("finished", 300)


def test_draws_of_different_epochs_are_told_apart_also_in_the_cache(tmp_path):
    model = ScriptedModel(lambda request: f"epoch {request.epoch}")
    suite = suite_of(model, count=1, epochs=3, cache=True)
    run = start(suite, tmp_path)
    texts = [item.output.text for item in run.items]
    assert len(set(texts)) == 3 and model.calls == 3
    assert [item.epoch for item in run.items] == [0, 1, 2]
    second = start(suite, tmp_path)
    assert [item.output.text for item in second.items] == texts and model.calls == 3


def test_models_inside_a_plain_sync_function_are_journaled(tmp_path):
    inner = echo_model()
    model = ambient(inner)

    def function(sample: Sample) -> str:
        return sync.run(model.generate(ask(sample.question))).text

    run = start(suite_of(function, concurrency=3), tmp_path)
    assert [item.scores[0].value for item in run.items] == [1.0] * 4
    assert [len(item.calls) for item in run.items] == [1] * 4
    assert list(run.provenance["models"]) == [inner.info.name]


def test_bad_suites_are_refused_before_anything_is_stored(tmp_path):
    twice = [Sample("a", "?"), Sample("a", "?")]
    needy = replace(Exact(), needs=frozenset({"gold"}))
    suite = suite_of(str.upper)
    for bad, message in (
        (replace(suite, samples=()), "no samples"),
        (replace(suite, targets={}), "no targets"),
        (replace(suite, samples=twice), "Two samples have the id 'a'"),
        (replace(suite, evaluators=(Exact(), Exact())), "Two evaluators give the metric 'exact'"),
        (replace(suite, evaluators=(needy,)), "needs `gold`, which no sample has"),
        (replace(suite, evaluators=(replace(needy, needs=frozenset({"x"})),)), "needs `x`"),
        (replace(suite, samples=[Sample("s", "?", metadata={"x": object()})]), "sample 's' cannot"),
        (replace(suite, epochs=0), "at least 1"),
        (replace(suite, targets={"t": {}}), "target 't' is a dict"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            start(bad, tmp_path)
    assert not (tmp_path / stores.FILE).exists()


def test_runs_are_found_by_parts_of_their_id(tmp_path):
    with pytest.raises(StoreError, match="no runs here"):
        open_run("latest", tmp_path)
    suite = suite_of(str.upper)
    first = start(suite, tmp_path, run_id="20260101-000000-demo-aaaa")
    start(suite, tmp_path, run_id="20260101-000001-demo-bbbb")
    assert open_run("aaaa", tmp_path).id == first.id
    assert open_run("20260101-000000", tmp_path).id == first.id
    with pytest.raises(ConfigurationError, match="could be 2 runs"):
        open_run("20260101", tmp_path)
    with pytest.raises(UnknownName, match="no run 'zzzz'"):
        open_run("zzzz", tmp_path)
    with pytest.raises(ConfigurationError, match=r"is a run '.*' already"):
        start(suite, tmp_path, run_id=first.id)
    newest = list_runs(tmp_path)[0]
    assert (newest.id[-4:], newest.finished, newest.planned) == ("bbbb", 4, 4)


def test_a_run_that_nobody_holds_was_stopped(tmp_path):
    run = start(suite_of(str.upper), tmp_path)
    with sqlite3.connect(tmp_path / stores.FILE) as other:
        other.execute("update runs set status = 'running'")
    other.close()
    assert open_run(run.id, tmp_path).status == "stopped"
    with stores.lease(tmp_path, run.id):
        assert list_runs(tmp_path)[0].status == "running"
        held = [path.name for path in (tmp_path / "locks").iterdir()]
        assert held == [f"{run.id}.lock"], "holding a run writes, which a full disk refuses"
    shutil.rmtree(tmp_path / "locks")
    assert list_runs(tmp_path)[0].status == "stopped"
    assert not (tmp_path / "locks").exists(), "looking at a store wrote into it"


def test_run_ids_sort_by_time_and_name_the_suite():
    assert new_run_id("Python docs: ¿cómo?")[15:].startswith("-python-docs-c-mo-")
    assert new_run_id("¿?")[16:19] == "run"


def test_what_a_run_rests_on_is_kept_without_secrets(tmp_path):
    class Rag:
        provenance = MappingProxyType({"k": 4, "api_key": "hunter2hunter2"})

        async def __call__(self, sample: Sample) -> Output:
            return Output(sample.id)

    kept = start(suite_of(Rag(), seed=7), tmp_path).provenance
    assert kept["targets"]["t"] == {"k": 4, "api_key": "[redacted]"}
    assert b"hunter2" not in (tmp_path / stores.FILE).read_bytes()
    assert kept["seed"] == 7 and len(kept["dataset_sha256"]) == 64
    assert kept["packages"]["sqlalchemy"] and kept["python"] and kept["quilate"]


@dataclass
class _AtMost:
    """An evaluator whose settings are numbers that JSON has no value for."""

    most: float = math.inf
    least: float = math.nan
    name: str = "at_most"
    metrics: tuple[Metric, ...] = (Metric("at_most", bounds=(0.0, 1.0)),)
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample, output):
        return [Score.of("at_most", len(output.text) <= self.most)]


def _endless(**settings):
    return Suite("endless", [Sample("1", "a")], {"app": str}, [_AtMost(**settings)])


def test_a_setting_that_is_no_json_number_is_kept_by_its_name(tmp_path):
    run = sync.run(evaluate(_endless(), store=tmp_path))
    kept = run.provenance["evaluators"]["0 at_most"][0]
    assert (kept["most"], kept["least"]) == ("inf", "nan")
    with sqlite3.connect(tmp_path / stores.FILE) as other:
        valid = "SELECT json_valid(provenance) AND json_valid(fingerprint) FROM runs"
        assert other.execute(valid).fetchone() == (1,)
    other.close()
    assert sync.run(resume(run.id, _endless(), store=tmp_path)).status == "finished"
    with pytest.raises(ConfigurationError, match="not what it was"):
        sync.run(resume(run.id, _endless(most=-math.inf), store=tmp_path))


def test_a_store_that_has_such_numbers_as_python_writes_them_is_read_and_gone_on_with(tmp_path):
    run = sync.run(evaluate(_endless(), store=tmp_path))
    with sqlite3.connect(tmp_path / stores.FILE) as other:
        for column in ("provenance", "fingerprint"):
            for name, number in (("inf", "Infinity"), ("nan", "NaN")):
                other.execute(
                    f"""UPDATE runs SET {column} = replace({column}, '"{name}"', '{number}')"""
                )
        assert other.execute("SELECT json_valid(provenance) FROM runs").fetchone() == (0,)
    other.close()
    assert [record.kind for record in list_runs(tmp_path)] == ["run"]
    assert open_run("latest", store=tmp_path).id == run.id
    assert sync.run(resume(run.id, _endless(), store=tmp_path)).status == "finished"
    gated = gate(_endless(), store=tmp_path)
    assert gated.baseline.id == run.id
    assert [record.kind for record in list_runs(tmp_path)] == ["gate", "run"]
    assert open_run("latest", store=tmp_path).id == run.id
