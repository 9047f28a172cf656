"""The converter: PEFT adapter to GGUF LoRA, and its comparison with the trained model."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quilate.errors import DataError
from quilate.tuning.examples import AnyExample
from quilate.tuning.recipe import ParitySpec
from quilate.tuning.trainers import Converted, Parity
from quilate_adapters.gguf_lora.base import Base, read_base
from quilate_adapters.gguf_lora.divergence import kl_between
from quilate_adapters.gguf_lora.folder import (
    MERGE,
    Adapter,
    Layer,
    check_plain,
    frozen_module,
    lora_layers,
    read_adapter,
)
from quilate_adapters.gguf_lora.low_rank import low_rank_layers
from quilate_adapters.gguf_lora.merging import merge
from quilate_adapters.gguf_lora.parity import parity
from quilate_adapters.gguf_lora.quantize import check_quantize, quantize
from quilate_adapters.gguf_lora.trained import load_trained
from quilate_adapters.gguf_lora.writing import Precision, refuse_inputs, write_adapter

FULL_RANK = ("DORA", "LOKR", "LOHA")
"""Methods whose updates have no low rank: they are converted as nearly as a LoRA can be."""


def converter() -> "GgufLora":
    """What the entry point ``gguf`` of ``quilate.converters`` gives.

    >>> converter().precision
    'F32'
    """
    return GgufLora()


@dataclass(frozen=True, slots=True)
class GgufLora:
    """Writes GGUF LoRA adapters.

    A LoRA (rsLoRA and patterns of rank and alpha included) is converted exactly, with numpy alone.
    DoRA, LoKr and LoHa change weights by matrices of full rank: they become the LoRA of the least
    rank that leaves out at most `tolerance` of a matrix (in the Frobenius norm), of `max_rank` at
    the most; `Converted.residual` says what was left out. Those need torch and PEFT.
    """

    precision: Precision = "F32"
    tolerance: float = 0.01
    max_rank: int = 128

    def convert(self, adapter: Path, base: Path, file: Path) -> Converted:
        """Write the adapter in folder `adapter` to `file`, for the GGUF model `base`.

        The same input gives the same bytes, and a conversion that is killed leaves `file` as it
        was. Raises `DataError` for an adapter that a GGUF LoRA cannot hold or that does not fit the
        base, and `ModelFileError` for a base that is no model.
        """
        refuse_inputs(file, base)
        read, onto = read_adapter(adapter), read_base(base)
        onto.check_class((read.config.get("auto_mapping") or {}).get("base_model_class"))
        layers, residual = self._layers(read, onto)
        rank = max(layer.rank for layer in layers)
        # With PEFT's own alpha, nothing is to be folded into a plain LoRA: its numbers stay.
        alpha = read.config.get("lora_alpha") if read.kind == "LORA" else rank
        write_adapter(file, onto, layers, float(alpha or rank), self.precision)
        with file.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        return Converted(file, digest, rank, len(layers), residual)

    def _layers(self, adapter: Adapter, base: Base) -> tuple[list[Layer], dict[str, float]]:
        if adapter.kind == "LORA":
            layers = lora_layers(adapter)
            for name, tensor in adapter.tensors.items():
                if (module := frozen_module(name)) is not None:
                    base.check_frozen(module, tensor)
            return layers, {}
        if adapter.kind not in FULL_RANK:
            raise DataError(
                f"Adapters of PEFT's method {adapter.kind} are not converted.",
                where=str(adapter.folder),
                remedy=MERGE,
            )
        check_plain(adapter)
        trained = load_trained(adapter.folder, base.path)
        return low_rank_layers(adapter, trained, tolerance=self.tolerance, max_rank=self.max_rank)

    def parity(
        self, adapter: Path, base: Path, file: Path, prompts: Sequence[AnyExample], spec: ParitySpec
    ) -> Parity:
        """Compare the trained model with ``base`` + ``file`` in llama.cpp, and write the
        certificate beside `file`; see `quilate_adapters.gguf_lora.parity`."""
        return parity(adapter, base, file, prompts, spec)

    def merge(self, adapter: Path, base: Path, file: Path) -> Path:
        """Write the GGUF model `base` with the adapter merged into it, as F16; see `merging`."""
        refuse_inputs(file, base)
        return merge(adapter, base, file)

    def quantize(self, source: Path, file: Path, kind: str) -> Path:
        """Write a smaller model; see `quantize`. One that is quantised already, and so lost what it
        lost, is refused."""
        refuse_inputs(file, source)
        return quantize(source, file, kind)

    def check_quantize(self, source: Path, file: Path, kind: str) -> None:
        """Raise what `quantize` would raise of its arguments, at once."""
        refuse_inputs(file, source)
        check_quantize(source, kind)

    def divergence(self, reference: Path, other: Path, texts: Sequence[str]) -> tuple[float, float]:
        """Mean KL in nats a token and the share of equal likeliest tokens; see `divergence`."""
        return kl_between(reference, other, texts)
