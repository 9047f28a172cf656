"""The gate: pass, fail, undecided; few calls; order, clusters, failures, resume."""

import inspect
import random
from dataclasses import dataclass, replace

import pytest

from quilate import sync
from quilate.errors import ConfigurationError, RateLimited
from quilate.evals import runner
from quilate.evals.gate import agate, gate
from quilate.evals.suite import Limits, Suite
from quilate.evaluators import Metric, Output, Renamed, Sample, Score
from quilate.reports.comparison import compare


@dataclass(frozen=True)
class Right:
    """1 when the answer is the reference; *wrong* counts the other way round."""

    name: str = "right"
    metrics: tuple[Metric, ...] = (
        Metric("right"),
        Metric("wrong", higher_is_better=False),
        Metric("length", bounds=None),
    )
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        right = output.text == sample.references[0]
        length = Score.of("length", len(output.text))
        return [Score.of("right", right), Score.of("wrong", not right), length]


def samples(count, groups=None):
    return [
        Sample(f"s{n}", f"{n}", ("yes",), group=None if groups is None else f"g{n % groups}")
        for n in range(count)
    ]


def answering(wrong=(), calls=None, fails=()):
    """A target that is right but for the questions in `wrong`."""

    def target(question: str) -> str:
        if calls is not None:
            calls.append(question)
        if int(question) in fails:
            raise ValueError("out of order")
        return "no" if int(question) in wrong else "yes"

    return target


def suite(target, count=400, groups=None, **fields):
    fields = {"concurrency": 4, **fields}
    return Suite("demo", samples(count, groups), {"t": target}, [Right()], **fields)


def drawn(share, count=400, seed=1):
    return set(random.Random(seed).sample(range(count), int(share * count)))


@pytest.fixture
def baseline(tmp_path):
    """A run that is right on nine of ten."""
    return sync.run(runner.evaluate(suite(answering(drawn(0.1))), store=tmp_path))


def test_what_gives_the_same_answers_passes_before_the_end(baseline, tmp_path):
    calls = []
    found = gate(suite(answering(drawn(0.1), calls)), margin=0.05, store=tmp_path)
    assert found.verdict == "not worse"
    assert found.baseline.id == baseline.id
    assert found.used < 200
    assert len(calls) < found.used + 10  # but for those under way when it was decided
    assert (found.run.status, found.run.reason) == ("decided", "not worse")
    by_name = {check.metric: check for check in found.checks}
    assert by_name["right"].difference == 0.0
    assert 0.0 in by_name["right"].interval
    assert by_name["right"].beyond.low <= by_name["right"].interval.low
    assert found.skipped == ("length: no bounds, so it is not watched",)


def test_what_is_much_worse_fails_soon(baseline, tmp_path):
    found = gate(suite(answering(drawn(0.5, seed=2))), baseline, margin=0.05, store=tmp_path)
    assert found.verdict == "worse"
    assert found.used < 150
    checks = {check.metric: check for check in found.checks}
    assert checks["right"].difference < -0.05
    assert checks["wrong"].difference < -0.05  # turned, so that higher is better


def test_with_the_whole_suite_seen_the_suite_itself_is_decided(tmp_path):
    first = sync.run(runner.evaluate(suite(answering(), count=40), store=tmp_path))
    found = gate(suite(answering({3}), count=40), first, margin=0.05, store=tmp_path)
    assert found.verdict == "not worse"  # it lost 0.025 on these forty
    beyond = gate(
        suite(answering({3}), count=40), first, margin=0.05, generalize=True, store=tmp_path
    )
    assert beyond.verdict == "undecided"  # which forty cannot show of all others
    assert beyond.used == 40


def test_failures_count_as_the_worst(baseline, tmp_path):
    found = gate(
        suite(answering(drawn(0.1), fails=drawn(0.4, seed=3))),
        baseline,
        margin=0.05,
        metrics=["right"],
        store=tmp_path,
    )
    assert found.verdict == "worse"
    assert found.checks[0].failed > 5


def test_the_samples_of_a_source_count_once(tmp_path):
    first = sync.run(runner.evaluate(suite(answering(), groups=40), store=tmp_path))
    found = gate(suite(answering(), groups=40), first, margin=0.05, store=tmp_path)
    assert found.verdict == "not worse"
    assert found.checks[0].n <= 40
    assert found.used == found.checks[0].n * 10


