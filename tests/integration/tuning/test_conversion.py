"""Bringing adapters back: PEFT to GGUF LoRA, its parity certificate, merging and quantising.

On models of random weights in F32, where the two sides must agree to the last digits, and once on
the real SmolLM2-135M-Instruct (Q4_1). Needs torch: ``make test`` runs it in an environment of its
own, where it must not skip.
"""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from quilate import errors
from quilate.messages import Image, Message, Reasoning, Text, assistant, system, user
from quilate.models import ask
from quilate.sync import run
from quilate.tuning.examples import Example, Judged, Preference
from quilate.tuning.recipe import ParitySpec
from quilate_adapters.gguf_lora import (
    QUANTIZATIONS,
    GgufLora,
    certificate_of,
    converter,
    dequantize,
    kl_between,
    merge,
    quantize,
)
from quilate_adapters.llamacpp import discover, model
from quilate_adapters.llamacpp.engine import Engine, Settings
from quilate_adapters.llamacpp.lora import read_lora
from tests.integration.tuning.tiny_models import LAYERS, NEEDED, SMOL, tiny, trained

pytestmark = NEEDED
EXAMPLES = [
    Example("sum", (user("What is 2 plus 2?"),), (assistant("It is 4."),)),
    Example(
        "es", (system("Be brief."), user("¿Dónde está el niño?")), (assistant("Aquí, señor."),)
    ),
    Preference("bird", (user("A bird?"),), (assistant("A robin."),), (assistant("No."),)),
]
SPEC = ParitySpec(max_kl=1e-4, min_top1=0.99)


def lora(**options):
    import peft

    settings = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    return peft.LoraConfig(**{**settings, **options})


def configuration(kind):
    import peft

    attention = {"target_modules": ["q_proj", "k_proj", "down_proj"], "task_type": "CAUSAL_LM"}
    match kind:
        case "lora":
            return lora()
        case "rank 1":
            return lora(r=1)
        case "rslora":
            return lora(use_rslora=True, r=8)
        case "patterns":
            return lora(
                rank_pattern={"q_proj": 2, r".*\.1\.mlp\.down_proj": 9},
                alpha_pattern={"layers.0.self_attn.k_proj": 3, "up_proj": 40},
            )
        case "rslora with patterns":
            return lora(use_rslora=True, rank_pattern={"o_proj": 2}, alpha_pattern={"v_proj": 1})
        case "dora":
            return lora(use_dora=True)
        case "lokr":
            return peft.LoKrConfig(r=4, alpha=4, **attention)
        case "loha":
            return peft.LoHaConfig(r=4, alpha=4, **attention)


EXACT = ("lora", "rank 1", "rslora", "patterns", "rslora with patterns")
FULL_RANK = ("dora", "lokr", "loha")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("conversion")


@pytest.fixture(scope="module")
def base(folder):
    return tiny(folder / "tiny.gguf")


@pytest.fixture(scope="module")
def adapters(folder, base):
    """The folder of an adapter by its kind, made when first asked for."""

    def made(kind):
        path = folder / f"trained {kind}"
        # LoHa multiplies four matrices: of small numbers, nothing would be left.
        size = 0.5 if kind == "loha" else 0.1
        return path if path.exists() else trained(path, base, configuration(kind), size=size)

    return made


def expected(base, tokens, file=None):
    """llama.cpp's log-probabilities after `tokens`."""
    with closing(Engine(base, Settings(256, n_threads=1))) as engine:
        engine.use(None if file is None else read_lora(file, 1.0, "llama"))
        engine.begin(tokens, lambda: None)
        return engine.logprobs()


@pytest.mark.parametrize("kind", EXACT)
def test_loras_are_converted_exactly(kind, base, adapters, tmp_path):
    file = tmp_path / "adapter.gguf"
    converted = converter().convert(adapters(kind), base, file)
    assert converted.residual == {}
    assert converted.modules == 7 * LAYERS
    assert converted.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()

    found = converter().parity(adapters(kind), base, file, EXAMPLES, SPEC)
    assert found.passed, found.reasons
    assert found.top1 == found.base_top1 == 1
    assert found.prompts == len(EXAMPLES)
    assert found.greedy_same >= 2, "random models may have near ties"

    without = _naive(file, tmp_path / "naive.gguf")
    apart = converter().parity(adapters(kind), base, without, EXAMPLES, SPEC)
    assert not apart.passed
    assert apart.kl > 0.01, "the comparison sees an adapter that is not the trained one"
    assert "more than the base's own noise" in apart.reasons[0]


