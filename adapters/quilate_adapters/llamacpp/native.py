"""llama.cpp's shared library: loaded once, its log sent to `logging`."""

import ctypes
import logging
import os
from collections import deque
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from quilate.errors import ConfigurationError, MissingDependency, ModelFileError
from quilate.registry import require

_log = logging.getLogger("quilate.llamacpp")
_ERROR = 4  # GGML_LOG_LEVEL_ERROR
_keep: list[Any] = []
last_errors: deque[str] = deque(maxlen=3)
"""The last error lines that llama.cpp logged: its functions themselves return only NULL."""


@cache
def library() -> Any:
    """The module of llama.cpp's low-level bindings, its library loaded and quiet.

    Raises `MissingDependency` without llama-cpp-python, `ConfigurationError` when its library
    does not load.
    """
    # Threads of GNU OpenMP spin while they wait; on a busy machine that costs ten times the work.
    # The library reads the variable once, when it loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        bindings = require("llama_cpp.llama_cpp", extra="local", package="llama-cpp-python")
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(
            f"llama-cpp-python is installed, but its library does not load: {error}.",
            remedy="Run: pip install --force-reinstall --no-cache-dir llama-cpp-python",
        ) from error
    callback = bindings.llama_log_callback(_receive)
    # llama.cpp keeps a bare pointer: were the callback collected, its next line would crash.
    _keep.append(callback)
    bindings.llama_log_set(callback, ctypes.c_void_p(0))
    bindings.llama_backend_init()
    return bindings


@cache
def multimodal() -> Any:
    """The module of the bindings of llama.cpp's image encoders, its library loaded and quiet.

    Raises what `library` does, and `ConfigurationError` for a llama-cpp-python that is too old.
    """
    library()
    bindings = require("llama_cpp.mtmd_cpp", extra="local", package="llama-cpp-python")
    if not hasattr(bindings, "mtmd_tokenize_from_parts"):
        raise ConfigurationError(
            "This llama-cpp-python is too old for images.",
            remedy="Run: pip install --upgrade llama-cpp-python",
        )
    bindings.mtmd_helper_log_set(_keep[0], ctypes.c_void_p(0))
    return bindings


def load_model(path: Path) -> Any:
    """The model of a GGUF file, in memory; raises `ModelFileError`."""
    lib = library()
    params = lib.llama_model_default_params()
    # Repacked weights fault in the AMX kernels of processors that have them; and with no
    # repacking, every x86 machine computes from the same layout.
    params.use_extra_bufts = False
    last_errors.clear()
    model = lib.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise ModelFileError(
            f"llama.cpp cannot load this model: {' '.join(last_errors) or 'no reason given'}.",
            where=str(path),
            remedy="Update llama-cpp-python if the model is newer; otherwise get it again.",
        )
    return model


def tokenize(vocab: Any, text: str, *, special: bool = False, begin: bool = False) -> list[int]:
    """The tokens of `text`. `special` reads control tokens out of it; `begin` puts the tokens
    around it that the model wants at the ends of a text."""
    lib, data = library(), text.encode("utf-8", "replace")
    # Normalisation may lengthen a text beyond its bytes: then the number needed comes back,
    # negated.
    count = -(len(data) + 8)
    while count < 0:
        room = -count
        tokens = (lib.llama_token * room)()
        count = lib.llama_tokenize(vocab, data, len(data), tokens, room, begin, special)
    return list(tokens[:count])


@cache
def version_of(package: str) -> str:
    """The version of a package of the extra ``local``; raises `MissingDependency`. Looked up once:
    it costs a search through the installation."""
    try:
        return version(package)
    except PackageNotFoundError:
        raise MissingDependency(package, extra="local") from None


def _receive(level: int, text: bytes, _: Any) -> None:
    line = text.decode("utf-8", "replace").rstrip()
    if level == _ERROR:
        last_errors.append(line)
    if line:
        _log.debug("%s", line)
