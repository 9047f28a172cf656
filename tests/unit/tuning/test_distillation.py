"""Distillation with scripted teachers: what is kept, what is counted, and that nothing is lost."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import quilate as q
from quilate import sync
from quilate.codec import from_json, to_json
from quilate.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailed,
    ContentRefused,
    DataError,
    StoreError,
)
from quilate.evaluators import Metric, Sample, Score
from quilate.judging.calibration import calibrate
from quilate.judging.judgements import Judgement
from quilate.judging.judges import key_of
from quilate.judging.kept import keep_calibration
from quilate.messages import Message, Reasoning, Text, ToolCall, assistant, system, user
from quilate.models import Capabilities, Cost, Request, Response, Tool, Usage, reply
from quilate.testing import ScriptedModel
from quilate.tuning.distillation import Filter, distill
from quilate.tuning.examples import Example
from quilate.tuning.sources import from_rows

SAMPLES = [Sample(f"s{n}", f"{n} + {n}?", (str(2 * n),)) for n in range(6)]


def adds(request: Request) -> str:
    """Right in every second draw of an even sum, and in none of an odd one."""
    n, draw = int(request.messages[-1].text.split()[0]), request.epoch % 65536
    return str(2 * n) if draw % 2 == 0 and n % 2 == 0 else f"{2 * n + 1} in draw {draw}"


def made(tmp_path, script=adds, prompts=SAMPLES, filters=("exact_match",), **options):
    teacher = script if hasattr(script, "generate") else ScriptedModel(script, name="teacher")
    options = {"journal": tmp_path / "j.sqlite", "candidates": 4, **options}
    return distill(prompts, teacher=teacher, filters=filters, **options)


def test_the_best_answers_are_kept_and_everything_is_counted(tmp_path):
    told = []
    found = made(tmp_path, progress=lambda *said: told.append(said))
    assert [one.id for one in found.examples] == ["s0", "s2", "s4"]
    two = found.examples[1]
    assert (two.prompt, two.completion) == ((user("2 + 2?"),), (assistant("4"),))
    source = two.metadata["source"]
    assert source.pop("teacher_identity").startswith("scripted:teacher")
    assert source == {
        "kind": "distillation",
        "prompt": "s2",
        "teacher": "scripted/teacher",
        "candidates": 4,
        "seed": 0,
        "temperature": 0.8,
        "candidate": 0,
        "scores": {"exact_match": 1.0},
    }
    assert from_json(Example, to_json(two)) == two
    # 6 of 24 candidates are right: 2 of each even sum.
    assert found.acceptance.value == 0.25
    assert found.acceptance.clusters == 6
    assert 0 < found.acceptance.interval.low < 0.25 < found.acceptance.interval.high < 1
    assert found.answered.value == 0.5
    assert found.unanswered == ("s1", "s3", "s5")
    assert found.reasons == {"exact_match:below": 18}
    assert found.duplicates == 3
    tally = found.filters["exact_match"]
    assert (tally.seen, tally.passed, tally.below) == (21, 3, 18)
    # Of an even sum's six pairs one agrees; of an odd one's, none.
    assert found.agreement.value == pytest.approx((3 * 1 / 6) / 6)
    assert (found.stopped, found.unfinished) == (None, 0)
    assert told[-1] == (6, 6, "prompts")
    assert found.usage.input_tokens == 24
    assert found.by_model["scripted/teacher"][0] == found.usage
    assert "3 examples of 6 prompts" in found.summary()
    assert "18 exact_match:below" in found.summary()


def test_all_and_pairs(tmp_path):
    said = {0: "A fine answer", 1: "bad", 2: "Another fine answer", 3: "A fine answer"}

    def fine(sample, output):
        return "fine" in output.text

    def script(request):
        return said[request.epoch % 65536]

    every = made(tmp_path, script, ["Why?"], [fine], keep="all")
    assert [one.completion[0].text for one in every.examples] == [said[0], said[2]]
    assert every.examples[0].id.endswith("/0")
    assert every.acceptance.value == 0.75
    (pair,) = made(tmp_path, script, ["Why?"], [fine], keep="pairs").examples
    assert (pair.chosen[0].text, pair.rejected[0].text) == (said[0], "bad")
    assert pair.metadata["source"]["rejected"]["rejected_by"] == "fine:below"
    # Where nothing is worse there is no pair.
    assert made(tmp_path, script, ["Why?"], [], keep="pairs").examples == ()


@pytest.mark.parametrize("bad", ["bad", None])
def test_an_answer_that_no_filter_could_score_is_not_the_worse_one(tmp_path, bad):
    said = ["A fine answer", "Broken", bad or "A fine answer", "Unknown"]

    def fine(sample, output):
        if output.text == "Broken":
            raise RuntimeError("a judge that is out of reach")
        return None if output.text == "Unknown" else "fine" in output.text

    found = made(tmp_path, lambda request: said[request.epoch % 65536], ["?"], [fine], keep="pairs")
    assert {one.reason for one in found.rejected} >= {"fine:error"}
    assert [one.rejected[0].text for one in found.examples] == ([bad] if bad else [])


def test_the_best_is_the_highest_then_the_commonest(tmp_path):
    said = ["short", "much longer text", "longest text of them", "short "]

    def words(sample, output):
        return min(len(output.text.split()) / 4, 1.0)

    def script(request):
        return said[request.epoch % 65536]

    ranked = made(tmp_path, script, ["Why?"], [Filter(words, at_least=0.2)])
    assert ranked.examples[0].completion[0].text == said[2]
    plain = made(tmp_path, script, ["Why?"], [])
    assert plain.examples[0].completion[0].text == "short"
    assert plain.duplicates == 1
    with pytest.raises(ConfigurationError, match="to rank by"):
        made(tmp_path, script, ["Why?"], [words], rank_by="wrods")


def test_the_first_filter_that_rejects_is_the_last_that_is_asked(tmp_path):
    seen = []

    def brief(sample, output):
        return len(output.text) < 3

    def second(sample, output):
        seen.append(output.text)
        return True

    found = made(tmp_path, filters=[brief, second])
    assert sorted(seen) == ["0", "4", "8"]
    assert found.filters["second"].seen == 3
    assert found.filters["brief"].below == 18


def test_unscored_answers_and_broken_evaluators(tmp_path):
    def open_only(sample, output):
        return None

    def broken(sample, output):
        raise ZeroDivisionError("sk-abcdefghijklmnopqrst")

    found = made(tmp_path, filters=[open_only], prompts=SAMPLES[:1])
    assert found.reasons == {"open_only:unscored": 4}
    found = made(tmp_path, filters=[Filter(open_only, unscored="accept")], prompts=SAMPLES[:1])
    assert found.acceptance.value == 1.0
    found = made(tmp_path, filters=[broken], prompts=SAMPLES[:1])
    assert found.reasons == {"broken:error": 4}
    assert found.rejected[0].detail == "ZeroDivisionError: [redacted]"
    assert found.filters["broken"].errors == 3


def test_the_filter_refusal_leaves_out_what_declines_and_keeps_what_should(tmp_path):
    """Of its two metrics one applies to a sample; the other, without a score, asks for nothing."""
    ask = [Sample("fine", "An egg?"), Sample("shy", "A fact?")]
    bad = Sample("bad", "A bomb?", metadata={"should_refuse": True})
    no = "I'm sorry, but I can't help with that."
    found = made(
        tmp_path,
        lambda request: "Boil it." if "egg" in request.messages[-1].text else no,
        [*ask, bad],
        ["refusal"],
    )
    assert [one.id for one in found.examples] == ["fine", "bad"]
    assert found.reasons == {"refusal:below": 4}


def test_a_judge_that_leaves_one_of_its_verdicts_out_rejects(tmp_path):
    class Half:
        name, needs = "half", frozenset()
        metrics = (Metric("a", judged=True), Metric("b", judged=True))

        async def evaluate(self, sample, output):
            return [Score.of("a", 1.0), Score.unscored("b", "it said nothing")]

    assert set(made(tmp_path, filters=[Half()]).reasons) == {"half:unscored"}


def test_faults_of_single_prompts_are_counted(tmp_path):
    def script(request):
        text = request.messages[-1].text
        faults = {
            "refuse": ContentRefused("no"),
            "fail": ConnectionFailed("gone"),
        }
        if text in faults:
            raise faults[text]
        if text == "cut":
            return reply("an answer that is", finish_reason="length")
        return {"empty": "  ", "fine": "yes"}[text]

    model = q.model(ScriptedModel(script), attempts=1)
    found = made(tmp_path, model, ["fine", "refuse", "fail", "cut", "empty", " "], [], candidates=1)
    assert [one.completion[0].text for one in found.examples] == ["yes"]
    assert found.reasons == {"empty": 1, "failed": 1, "refused": 1, "truncated": 1}
    assert [one.reason for one in found.skipped] == ["empty"]
    assert found.answered.value == 0.2


def test_what_no_prompt_would_get_past_stops_the_work(tmp_path):
    def keyless(request):
        raise AuthenticationError("no key")

    with pytest.raises(AuthenticationError):
        made(tmp_path, keyless)

    def gone(request):
        raise ConnectionFailed("gone")

    model = q.model(ScriptedModel(gone), attempts=1)
    with pytest.raises(ConnectionFailed, match="10 calls, and each one failed"):
        made(tmp_path, model)


def test_the_journal_pays_nothing_twice(tmp_path):
    teacher = ScriptedModel(adds, name="teacher")
    first = made(tmp_path, teacher)
    again = made(tmp_path, teacher)
    assert teacher.calls == 24
    assert again == first
    more = made(tmp_path, teacher, candidates=6)
    assert teacher.calls == 36
    assert more.examples[0].completion == first.examples[0].completion
    other = made(tmp_path, teacher, seed=1)
    assert teacher.calls == 60
    assert other.examples[0].metadata["source"]["seed"] == 1


def test_failures_for_good_are_not_asked_again(tmp_path):
    def script(request):
        error = ContentRefused("no")
        error.usage, error.cost = Usage(5, 0), Cost(0.1, "exact")
        raise error

    teacher = ScriptedModel(script)
    for _ in range(2):
        found = made(tmp_path, teacher, ["a", "b"], [], candidates=2)
        assert found.reasons == {"refused": 4}
        assert found.usage.input_tokens == 20
        assert found.cost.usd == pytest.approx(0.4)
    assert teacher.calls == 4


@pytest.mark.parametrize("limit", [{"max_calls": 10}, {"max_tokens": 45}, {"max_usd": 0.5}])
def test_limits_stop_the_work_and_a_higher_one_goes_on(tmp_path, limit):
    def script(request):
        return reply(adds(request), usage=Usage(1, 3), cost=Cost(0.05, "exact"))

    teacher = ScriptedModel(script, name="teacher")
    first = made(tmp_path, teacher, concurrency=1, **limit)
    assert first.stopped is not None
    assert 0 < first.unfinished < 6
    assert len(first.examples) >= 1
    assert teacher.calls <= 11
    assert "stopped" in first.summary()
    before = teacher.calls
    same = made(tmp_path, teacher, concurrency=1, **limit)
    assert teacher.calls == before
    assert same.examples == first.examples
    whole = made(tmp_path, teacher)
    assert teacher.calls == 24
    assert [one.id for one in whole.examples] == ["s0", "s2", "s4"]


def test_no_more_calls_at_once_than_allowed(tmp_path):
    now = most = 0

    async def slow(request):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        return adds(request)

    made(tmp_path, slow, concurrency=3)
    assert most == 3


def test_prompts_in_every_form(tmp_path):
    tool = Tool("add", "Adds.", {"type": "object"})
    call = Message("assistant", (Reasoning("hm"), ToolCall("c", "add", {"a": 1})))

    def script(request):
        return Response(call, "tool_calls") if request.tools else "ok"

    model = ScriptedModel(script, capabilities=Capabilities.declared("tools", "max_tokens"))
    (row,) = from_rows([{"id": "r", "prompt": "row", "completion": "old", "system": "own"}])
    prompts = [
        "text",
        Sample("s", "sample"),
        row,
        Example("t", (user("tools"),), (assistant("?"),), (tool,)),
        (user("a"), assistant("b"), user("c")),
        Sample("again", "text"),
    ]
    found = made(tmp_path, model, prompts, [], candidates=1, system="Be brief.")
    assert [one.reason for one in found.skipped] == ["duplicate"]
    by = {one.prompt[-1].text: one for one in found.examples}
    assert by["text"].prompt[0] == system("Be brief.")
    assert by["row"].prompt[0] == system("own")
    assert by["row"].completion == (assistant("ok"),)
    assert by["tools"].completion == (Message("assistant", call.parts[1:]),)
    assert by["tools"].tools == (tool,)
    assert len(by["c"].prompt) == 4
    assert "takes no temperature" in " ".join(found.notes)


def test_a_hint_is_for_the_teacher_alone(tmp_path):
    asked = []

    def script(request):
        asked.append(request.messages)
        return "yes"

    found = made(tmp_path, script, ["Why?"], [], candidates=1, system="Be brief.", hint="Say yes.")
    assert asked == [(Message("system", (Text("Be brief."), Text("\n\nSay yes."))), user("Why?"))]
    assert found.examples[0].prompt == (system("Be brief."), user("Why?"))
    assert found.examples[0].metadata["source"]["hinted"] is True


def rubric(script, **options):
    judge = ScriptedModel(script, name="judge")
    criteria = {"clear": "Is the answer clear?"}
    return judge, q.evaluator("rubric", model=q.model(judge), criteria=criteria, **options)


def calibrated(store, evaluator, judgements):
    from quilate.evals.provenance import describe

    metric = evaluator.metrics[0].name
    key = key_of(sync.run(describe(evaluator)), metric)
    found = calibrate(judgements, metric=metric)
    keep_calibration(store, key, found)
    return found


def test_judges_join_the_journal_and_are_told_with_their_standing(tmp_path):
    judge, evaluator = rubric("5", votes=1)
    filters = [Filter(evaluator, at_least=0.5)]
    found = made(tmp_path, "an answer", ["Why?"], filters, candidates=1)
    assert len(found.examples) == 1
    assert judge.calls > 0
    assert set(found.by_model) == {"scripted/teacher", "scripted/judge"}
    assert found.notes == (
        f"The judge of {evaluator.metrics[0].name} was not measured against people.",
    )
    before = judge.calls
    made(tmp_path, "an answer", ["Why?"], filters, candidates=1)
    assert judge.calls == before


def test_a_judge_that_labels_speak_against_does_not_filter_unless_told(tmp_path):
    judge, evaluator = rubric("1", votes=1)
    contrary = [Judgement(float(n % 2), float(n // 2 % 2)) for n in range(80)]
    assert calibrated(tmp_path, evaluator, contrary).speaks_against
    options = {"candidates": 1, "store": tmp_path}
    found = made(tmp_path, "an answer", ["Why?"], [Filter(evaluator, at_least=0.5)], **options)
    assert len(found.examples) == 1
    assert judge.calls == 0
    assert "speak against" in found.notes[0]
    told = [Filter(evaluator, at_least=0.5, distrusted=True)]
    found = made(tmp_path, "an answer", ["Why?"], told, **options)
    assert found.examples == ()
    assert "do not trust" in found.notes[0]


def test_a_trusted_judge_filters(tmp_path):
    _, evaluator = rubric("1", votes=1)
    agreeing = [Judgement(float(n % 2), float(n % 2)) for n in range(80)]
    calibrated(tmp_path, evaluator, agreeing)
    filters = [Filter(evaluator, at_least=0.5)]
    found = made(tmp_path, "an answer", ["Why?"], filters, candidates=1, store=tmp_path)
    assert found.examples == ()
    assert "trust (kappa 1.00 over 80 labels)" in found.notes[0]


def test_settings_that_cannot_be_are_refused_before_any_call(tmp_path):
    teacher = ScriptedModel("a")
    wrong = [
        ({"candidates": 0}, "candidates is 0"),
        ({"concurrency": 0}, "concurrency 0"),
        ({"keep": "worst"}, "keep is 'worst'"),
        ({"temperature": 0}, "temperature 0"),
        ({"keep": "pairs", "candidates": 1}, "two candidates"),
        ({"max_calls": -1}, "max_calls is -1"),
        ({"max_usd": float("nan")}, "not a limit"),
        ({"filters": ["exact_mach"]}, "no evaluator named"),
        ({"filters": [Filter("exact_match", metric="x")]}, "no metric 'x'"),
        ({"filters": [Filter("exact_match", unscored="maybe")]}, "unscored is 'maybe'"),
        ({"filters": ["exact_match", "exact_match"]}, "Two filters"),
        ({"filters": ["exact_match"], "prompts": ["no reference"]}, "needs `references`"),
        ({"filters": [3]}, "evaluates nothing"),
    ]
    for options, said in wrong:
        with pytest.raises((ConfigurationError, q.QuilateError), match=said):
            made(tmp_path, teacher, **options)
    for prompts in ([], [""], "one text", [Sample("a", "b"), Sample("a", "c")]):
        with pytest.raises(DataError):
            made(tmp_path, teacher, prompts, [])
    assert teacher.calls == 0


def test_a_journal_that_is_none_or_is_held_is_refused(tmp_path):
    path = tmp_path / "j.sqlite"
    path.write_text("not a database, but a text of some length " * 30, encoding="utf-8")
    with pytest.raises(StoreError, match=r"not a database"):
        made(tmp_path)
    path.unlink()
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE mine (a)")
    database.commit()
    database.close()
    with pytest.raises(StoreError, match="not a journal"):
        made(tmp_path)
    with pytest.raises(StoreError, match=r"unable to open|File exists|Not a directory"):
        made(tmp_path, journal=path / "inside.sqlite")
    path.unlink()

    def nested(request):
        with pytest.raises(StoreError, match="locked"):
            from quilate.tuning.distillation.journal import Journal

            Journal(path)
        return "held"

    assert made(tmp_path, nested, ["a"], [], candidates=1).examples[0].completion[0].text == "held"


def test_what_a_journal_cannot_take_is_one_clear_error(tmp_path):
    path = tmp_path / "j.sqlite"
    made(tmp_path, "x", ["a"], [], candidates=1)
    database = sqlite3.connect(path)
    database.execute("UPDATE responses SET response = '{'")
    database.commit()
    database.close()
    with pytest.raises(StoreError, match="does not hold a response"):
        made(tmp_path, "x", ["a"], [], candidates=1)


KILLED = """
import json, os, signal, sys
from quilate.evaluators import Sample
from quilate.models import reply, Usage, FREE
from quilate.testing import ScriptedModel
from quilate.tuning.distillation import distill