def _naive(file, target):
    """The adapter as if nothing but its alpha were known: a tenth of every B too much."""
    import gguf

    reader = gguf.GGUFReader(file)
    writer = gguf.GGUFWriter(target, "llama")
    for key in ("general.type", "adapter.type"):
        writer.add_string(key, reader.get_field(key).contents())
    writer.add_float32("adapter.lora.alpha", reader.get_field("adapter.lora.alpha").contents())
    for tensor in reader.tensors:
        more = 1.5 if tensor.name.endswith("lora_b") else 1
        writer.add_tensor(tensor.name, np.asarray(tensor.data * more, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def test_a_plain_lora_keeps_its_numbers(base, adapters, tmp_path):
    import gguf
    from safetensors.numpy import load_file

    converter().convert(adapters("lora"), base, tmp_path / "a.gguf")
    reader = gguf.GGUFReader(tmp_path / "a.gguf")
    written = {tensor.name: tensor.data for tensor in reader.tensors}
    weights = load_file(adapters("lora") / "adapter_model.safetensors")
    prefix = "base_model.model.model.layers.1.self_attn"
    assert (
        written["blk.1.attn_v.weight.lora_a"] == weights[f"{prefix}.v_proj.lora_A.weight"]
    ).all()
    assert (
        written["blk.1.attn_v.weight.lora_b"] == weights[f"{prefix}.v_proj.lora_B.weight"]
    ).all()
    turned = written["blk.1.attn_q.weight.lora_b"]
    assert (turned != weights[f"{prefix}.q_proj.lora_B.weight"]).any()
    assert np.array_equal(np.sort(turned, 0), np.sort(weights[f"{prefix}.q_proj.lora_B.weight"], 0))
    assert reader.get_field("general.architecture").contents() == "llama"
    assert reader.get_field("general.type").contents() == "adapter"
    assert reader.get_field("adapter.type").contents() == "lora"
    assert reader.get_field("adapter.lora.alpha").contents() == 8


def test_patterns_are_matched_as_peft_does():
    from peft.utils.other import get_pattern_key

    from quilate_adapters.gguf_lora.folder import rank_and_alpha

    name = "model.layers.11.self_attn.q_proj"
    for pattern in ("q_proj", "proj", "self_attn.q_proj", r"layers.1[01].*", "^model.layers.1"):
        found = rank_and_alpha({"r": 8, "rank_pattern": {pattern: 3}}, name)[0] == 3
        assert found == (get_pattern_key([pattern], name) == pattern), pattern


@pytest.mark.parametrize("kind", FULL_RANK)
def test_updates_of_full_rank_say_what_they_leave_out(kind, base, adapters, tmp_path):
    whole = GgufLora(tolerance=1e-4, max_rank=64)
    converted = whole.convert(adapters(kind), base, tmp_path / "whole.gguf")
    assert len(converted.residual) == converted.modules
    assert max(converted.residual.values()) < 1e-4
    found = whole.parity(adapters(kind), base, tmp_path / "whole.gguf", EXAMPLES, SPEC)
    assert found.passed, found.reasons

    rough = GgufLora(max_rank=1).convert(adapters(kind), base, tmp_path / "rough.gguf")
    assert rough.rank == 1
    assert max(rough.residual.values()) > 0.3
    apart = whole.parity(adapters(kind), base, tmp_path / "rough.gguf", EXAMPLES, SPEC)
    assert not apart.passed
    assert apart.kl > 10 * found.kl


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("qwen2", {"tied": False}),
        ("qwen3", {"head": 128}),
        ("gemma2", {"head": 256}),
        ("gemma3", {"head": 256}),
        ("phi3", {}),
    ],
)
def test_other_architectures(architecture, options, tmp_path):
    from quilate_adapters.gguf_lora.parity import _measure
    from quilate_adapters.gguf_lora.prompts import Tokens
    from quilate_adapters.gguf_lora.trained import load_trained

    base = tiny(tmp_path / "base.gguf", architecture, **options)
    adapter = trained(tmp_path / "trained", base, lora(use_rslora=True))
    file = tmp_path / "adapter.gguf"
    converter().convert(adapter, base, file)
    # Not through the tokenizers: those of these architectures are others.
    random = np.random.default_rng(1)
    tokens = [Tokens(str(i), *(random.integers(20, 600, (2, 20)).tolist())) for i in range(2)]
    model_ = load_trained(adapter, base)
    with closing(Engine(base, Settings(128, n_threads=1))) as engine:
        lora_ = read_lora(file, 1.0, architecture)
        found = _measure(model_, engine, lora_, tokens)
        assert found.tuned.kl < found.base.kl + 1e-4
        assert found.tuned.top1 == 1
        weaker = _measure(model_, engine, read_lora(file, 0.5, architecture), tokens)
        assert weaker.tuned.kl > 100 * found.tuned.kl, "the adapter does something"


