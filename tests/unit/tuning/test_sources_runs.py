"""Training examples from real runs in a store: good and corrected outputs, and pairs."""

from dataclasses import dataclass, replace

import pytest

import quilate as q
from quilate import sync
from quilate.codec import from_json, to_json
from quilate.errors import ConfigurationError, DataError
from quilate.evals import evaluate, open_run
from quilate.evaluators import Metric, Sample, Score
from quilate.judging.calibration import calibrate
from quilate.judging.judgements import Judgement
from quilate.judging.judges import judge_key
from quilate.judging.kept import keep_calibration
from quilate.judging.labels import Label, append_label, labels_path, read_labels
from quilate.messages import Message, Reasoning, Text, ToolCall, ToolResult, system, user
from quilate.models import Capabilities, Request, Response, Sampling, Tool, reply
from quilate.testing import ScriptedModel
from quilate.tuning.examples import Example
from quilate.tuning.sources import (
    corrected,
    corrected_pairs,
    from_pairwise,
    from_run,
    from_scores,
)

ANSWERS = {"2 + 2?": "4", "3 + 3?": "7", "¿Capital del Perú?": "Lima"}
SAMPLES = [
    Sample("sum", "2 + 2?", ("4",), group="sums"),
    Sample("six", "3 + 3?", ("6",)),
    Sample("lima", "¿Capital del Perú?", ("Lima",)),
]


def answering(request: Request) -> str:
    return ANSWERS[request.messages[-1].text]


def run_of(store, targets, evaluators=("exact_match",), samples=SAMPLES, **options):
    made = [q.evaluator(one) if isinstance(one, str) else one for one in evaluators]
    run = evaluate(q.Suite("demo", samples, targets, made, **options), store=store)
    assert run.status == "finished"
    return open_run(run.id, store=store)


def prompted(model):
    async def target(sample):
        asked = Request((system("Answer in one word."), user(sample.question)))
        return (await model.generate(asked)).text.upper()

    return target


def test_good_outputs_with_the_prompt_that_the_model_was_asked(tmp_path):
    run = run_of(tmp_path, {"t": q.model(ScriptedModel(answering, name="demo"))})
    found = from_run(run, metric="exact_match")
    assert [one.metadata["source"]["sample"] for one in found] == ["sum", "lima"]
    assert found.reasons == {"below": 1}
    first = found[0]
    assert first.prompt == (user("2 + 2?"),)
    assert first.completion[0].text == "4"
    assert first.id == f"{run.id}/t/sum/0"
    source = first.metadata["source"]
    assert source.pop("call") == run.items[0].calls[0]
    assert source == {
        "kind": "run",
        "run": run.id,
        "target": "t",
        "sample": "sum",
        "epoch": 0,
        "scores": {"exact_match": 1.0},
        "group": "sums",
        "prompt_from": "journal",
        "completion_from": "reply",
        "model": "scripted/demo",
    }
    assert from_json(Example, to_json(first)) == first


def test_an_output_that_was_cut_is_not_learned(tmp_path):
    """It may hold what is right, and one who learns it learns to stop in the middle."""

    def cut(request):
        asked = request.messages[-1].text
        return reply(ANSWERS[asked], finish_reason="length" if asked.startswith("2") else "stop")

    run = run_of(tmp_path, {"t": q.model(ScriptedModel(cut, name="demo"))})
    found = from_run(run, metric="exact_match")
    assert [one.metadata["source"]["sample"] for one in found] == ["lima"]
    assert found.reasons == {"below": 1, "truncated": 1}

    worse = run_of(tmp_path, {"t": q.model(ScriptedModel(lambda request: "?", name="worse"))})
    pairs = from_scores(run, worse, metric="exact_match", margin=0.5)
    assert [one.metadata["source"]["sample"] for one in pairs] == ["lima"]
    assert pairs.reasons == {"truncated": 1, "close": 1}
    # What is put right, or rejected, may have been cut.
    turned = {"sum": "four", "six": "six", "lima": "It is Lima"}
    mended = corrected(run, metric="exact_match", at_least=2, corrections=turned)
    assert mended.reasons == {}


def test_the_journal_tells_what_a_target_made_of_the_question(tmp_path):
    run = run_of(tmp_path, {"t": prompted(q.model(ScriptedModel(answering)))})
    found = from_run(run, metric="exact_match")
    lima = found[1]
    assert lima.prompt == (system("Answer in one word."), user("¿Capital del Perú?"))
    # What was scored is the target's, and not the model's reply.
    assert lima.completion[0].text == "LIMA"
    assert lima.metadata["source"]["completion_from"] == "output"


def test_without_a_call_the_prompt_is_the_samples(tmp_path):
    run = run_of(tmp_path, {"t": lambda question: ANSWERS[question]})
    found = from_run(run, metric="exact_match")
    assert found[0].prompt == (user("2 + 2?"),)
    assert found[0].metadata["source"]["prompt_from"] == "sample"