def test_items_are_looked_at_in_the_plans_order(tmp_path):
    """Right answers come at once and wrong ones late: who took them as they come would pass."""
    import anyio

    wrong = drawn(0.3, seed=5)

    async def slow(question: str) -> str:
        if int(question) in wrong:
            await anyio.sleep(0.2)
            return "no"
        return "yes"

    first = sync.run(runner.evaluate(suite(answering()), store=tmp_path))
    found = gate(suite(slow, concurrency=64), first, margin=0.1, store=tmp_path)
    assert found.verdict == "worse"


def test_a_gate_that_was_stopped_goes_on(baseline, tmp_path):
    calls = []
    stopped = suite(answering(drawn(0.1), calls), limits=Limits(seconds=0.0001))
    first = gate(stopped, baseline, margin=0.05, store=tmp_path)
    assert first.verdict == "undecided"
    done = len(first.run.items)
    rest = suite(answering(drawn(0.1), calls))
    with pytest.raises(ConfigurationError, match="no gate against"):
        gate(rest, baseline, margin=0.1, store=tmp_path, resume=first.run.id)
    found = gate(rest, baseline, margin=0.05, store=tmp_path, resume=first.run.id)
    assert found.run.id == first.run.id
    assert found.verdict == "not worse"
    assert len(set(calls)) == len(calls) or done == 0
    again = gate(rest, baseline, margin=0.05, store=tmp_path, resume=first.run.id)
    assert (again.verdict, again.used) == (found.verdict, found.used)


def test_a_gate_is_no_baseline(baseline, tmp_path):
    one = gate(suite(answering(drawn(0.1))), margin=0.05, store=tmp_path)
    two = gate(suite(answering(drawn(0.1))), margin=0.05, store=tmp_path)
    assert one.baseline.id == two.baseline.id == baseline.id


def test_what_cannot_be_gated_is_told(baseline, tmp_path):
    for margin in (2.0, 0.0):
        with pytest.raises(ConfigurationError, match="margin"):
            gate(suite(answering()), baseline, margin=margin, store=tmp_path)
    with pytest.raises(ConfigurationError, match="no bounds"):
        gate(suite(answering()), baseline, metrics=["length"], store=tmp_path)
    with pytest.raises(ConfigurationError, match="both have"):
        gate(suite(answering()), baseline, metrics=["rigth"], store=tmp_path)
    other = replace(suite(answering()), name="other")
    with pytest.raises(ConfigurationError, match="no finished run"):
        gate(other, store=tmp_path)
    strangers = replace(suite(answering()), samples=[Sample("x", "1", ("yes",))])
    with pytest.raises(ConfigurationError, match="no samples in common"):
        gate(strangers, baseline, store=tmp_path)


@pytest.mark.parametrize("seed", [0, 1, 5, 6, 7])
def test_the_verdict_is_what_the_whole_suite_would_say(tmp_path, seed):
    """By far; close to the margin it errs at its level (tests/unit/stats/test_sequential.py)."""
    before = suite(answering(drawn(0.2, count=100)), count=100)
    first = sync.run(runner.evaluate(before, store=tmp_path))
    wrong = drawn(0.2 + 0.02 * seed, count=100, seed=100 + seed)  # not the seed of the order
    target = suite(answering(wrong), count=100)
    found = gate(target, first, margin=0.06, metrics=["right"], store=tmp_path)
    lost = (len(wrong) - 20) / 100
    assert found.verdict == ("worse" if lost > 0.06 else "not worse")


def test_a_baseline_without_a_score_is_refused(tmp_path):
    """Nothing to compare is no pass."""
    broken = suite(answering(fails=range(40)), count=40)
    first = sync.run(runner.evaluate(broken, store=tmp_path))
    assert first.status == "finished"
    for chosen in ((), ("right",)):
        with pytest.raises(ConfigurationError, match="has no score of 'right'"):
            gate(
                suite(answering(range(40)), count=40),
                first,
                margin=0.05,
                metrics=chosen,
                store=tmp_path,
            )


def test_failures_that_are_tried_again_count_as_they_end(tmp_path):
    import anyio

    first = sync.run(runner.evaluate(suite(answering(), count=100), store=tmp_path))
    calls, mended = [], []

    async def flaky(question: str) -> str:
        calls.append(question)
        if mended:
            return "yes"
        if len(calls) > 10:
            await anyio.sleep(60)  # until the time is over
        if len(calls) % 2:
            raise RateLimited("slow down")
        return "yes"

    asked = {"margin": 0.3, "level": 0.999, "store": tmp_path}
    hurried = suite(flaky, count=100, concurrency=1, limits=Limits(seconds=1))
    broken = gate(hurried, first, run_id="broken", **asked)
    assert broken.verdict == "undecided"
    assert any(item.failure for item in broken.run.items)
    mended.append(True)
    found = gate(suite(flaky, count=100), first, resume="broken", **asked)
    assert found.verdict == "not worse"
    assert [check.failed for check in found.checks] == [0, 0]
    assert not any(item.failure for item in found.run.items)