def test_the_head_of_an_untied_model(tmp_path):
    base = tiny(tmp_path / "base.gguf", tied=False)
    adapter = trained(tmp_path / "trained", base, lora(target_modules=["lm_head", "v_proj"]))
    converted = converter().convert(adapter, base, tmp_path / "a.gguf")
    assert converted.modules == 1 + LAYERS
    found = converter().parity(adapter, base, tmp_path / "a.gguf", EXAMPLES, SPEC)
    assert found.passed, found.reasons


def test_half_precision(base, adapters, tmp_path):
    wide = converter().convert(adapters("rslora"), base, tmp_path / "32.gguf")
    half = GgufLora(precision="F16").convert(adapters("rslora"), base, tmp_path / "16.gguf")
    assert half.file.stat().st_size < 0.7 * wide.file.stat().st_size
    found = converter().parity(adapters("rslora"), base, half.file, EXAMPLES, SPEC)
    assert found.passed, found.reasons


def test_adapters_saved_as_bfloat16(base, adapters, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(adapters("lora"), tmp_path / "bf16")
    weights = tmp_path / "bf16/adapter_model.safetensors"
    save_file({k: v.to(torch.bfloat16) for k, v in load_file(weights).items()}, weights)
    converter().convert(tmp_path / "bf16", base, tmp_path / "a.gguf")
    found = converter().parity(tmp_path / "bf16", base, tmp_path / "a.gguf", EXAMPLES, SPEC)
    assert found.passed, found.reasons


@pytest.mark.parametrize("kind", ["patterns", "dora"])
def test_the_same_input_gives_the_same_bytes(kind, base, adapters, tmp_path):
    one = converter().convert(adapters(kind), base, tmp_path / "one.gguf")
    two = converter().convert(adapters(kind), base, tmp_path / "two.gguf")
    assert one.file.read_bytes() == two.file.read_bytes()


def test_a_killed_conversion_leaves_no_half_file(base, adapters, tmp_path):
    file = tmp_path / "adapter.gguf"
    first = converter().convert(adapters("lora"), base, file)
    code = f"""
import os, signal
from pathlib import Path
import gguf
from quilate_adapters.gguf_lora import converter
write = gguf.GGUFWriter.write_padding
def killed(self, fp, n, align=None):
    if fp.tell() > 4000:
        fp.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, fp, n, align)
gguf.GGUFWriter.write_padding = killed
converter().convert(Path({str(adapters("rslora"))!r}), Path({str(base)!r}), Path({str(file)!r}))
"""
    done = subprocess.run([sys.executable, "-c", code])
    assert done.returncode == -signal.SIGKILL
    assert any(path.stat().st_size > 4000 for path in tmp_path.glob(".adapter.gguf.*.part"))
    assert hashlib.sha256(file.read_bytes()).hexdigest() == first.sha256
    again = converter().convert(adapters("rslora"), base, file)
    assert again.sha256 == converter().convert(adapters("rslora"), base, tmp_path / "b.gguf").sha256


def test_a_full_disk_is_one_clear_error(base, adapters, tmp_path):
    code = f"""
import resource, signal
from pathlib import Path
from quilate.errors import DataError
from quilate_adapters.gguf_lora import converter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    converter().convert(Path({str(adapters("lora"))!r}), Path({str(base)!r}), Path("a.gguf"))
except DataError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "a.gguf: The file cannot be written" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modules_to_save": ["lm_head"]}, r"modules_to_save.*Merge it"),
        ({"trainable_token_indices": [1, 5]}, r"trainable_token_indices.*Merge it"),
        ({"target_modules": ["embed_tokens", "q_proj"]}, r"tuned embeddings.*Merge it"),
        ({"target_modules": ["lm_head"]}, r"lm_head.*no tensor output\.weight.*Merge it"),
        ({"init_lora_weights": "pissa"}, r"changed base.*pissa.*Merge it"),
        ({"target_modules": ["q_proj"], "layer_replication": [[0, 2], [0, 2]]}, "replicated"),
    ],
)
def test_what_a_gguf_lora_cannot_hold(options, message, base, tmp_path):
    adapter = trained(tmp_path / "trained", base, lora(**options))
    with pytest.raises(errors.DataError, match=message):
        converter().convert(adapter, base, tmp_path / "a.gguf")
    assert not (tmp_path / "a.gguf").exists()


@pytest.mark.parametrize("options", [{"lora_bias": True}, {"bias": "all"}, {"bias": "lora_only"}])
def test_biases(options, tmp_path):
    base = tiny(tmp_path / "base.gguf", "qwen2")
    adapter = trained(
        tmp_path / "trained", base, lora(target_modules=["q_proj", "v_proj"], **options)
    )
    with pytest.raises(errors.DataError, match=r"bias.*Merge it"):
        converter().convert(adapter, base, tmp_path / "a.gguf")


def test_other_methods(base, tmp_path):
    import peft

    adapter = trained(tmp_path / "trained", base, peft.VeraConfig(r=4, target_modules=["q_proj"]))
    with pytest.raises(errors.DataError, match=r"VERA are not converted.*Merge it"):
        converter().convert(adapter, base, tmp_path / "a.gguf")


def test_bases_it_was_not_trained_on(base, adapters, tmp_path):
    wide = tiny(tmp_path / "wide.gguf", hidden=96)
    with pytest.raises(errors.DataError, match=r"wide\.gguf.*64 outputs.*\.weight 128 to 96"):
        converter().convert(adapters("lora"), wide, tmp_path / "a.gguf")
    fused = tiny(tmp_path / "fused.gguf", "phi3")
    with pytest.raises(errors.DataError, match=r"fused\.gguf.*(no tensor|no such layer)"):
        converter().convert(adapters("lora"), fused, tmp_path / "a.gguf")
    qwen = tiny(tmp_path / "qwen.gguf", "qwen2")
    classed = trained(tmp_path / "classed", qwen, lora(task_type=None, target_modules=["v_proj"]))
    with pytest.raises(errors.DataError, match=r"trained on a Qwen2ForCausalLM.*'llama'"):
        converter().convert(classed, base, tmp_path / "a.gguf")
    converter().convert(adapters("lora"), base, tmp_path / "a.gguf")
    with pytest.raises(errors.ModelFileError, match=r"no model.*'adapter'"):
        converter().convert(adapters("lora"), tmp_path / "a.gguf", tmp_path / "b.gguf")
    with pytest.raises(errors.ModelFileError, match="not a GGUF file"):
        converter().convert(adapters("lora"), adapters("lora") / "README.md", tmp_path / "b.gguf")


def test_architectures_that_are_not_known(base, adapters, tmp_path):
    import gguf

    writer = gguf.GGUFWriter(tmp_path / "mamba.gguf", "mamba")
    writer.add_block_count(1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(errors.DataError, match=r"'mamba' are not converted.*llama.*qwen3"):
        converter().convert(adapters("lora"), tmp_path / "mamba.gguf", tmp_path / "a.gguf")


def _spoilt(folder, target, change):
    """A copy of an adapter with one thing changed."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(folder, target)
    settings, weights = target / "adapter_config.json", target / "adapter_model.safetensors"
    config, tensors = json.loads(settings.read_text()), load_file(weights)
    change(config, tensors)
    settings.write_text(json.dumps(config))
    save_file(tensors, weights)
    return target


Q0 = "base_model.model.model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c, t: c.update(r=6), r"rank of \S+ is 6 in the settings"),
        (lambda c, t: c.update(rank_pattern={"(": 3}), "no regular expression"),
        (lambda c, t: c.pop("peft_type"), "no peft_type"),
        (lambda c, t: t.pop(f"{Q0}.lora_B.weight"), "q_proj one half is missing"),
        (lambda c, t: t.clear(), "has no weights"),
        (lambda c, t: t[f"{Q0}.lora_A.weight"].fill(np.nan), r"q_proj\S+ has numbers.*not finite"),
        (
            lambda c, t: t.update({f"{Q0}.lora_B.weight": t[f"{Q0}.lora_B.weight"][:-2].copy()}),
            "62 outputs",
        ),
        (
            lambda c, t: t.update(
                {k.replace("layers.0", "layers.9"): t.pop(k) for k in list(t) if k.startswith(Q0)}
            ),
            r"layers\.9.*no such layer",
        ),
        (
            lambda c, t: t.update(
                {
                    k.replace("self_attn.q_proj", "mlp.experts.3.down_proj"): t.pop(k)
                    for k in list(t)
                    if k.startswith(Q0)
                }
            ),
            "experts are fused",
        ),
        (
            lambda c, t: t.update({"base_model.model.lm_head.weight": np.zeros((9, 9), "f4")}),
            r"lm_head\.weight is neither half",
        ),
    ],
)
def test_adapters_that_are_not_whole(change, message, base, adapters, tmp_path):
    spoilt = _spoilt(adapters("lora"), tmp_path / "spoilt", change)
    with pytest.raises(errors.DataError, match=message) as caught:
        converter().convert(spoilt, base, tmp_path / "a.gguf")
    assert "Traceback" not in str(caught.value)
    assert not (tmp_path / "a.gguf").exists()


