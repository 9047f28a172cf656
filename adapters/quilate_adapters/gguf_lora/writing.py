"""GGUF files written as a whole or not at all."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from quilate.errors import ConfigurationError, DataError, ModelFileError
from quilate.registry import require
from quilate_adapters.gguf_lora.base import Base
from quilate_adapters.gguf_lora.folder import Layer
from quilate_adapters.llamacpp.gguf import inspect

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Precision = Literal["F32", "F16"]
_LARGEST_F16 = 65504.0


@contextmanager
def appearing(file: Path) -> Iterator[Path]:
    """A path to write to, which becomes `file` at the end. Whatever ends the work before, a kill
    included, `file` is as it was. Raises `DataError` where it cannot be written."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        with draft.open("rb+") as written:
            os.fsync(written.fileno())
        draft.replace(file)
    except OSError as error:
        raise DataError(
            f"The file cannot be written: {error.strerror or error}.",
            where=str(file),
            remedy="Free some room, or write elsewhere.",
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def refuse_inputs(file: Path, *inputs: Path) -> None:
    """Raise `ConfigurationError` where a file to be written is one of those that are read."""
    for one in inputs:
        if file.exists() and one.exists() and file.samefile(one):
            raise ConfigurationError(
                "This file is read, and would be replaced.",
                where=str(file),
                remedy="Name another file to write to.",
            )


def write_adapter(
    file: Path, base: Base, layers: Sequence[Layer], alpha: float, precision: Precision = "F32"
) -> None:
    """Write the layers as a GGUF LoRA for `base`. The same layers give the same bytes.

    llama.cpp multiplies every layer by one `alpha` (not 0) over the layer's rank. What a layer's
    own scale is beyond that goes into its B.
    """
    gguf = require("gguf", extra="tuning")
    by_name = sorted(layers, key=lambda layer: layer.name)
    placed = [_placed(base, layer, alpha, precision) for layer in by_name]
    with appearing(file) as draft:
        writer = gguf.GGUFWriter(draft, base.architecture)
        writer.add_type("adapter")
        if base.name:
            writer.add_base_model_count(1)
            writer.add_base_model_name(0, base.name)
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", alpha)
        writer.add_file_type(0 if precision == "F32" else 1)
        for name, a, b in placed:
            writer.add_tensor(f"{name}.lora_a", a)
            writer.add_tensor(f"{name}.lora_b", b)
        with closing(writer):
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        check_whole(draft)


def check_whole(draft: Path) -> None:
    """Raise `OSError` for a GGUF file that is shorter than its header says: on a full disk, numpy
    drops the end of an array without a word."""
    try:
        inspect(draft)
    except ModelFileError as error:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({error.what})") from None


def _placed(
    base: Base, layer: Layer, alpha: float, precision: Precision
) -> "tuple[str, NDArray[np.floating[Any]], NDArray[np.floating[Any]]]":
    import numpy as np

    tensor, a, b = base.place(layer)
    factor = layer.scale * layer.rank / alpha
    if factor != 1:
        b = (b.astype(np.float64) * factor).astype(np.float32)
    return tensor, narrowed(a, precision, tensor), narrowed(b, precision, tensor)


def narrowed(
    matrix: "NDArray[np.float32]", precision: Precision, name: str
) -> "NDArray[np.floating[Any]]":
    """The matrix in the wanted precision; raises `DataError` where its numbers are too large."""
    import numpy as np

    if precision == "F32":
        return np.ascontiguousarray(matrix, dtype=np.float32)
    if float(np.abs(matrix).max(initial=0.0)) > _LARGEST_F16:
        raise DataError(
            f"The tensor {name} has numbers too large for F16.", remedy="Write it as F32."
        )
    return np.ascontiguousarray(matrix, dtype=np.float16)
