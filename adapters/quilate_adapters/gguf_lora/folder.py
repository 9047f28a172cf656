"""A PEFT adapter's folder: its settings and tensors, read without torch, and what of it a GGUF
LoRA can hold."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.errors import DataError
from quilate.registry import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MERGE = (
    "Merge it into the base instead, which takes whatever PEFT can merge: "
    "quilate tune merge ADAPTER BASE FILE"
)
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_WIDTHS = {"F32": "<f4", "F16": "<f2", "F64": "<f8"}

# Settings with which PEFT computes something else than scale · B(Ax) on the base as it is.
_UNLIKE_LORA = {
    "modules_to_save": "whole modules that were trained (modules_to_save)",
    "trainable_token_indices": "trained embeddings (trainable_token_indices)",
    "lora_bias": "a bias of its own (lora_bias)",
    "target_parameters": "updates of bare parameters, such as fused experts (target_parameters)",
    "layer_replication": "replicated layers (layer_replication)",
    "alora_invocation_tokens": "an activation by tokens (aLoRA)",
    "use_qalora": "pooled inputs (QALoRA)",
    "use_bdlora": "block-diagonal matrices (BD-LoRA)",
    "arrow_config": "routing between adapters (Arrow)",
    "kasa_config": "a truncated base (KaSA)",
    "monteclora_config": "sampled weights (MonteCLoRA)",
}
# With every other initialisation that has a name, PEFT takes the start out of the base's weights.
_PLAIN_STARTS = (True, False, None, "gaussian", "eva", "orthogonal")


@dataclass(frozen=True, slots=True)
class Layer:
    """What an adapter adds to the linear layer `name`: ``scale · b @ a``.

    `a` is float32 of shape (rank, inputs), `b` of shape (outputs, rank).
    """

    name: str
    a: "NDArray[np.float32]"
    b: "NDArray[np.float32]"
    scale: float

    @property
    def rank(self) -> int:
        """The rank of the update."""
        return int(self.a.shape[0])


@dataclass(frozen=True, slots=True)
class Adapter:
    """A PEFT adapter: its folder, its settings, and its tensors (float32) by name."""

    folder: Path
    config: Mapping[str, Any]
    tensors: "Mapping[str, NDArray[np.float32]]"
    sha256: str

    @property
    def kind(self) -> str:
        """PEFT's name of the method, ``LORA`` for instance; ``DORA`` for that variant of it."""
        if self.config.get("peft_type") == "LORA" and self.config.get("use_dora"):
            return "DORA"
        return str(self.config.get("peft_type"))


def read_adapter(folder: Path) -> Adapter:
    """Read the adapter in `folder`; raises `DataError` for one that is missing or broken, or whose
    weights are not finite."""
    data = _bytes_of(folder / CONFIG)
    try:
        config = json.loads(data)
    except ValueError as error:
        raise DataError(
            f"The adapter's settings are not JSON: {error}.",
            where=str(folder / CONFIG),
            remedy="Save the adapter again.",
        ) from None
    if not isinstance(config, dict) or not isinstance(config.get("peft_type"), str):
        raise DataError(
            "These are no settings of a PEFT adapter: there is no peft_type.",
            where=str(folder / CONFIG),
            remedy="Give the folder that save_pretrained() wrote.",
        )
    weights = _bytes_of(folder / WEIGHTS)
    hashes = (hashlib.sha256(part).digest() for part in (data, weights))
    return Adapter(
        folder,
        config,
        _tensors(weights, folder / WEIGHTS),
        hashlib.sha256(b"".join(hashes)).hexdigest(),
    )


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"The adapter cannot be read: {error.strerror}.",
            where=str(path),
            remedy=f"Give the folder of a PEFT adapter, with its {CONFIG} and {WEIGHTS}; weights "
            "saved otherwise (.bin) are not read.",
        ) from None


def _tensors(data: bytes, where: Path) -> "dict[str, NDArray[np.float32]]":
    safetensors = require("safetensors", extra="tuning")
    try:
        raw = safetensors.deserialize(data)
        tensors = {name: _array(entry) for name, entry in raw}
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise DataError(
            f"The adapter's weights are damaged or of an unknown type: {error}.",
            where=str(where),
            remedy="Save or copy them again.",
        ) from None
    import numpy as np

    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise DataError(
                f"The adapter's tensor {name} has numbers that are not finite.",
                where=str(where),
                remedy="The training diverged; train again with a smaller learning rate.",
            )
    return tensors


def _array(entry: Mapping[str, Any]) -> "NDArray[np.float32]":
    import numpy as np

    if entry["dtype"] == "BF16":  # the upper half of a float32
        halves = np.frombuffer(entry["data"], dtype="<u2").astype(np.uint32) << 16
        return halves.view(np.float32).reshape(entry["shape"])
    values = np.frombuffer(entry["data"], dtype=_WIDTHS[entry["dtype"]])
    return values.astype(np.float32).reshape(entry["shape"])