def test_a_loop_with_tools_becomes_one_completion(tmp_path):
    tool = Tool("add", "Adds.", {"type": "object"})

    def script(request: Request) -> Response:
        if request.messages[-1].role == "tool":
            return reply(request.messages[-1].parts[0].content)
        call = ToolCall("c1", "add", {"a": 2})
        return Response(Message("assistant", (Reasoning("hm"), call)), "tool_calls")

    model = q.model(ScriptedModel(script, capabilities=Capabilities.declared("tools")))

    async def agent(sample):
        turns = (user(sample.question),)
        first = await model.generate(Request(turns, tools=(tool,)))
        result = Message("tool", (ToolResult("c1", sample.references[0]),))
        last = await model.generate(Request((*turns, first.message, result), tools=(tool,)))
        return last.text

    run = run_of(tmp_path, {"t": agent})
    one = from_run(run, metric="exact_match")[0]
    assert one.prompt == (user("2 + 2?"),)
    assert [turn.role for turn in one.completion] == ["assistant", "tool", "assistant"]
    assert one.completion[0].parts == (ToolCall("c1", "add", {"a": 2}),)
    assert one.completion[2].parts == (Text("4"),)
    assert one.tools == (tool,)


def test_failures_unscored_outputs_and_repetitions_are_left_out(tmp_path):
    def flaky(question):
        if question == "3 + 3?":
            raise RuntimeError("no")
        return ANSWERS[question]

    samples = [*SAMPLES, Sample("open", "2 + 2?")]
    run = run_of(tmp_path, {"t": flaky}, samples=samples, epochs=2)
    found = from_run(run, metric="exact_match")
    assert found.reasons == {"failed": 2, "unscored": 2, "duplicate": 2}
    assert len(found) == 2


@dataclass(frozen=True)
class Length:
    name: str = "length"
    metrics: tuple[Metric, ...] = (Metric("length", bounds=None, higher_is_better=False),)
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample, output):
        return [Score.of("length", len(output.text))]


def test_limits_that_point_the_wrong_way_are_refused(tmp_path):
    run = run_of(tmp_path, {"t": str.upper}, ["exact_match", Length()])
    assert len(from_run(run, metric="length", at_most=6)) == 2
    with pytest.raises(ConfigurationError, match="Lower is better"):
        from_run(run, metric="length", at_least=6)
    with pytest.raises(ConfigurationError, match="no bounds"):
        from_run(run, metric="length")
    with pytest.raises(ConfigurationError, match="Higher is better"):
        from_run(run, metric="exact_match", at_most=0.5)
    with pytest.raises(ConfigurationError, match="NaN"):
        from_run(run, metric="exact_match", at_least=float("nan"))
    with pytest.raises(ConfigurationError, match="Did you mean 'exact_match'"):
        from_run(run, metric="exact_mach")
    with pytest.raises(ConfigurationError, match="no target"):
        from_run(run, metric="exact_match", target="x")
    with pytest.raises(DataError, match="3 below"):
        from_run(run, metric="exact_match")


def test_people_count_before_the_score(tmp_path):
    run = run_of(tmp_path, {"t": q.model(ScriptedModel(answering))})
    path = labels_path(tmp_path, run.id)
    for labeller, value in (("ana", 1.0), ("eva", 1.0)):
        append_label(path, Label(run.id, "t", "six", 0, "exact_match", "yes", value, labeller))
    append_label(path, Label(run.id, "t", "sum", 0, "exact_match", "no", 0.0, "ana"))
    labels = read_labels(path)
    found = from_run(run, metric="exact_match", labels=labels)
    assert [one.metadata["source"]["sample"] for one in found] == ["six", "lima"]
    assert found[0].metadata["source"]["labelled"] == ["exact_match"]
    assert "labelled" not in found[1].metadata["source"]
    wrong = corrected(run, metric="exact_match", labels=labels)
    assert [one.metadata["source"]["sample"] for one in wrong] == ["sum"]


def test_corrected_outputs_say_who_corrected_them(tmp_path):
    run = run_of(tmp_path, {"t": prompted(q.model(ScriptedModel(answering)))})
    (one,) = corrected(run, metric="exact_match")
    assert one.completion[0].text == "6"
    assert one.prompt[0] == system("Answer in one word.")
    assert one.metadata["source"]["corrected_by"] == "reference"
    (one,) = corrected(run, metric="exact_match", corrections={"six": "It is 6."})
    assert one.completion[0].text == "It is 6."
    assert one.metadata["source"]["corrected_by"] == "person"
    (pair,) = corrected_pairs(run, metric="exact_match", corrections={("t", "six", 0): "six"})
    assert (pair.chosen[0].text, pair.rejected[0].text) == ("six", "7")


def test_what_cannot_be_corrected_is_told(tmp_path):
    samples = [replace(SAMPLES[1], references=("6",))]
    run = run_of(tmp_path, {"t": lambda question: ""}, samples=samples)
    (one,) = corrected(run, metric="exact_match")  # an empty output is corrected too
    assert one.completion[0].text == "6"
    with pytest.raises(DataError, match="1 empty"):
        corrected_pairs(run, metric="exact_match")
    with pytest.raises(DataError, match="1 no_correction"):
        corrected(run, metric="exact_match", corrections={"six": " "})