folder, die_at = sys.argv[1], int(sys.argv[2])

def script(request):
    with open(os.path.join(folder, "calls"), "a") as file:
        file.write(f"{request.messages[-1].text} {request.epoch}\\n")
    if sum(1 for _ in open(os.path.join(folder, "calls"))) == die_at:
        os.kill(os.getpid(), signal.SIGKILL)
    n = int(request.messages[-1].text.split()[0])
    return str(2 * n) if (n + request.epoch) % 3 == 0 else str(request.epoch)

samples = [Sample(f"s{n}", f"{n} + {n}?", (str(2 * n),)) for n in range(8)]
found = distill(samples, teacher=ScriptedModel(script, name="t"), filters=["exact_match"],
                journal=os.path.join(folder, "j.sqlite"), candidates=3, concurrency=1, seed=2)
print(json.dumps([[one.id, one.completion[0].text, one.metadata["source"]["candidate"]]
                  for one in found.examples] + [found.acceptance.value, found.duplicates]))
"""


def run_killed(folder: Path, die_at: int):
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(die_at)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONUTF8": "1"},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_distillation_goes_on_with_the_same_result(tmp_path):
    whole = run_killed(tmp_path / "whole", 0)
    assert whole.returncode == 0, whole.stderr
    killed = run_killed(tmp_path / "killed", 11)
    assert killed.returncode == -9
    resumed = run_killed(tmp_path / "killed", 0)
    assert json.loads(resumed.stdout) == json.loads(whole.stdout)
    # Only the call under way when it was killed is asked for again.
    calls = (tmp_path / "killed" / "calls").read_text().splitlines()
    assert len(calls) == 25
    assert len(set(calls)) == 24


def test_a_score_may_be_given_by_a_function(tmp_path):
    def graded(sample, output):
        return Score.of("graded", 0.6, explanation="so so")

    found = made(tmp_path, "x", ["a"], [Filter(graded, at_least=0.5)], candidates=1)
    assert found.examples[0].metadata["source"]["scores"] == {"graded": 0.6}