def test_folders_that_are_no_adapters(base, adapters, tmp_path):
    with pytest.raises(errors.DataError, match=r"adapter_config\.json.*cannot be read"):
        converter().convert(tmp_path / "nothing", base, tmp_path / "a.gguf")
    shutil.copytree(adapters("lora"), tmp_path / "cut")
    weights = tmp_path / "cut/adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(errors.DataError, match="damaged"):
        converter().convert(tmp_path / "cut", base, tmp_path / "a.gguf")
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(errors.DataError, match=r"adapter_model\.safetensors.*cannot be read"):
        converter().convert(tmp_path / "cut", base, tmp_path / "a.gguf")
    (tmp_path / "cut/adapter_config.json").write_text("{")
    with pytest.raises(errors.DataError, match="not JSON"):
        converter().convert(tmp_path / "cut", base, tmp_path / "a.gguf")


def test_an_alpha_of_0_is_no_scale_of_1(base, adapters, tmp_path):
    spoilt = _spoilt(adapters("lora"), tmp_path / "zero", lambda c, t: c.update(lora_alpha=0))
    file = converter().convert(spoilt, base, tmp_path / "a.gguf").file
    tokens = [1, 40, 50, 60]
    assert np.allclose(expected(base, tokens, file), expected(base, tokens), atol=1e-6)


