"""The GGUF base that an adapter is made for: where its layers are in the file, and in which order
their rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.errors import DataError, ModelFileError
from quilate.registry import require
from quilate_adapters.gguf_lora.folder import MERGE, Layer
from quilate_adapters.llamacpp.gguf import inspect

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PERMUTED = frozenset({"llama"})
"""Architectures whose query and key rows a GGUF file has in the order of llama.cpp's rotary
embedding: pairs side by side, where transformers has the halves one after the other."""

AS_THEY_ARE = frozenset({"qwen2", "qwen3", "gemma2", "gemma3", "phi3"})
"""Architectures whose linear layers a GGUF file has as transformers has them, phi3's fused ones
too."""

_CLASSES = {
    "llama": ("llama", "mistral"),
    "gemma3": ("gemma3",),
    **{name: (f"{name}for",) for name in ("qwen2", "qwen3", "gemma2", "phi3")},
}
"""How the names of the transformers classes of an architecture begin, in small letters."""


@dataclass(frozen=True, slots=True)
class Base:
    """A GGUF model: its architecture, attention heads by layer, and (outputs, inputs) of each of
    its matrices by name."""

    path: Path
    sha256: str
    architecture: str
    heads: tuple[int, ...]
    kv_heads: tuple[int, ...]
    shapes: Mapping[str, tuple[int, ...]]
    name: str | None = None

    def tensor(self, module: str) -> str:
        """The name in this file of the weight of a transformers module.

        Raises `DataError` where there is none.
        """
        if ".experts" in module:
            raise self._lacks(module, "experts are fused in a GGUF file, and cannot be adapted")
        names = _names(self.architecture, len(self.heads))
        found = names.get_name(module.replace("language_model.", "", 1))
        if found is None:
            raise self._lacks(module, f"the architecture {self.architecture!r} has no such layer")
        weight = f"{found}.weight"
        if weight not in self.shapes:
            raise self._lacks(module, f"the base has no tensor {weight}")
        return weight

    def _lacks(self, module: str, why: str) -> DataError:
        return DataError(
            f"The adapter's layer {module} cannot be added to this base: {why}.",
            where=str(self.path),
            remedy=f"Check that the base is the one it was trained on. If it is: {MERGE}",
        )

    def check_class(self, trained: str | None) -> None:
        """Raise `DataError` for an adapter that was trained on a transformers class (None where it
        is not known) of another architecture."""
        if trained is None or trained.lower().startswith(_CLASSES[self.architecture]):
            return
        raise DataError(
            f"The adapter was trained on a {trained}, and the architecture of this base is "
            f"{self.architecture!r}.",
            where=str(self.path),
            remedy="Give the base that it was trained on.",
        )

    def rows(self, module: str, outputs: int) -> "NDArray[np.intp] | None":
        """In which order the file has the module's `outputs` rows; None where in the same."""
        import numpy as np

        last = module.rpartition(".")[2]
        if self.architecture not in PERMUTED or last not in ("q_proj", "k_proj"):
            return None
        layer = int(module.split("layers.")[1].split(".")[0])
        heads = (self.heads if last == "q_proj" else self.kv_heads)[layer]
        halves = np.arange(outputs).reshape(heads, 2, outputs // heads // 2)
        return halves.swapaxes(1, 2).reshape(-1)

    def place(self, layer: Layer) -> tuple[str, "NDArray[np.float32]", "NDArray[np.float32]"]:
        """An adapter's layer as the file has it: the tensor's name, A, and B with its rows in the
        file's order. Raises `DataError` where it does not fit."""
        tensor = self.tensor(layer.name)
        outputs, inputs = layer.b.shape[0], layer.a.shape[1]
        if self.shapes[tensor] != (outputs, inputs):
            raise DataError(
                f"The adapter's layer {layer.name} takes {inputs} inputs to {outputs} outputs, and "
                f"the base's tensor {tensor} {self.shapes[tensor][1]} to {self.shapes[tensor][0]}.",
                where=str(self.path),
                remedy="The adapter was trained for another model; give its own base.",
            )
        rows = self.rows(layer.name, outputs)
        return tensor, layer.a, layer.b if rows is None else layer.b[rows]

    def check_frozen(self, module: str, weight: "NDArray[np.float32]") -> None:
        """Raise `DataError` unless the base has this weight of the module, which PEFT saved with
        the update but never trained."""
        import numpy as np

        gguf = require("gguf", extra="tuning")
        name = self.tensor(module)
        [own] = [t for t in gguf.GGUFReader(self.path).tensors if t.name == name]
        values = gguf.quants.dequantize(own.data, own.tensor_type)
        # A weight in bfloat16 has 8 bits.
        if values.shape != weight.shape or not np.allclose(values, weight, rtol=0.01, atol=1e-4):
            raise DataError(
                f"The adapter brings a weight of {module} that is not the base's {name}.",
                where=str(self.path),
                remedy=f"Give the base that it was trained on. If it is: {MERGE}",
            )


def read_base(path: Path) -> Base:
    """Read the header of a GGUF model; raises `ModelFileError` for a file that is none, and
    `DataError` for an architecture that adapters cannot be converted for."""
    file = inspect(path)
    if file.metadata.get("general.type", "model") != "model":
        raise ModelFileError(
            f"This is no model: its general.type is {file.metadata['general.type']!r}.",
            where=str(path),
            remedy="Give the base, not an adapter or a projector.",
        )
    architecture = str(file.metadata.get("general.architecture"))
    known = PERMUTED | AS_THEY_ARE
    if architecture not in known:
        raise DataError(
            f"Adapters for the architecture {architecture!r} are not converted: how its file has "
            "its layers is not known here.",
            where=str(path),
            remedy=f"Take a base of one of: {', '.join(sorted(known))}.",
        )
    return _read(path, file.sha256, architecture)


@lru_cache(maxsize=8)
def _read(path: Path, sha256: str, architecture: str) -> Base:
    reader = require("gguf", extra="tuning").GGUFReader(path)
    blocks = int(_value(reader, f"{architecture}.block_count"))
    heads = _by_layer(_value(reader, f"{architecture}.attention.head_count"), blocks)
    grouped = _value(reader, f"{architecture}.attention.head_count_kv")
    return Base(
        path=path,
        sha256=sha256,
        architecture=architecture,
        heads=heads,
        kv_heads=heads if grouped is None else _by_layer(grouped, blocks),
        # GGUF counts dimensions from the fastest one.
        shapes={t.name: tuple(int(n) for n in reversed(t.shape)) for t in reader.tensors},
        name=_value(reader, "general.name"),
    )


def _value(reader: Any, key: str) -> Any:
    field = reader.get_field(key)
    return None if field is None else field.contents()


def _by_layer(value: Any, blocks: int) -> tuple[int, ...]:
    return tuple(map(int, value)) if isinstance(value, list) else (int(value),) * blocks


@lru_cache(maxsize=8)
def _names(architecture: str, blocks: int) -> Any:
    gguf = require("gguf", extra="tuning")
    numbers = {name: number for number, name in gguf.MODEL_ARCH_NAMES.items()}
    return gguf.get_tensor_name_map(numbers[architecture], blocks)
