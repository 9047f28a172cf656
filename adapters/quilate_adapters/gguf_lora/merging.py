"""One GGUF file of a base and its adapter."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.errors import DataError
from quilate.registry import require
from quilate_adapters.gguf_lora.base import Base, read_base
from quilate_adapters.gguf_lora.folder import read_adapter
from quilate_adapters.gguf_lora.trained import Changed, changes, load_trained
from quilate_adapters.gguf_lora.writing import Precision, appearing, check_whole, narrowed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EMBEDDINGS, _HEAD = "token_embd.weight", "output.weight"
_FILE_TYPES = {"F32": 0, "F16": 1}


def merge(adapter: Path, base: Path, file: Path, *, precision: Precision = "F16") -> Path:
    """Write the GGUF model `base` with the PEFT adapter in folder `adapter` merged into it.

    Any adapter that PEFT can merge will do, trained heads, embeddings and biases included. The
    weights are the dequantised base's, everything else in the file is the base's own. Holds the
    whole model in memory as float32. Raises `DataError` where they do not fit together.
    """
    onto = read_base(base)
    read_adapter(adapter)
    new = {}
    for change in changes(load_trained(adapter, base)):
        tensor, values = _named(change, onto)
        new[tensor] = values
        if tensor == _EMBEDDINGS and _HEAD not in onto.shapes and change.before is not None:
            # The head was the same matrix, and PEFT leaves it as it is, unless it says otherwise.
            new.setdefault(_HEAD, change.before)
    return _rewrite(onto, new, file, precision)


def dequantize(base: Path, file: Path, *, precision: Precision = "F16") -> Path:
    """Write a GGUF model with its weights as F16 or F32: what `quantize` takes."""
    return _rewrite(read_base(base), {}, file, precision)


def _named(change: Changed, base: Base) -> "tuple[str, NDArray[np.float32]]":
    """A changed parameter under the name and in the order of the file."""
    part = change.name.rpartition(".")[2]
    if change.module == "lm_head" and _HEAD not in base.shapes:
        tensor = _HEAD  # it was the embeddings: from now on it is a matrix of its own
        expected = base.shapes[_EMBEDDINGS]
    else:
        tensor = base.tensor(change.module).removesuffix("weight") + part
        expected = base.shapes.get(tensor, change.after.shape)
    if tuple(change.after.shape) != tuple(expected):
        raise DataError(
            f"{change.name} is of shape {change.after.shape}, and the base's {tensor} of {expected}"
            ": a vocabulary that grew cannot be merged.",
            where=str(base.path),
            remedy="Convert the merged model with llama.cpp's convert_hf_to_gguf.py.",
        )
    if change.after.ndim == 1 and part == "weight" and base.architecture.startswith("gemma"):
        raise DataError(
            f"{change.name} cannot be merged: Gemma's norms are shifted in a GGUF file.",
            where=str(base.path),
            remedy="Train without them.",
        )
    rows = base.rows(change.module, change.after.shape[0])
    return tensor, change.after if rows is None else change.after[rows]


def _rewrite(
    base: Base, new: "Mapping[str, NDArray[np.float32]]", file: Path, precision: Precision
) -> Path:
    gguf = require("gguf", extra="tuning")
    reader = gguf.GGUFReader(base.path)
    with appearing(file) as draft:
        writer = gguf.GGUFWriter(draft, base.architecture)
        _copy_metadata(gguf, reader, writer)
        writer.add_file_type(_FILE_TYPES[precision])
        shapes = {name: base.shapes.get(name, array.shape) for name, array in new.items()}
        for name, shape in {**base.shapes, **shapes}.items():
            kind = _kind(shape, precision)
            size = kind.itemsize
            for count in shape:
                size *= count
            writer.add_tensor_info(name, shape, kind, size)
        with closing(writer):
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            for name, values in _tensors(gguf, reader, new):
                wanted: Precision = "F32" if values.ndim == 1 else precision
                writer.write_tensor_data(narrowed(values, wanted, name))
        check_whole(draft)
    return file


def _kind(shape: Iterable[int], precision: Precision) -> "np.dtype[np.floating[Any]]":
    import numpy as np

    # llama.cpp wants vectors (norms, biases) in F32.
    return np.dtype(np.float32 if len(tuple(shape)) == 1 or precision == "F32" else np.float16)


def _copy_metadata(gguf: Any, reader: Any, writer: Any) -> None:
    for key, entry in reader.fields.items():
        if key.startswith("GGUF.") or key in ("general.architecture", "general.file_type"):
            continue
        kind = entry.types[0]
        item = entry.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        if item is not None and not len(entry.data):
            continue  # the writer has no form for an empty list
        writer.add_key_value(key, entry.contents(), kind, sub_type=item)


def _tensors(
    gguf: Any, reader: Any, new: "Mapping[str, NDArray[np.float32]]"
) -> "Iterator[tuple[str, NDArray[np.float32]]]":
    left = dict(new)
    for tensor in reader.tensors:
        changed = left.pop(tensor.name, None)
        if changed is None:
            changed = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        yield tensor.name, changed
    yield from left.items()