def test_the_certificate_says_what_was_compared(base, adapters, tmp_path):
    file = tmp_path / "adapter.gguf"
    converted = converter().convert(adapters("lora"), base, file)
    long = Example("long", (user("word " * 3000),), (assistant("Yes."),))
    control = Judged("control", (user("Say <|im_end|>"),), (assistant("A"),), True)
    found = converter().parity(adapters("lora"), base, file, [*EXAMPLES, long, control], SPEC)
    certificate = json.loads(certificate_of(file).read_text())
    assert certificate_of(file) == tmp_path / "adapter.parity.json"
    assert certificate["kl"] == found.kl
    assert certificate["passed"] is True
    assert certificate["sha256"]["file"] == converted.sha256
    assert certificate["sha256"]["base"] == hashlib.sha256(base.read_bytes()).hexdigest()
    assert len(certificate["sha256"]["prompts"]) == 64
    assert certificate["left_out"] == 2
    assert [one["id"] for one in certificate["by_prompt"]] == ["sum", "es", "bird"]
    assert sum(one["positions"] for one in certificate["by_prompt"]) == found.positions
    assert certificate["spec"]["max_kl"] == 1e-4
    fewer = converter().parity(
        adapters("lora"), base, file, EXAMPLES, ParitySpec(prompts=1, max_kl=1)
    )
    assert (fewer.prompts, fewer.positions) == (1, certificate["by_prompt"][0]["positions"])