def pairwise(script, **options):
    return q.evaluator("pairwise", model=q.model(ScriptedModel(script)), **options)


def prefers_four(request: Request) -> str:
    """Whichever answer says 4, wherever it stands; the first where none does."""
    said = request.messages[-1].text
    a, b = said.rfind("4"), said.rfind("6")
    return "A" if b > a else "B" if a > b else "A"


def test_pairs_of_a_judge(tmp_path):
    samples = [
        Sample("won", "2 + 2?", ("6",)),
        Sample("lost", "4 + 2?", ("4",)),
        Sample("tie", "¿Capital del Perú?", ("Quito",)),
        Sample("alike", "1 + 3?", ("4",)),
    ]
    said = {"2 + 2?": "4", "4 + 2?": "6", "¿Capital del Perú?": "Lima", "1 + 3?": "4"}
    target = q.model(ScriptedModel(lambda request: said[request.messages[-1].text]))
    run = run_of(tmp_path, {"t": target}, [pairwise(prefers_four)], samples=samples)
    found = from_pairwise(run)
    assert [(one.chosen[0].text, one.rejected[0].text) for one in found] == [("4", "6")] * 2
    assert [one.metadata["source"]["chosen"] for one in found] == ["output", "other"]
    assert found.reasons == {"tie": 2}
    with pytest.raises(ConfigurationError, match="compares no pairs"):
        from_pairwise(run_of(tmp_path, {"t": target}, samples=samples), metric="exact_match")


def test_a_judge_that_labels_speak_against_chooses_nothing(tmp_path):
    target = q.model(ScriptedModel(answering))
    samples = [Sample("won", "2 + 2?", ("6",))]
    run = run_of(tmp_path, {"t": target}, [pairwise(prefers_four)], samples=samples)
    contrary = [Judgement(float(n % 2), float(n // 2 % 2)) for n in range(80)]
    found = calibrate(contrary, metric="pairwise_win")
    assert found.speaks_against
    keep_calibration(tmp_path, judge_key(run, "pairwise_win"), found)
    with pytest.raises(ConfigurationError, match="speak against"):
        from_pairwise(run)
    with pytest.raises(ConfigurationError, match="speak against"):
        from_run(run, metric="pairwise_win")
    assert len(from_pairwise(run, distrusted=True)) == 1


def test_pairs_of_epochs_and_of_runs_by_their_scores(tmp_path):
    samples = [SAMPLES[2]]
    says = iter(["Quito 0", "Lima", "Quito 2"])
    model = q.model(ScriptedModel(lambda request: next(says)))
    run = run_of(tmp_path, {"t": model}, samples=samples, epochs=3, concurrency=1)
    (one,) = from_scores(run, metric="exact_match", margin=1.0)
    assert (one.chosen[0].text, one.rejected[0].text) == ("Lima", "Quito 2")
    assert one.metadata["source"]["same_prompt"] is True
    both = from_scores(run, metric="exact_match", margin=1.0, pairs="all")
    assert [pair.rejected[0].text for pair in both] == ["Quito 0", "Quito 2"]
    good = run_of(tmp_path, {"t": prompted(q.model(ScriptedModel(answering)))}, samples=SAMPLES)
    other = run_of(tmp_path, {"t": str.upper}, samples=SAMPLES)
    pairs = from_scores(good, other, metric="exact_match", margin=0.5)
    assert [pair.metadata["source"]["sample"] for pair in pairs] == ["sum", "lima"]
    assert pairs.reasons == {"close": 1}
    assert pairs[0].prompt[0].role == "system"
    assert pairs[0].metadata["source"]["same_prompt"] is False
    with pytest.raises(DataError, match="3 alone"):
        from_scores(good, good, metric="exact_match", margin=0.5)
    with pytest.raises(ConfigurationError, match="margin"):
        from_scores(good, metric="exact_match", margin=0.0)


def test_an_id_of_another_question_makes_no_pair(tmp_path):
    one = run_of(tmp_path, {"t": q.model(ScriptedModel(answering))}, samples=SAMPLES[:1])
    renamed = [replace(SAMPLES[1], id="sum")]
    two = run_of(tmp_path, {"t": q.model(ScriptedModel(answering))}, samples=renamed)
    with pytest.raises(DataError, match="2 alone"):
        from_scores(one, two, metric="exact_match", margin=0.5)


def test_the_real_sampling_of_a_call_does_not_matter(tmp_path):
    model = q.model(ScriptedModel(answering))

    async def target(sample):
        asked = Request((user(sample.question),), sampling=Sampling(temperature=0.5, seed=3))
        return (await model.generate(asked)).text

    run = run_of(tmp_path, {"t": target})
    assert from_run(run, metric="exact_match")[0].prompt == (user("2 + 2?"),)
    assert sync.run(model.generate(Request((user("2 + 2?"),)))).text == "4"
