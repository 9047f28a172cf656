"""The reranker over a server. SmolLM2 is no reranker, so the replies are those of the servers'
documented form, over a real socket; llama.cpp's own server says itself that it does not rerank."""

import pytest

import quilate
from quilate import errors
from quilate.retrieval import Reranked
from quilate.retrievers import Hit, Passage
from quilate.sync import run
from quilate_adapters.server_rerank import reranker

PASSAGES = ["uno", "dos"]


def results(*scores):
    return {
        "model": "m",
        "results": [{"index": i, "relevance_score": score} for i, score in scores],
    }


def test_scores_in_the_order_given(canned):
    canned.answer(results((1, 0.5), (0, -2.0)))
    opened = reranker("m", base_url=canned.url, api_key="k")
    assert run(opened.rerank("q", PASSAGES)) == [-2.0, 0.5]
    assert canned.paths == ["/v1/rerank"]
    assert canned.sent[0]["documents"] == ["uno", "dos"]
    assert canned.sent[0]["query"] == "q"
    assert canned.sent_headers[0]["authorization"] == "Bearer k"
    run(opened.aclose())


def test_many_passages_go_in_several_calls(canned):
    canned.answer(results(*((i, 1.0) for i in range(64))), results((0, 2.0)))
    scores = run(reranker("m", base_url=canned.url).rerank("q", ["x"] * 65))
    assert scores == [1.0] * 64 + [2.0]


@pytest.mark.parametrize(
    "reply",
    [
        {},
        b"[]",
        b"<html>",
        results((0, 1.0)),
        results((0, 1.0), (0, 2.0)),
        results((0, 1.0), (1, float("nan"))),
        results((0, 1.0), (1, None)),
        {"results": 3},
        results((0, 1.0), (float("inf"), 2.0)),
        b"[" * 100_000,
    ],
)
def test_a_reply_without_a_score_for_each(canned, reply):
    canned.answer(reply)
    with pytest.raises(errors.MalformedReply):
        run(reranker("m", base_url=canned.url).rerank("q", PASSAGES))


def test_errors_are_translated(canned, llama_server):
    canned.status = 429
    canned.headers = {"retry-after": "2", "x-request-id": "req_k-1234"}
    canned.answer({"error": {"message": "slow"}})
    with pytest.raises(errors.RateLimited, match="slow") as caught:
        run(reranker("m", base_url=canned.url, api_key="k-1234").rerank("q", PASSAGES))
    assert caught.value.retry_after == 2.0
    assert caught.value.request_id == "req_[redacted]"
    assert caught.value.__context__ is None
    with pytest.raises(errors.ModelError, match="does not support reranking"):
        run(reranker("m", base_url=f"{llama_server}/v1").rerank("q", PASSAGES))


def test_nobody_listens(canned):
    canned.close()
    with pytest.raises(errors.ConnectionFailed, match="server runs"):
        run(reranker("m", base_url=canned.url).rerank("q", PASSAGES))


def test_what_passes_is_tried_again_and_what_does_not_is_not(canned):
    canned.answer(503, 429, results((0, 1.0), (1, 2.0)))
    opened = reranker("m", base_url=canned.url)
    assert run(opened.rerank("q", PASSAGES)) == [1.0, 2.0]
    assert len(canned.sent) == 3
    canned.answer(401)
    with pytest.raises(errors.AuthenticationError):
        run(opened.rerank("q", PASSAGES))
    assert len(canned.sent) == 4


def test_it_reranks_what_a_retriever_found(canned):
    class Two:
        async def retrieve(self, query, *, k, where=None):
            return [Hit(Passage("a", "uno"), 2.0), Hit(Passage("b", "dos"), 1.0)]

    canned.answer(results((0, -1.0), (1, 3.0)))
    opened = quilate.reranker(f"server/m@{canned.url}")
    hits = run(Reranked(Two(), opened).retrieve("q", k=2))
    assert [(hit.passage.id, hit.score) for hit in hits] == [("b", 3.0), ("a", -1.0)]
    assert (opened.info.name, opened.info.max_tokens) == ("server/m", None)
    assert opened.info.identity == f"server:{canned.url}:m"


def test_a_query_that_cannot_be_sent(canned):
    with pytest.raises(errors.InvalidRequest):
        run(reranker("m", base_url=canned.url).rerank("\ud800", PASSAGES))
    assert canned.sent == []


def test_a_reply_of_any_size_is_not_read(canned):
    canned.answer({**results((0, 1.0), (1, 2.0)), "padding": "x" * 17 * 2**20})
    opened = reranker("m", base_url=canned.url)
    with pytest.raises(errors.MalformedReply, match="too large"):
        run(opened._some("q", PASSAGES))


def test_an_environment_of_which_no_client_can_be_made(canned, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "foo://bar")
    with pytest.raises(errors.ConfigurationError, match="Check ALL_PROXY"):
        run(reranker("m", base_url=canned.url).rerank("q", PASSAGES))