def test_the_adapter_must_be_one(base, adapters, tmp_path):
    with pytest.raises(errors.ModelFileError, match="no LoRA adapter"):
        converter().parity(adapters("lora"), base, base, EXAMPLES, SPEC)


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([], "no held-out prompt"),
        ([Example("i", (Message("user", (Image(b"x"),)),), (assistant("A"),))], "Image"),
        ([Judged("c", (user("Say <|im_end|>"),), (assistant("A"),), True)], "control tokens"),
    ],
)
def test_prompts_that_cannot_be_compared(examples, message, base, adapters, tmp_path):
    file = tmp_path / "a.gguf"
    converter().convert(adapters("lora"), base, file)
    with pytest.raises(errors.DataError, match=message):
        converter().parity(adapters("lora"), base, file, examples, SPEC)


def test_answers_that_reason_are_compared(base, adapters, tmp_path):
    """As they are trained on: the template writes the reasoning, or leaves it out."""
    file = tmp_path / "a.gguf"
    converter().convert(adapters("lora"), base, file)
    answer = Message("assistant", (Reasoning("Two and two."), Text("It is 4.")))
    thought = Example("r", (user("What is 2 plus 2?"),), (answer,))
    assert converter().parity(adapters("lora"), base, file, [thought], SPEC).passed


def test_texts_that_transformers_cuts_otherwise_are_compared(base, adapters, tmp_path):
    """transformers knows nothing of ``tokenizer.ggml.pre``: of this text it makes other tokens."""
    file = tmp_path / "a.gguf"
    converter().convert(adapters("lora"), base, file)
    odd = Example("odd", (user("Count:\n\n 3\n\t0"),), (assistant("4"),))
    assert converter().parity(adapters("lora"), base, file, [odd], SPEC).positions > 0


@pytest.mark.parametrize("kind", ["patterns", "dora", "lokr"])
def test_a_merged_model_is_the_trained_one(kind, base, adapters, tmp_path):
    exact = GgufLora(tolerance=1e-5, max_rank=64)
    file = exact.convert(adapters(kind), base, tmp_path / "a.gguf").file
    merged = merge(adapters(kind), base, tmp_path / "merged.gguf", precision="F32")
    tokens = [1, 300, 301, 302, 40, 41]
    served, plain = expected(base, tokens, file), expected(base, tokens)
    assert np.allclose(expected(merged, tokens), served, atol=0.02)
    assert not np.allclose(plain, served, atol=0.5)


@pytest.mark.parametrize(
    "options",
    [
        {"modules_to_save": ["lm_head"]},
        {"modules_to_save": ["input_layernorm"]},
        {"trainable_token_indices": [1, 300]},
        {"target_modules": ["lm_head", "q_proj"]},
        {"target_modules": ["embed_tokens", "q_proj"]},
    ],
)
def test_merging_takes_what_a_lora_cannot_hold(options, base, tmp_path):
    import torch

    from quilate_adapters.gguf_lora.divergence import log_softmax
    from quilate_adapters.gguf_lora.trained import load_trained

    adapter = trained(tmp_path / "trained", base, lora(**options))
    merged = merge(adapter, base, tmp_path / "merged.gguf", precision="F32")
    tokens = [1, 300, 301, 302, 40, 41]
    with torch.no_grad():
        logits = load_trained(adapter, base)(torch.tensor([tokens])).logits[0, -1].numpy()
    assert np.allclose(expected(merged, tokens), log_softmax(logits), atol=0.02)
    assert not np.allclose(expected(merged, tokens), expected(base, tokens), atol=0.1)


