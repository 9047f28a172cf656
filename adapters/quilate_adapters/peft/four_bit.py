"""Bases in 4 bits (NF4), by bitsandbytes."""

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from quilate.errors import ConfigurationError
from quilate_adapters.peft.base import Base, open_in_float32
from quilate_adapters.peft.libraries import library, quiet


def open_in_4_bits(base: Base) -> Any:
    """The model with its linear layers in NF4 with double quantisation, the output layer apart.

    What is tuned then is a coarser copy of what is served; the parity certificate tells by how
    much. Raises `ConfigurationError` without bitsandbytes.
    """
    check_installed()
    if base.gguf is None:
        return _load(base.folder)
    # transformers takes one quantisation at a time, and a GGUF file has its own.
    with tempfile.TemporaryDirectory(prefix="quilate-nf4-") as folder:
        open_in_float32(base).save_pretrained(folder)
        model = _load(Path(folder))
    model.name_or_path = base.name
    return model


def check_installed() -> None:
    """Raise `ConfigurationError` without bitsandbytes: before anything else is loaded."""
    if find_spec("bitsandbytes") is None:
        raise ConfigurationError(
            "quantize_base: nf4 needs the package bitsandbytes, which is not installed.",
            remedy="Run: pip install bitsandbytes; or write quantize_base: none.",
        )


def _load(folder: Path) -> Any:
    torch, transformers = library("torch"), library("transformers")
    settings = transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    device = 0 if torch.cuda.is_available() else "cpu"
    with quiet():
        return transformers.AutoModelForCausalLM.from_pretrained(
            str(folder),
            local_files_only=True,
            quantization_config=settings,
            dtype=torch.float32,
            device_map={"": device},
        )
