"""What is read of a stored run without decoding all of it agrees with the whole."""

from dataclasses import replace

import pytest

from quilate.evals import Suite, evaluate, open_run
from quilate.evals.comparing import same_samples
from quilate.evals.stored import StoredSamples, groups_of
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.messages import assistant, user


class Odd:
    """Scores of every kind: a value, none, an error, and a value with much beside it."""

    name = "odd"
    metrics = (Metric("odd"),)
    needs = frozenset()

    async def evaluate(self, sample, output):
        number = int(sample.id)
        if number % 4 == 0:
            return [Score.unscored("odd", "it does not apply", explanation="¿por qué?")]
        if number % 4 == 1:
            raise ValueError("no score")
        return [Score.of("odd", number / 20, explanation="because", evidence=("a", "b"))]


def answer(sample: Sample):
    if sample.id == "7":
        raise RuntimeError("no answer")
    return Output(f"respuesta {sample.id} " * 40, metadata={"n": sample.id})


SAMPLES = [
    Sample(
        str(number),
        (user("¿Sí?"), assistant("No."), user(f"¿{number}?")) if number % 2 else f"¿{number}?",
        references=("sí", "no") if number % 3 else (),
        group=f"doc {number // 4}" if number < 12 else None,
        metadata={"n": number},
    )
    for number in range(16)
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    suite = Suite("odd", SAMPLES, {"one": answer, "two": answer}, [Odd()], epochs=2)
    return open_run(evaluate(suite, store=store).id, store=store)


def test_samples_are_those_that_were_given(run):
    assert isinstance(run.samples, StoredSamples)
    assert list(run.samples.values()) == SAMPLES
    assert run.samples["3"] is run.samples["3"]
    assert ("3" in run.samples, "x" in run.samples, len(run.samples)) == (True, False, 16)
    with pytest.raises(KeyError):
        run.samples["x"]


def test_items_without_outputs_have_the_scores_and_failures(run):
    bare = list(run.items.without_outputs())
    assert len(bare) == len(run.items) == 64
    for one, whole in zip(bare, run.items, strict=True):
        assert one.output is None
        assert (one.target, one.sample_id, one.epoch) == (
            whole.target,
            whole.sample_id,
            whole.epoch,
        )
        assert one.failure == whole.failure
        assert [(s.metric, s.value, s.status, s.reason) for s in one.scores] == [
            (s.metric, s.value, s.status, s.reason) for s in whole.scores
        ]
    assert {s.status for item in bare for s in item.scores} == {"scored", "unscored", "error"}
    assert sum(item.failure is not None for item in bare) == 4


def test_some_items_are_read_at_once(run):
    wanted = {("two", "5"), ("one", "2"), ("one", "nowhere"), ("three", "2")}
    found = run.items.of(wanted)
    assert found == [
        item for item in run.items if (item.target, item.sample_id) in (("one", "2"), ("two", "5"))
    ]
    assert len(found) == 4


@pytest.mark.parametrize("stored", [True, False])
def test_equal_samples_are_found_stored_or_not(run, tmp_path, stored):
    changed = [
        replace(SAMPLES[0], input="another"),
        replace(SAMPLES[1], references=()),
        replace(SAMPLES[2], metadata={"n": "other"}, group="other", language="es"),
        replace(SAMPLES[3], id="new"),
        *SAMPLES[4:],
    ]
    suite = Suite("odd", changed, {"one": answer}, [Odd()])
    other = open_run(evaluate(suite, store=tmp_path).id, store=tmp_path).samples
    a, b = (run.samples, other) if stored else (dict(run.samples), dict(other))
    assert same_samples(a, b) == ["2", *(str(number) for number in range(4, 16))]


def test_groups_are_read_without_making_samples(run):
    keys = ["0", "5", "15"]
    assert groups_of(run.samples, keys) == ["doc 0", "doc 1", None]
    assert groups_of(dict(run.samples), keys) == ["doc 0", "doc 1", None]
    assert groups_of(run.samples, ["13", "15"]) is None
