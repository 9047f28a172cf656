"""LoRA adapters over a loaded model (GGUF files of type ``adapter``), switched between requests.

llama.cpp adds ``scale · alpha / rank · B(Ax)`` to what a layer computes, with one alpha for the
whole file. The last few that were used stay loaded, so that switching costs nothing.
"""

import ctypes
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from quilate.errors import ConfigurationError, ModelError, ModelFileError
from quilate_adapters.llamacpp.gguf import inspect
from quilate_adapters.llamacpp.native import last_errors, library

T = TypeVar("T")

KEPT = 8
"""Adapters that stay loaded for one model; beyond, the one that was used longest ago goes."""
_CONVERT = "Convert the trained adapter for this very base with the converter of quilate.tuning."


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter's file, whole, with its SHA-256, and how strongly it is added."""

    path: Path
    sha256: str
    scale: float = 1.0


def locate_lora(name: object) -> Path:
    """The path of an adapter's file; raises `ModelFileError` where there is none."""
    if not isinstance(name, str | os.PathLike):
        raise ConfigurationError(
            f"lora is {name!r}, but must be a path.",
            where="llamacpp",
            remedy="Give the path of a GGUF adapter, or leave it out.",
        )
    path = Path(os.fsdecode(name)).expanduser()
    if path.is_dir():
        raise ModelFileError(
            "This adapter (lora) is a directory.", where=str(path), remedy=_CONVERT
        )
    if not path.is_file():
        raise ModelFileError(
            "There is no such adapter file (lora).", where=str(path), remedy=_CONVERT
        )
    return path.resolve()


def named_adapter(name: str, lora: T | None) -> tuple[str, str | T | None]:
    """The base and the adapter of ``BASE+ADAPTER.gguf``: how a string alone names both. A file
    whose own name holds a plus sign is a base.

    >>> named_adapter("smollm2-135m-instruct+tickets.gguf", None)
    ('smollm2-135m-instruct', 'tickets.gguf')
    """
    if "+" not in name or not name.endswith(".gguf") or Path(name).is_file():
        return name, lora
    if lora is not None:
        raise ConfigurationError(
            f"'{name}' names an adapter, and lora does too.",
            where="llamacpp",
            remedy="Leave one of them out.",
        )
    pluses = [at for at, letter in enumerate(name) if letter == "+"]
    at = next((at for at in pluses if Path(name[at + 1 :]).is_file()), pluses[-1])
    return name[:at], name[at + 1 :]


def check_scale(scale: object) -> float:
    """The scale as a number; raises `ConfigurationError` for what is none.

    >>> check_scale(1)
    1.0
    """
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not math.isfinite(scale):
        raise ConfigurationError(
            f"lora_scale is {scale!r}, but must be a finite number.",
            where="llamacpp",
            remedy="Leave it out for 1.0, the strength it was trained for.",
        )
    return float(scale)


def read_lora(path: Path, scale: float, architecture: object) -> Lora:
    """Check an adapter's file without loading it, for a model of this architecture; raises
    `ModelFileError`."""
    file = inspect(path)
    kind = file.metadata.get("general.type"), file.metadata.get("adapter.type")
    if kind != ("adapter", "lora"):
        raise ModelFileError(
            f"This is no LoRA adapter (lora): its general.type is {kind[0]!r} and its "
            f"adapter.type {kind[1]!r}, not 'adapter' and 'lora'.",
            where=str(path),
            remedy=_CONVERT,
        )
    made_for = file.metadata.get("general.architecture")
    if made_for != architecture:
        raise ModelFileError(
            f"This adapter (lora) is made for a model of architecture {made_for!r}, and the base "
            f"is of {architecture!r}.",
            where=str(path),
            remedy=_CONVERT,
        )
    if "adapter.alora.invocation_tokens" in file.metadata:
        raise ModelFileError(
            "This adapter (lora) is an activated LoRA, switched on by certain tokens alone.",
            where=str(path),
            remedy="Train a plain LoRA.",
        )
    return Lora(path, file.sha256, scale)


class Adapters:
    """The adapters loaded for one model, and which of them its context adds. Not thread-safe."""

    def __init__(self, model: Any, kept: int = KEPT) -> None:
        self._model, self._kept = model, kept
        # By the file's hash, the last used at the end.
        self._loaded: dict[str, Any] = {}
        self._used: tuple[str, float] | None = None

    def use(self, context: Any, lora: Lora | None) -> bool:
        """Add this adapter from now on, or none. Returns whether that is a change: then what the
        context has in its cache is another model's. Raises `ModelFileError` for an adapter made
        for another model, and changes nothing."""
        wanted = None if lora is None else (lora.sha256, lora.scale)
        if wanted == self._used:
            return False
        lib = library()
        if lora is None:
            code = lib.llama_set_adapters_lora(context, None, 0, None)
        else:
            pointers = (lib.llama_adapter_lora_p_ctypes * 1)(self._load(lora))
            code = lib.llama_set_adapters_lora(
                context, pointers, 1, (ctypes.c_float * 1)(lora.scale)
            )
        if code != 0:
            raise ModelError(
                f"llama.cpp failed to switch the adapter (code {code}): {' '.join(last_errors)}",
                provider="llamacpp",
            )
        self._used = wanted
        self._free_the_oldest()
        return True

    def _load(self, lora: Lora) -> Any:
        found = self._loaded.pop(lora.sha256, None)
        if found is None:
            last_errors.clear()
            found = library().llama_adapter_lora_init(self._model, os.fsencode(lora.path))
            if not found:
                said = " ".join(" ".join(last_errors).split()) or "no reason given"
                raise ModelFileError(
                    f"llama.cpp cannot add this adapter (lora) to the base: {said}.",
                    where=str(lora.path),
                    remedy=_CONVERT,
                )
        self._loaded[lora.sha256] = found
        return found

    def _free_the_oldest(self) -> None:
        used = self._used and self._used[0]
        for name in list(self._loaded)[: -self._kept]:
            if name != used:
                library().llama_adapter_lora_free(self._loaded.pop(name))
