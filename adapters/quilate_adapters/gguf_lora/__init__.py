"""Trained PEFT adapters to what llama.cpp serves: a GGUF LoRA, or a merged and quantised model.

``convert`` writes the adapter, ``parity`` compares the trained model with the served one,
``merge`` makes one file of base and adapter, ``quantize`` makes it smaller.
"""

from quilate_adapters.gguf_lora.converter import GgufLora, converter
from quilate_adapters.gguf_lora.divergence import kl_between
from quilate_adapters.gguf_lora.merging import dequantize, merge
from quilate_adapters.gguf_lora.parity import certificate_of, parity
from quilate_adapters.gguf_lora.quantize import QUANTIZATIONS, quantize

__all__ = [
    "QUANTIZATIONS",
    "GgufLora",
    "certificate_of",
    "converter",
    "dequantize",
    "kl_between",
    "merge",
    "parity",
    "quantize",
]
