import math

import pytest

from quilate import registry, sync
from quilate.errors import ConfigurationError, MissingDependency
from quilate.evaluators import Output, Sample
from quilate.retrievers import Hit, Passage
from quilate_evaluators.retrieval import Retrieval


def measured(ranking: list[tuple[str, str]], gold: tuple[str, ...], **options) -> dict:
    hits = tuple(
        Hit(Passage(passage, "text", document_id=document), score=-place)
        for place, (passage, document) in enumerate(ranking)
    )
    sample = Sample("1", "?", gold=gold)
    scores = sync.run(Retrieval(**options).evaluate(sample, Output("x", hits=hits)))
    return {score.metric: score.value for score in scores}


def test_what_is_not_installed_is_found_when_the_evaluator_is_made(monkeypatch):
    # What the import system says of a package that is not there.
    monkeypatch.setattr("quilate_evaluators.retrieval.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"'ir-measures'.*\[retrieval-metrics\]"):
        registry.evaluator("retrieval")


def test_figures_by_hand():
    found = measured([("a", ""), ("b", ""), ("c", "")], ("b", "z"), k=(1, 2))
    assert found["recall@1"] == 0.0
    assert found["recall@2"] == 0.5
    assert found["mrr"] == 0.5
    ideal = 1 + 1 / math.log2(3)
    assert found["ndcg@10"] == pytest.approx((1 / math.log2(3)) / ideal)


def test_a_document_counts_once_at_its_best_rank():
    found = measured([("d#1", "d"), ("d#2", "d"), ("e#1", "e")], ("d", "e"), k=(2,))
    assert found["recall@2"] == 1.0


def test_nothing_retrieved_is_zero_but_no_retrieval_is_unscored():
    assert set(measured([], ("a",)).values()) == {0.0}
    scores = sync.run(Retrieval().evaluate(Sample("1", "?", gold=("a",)), Output("x")))
    assert {score.status for score in scores} == {"unscored"}
    assert [score.metric for score in scores] == [m.name for m in Retrieval().metrics]


@pytest.mark.parametrize("k", [0, [], [-1], ["4"], 1.5])
def test_a_wrong_k_is_refused(k):
    with pytest.raises(ConfigurationError, match="whole numbers"):
        Retrieval(k=k)
