"""The openai embedder: llama.cpp's own server, and the forms of OpenAI's."""

import base64

import numpy as np
import pytest

import quilate
from quilate import errors
from quilate.providers import Endpoint
from quilate.sync import run
from quilate_adapters.openai import OFFICIAL, OpenAIEmbedder, embedder
from quilate_adapters.openai.connection import Connection


def vectors(*rows):
    return {
        "object": "list",
        "model": "m",
        "data": [
            {"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)
        ],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }


def test_real_server(served):
    with served("llama.py", "--embeddings") as address:
        opened = embedder("smol", base_url=f"{address}/v1", dimensions=576)
        texts = ["El pingüino nada.", "A penguin swims.", "El pingüino nada."]
        found = run(opened.embed(texts, kind="document"))
        assert (found.shape, found.dtype) == ((3, 576), np.float32)
        assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
        assert found[0] @ found[2] == pytest.approx(1, abs=1e-4)
        assert found[0] @ found[1] < 0.999
        with pytest.raises(errors.ModelError, match=r"too large|exceed|context"):
            run(opened.embed(["palabra " * 9000], kind="document"))
        wrong = embedder("smol", base_url=f"{address}/v1", dimensions=3)
        with pytest.raises(errors.ConfigurationError, match="dimensions=576"):
            run(wrong.embed(["x"], kind="query"))


def test_prefixes_order_and_length(canned):
    canned.answer(vectors([3.0, 4.0], [0.0, 2.0]))
    opened = embedder("m", base_url=canned.url, dimensions=2, query_prefix="query: ")
    reply = canned.replies[0]
    reply["data"].reverse()
    found = run(opened.embed(["a", "b"], kind="query"))
    assert found == pytest.approx(np.array([[0.6, 0.8], [0.0, 1.0]]))
    assert canned.sent[0] == {
        "model": "m",
        "input": ["query: a", "query: b"],
        "encoding_format": "float",
    }
    assert run(opened.embed([], kind="query")).shape == (0, 2)


def test_base64_as_openai_sends_it(canned):
    data = base64.b64encode(np.array([0, 5], dtype="<f4").tobytes()).decode()
    canned.answer(vectors(data))
    opened = embedder("m", base_url=canned.url, dimensions=2)
    assert run(opened.embed(["a"], kind="document")).tolist() == [[0.0, 1.0]]


def test_many_texts_go_in_calls_of_bounded_size(canned):
    opened = embedder("m", base_url=canned.url, dimensions=1)
    texts = ["x" * 200_000, "y" * 200_000, *["z"] * 257]
    canned.answer(vectors([1.0]), vectors(*[[1.0]] * 256), vectors([1.0], [1.0]))
    run(opened.embed(texts, kind="document"))
    assert [len(sent["input"]) for sent in canned.sent] == [1, 256, 2]


@pytest.mark.parametrize(
    "reply",
    [
        {"data": []},
        {"object": "list"},
        {"data": [{"index": 0}]},
        vectors([0.0, 0.0]),
        vectors([float("nan"), 1.0]),
    ],
)
def test_a_reply_without_vectors(canned, reply):
    canned.answer(reply)
    with pytest.raises(errors.MalformedReply):
        run(embedder("m", base_url=canned.url, dimensions=2).embed(["a"], kind="query"))


def test_an_empty_text_is_named(canned):
    with pytest.raises(errors.InvalidRequest, match="Text 1"):
        run(embedder("m", base_url=canned.url, dimensions=2).embed(["a", ""], kind="query"))


def test_who_it_is():
    def info(name, dimensions=None):
        at = Endpoint("openai", name, OFFICIAL)
        return OpenAIEmbedder(Connection(at), dimensions, None, {}).info

    assert (
        info("text-embedding-3-large").dimension,
        info("text-embedding-3-small").max_tokens,
    ) == (
        3072,
        8192,
    )
    short = info("text-embedding-3-small", 256)
    assert short.dimension == 256
    assert short.identity != info("text-embedding-3-small").identity
    with pytest.raises(errors.ConfigurationError, match="cannot be shortened"):
        info("text-embedding-ada-002", 3)
    with pytest.raises(errors.ConfigurationError, match=r"dimensions=…"):
        embedder("m", base_url="http://h/v1")


def test_what_passes_is_tried_again(canned):
    canned.answer(503, vectors([1.0, 0.0]))
    opened = quilate.embedder(f"openai/m@{canned.url}", dimensions=2)
    assert run(opened.embed(["a"], kind="query")).shape == (1, 2)
    assert len(canned.sent) == 2


def test_prefixes_are_part_of_who_it_is():
    def identity(**prefixes):
        return embedder("m", base_url="http://h/v1", dimensions=2, **prefixes).info.identity

    assert identity(query_prefix="x: ") != identity(document_prefix="x: ")
    assert identity(query_prefix="") == identity()