def test_a_gate_is_not_resumed_as_a_run_that_asks_the_whole_suite(baseline, tmp_path):
    calls = []
    demo = suite(answering(wrong=drawn(0.2), calls=calls))
    gated = gate(demo, baseline, margin=0.05, store=tmp_path)
    asked = len(calls)
    with pytest.raises(ConfigurationError, match=f"is a gate.*--resume {gated.run.id}"):
        sync.run(runner.resume(gated.run.id, demo, store=tmp_path))
    assert len(calls) == asked < 400


def test_a_decided_gate_asks_no_more_when_it_is_resumed(baseline, tmp_path):
    calls = []
    demo = suite(answering(drawn(0.1), calls), concurrency=16)
    first = gate(demo, baseline, margin=0.05, store=tmp_path)
    asked = len(calls)
    again = gate(demo, baseline, margin=0.05, resume=first.run.id, store=tmp_path)
    assert len(calls) == asked
    assert (again.verdict, again.used) == (first.verdict, first.used)
    assert again.run.status == "decided"


def test_only_samples_of_the_baseline_are_asked(tmp_path):
    first = sync.run(runner.evaluate(suite(answering(), count=60), store=tmp_path))
    calls = []
    found = gate(suite(answering(calls=calls), count=600), first, margin=0.05, store=tmp_path)
    assert found.verdict == "not worse"
    assert max(map(int, calls)) < 60
    assert "540 samples are not in the baseline" in found.skipped


def test_what_only_one_side_has_is_told(tmp_path):
    @dataclass(frozen=True)
    class Ones(Right):
        async def evaluate(self, sample, output):
            return [Score.of(metric.name, 1) for metric in self.metrics]

    two = replace(suite(answering(), count=40), targets={"t": str, "u": str}, evaluators=[Ones()])
    first = sync.run(runner.evaluate(two, store=tmp_path))
    new = Ones(metrics=(Metric("right"), Metric("new")))
    now = replace(suite(answering(), count=40), evaluators=[new])
    assert gate(now, first, margin=0.3, store=tmp_path).skipped == (
        "new: only the suite has this metric",
        "wrong: only the baseline has this metric",
        "length: only the baseline has this metric",
        "u: only the baseline has this target",
    )


@dataclass(frozen=True)
class Judged(Right):
    """Right, by a judge that has options."""

    model: str = "small"
    votes: int = 5


def test_a_metric_that_is_measured_in_another_way_is_refused(tmp_path):
    def judged_by(**options):
        return replace(suite(answering(), count=40), evaluators=[Judged(**options)])

    first = sync.run(runner.evaluate(judged_by(), store=tmp_path))
    assert gate(judged_by(), first, margin=0.3, store=tmp_path).verdict == "not worse"
    for options, said in (
        ({"model": "large"}, r"evaluator 'right' differs in model \(small → large\)"),
        ({"votes": 1}, r"differs in votes \(5 → 1\)"),
        ({"metrics": (Metric("right", bounds=(0.0, 5.0)),)}, "differs in bounds"),
    ):
        with pytest.raises(ConfigurationError, match=said) as refused:
            gate(judged_by(**options), first, margin=0.3, store=tmp_path)
        assert "'right' is not measured as in the run" in str(refused.value)
        assert "quilate run" in str(refused.value)


def test_what_another_evaluator_measures_is_not_refused(tmp_path):
    @dataclass(frozen=True)
    class Polite(Judged):
        name: str = "polite"
        metrics: tuple[Metric, ...] = (Metric("polite"),)

        async def evaluate(self, sample, output):
            return [Score.of("polite", 1)]

    both = replace(suite(answering(), count=40), evaluators=[Right(), Polite()])
    first = sync.run(runner.evaluate(both, store=tmp_path))
    now = replace(both, evaluators=[Polite(model="large"), Right()])
    found = gate(now, first, metrics=["right"], margin=0.3, store=tmp_path)
    assert found.verdict == "not worse"
    with pytest.raises(ConfigurationError, match="'polite' is not measured"):
        gate(now, first, margin=0.3, store=tmp_path)


