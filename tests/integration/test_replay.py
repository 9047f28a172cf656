from dataclasses import dataclass, replace

import pytest

from quilate import sync
from quilate.errors import UnknownName
from quilate.evals.runner import evaluate
from quilate.evals.suite import Suite
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.middleware import ambient
from quilate.models import ask
from quilate.testing import ScriptedModel


@dataclass(frozen=True)
class Judge:
    model: object
    name: str = "judge"
    metrics: tuple[Metric, ...] = (Metric("quality"),)
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        said = await self.model.generate(ask(f"How good is {output.text}?"))
        return [Score.of("quality", float(said.text))]


class Target:
    """Asks twice, the second time about the first answer."""

    def __init__(self, model, template: str = "Say {}") -> None:
        self.model, self.template = model, template

    async def __call__(self, sample: Sample) -> Output:
        first = await self.model.generate(ask(self.template.format(sample.question)))
        second = await self.model.generate(ask(f"Again: {first.text}"))
        return Output(second.text)


class Counted:
    """A model whose every answer differs, so that only a recording can repeat it."""

    def __init__(self) -> None:
        self.model = ScriptedModel(lambda request: f"0.{self.model.calls}")
        self.ambient = ambient(self.model)


def suite_of(counted: Counted, template: str = "Say {}", epochs: int = 2) -> Suite:
    samples = [Sample(f"s{n}", f"word {n}") for n in range(5)]
    targets = {name: Target(counted.ambient, template) for name in ("a", "b")}
    return Suite("demo", samples, targets, [Judge(counted.ambient)], epochs=epochs)


def results(run):
    return [
        (item.target, item.sample_id, item.epoch, item.output, item.scores) for item in run.items
    ]


def test_a_replay_makes_no_call_and_gives_equal_outputs_and_scores(tmp_path):
    counted = Counted()
    suite = suite_of(counted)
    run = sync.run(evaluate(suite, store=tmp_path))
    assert counted.model.calls == 5 * 2 * 2 * 3
    assert len({item.output.text for item in run.items}) == 20
    replayed = sync.run(evaluate(suite, store=tmp_path, replay=run.id))
    assert counted.model.calls == 60
    assert results(replayed) == results(run)
    assert replayed.id != run.id and replayed.provenance["replay"] == run.id

    third = sync.run(evaluate(suite, store=tmp_path, replay=replayed.id))
    assert counted.model.calls == 60 and results(third) == results(run)


def test_a_changed_prompt_is_a_failure_that_shows_the_change(tmp_path):
    counted = Counted()
    run = sync.run(evaluate(suite_of(counted, epochs=1), store=tmp_path))
    calls = counted.model.calls
    changed = suite_of(counted, template="Please say {}", epochs=1)
    replayed = sync.run(evaluate(changed, store=tmp_path, replay=run.id))
    assert counted.model.calls == calls
    failures = [item.failure for item in replayed.items]
    assert {failure.kind for failure in failures} == {"ReplayMiss"}
    assert "-Say word 0" in failures[0].message and "+Please say word 0" in failures[0].message
    assert "Please say word 4" in failures[-1].message


def test_a_judge_whose_prompt_changed_leaves_a_score_with_the_reason(tmp_path):
    counted = Counted()

    class Stricter(Judge):
        async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
            await self.model.generate(ask(f"How bad is {output.text}?"))
            return []

    suite = suite_of(counted, epochs=1)
    run = sync.run(evaluate(suite, store=tmp_path))
    stricter = replace(suite, evaluators=[Stricter(counted.ambient)])
    replayed = sync.run(evaluate(stricter, store=tmp_path, replay=run.id))
    assert [item.output for item in replayed.items] == [item.output for item in run.items]
    scores = [item.scores[0] for item in replayed.items]
    assert {score.status for score in scores} == {"error"}
    assert "+How bad is" in scores[0].reason


def test_replaying_a_run_that_is_not_there_is_refused(tmp_path):
    counted = Counted()
    with pytest.raises(UnknownName, match="no run 'nothing'"):
        sync.run(evaluate(suite_of(counted), store=tmp_path, replay="nothing"))
    assert counted.model.calls == 0