def lora_layers(adapter: Adapter) -> list[Layer]:
    """The layers of a plain LoRA (rsLoRA and patterns of rank and alpha included), by name.

    Raises `DataError` for an adapter that holds anything else, and for ranks that are not those of
    its settings.
    """
    check_plain(adapter)
    halves: dict[str, dict[str, NDArray[np.float32]]] = {}
    for full, tensor in adapter.tensors.items():
        if frozen_module(full) is not None:
            continue
        name, half = _split(full, adapter)
        halves.setdefault(name, {})[half] = tensor
    if not halves:
        raise DataError(
            "The adapter has no weights.", where=str(adapter.folder), remedy="Train it again."
        )
    return [_layer(adapter, name, halves[name]) for name in sorted(halves)]


def frozen_module(name: str) -> str | None:
    """The module whose own weight PEFT saved beside its update (as it does of an adapted head);
    None for other tensors.

    >>> frozen_module("base_model.model.lm_head.base_layer.weight")
    'lm_head'
    """
    found = re.fullmatch(r"(?:base_model\.model\.)?(.+)\.base_layer\.weight", name)
    return found and found[1]


def check_plain(adapter: Adapter) -> None:
    """Raise `DataError` for settings with which the adapter is more than updates of linear
    layers."""
    config, where = adapter.config, str(adapter.folder)
    found = [words for key, words in _UNLIKE_LORA.items() if config.get(key)]
    if config.get("bias", "none") != "none":
        found.append(f"trained biases (bias={config['bias']!r})")
    if config.get("init_lora_weights", True) not in _PLAIN_STARTS:
        found.append(f"a changed base (init_lora_weights={config['init_lora_weights']!r})")
    if found:
        raise DataError(
            f"A GGUF LoRA cannot hold this adapter: it has {', '.join(found)}.",
            where=where,
            remedy=MERGE,
        )
    extra = [name for name in adapter.tensors if _is_embedding(name)]
    if extra:
        raise DataError(
            f"A GGUF LoRA cannot hold this adapter: it has tuned embeddings ({extra[0]}).",
            where=where,
            remedy=MERGE,
        )


def _is_embedding(name: str) -> bool:
    return bool(re.search(r"embed_tokens|lora_embedding_|trainable_tokens|token_embd", name))


def _split(name: str, adapter: Adapter) -> tuple[str, str]:
    found = re.fullmatch(r"(?:base_model\.model\.)?(.+)\.lora_([AB])\.weight", name)
    if found is None:
        raise DataError(
            f"A GGUF LoRA cannot hold this adapter: its tensor {name} is neither half of a LoRA.",
            where=str(adapter.folder),
            remedy=MERGE,
        )
    return found[1], found[2]


def _layer(adapter: Adapter, name: str, halves: "Mapping[str, NDArray[np.float32]]") -> Layer:
    a, b = halves.get("A"), halves.get("B")
    if a is None or b is None:
        raise _unfit(adapter, f"Of {name} one half is missing")
    rank, alpha = rank_and_alpha(adapter.config, name)
    if a.ndim != 2 or b.ndim != 2:
        raise _unfit(adapter, f"{name} is no linear layer: its halves are {a.shape}, {b.shape}")
    if not a.shape[0] == b.shape[1] == rank:
        raise _unfit(
            adapter,
            f"The rank of {name} is {rank} in the settings, and its halves are {a.shape} and "
            f"{b.shape}",
        )
    scale = alpha / rank**0.5 if adapter.config.get("use_rslora") else alpha / rank
    return Layer(name, a, b, float(scale))


def _unfit(adapter: Adapter, what: str) -> DataError:
    return DataError(
        f"{what}.",
        where=str(adapter.folder),
        remedy="The adapter's files do not belong together; save it again.",
    )


def rank_and_alpha(config: Mapping[str, Any], name: str) -> tuple[int, float]:
    """The rank and alpha of a layer: those of the first pattern that is its name, or the end of it
    after a dot; else the general ones.

    >>> rank_and_alpha({"r": 8, "lora_alpha": 16, "rank_pattern": {"q_proj": 4}}, "layers.0.q_proj")
    (4, 16)
    """
    rank = _by_pattern(config.get("rank_pattern") or {}, name, config.get("r", 8))
    return rank, _by_pattern(config.get("alpha_pattern") or {}, name, config.get("lora_alpha", 8))


def _by_pattern(patterns: Mapping[str, Any], name: str, general: Any) -> Any:
    for pattern, value in patterns.items():
        try:
            if re.match(rf"(.*\.)?({pattern})$", name):
                return value
        except re.error as error:
            raise DataError(
                f"The pattern {pattern!r} in the adapter's settings is no regular expression: "
                f"{error}.",
                remedy="Mend it in adapter_config.json.",
            ) from None
    return general
