"""Retrieval in two steps."""

import pytest

from quilate import errors, sync
from quilate.evals.provenance import describe
from quilate.retrieval import Reranked, rag
from quilate.retrievers import Hit, Passage, RerankerInfo
from quilate.testing import ScriptedModel

TEXTS = ("uno", "dos dos", "tres tres tres", "cuatro", "cinco cinco")


class Found:
    """Finds the texts in their order."""

    def __init__(self):
        self.asked = []

    async def retrieve(self, query, *, k, where=None):
        self.asked.append((k, where))
        hits = [
            Hit(Passage(f"p{i}", text), 1.0 - i, {"text": i + 1}) for i, text in enumerate(TEXTS)
        ]
        return hits[:k]


class Words:
    """Scores a passage by how many words it has."""

    info = RerankerInfo("words", "words:1")

    async def rerank(self, query, passages):
        return [float(len(passage.split())) for passage in passages]


def test_the_candidates_come_in_the_rerankers_order():
    found = Found()
    hits = sync.run(Reranked(found, Words(), candidates=4).retrieve("?", k=3, where={"a": 1}))
    assert [hit.passage.id for hit in hits] == ["p2", "p1", "p0"], "ties by passage id"
    assert [hit.score for hit in hits] == [3.0, 2.0, 1.0]
    assert dict(hits[0].ranks) == {"text": 3, "retrieved": 3}
    assert found.asked == [(4, {"a": 1})]


def test_never_fewer_candidates_than_asked_for():
    assert len(sync.run(Reranked(Found(), Words(), candidates=1).retrieve("?", k=5))) == 5


def test_an_answer_uses_the_best_reranked():
    answer = rag(Found(), model=ScriptedModel("sí"), k=1, reranker=Words()).ask("¿?")
    assert [hit.passage.id for hit in answer.hits] == ["p2"]


def test_a_run_notes_the_reranker():
    told = sync.run(describe(rag(Found(), model=ScriptedModel("sí"), reranker=Words())))
    assert told["retriever"]["reranker"] == {"reranker": "words", "identity": "words:1"}
    assert told["retriever"]["candidates"] == 20


def test_scores_that_are_not_one_a_passage():
    class Lazy(Words):
        async def rerank(self, query, passages):
            return [1.0]

    with pytest.raises(errors.ModelError, match="words: The reranker gave 1 scores for 5"):
        sync.run(Reranked(Found(), Lazy()).retrieve("?", k=2))


def test_no_candidates_at_all():
    with pytest.raises(errors.ConfigurationError, match="candidates=0"):
        rag(Found(), model=ScriptedModel("sí"), reranker=Words(), candidates=0)


def test_a_reranker_that_nobody_registered():
    with pytest.raises(errors.UnknownName, match="no reranker named 'nobody'"):
        rag(Found(), model=ScriptedModel("sí"), reranker="nobody/x")
