"""The model that a recipe tunes: a GGUF file, whose weights are dequantised so that exactly what is
served is tuned, or a folder of safetensors."""

import copy
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from quilate.errors import ConfigurationError, ModelFileError
from quilate_adapters.llamacpp.gguf import inspect
from quilate_adapters.llamacpp.packaged import locate
from quilate_adapters.peft.libraries import library, quiet

_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Base:
    """A base: its `name` in the recipe, the `folder` that it is in, the GGUF file there (None for
    a folder of safetensors), and the SHA-256 of its weights and settings."""

    name: str
    folder: Path
    gguf: str | None
    sha256: str

    @property
    def place(self) -> dict[str, Any]:
        """What transformers' ``from_pretrained`` is told of where it is."""
        named = {"gguf_file": self.gguf} if self.gguf else {}
        return {
            "pretrained_model_name_or_path": str(self.folder),
            "local_files_only": True,
            "trust_remote_code": False,
            **named,
        }

    @property
    def path(self) -> Path:
        """The file, or the folder."""
        return self.folder / self.gguf if self.gguf else self.folder


def find_base(name: str) -> Base:
    """The base behind a packaged model's name, a GGUF file's path or a folder of safetensors.

    Raises `ModelFileError` for one that is not there, or is not whole.

    >>> find_base("nowhere.gguf")
    Traceback (most recent call last):
    quilate.errors.ModelFileError: nowhere.gguf: There is no such model file. ...
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _folder(name, folder.resolve())
    file = inspect(locate(name))
    if file.metadata.get("general.type", "model") != "model":
        raise ModelFileError(
            f"This is no model: its general.type is {file.metadata['general.type']!r}.",
            where=str(file.path),
            remedy="Give the base model, not an adapter or a projector.",
        )
    return Base(name, file.path.parent, file.path.name, file.sha256)


def _folder(name: str, folder: Path) -> Base:
    weights = sorted(folder.glob("*.safetensors"))
    if not weights or not (folder / "config.json").is_file():
        raise ModelFileError(
            "This folder holds no model: it needs config.json and *.safetensors.",
            where=str(folder),
            remedy="Give the folder that save_pretrained() wrote, or a GGUF file.",
        )
    digest = hashlib.sha256()
    for file in sorted([*folder.glob("*.json"), *folder.glob("*.jinja"), *weights]):
        state = file.stat()
        digest.update(f"{file.name}\0{_hash(file, state.st_size, state.st_mtime_ns)}\n".encode())
    return Base(name, folder, None, digest.hexdigest())


@lru_cache(maxsize=256)
def _hash(file: Path, size: int, changed_ns: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def open_config(base: Base) -> Any:
    """The model's configuration, without its weights."""
    with _reading(base):
        return copy.deepcopy(_config(base))


@lru_cache(maxsize=4)
def _config(base: Base) -> Any:
    return library("transformers").AutoConfig.from_pretrained(**base.place)


def open_hf_tokenizer(base: Base) -> Any:
    """The tokenizer as transformers makes it."""
    with _reading(base):
        return _hf_tokenizer(base)


@lru_cache(maxsize=4)
def _hf_tokenizer(base: Base) -> Any:
    # Given the configuration, it does not read the file once more to find the tokenizer's class.
    return library("transformers").AutoTokenizer.from_pretrained(
        **base.place, config=_config(base), use_fast=True
    )


def open_model(base: Base, *, nf4: bool = False) -> Any:
    """The model in float32, or with `nf4` its linear layers in 4 bits (QLoRA, Dettmers et al. 2023)
    by bitsandbytes. Raises `ConfigurationError` for an architecture that transformers does not
    read, and without bitsandbytes."""
    if nf4:
        from quilate_adapters.peft.four_bit import open_in_4_bits

        return open_in_4_bits(base)
    return open_in_float32(base)


def open_in_float32(base: Base) -> Any:
    """The model in float32, nothing said of what it was quantised in."""
    with _reading(base):
        model = library("transformers").AutoModelForCausalLM.from_pretrained(
            **base.place, config=copy.deepcopy(_config(base)), dtype=library("torch").float32
        )
    # The weights are plain ones now; left there, it would be saved, and training be refused.
    if base.gguf:
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.hf_quantizer, model.is_quantized = None, False
    model.name_or_path = base.name  # PEFT writes it into the adapter
    return model


@contextmanager
def _reading(base: Base) -> Iterator[None]:
    """While open, a GGUF file is parsed once (transformers would do it for each of configuration,
    tokenizer and weights, at 3 to 5 s each), and what cannot be read is our error."""
    with _lock, quiet(), _parsed_once(base):
        try:
            yield
        # Nothing is silenced: these are what transformers raises, without a class of its own, of a
        # base that it cannot read. Each is raised again as our error, with what it said.
        except (ValueError, KeyError, OSError, TypeError, NotImplementedError) as error:
            said = " ".join(str(error).split())[:300]
            raise ConfigurationError(
                f"transformers cannot open this base: {said}",
                where=str(base.path),
                remedy="Check that transformers knows its architecture; else give the model's "
                "folder of safetensors.",
            ) from None


@contextmanager
def _parsed_once(base: Base) -> Iterator[None]:
    if base.gguf is None:
        yield
        return
    gguf, reading = library("gguf"), library("transformers.modeling_gguf_pytorch_utils")
    names = ("GGUFReader", "get_tensor_name_map")
    before = [(gguf, name, getattr(gguf, name)) for name in names]
    before.append((reading, "tqdm", reading.tqdm))
    for name in names:
        setattr(gguf, name, _remembering(name, base.sha256))
    reading.tqdm = _no_bar
    try:
        yield
    finally:
        for module, name, was in before:
            setattr(module, name, was)


def _no_bar(items: Any, *_: Any, **__: Any) -> Any:
    return items


@lru_cache(maxsize=4)
def _remembering(name: str, sha256: str) -> Any:
    """The function of the package gguf, which remembers its results for one file's content."""
    return lru_cache(maxsize=2)(getattr(library("gguf"), name))