def test_a_sample_with_other_gold_passages_is_not_the_same(tmp_path):
    first = sync.run(runner.evaluate(suite(answering(), count=40), store=tmp_path))
    changed = [replace(one, gold=("p1",)) for one in samples(40)[:10]] + samples(40)[10:]
    now = replace(suite(answering(), count=40), samples=changed)
    found = gate(now, first, margin=0.3, store=tmp_path)
    assert "10 samples are not in the baseline" in found.skipped


@pytest.mark.parametrize("level", [0.5, 1.0, 0.0, float("nan")])
def test_a_level_that_is_none_is_refused(baseline, tmp_path, level):
    with pytest.raises(ConfigurationError, match="level"):
        gate(suite(answering()), baseline, level=level, store=tmp_path)


def test_scores_outside_their_bounds_are_refused(tmp_path):
    @dataclass(frozen=True)
    class Long(Right):
        metrics: tuple[Metric, ...] = (Metric("right"),)

        async def evaluate(self, sample, output):
            return [Score.of("right", 3.5 if output.text == "no" else 0.0)]

    def with_wrong(wrong):
        return replace(suite(answering(wrong), count=40), evaluators=[Long()])

    good, bad = with_wrong(()), with_wrong(range(40))
    first = sync.run(runner.evaluate(good, store=tmp_path))
    with pytest.raises(ConfigurationError, match=r"the new run: right is 3\.5 .* outside"):
        gate(bad, first, margin=0.05, store=tmp_path)
    second = sync.run(runner.evaluate(bad, store=tmp_path))
    with pytest.raises(ConfigurationError, match=r"right is 3\.5 .* outside"):
        gate(good, second, margin=0.05, store=tmp_path)


def test_a_large_source_weighs_as_many_samples_as_it_has(tmp_path):
    """55 of 60 samples are lost, all of one source: over sources that would be 1/6, over samples
    it is 11/12."""

    def sourced(wrong):
        asked = [
            Sample(f"s{n}", f"{n}", ("yes",), group="g" if n < 55 else None) for n in range(60)
        ]
        return replace(suite(answering(wrong)), samples=asked)

    first = sync.run(runner.evaluate(sourced(()), store=tmp_path))
    found = gate(sourced(range(55)), first, margin=0.2, metrics=["right"], store=tmp_path)
    assert found.verdict == "worse"
    assert found.checks[0].difference == pytest.approx(-55 / 60)
    for interval in (found.checks[0].interval, found.checks[0].beyond):
        assert -1.0 <= interval.low <= interval.high <= 1.0
        assert interval.low - 1e-9 <= -55 / 60 <= interval.high + 1e-9


@pytest.mark.parametrize(("count", "margin", "used"), [(120, 0.02, 96), (120, 0.05, 59)])
def test_equal_answers_take_what_the_docs_say(tmp_path, count, margin, used):
    """docs/deciding.md"""
    demo = suite(answering(), count=count)
    first = sync.run(runner.evaluate(demo, store=tmp_path))
    assert gate(demo, first, margin=margin, store=tmp_path).used == used


def test_who_abstains_where_it_was_wrong_does_not_pass(tmp_path):
    """What has no score is left out; but a metric that loses many of its scores shows nothing."""

    @dataclass(frozen=True)
    class Sure(Right):
        async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
            if output.text == "pass":
                return [Score.unscored(one.name, "the answer abstains") for one in self.metrics]
            return await super().evaluate(sample, output)

    def abstaining(share):
        silent = drawn(share, count=200, seed=8)
        return replace(
            suite(lambda question: "pass" if int(question) in silent else "yes", count=200),
            evaluators=[Sure()],
        )

    before = replace(suite(answering(), count=200), evaluators=[Sure()])
    first = sync.run(runner.evaluate(before, store=tmp_path))
    few = gate(abstaining(0.02), first, margin=0.05, metrics=["right"], store=tmp_path)
    assert few.verdict == "not worse"
    many = gate(abstaining(0.3), first, margin=0.05, metrics=["right"], store=tmp_path)
    assert many.verdict == "undecided"
    assert many.checks[0].left_out > 40
    assert many.checks[0].lost and not few.checks[0].lost
    assert "too many have no score for that to count" in many.summary()
    assert f"quilate report {many.run.id}" in many.summary("es")


