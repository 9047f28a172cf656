"""Smaller models, by llama.cpp's own quantisation."""

import os
from pathlib import Path

from quilate.errors import ConfigurationError, ModelError
from quilate_adapters.gguf_lora.writing import appearing
from quilate_adapters.llamacpp.engine import usable_cpus
from quilate_adapters.llamacpp.gguf import inspect
from quilate_adapters.llamacpp.native import last_errors, library

# llama.cpp's file types (llama_ftype) that need no importance matrix.
_FILE_TYPES = {
    "F16": 1, "BF16": 32, "Q8_0": 7, "Q6_K": 18, "Q5_K_M": 17, "Q5_K_S": 16, "Q5_1": 9, "Q5_0": 8,
    "Q4_K_M": 15, "Q4_K_S": 14, "IQ4_NL": 25, "IQ4_XS": 30, "Q4_1": 3, "Q4_0": 2, "Q3_K_M": 12,
    "Q2_K": 10,
}  # fmt: skip
_WHOLE = {0: "F32", 1: "F16", 32: "BF16"}

QUANTIZATIONS = tuple(_FILE_TYPES)
"""The names of the types that `quantize` writes, largest first."""


def quantize(source: Path, target: Path, kind: str) -> Path:
    """Write the GGUF model `source` (F32, F16 or BF16) to `target` with its matrices quantised.

    The K types take rows of a multiple of 256 weights; llama.cpp gives others a near type. Raises
    `ConfigurationError` for a kind that is not known and for a model that is quantised already.

    >>> quantize(Path("m.gguf"), Path("n.gguf"), "Q9")
    Traceback (most recent call last):
    quilate.errors.ConfigurationError: The quantisation 'Q9' is not known. Take one of F16, ...
    """
    check_quantize(source, kind)
    lib = library()
    params = lib.llama_model_quantize_default_params()
    params.ftype, params.nthread = _FILE_TYPES[kind], usable_cpus()
    last_errors.clear()
    with appearing(target) as draft:
        code = lib.llama_model_quantize(os.fsencode(source), os.fsencode(draft), params)
        if code != 0:
            raise ModelError(
                f"llama.cpp cannot quantise this model: {' '.join(last_errors) or f'code {code}'}.",
                where=str(source),
                provider="llamacpp",
                remedy="Take another kind, and check that there is room on the disk.",
            )
    return target


def check_quantize(source: Path, kind: str) -> None:
    """Raise what `quantize` raises of a kind that is not known, or of a model that it cannot take,
    before anything is written."""
    if kind not in _FILE_TYPES:
        raise ConfigurationError(
            f"The quantisation {kind!r} is not known.",
            remedy=f"Take one of {', '.join(QUANTIZATIONS)}.",
        )
    now = inspect(source).metadata.get("general.file_type")
    if now not in _WHOLE:
        raise ConfigurationError(
            "This model is quantised already; doing it twice adds up the errors.",
            where=str(source),
            remedy="Take the model as F32 or F16; quilate_adapters.gguf_lora.dequantize makes one.",
        )
