"""What of a conversion needs neither torch nor gguf: scales by pattern, what an adapter's settings
exclude, low-rank factors, and divergences."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilate import errors
from quilate_adapters.gguf_lora import QUANTIZATIONS, converter, quantize
from quilate_adapters.gguf_lora.base import Base
from quilate_adapters.gguf_lora.divergence import Divergence, log_softmax
from quilate_adapters.gguf_lora.folder import (
    Adapter,
    Layer,
    check_plain,
    lora_layers,
    rank_and_alpha,
    read_adapter,
)
from quilate_adapters.gguf_lora.low_rank import factorised
from quilate_adapters.gguf_lora.writing import appearing, narrowed

NAME = "model.layers.11.self_attn.q_proj"
FULL = f"base_model.model.{NAME}"


def adapter(config=None, **tensors):
    halves = {"lora_A": np.ones((4, 6), "f4"), "lora_B": np.ones((8, 4), "f4")}
    named = {f"{FULL}.{half}.weight": value for half, value in {**halves, **tensors}.items()}
    settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 8}
    return Adapter(Path("adapter"), {**settings, **(config or {})}, named, "0" * 64)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, (8, 16)),
        ({"rank_pattern": {"q_proj": 2}}, (2, 16)),
        ({"rank_pattern": {"proj": 2}}, (8, 16)),
        ({"rank_pattern": {"self_attn.q_proj": 3, "q_proj": 2}}, (3, 16)),
        ({"alpha_pattern": {r"model\.layers\.1\..*": 5}}, (8, 16)),
        ({"alpha_pattern": {r"^model\.layers\.11\..*": 5}}, (8, 5)),
        ({"alpha_pattern": {r"layers\.\d+\.self_attn\.[qk]_proj": 5}}, (8, 5)),
        ({"rank_pattern": None, "alpha_pattern": None}, (8, 16)),
    ],
)
def test_the_first_pattern_that_is_the_end_of_the_name_decides(config, expected):
    assert rank_and_alpha({"r": 8, "lora_alpha": 16, **config}, NAME) == expected


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({}, 2.0),
        ({"use_rslora": True}, 4.0),
        ({"use_rslora": True, "alpha_pattern": {"q_proj": 3}}, 1.5),
        ({"alpha_pattern": {"q_proj": 3}}, 0.75),
    ],
)
def test_scales(config, scale):
    [layer] = lora_layers(adapter(config))
    assert (layer.name, layer.rank, layer.scale) == (NAME, 4, scale)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"trainable_token_indices": [3]}, "trained embeddings"),
        ({"trainable_token_indices": {"embed_tokens": [3]}}, "trained embeddings"),
        ({"lora_bias": True}, "lora_bias"),
        ({"bias": "lora_only"}, "trained biases"),
        ({"target_parameters": ["experts.down_proj"]}, "fused experts"),
        ({"alora_invocation_tokens": [1]}, "aLoRA"),
        ({"init_lora_weights": "pissa_niter_4"}, "changed base"),
        ({"init_lora_weights": "corda", "lora_bias": True}, "lora_bias.*corda"),
    ],
)
def test_settings_that_are_more_than_a_lora(config, message):
    with pytest.raises(errors.DataError, match=rf"adapter: .*{message}.*Merge it into the base"):
        check_plain(adapter(config))


@pytest.mark.parametrize("start", [True, False, "gaussian", "eva", "orthogonal"])
def test_starts_that_leave_the_base_alone(start):
    check_plain(adapter({"init_lora_weights": start}))


def test_halves_that_do_not_belong_together():
    for tensors in (
        {"lora_A": np.ones((3, 6), "f4")},
        {"lora_B": np.ones((8, 5), "f4")},
        {"lora_A": np.ones((4, 6, 1), "f4")},
    ):
        with pytest.raises(errors.DataError, match="save it again"):
            lora_layers(adapter(**tensors))


def base(**changes):
    made = Base(
        Path("base.gguf"), "0" * 64, "llama", (2,) * 12, (1,) * 12, {"blk.11.attn_q.weight": (8, 6)}
    )
    return replace(made, **changes)


def test_query_rows_are_put_in_pairs():
    """Of a head, transformers has the halves one after the other (0 1, 2 3), the file 0 2 1 3."""
    assert base().rows(NAME, 8).tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert base().rows(NAME.replace("q_", "k_"), 4).tolist() == [0, 2, 1, 3]
    assert base().rows(NAME.replace("q_", "v_"), 4) is None
    assert base(architecture="qwen2").rows(NAME, 8) is None
    uneven = base(heads=(1,) * 11 + (4,))
    assert uneven.rows(NAME, 8).tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_the_classes_of_an_architecture():
    for known in (None, "LlamaForCausalLM", "MistralForCausalLM"):
        base().check_class(known)
    base(architecture="qwen2").check_class("Qwen2ForCausalLM")
    for architecture, other in (("llama", "Qwen2ForCausalLM"), ("qwen2", "Qwen2MoeForCausalLM")):
        with pytest.raises(errors.DataError, match=rf"{other}.*'{architecture}'"):
            base(architecture=architecture).check_class(other)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_factors_of_any_matrix(rows, columns, seed):
    delta = np.random.default_rng(seed).standard_normal((rows, columns)).astype("f4")
    a, b, residual = factorised(delta, tolerance=1e-5, max_rank=99)
    assert residual < 1e-5
    assert np.allclose(b @ a, delta, atol=1e-4)


def test_the_nearest_matrix_of_a_rank_and_what_it_leaves_out():
    delta = np.diag([4.0, 2.0, 1.0]).astype("f4")
    a, b, residual = factorised(delta, tolerance=0, max_rank=2)
    assert np.allclose(b @ a, np.diag([4.0, 2.0, 0.0]), atol=1e-6)
    assert residual == pytest.approx((1 / 21) ** 0.5)
    assert factorised(delta, tolerance=0.6, max_rank=3)[0].shape == (1, 3)
    zero = factorised(np.zeros((3, 5), "f4"), tolerance=0.1, max_rank=3)
    assert (zero[0].shape, zero[1].shape, zero[2]) == ((1, 5), (3, 1), 0)


def test_divergences():
    same, apart = log_softmax(np.array([1.0, 2.0, 1e4])), log_softmax(np.array([2.0, 1.0, 1e4]))
    found = Divergence()
    found.add(same, same)
    assert (found.kl, found.top1, found.positions) == (0, 1, 1)
    found.add(log_softmax(np.array([0.0, 1.0])), log_softmax(np.array([1.0, 0.0])))
    assert found.kl > 0
    assert found.top1 == 0.5
    assert np.isfinite(apart).all()
    assert (Divergence().kl, Divergence().top1) == (0, 1)


def test_numbers_too_large_for_half_precision():
    with pytest.raises(errors.DataError, match=r"blk.*too large for F16"):
        narrowed(np.array([[1e6]], "f4"), "F16", "blk.0")
    assert narrowed(np.array([[1.5]], "f4"), "F16", "blk.0").dtype == np.float16


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    file = tmp_path / "deep" / "file"
    with appearing(file) as draft:
        draft.write_text("one")
        assert not file.exists()
    with pytest.raises(RuntimeError), appearing(file) as draft:
        draft.write_text("half")
        raise RuntimeError
    assert file.read_text() == "one"
    assert list(file.parent.iterdir()) == [file]


def test_folders_that_are_no_adapters(tmp_path):
    with pytest.raises(errors.DataError, match=r"adapter_config\.json.*cannot be read"):
        read_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text("[]")
    with pytest.raises(errors.DataError, match="no peft_type"):
        read_adapter(tmp_path)


def test_quantisations_that_are_not_known(tmp_path):
    assert {"Q8_0", "Q6_K", "Q4_K_M", "Q4_0"} <= set(QUANTIZATIONS)
    with pytest.raises(errors.ConfigurationError, match=r"'Q3'.*Q4_K_M"):
        quantize(tmp_path / "a.gguf", tmp_path / "b.gguf", "Q3")


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(errors.MissingDependency, match=r"'safetensors'.*\[tuning\]"):
        read_adapter(tmp_path)


def test_the_entry_point_and_that_importing_loads_nothing():
    code = (
        "import sys; from quilate_adapters.gguf_lora.converter import converter; converter();"
        "heavy = {'numpy', 'torch', 'peft', 'transformers', 'gguf', 'llama_cpp'};"
        "assert not heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert converter().convert.__name__ == "convert"


def test_a_layer_knows_its_rank():
    assert Layer("x", np.ones((3, 2), "f4"), np.ones((4, 3), "f4"), 1.0).rank == 3
