"""The reranker over a server. SmolLM2 is no reranker, so the replies are those of the servers'
documented form, over a real socket; llama.cpp's own server says itself that it does not rerank."""

import pytest

from quilate import errors
from quilate.retrievers import Passage
from quilate.sync import run
from quilate_adapters.server_rerank import reranker

PASSAGES = [Passage("1", "uno"), Passage("2", "dos")]


def results(*scores):
    return {
        "model": "m",
        "results": [{"index": i, "relevance_score": score} for i, score in scores],
    }


def test_scores_in_the_order_given(canned):
    canned.answer(results((1, 0.5), (0, -2.0)))
    opened = reranker("m", base_url=canned.url, api_key="k")
    assert run(opened.score("q", PASSAGES)) == [-2.0, 0.5]
    assert canned.paths == ["/v1/rerank"]
    assert canned.sent[0]["documents"] == ["uno", "dos"]
    assert canned.sent[0]["query"] == "q"
    assert canned.sent_headers[0]["authorization"] == "Bearer k"
    run(opened.aclose())


def test_many_passages_go_in_several_calls(canned):
    canned.answer(results(*((i, 1.0) for i in range(64))), results((0, 2.0)))
    scores = run(reranker("m", base_url=canned.url).score("q", [Passage("p", "x")] * 65))
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
    ],
)
def test_a_reply_without_a_score_for_each(canned, reply):
    canned.answer(reply)
    with pytest.raises(errors.MalformedReply):
        run(reranker("m", base_url=canned.url).score("q", PASSAGES))


def test_errors_are_translated(canned, llama_server):
    canned.status = 429
    canned.headers = {"retry-after": "2"}
    canned.answer({"error": {"message": "slow"}})
    with pytest.raises(errors.RateLimited, match="slow") as caught:
        run(reranker("m", base_url=canned.url).score("q", PASSAGES))
    assert caught.value.retry_after == 2.0
    with pytest.raises(errors.ModelError, match="does not support reranking"):
        run(reranker("m", base_url=f"{llama_server}/v1").score("q", PASSAGES))


def test_nobody_listens(canned):
    canned.close()
    with pytest.raises(errors.ConnectionFailed, match="server runs"):
        run(reranker("m", base_url=canned.url).score("q", PASSAGES))