def test_a_merged_file_keeps_everything_else(base, adapters, tmp_path):
    import gguf

    merged = merge(adapters("lora"), base, tmp_path / "merged.gguf")
    one, two = gguf.GGUFReader(base), gguf.GGUFReader(merged)
    kept = [key for key in one.fields if key != "general.file_type" and "GGUF." not in key]
    assert len(kept) > 20
    for key in kept:
        assert one.fields[key].contents() == two.fields[key].contents(), key
        assert one.fields[key].types == two.fields[key].types, key
    before, after = ({t.name: t for t in r.tensors} for r in (one, two))
    assert list(before) == list(after)
    changed = {
        name for name in before if not np.allclose(before[name].data, after[name].data, atol=0.01)
    }
    assert len(changed) == 7 * LAYERS
    assert after["token_embd.weight"].tensor_type.name == "F16"
    assert after["output_norm.weight"].tensor_type.name == "F32"


def test_quantising(tmp_path):
    wide = tiny(tmp_path / "wide.gguf", hidden=256, heads=4)
    whole = dequantize(wide, tmp_path / "whole.gguf", precision="F32")
    texts = ["The quick brown fox jumps over the lazy dog. " * 3, "Hola, ¿qué tal estás?"]
    assert kl_between(wide, whole, texts) == (0, 1)
    sizes, kls = {}, {}
    for kind in ("F16", "Q8_0", "Q6_K", "Q4_K_M", "Q4_0"):
        target = quantize(whole, tmp_path / f"{kind}.gguf", kind)
        sizes[kind] = target.stat().st_size
        kls[kind], top1 = kl_between(whole, target, texts)
        assert 0.3 < top1 <= 1
        assert run(model(str(target), n_ctx=64).generate(ask("Hi", max_tokens=2))).text is not None
    assert sizes["F16"] > sizes["Q8_0"] > sizes["Q4_0"]
    assert kls["F16"] < kls["Q8_0"] < kls["Q4_0"]
    assert kls["F16"] < 1e-3
    with pytest.raises(errors.ConfigurationError, match=r"Q4_0\.gguf.*quantised already.*F16"):
        quantize(tmp_path / "Q4_0.gguf", tmp_path / "again.gguf", "Q8_0")
    with pytest.raises(errors.ConfigurationError, match="Q8_0"):
        quantize(whole, tmp_path / "again.gguf", "int8")
    assert not (tmp_path / "again.gguf").exists()


@pytest.mark.parametrize("kind", QUANTIZATIONS)
def test_every_named_quantisation_can_be_written(kind, base, tmp_path):
    target = quantize(base, tmp_path / "small.gguf", kind)
    assert target.stat().st_size < base.stat().st_size
    assert expected(target, [1, 300, 301]).shape == (640,)


def test_models_of_different_vocabularies_are_not_compared(base):
    with pytest.raises(errors.DataError, match="different tokens"):
        kl_between(base, discover()[SMOL], ["The weather in Lima is fine."])
    with pytest.raises(errors.DataError, match="no text"):
        kl_between(base, base, [])


def test_parity_on_a_real_quantised_model(tmp_path):
    """SmolLM2 in Q4_1: the adapter adds nothing to the base's own noise."""
    base = discover()[SMOL]
    config = lora(use_rslora=True, rank_pattern={"q_proj": 2}, alpha_pattern={"down_proj": 32})
    adapter = trained(tmp_path / "trained", base, config, size=0.03)
    file = tmp_path / "adapter.gguf"
    assert converter().convert(adapter, base, file).modules == 210
    found = converter().parity(adapter, base, file, EXAMPLES[:1], ParitySpec())
    assert found.passed, found.reasons
    assert abs(found.kl - found.base_kl) < 0.01
    assert 0 < found.base_kl < 0.05
    tuned, plain = model(SMOL, lora=file, n_ctx=128), model(SMOL, n_ctx=128)
    question = ask("What is 2 plus 2?", max_tokens=4)
    likely = [run(m.loglikelihood(question, ["It is 4."]))[0].logprob for m in (tuned, plain)]
    assert abs(likely[0] - likely[1]) > 0.3, "the adapter does something"