def test_the_interval_of_a_check_bears_out_its_verdict(tmp_path):
    margin, seen = 0.05, set()
    for count in (5, 7, 8, 9, 10, 11, 12, 40):
        name = f"demo{count}"
        before = sync.run(
            runner.evaluate(replace(suite(answering(), count), name=name), store=tmp_path)
        )
        for share, generalize in ((0.0, False), (0.8, False), (0.8, True), (1.0, True)):
            after = replace(suite(answering(drawn(share, count)), count), name=name)
            found = gate(after, before, margin=margin, generalize=generalize, store=tmp_path)
            for check in found.checks:
                asked = check.beyond if generalize else check.interval
                seen.add((check.verdict, generalize))
                if check.verdict == "not worse":
                    assert asked.low >= -margin
                elif check.verdict == "worse":
                    assert asked.high <= -margin
                else:
                    assert -margin in asked
            assert "the upper at 97.5%, for one of 2 checks" in found.summary("en")
    assert {verdict for verdict, _ in seen} == {"not worse", "worse", "undecided"}


def test_one_metric_may_be_named_by_a_string(baseline, tmp_path):
    found = gate(suite(answering()), baseline, margin=0.05, metrics="right", store=tmp_path)
    assert [check.metric for check in found.checks] == ["right"]


def test_a_notebook_shows_a_gate_in_a_line(baseline, tmp_path):
    found = gate(suite(answering(drawn(0.1))), baseline, margin=0.05, store=tmp_path)
    assert repr(found) == (
        f"<GateResult {found.run.id} against {baseline.id}: not worse; {found.used} of 400 "
        "samples, right (t) not worse, wrong (t) not worse>"
    )
    assert repr(baseline) == f"<Run {baseline.id}: finished, 400 of 400 items>"


def test_the_sync_gate_shows_the_options_of_the_async_one():
    one, other = (inspect.signature(function) for function in (gate, agate))
    assert one == other


def test_an_evaluator_of_ones_own_that_was_rewritten_is_refused(tmp_path, monkeypatch):
    """As when its file is edited between the baseline and the gate."""
    ours = suite(answering(), count=40)
    first = sync.run(runner.evaluate(ours, store=tmp_path))
    assert list(first.provenance["evaluator_code"]) == ["0 right"]

    async def lenient(self, sample, output):
        return [Score.of("right", 1), Score.of("wrong", 0), Score.of("length", 1)]

    renamed = replace(ours, evaluators=[Renamed(Right(), "mine")])
    under_another_name = sync.run(runner.evaluate(renamed, store=tmp_path))
    monkeypatch.setattr(Right, "evaluate", lenient)
    with pytest.raises(ConfigurationError, match=r"evaluator 'right' differs in code, Python 3"):
        gate(ours, first, margin=0.3, store=tmp_path)
    with pytest.raises(ConfigurationError, match=r"evaluator 'mine' differs in code, Python 3"):
        gate(renamed, under_another_name, margin=0.3, store=tmp_path)
    told = compare(first, sync.run(runner.evaluate(ours, store=tmp_path)))
    assert {one.metric for one in told.remeasured} == {"right", "wrong", "length"}
    assert "evaluator_code.right" in [one.setting for one in told.differences]
    # Other versions of Python compile to other code, and older runs recorded none.
    for changed in ({"python": "3.99.1"}, {"evaluator_code": {}}):
        elsewhere = replace(first, provenance={**first.provenance, **changed})
        assert gate(ours, elsewhere, margin=0.3, store=tmp_path).verdict == "not worse"


def test_what_is_no_suite_and_no_number_is_told(baseline, tmp_path):
    with pytest.raises(ConfigurationError, match=r"given a str.*load_suite"):
        gate("suite.yaml", baseline, store=tmp_path)
    for options in ({"margin": "2%"}, {"level": "95%"}):
        with pytest.raises(ConfigurationError, match="is no number"):
            gate(suite(answering()), baseline, store=tmp_path, **options)


def test_a_gate_goes_on_though_its_judge_was_measured_meanwhile(baseline, tmp_path, monkeypatch):
    stopped = suite(answering(drawn(0.1)), limits=Limits(seconds=0.0001))
    first = gate(stopped, baseline, margin=0.05, store=tmp_path)
    monkeypatch.setattr("quilate.judging.kept.distrusted_judges", lambda *runs: {"right": None})
    rest = suite(answering(drawn(0.1)))
    found = gate(rest, baseline, margin=0.05, store=tmp_path, resume=first.run.id)
    assert [one.metric for one in found.checks] == ["right", "wrong"]
