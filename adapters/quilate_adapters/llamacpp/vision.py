"""Images for a text model, through llama.cpp's multimodal projectors (libmtmd).

A projector is a second GGUF file: an image encoder whose output takes the place of tokens.
"""

import ctypes
import os
import re
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quilate.errors import ConfigurationError, InvalidRequest, ModelError, ModelFileError
from quilate_adapters.llamacpp.gguf import inspect
from quilate_adapters.llamacpp.images import refuse_undecodable
from quilate_adapters.llamacpp.native import last_errors, library, multimodal

NON_CAUSAL_BATCH = 512
"""Tokens of one image that models can take which attend to it as a whole (Gemma 3 has 256)."""
_BELONGS = "Give the mmproj file that was published with this very model."

# llama.cpp does not free a projector that it refuses, so none is given to it twice.
_refused: dict[tuple[str, str], str] = {}


@dataclass(frozen=True, slots=True)
class Projector:
    """A projector's file, whole, with its SHA-256."""

    path: Path
    sha256: str


def locate_projector(name: object) -> Path:
    """The path of a projector's file; raises `ModelFileError` where there is none."""
    if not isinstance(name, str | os.PathLike):
        raise ConfigurationError(
            f"mmproj is {name!r}, but must be a path.",
            where="llamacpp",
            remedy="Give the path of the model's mmproj file, or leave it out.",
        )
    path = Path(os.fsdecode(name)).expanduser()
    if not path.is_file():
        raise ModelFileError(
            "There is no such projector file (mmproj).", where=str(path), remedy=_BELONGS
        )
    return path.resolve()


def read_projector(path: Path) -> Projector:
    """Check a projector's file without loading it; raises `ModelFileError`."""
    file = inspect(path)
    architecture = file.metadata.get("general.architecture")
    if architecture != "clip":
        raise ModelFileError(
            f"This is no projector (mmproj): its architecture is {architecture!r}, not 'clip'.",
            where=str(path),
            remedy=_BELONGS,
        )
    if not file.metadata.get("clip.has_vision_encoder"):
        raise ModelFileError(
            "This projector (mmproj) reads no images.", where=str(path), remedy=_BELONGS
        )
    return Projector(path, file.sha256)


@dataclass(frozen=True, slots=True)
class Plain:
    """A part of a prompt that is text; `special` reads control tokens out of it."""

    text: str
    special: bool


@dataclass(frozen=True, slots=True)
class ImageChunk:
    """An image, or a tile of one, prepared for encoding: the tokens that it takes of the context,
    and the positions that it takes of the sequence (fewer, in models with two-dimensional
    positions). `chunk` is native memory of the prompt that holds it."""

    chunk: int
    tokens: int
    positions: int


class ImagePrompt:
    """A prompt with images: runs of tokens and `ImageChunk`s, in order. Its length is in tokens."""

    def __init__(self, lib: Any, chunks: Any) -> None:
        # Freed with the last reference: prepared images are large.
        weakref.finalize(self, lib.mtmd_input_chunks_free, chunks).atexit = False
        self.pieces = tuple(
            _piece(lib, lib.mtmd_input_chunks_get(chunks, i))
            for i in range(lib.mtmd_input_chunks_size(chunks))
        )
        self._length: int = lib.mtmd_helper_get_n_tokens(chunks)

    def __len__(self) -> int:
        return self._length


Prompt = Sequence[int] | ImagePrompt


def _piece(lib: Any, chunk: int) -> tuple[int, ...] | ImageChunk:
    if lib.mtmd_input_chunk_get_type(chunk) == lib.MTMD_INPUT_CHUNK_TYPE_TEXT:
        count = ctypes.c_size_t()
        tokens = lib.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
        return tuple(tokens[: count.value])
    return ImageChunk(
        chunk, lib.mtmd_input_chunk_get_n_tokens(chunk), lib.mtmd_input_chunk_get_n_pos(chunk)
    )


class Vision:
    """A projector in memory, for one loaded text model. Not thread-safe: see `worker`."""

    def __init__(self, projector: Projector, model: Any, model_path: Path, n_threads: int) -> None:
        self._lib = multimodal()
        self._projector = projector
        params = self._lib.mtmd_context_params_default()
        params.use_gpu = params.print_timings = params.warmup = False
        params.n_threads = n_threads
        # Flash attention divides its work among the threads: see `engine`.
        params.flash_attn_type = library().LLAMA_FLASH_ATTN_TYPE_DISABLED
        last_errors.clear()
        path = os.fsencode(projector.path)
        self._context = self._lib.mtmd_init_from_file(path, model, params)
        if not self._context:
            _refused[projector.sha256, str(model_path)] = _why_refused()
            check_known(projector, model_path)
        self.non_causal: bool = self._lib.mtmd_decode_use_non_causal(self._context, None)

    def close(self) -> None:
        """Free the native memory; it cannot be used any more."""
        self._lib.mtmd_free(self._context)

    def prepare(self, parts: Sequence[Plain | bytes], *, begin: bool) -> ImagePrompt:
        """Tokenize text and prepare images (their files' bytes), with the tokens that the model
        wants around an image. `begin` as for `tokenize`. No text stands for an image, whatever
        is written in it. Raises `InvalidRequest` for images that cannot be read."""
        lib = self._lib
        bitmaps: list[Any] = []
        try:
            # The array holds the structures, and those hold the text.
            array = (lib.mtmd_input_part * len(parts))()
            for entry, part in zip(array, parts, strict=True):
                if isinstance(part, Plain):
                    data = part.text.encode("utf-8", "replace")
                    text = lib.mtmd_input_text(data, len(data), False, part.special)
                    entry.text = ctypes.pointer(text)
                else:
                    bitmaps.append(self._bitmap(part, len(bitmaps) + 1))
                    entry.bitmap = bitmaps[-1]
            return self._tokenized(array, begin)
        finally:
            for bitmap in bitmaps:
                lib.mtmd_bitmap_free(bitmap)

    def _bitmap(self, data: bytes, number: int) -> Any:
        lib = self._lib
        options = lib.mtmd_helper_init_opt_default()
        # What is no image it would hand to an ffmpeg on the machine; there is none in /dev/null.
        options.video_params.ffmpeg_bin_dir = os.fsencode(os.devnull)
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        bitmap = lib.mtmd_helper_bitmap_init_from_buf(
            self._context, buffer, len(data), False, options
        )
        if not bitmap:
            refuse_undecodable(number)
        return bitmap

    def _tokenized(self, array: Any, begin: bool) -> ImagePrompt:
        lib = self._lib
        pointer = ctypes.POINTER(lib.mtmd_input_part)
        parts = (pointer * len(array))(*(ctypes.pointer(part) for part in array))
        chunks = lib.mtmd_input_chunks_init()
        last_errors.clear()
        code = lib.mtmd_tokenize_from_parts(self._context, chunks, parts, len(array), begin)
        if code != 0:
            lib.mtmd_input_chunks_free(chunks)
            raise InvalidRequest(
                f"llama.cpp cannot prepare the images (code {code}): {' '.join(last_errors)}",
                provider="llamacpp",
                remedy="Check their sizes; very small or very long ones may not do.",
            )
        prompt = ImagePrompt(lib, chunks)
        self._check_prompt(prompt)
        return prompt

    def _check_prompt(self, prompt: ImagePrompt) -> None:
        runs = [piece for piece in prompt.pieces if isinstance(piece, tuple)]
        if any(token < 0 for run in runs for token in run):
            raise ModelFileError(
                "This projector (mmproj) marks images with tokens that the model does not have: "
                "it is made for another model.",
                where=str(self._projector.path),
                remedy=_BELONGS,
            )
        if not runs or prompt.pieces[-1] is not runs[-1]:
            raise InvalidRequest(
                "This model's prompt would end with an image, and an answer follows text alone.",
                provider="llamacpp",
                remedy="Put the text after the image.",
            )

    def decode(self, context: Any, image: ImageChunk, position: int, n_batch: int) -> None:
        """Encode an image and give it to the text model at `position`, `n_batch` tokens at a time
        (as a whole where the model attends to images as a whole; `n_batch` must then do)."""
        lib = self._lib
        if self.non_causal and image.tokens > n_batch:
            raise InvalidRequest(
                f"An image takes {image.tokens} tokens, and {n_batch} can be read at once.",
                provider="llamacpp",
                remedy=f"Open the model with n_batch={image.tokens} or more.",
            )
        last_errors.clear()
        code = lib.mtmd_encode_chunk(self._context, image.chunk)
        if code == 0:
            code = lib.mtmd_helper_decode_image_chunk(
                self._context,
                context,
                image.chunk,
                lib.mtmd_get_output_embd(self._context),
                position,
                0,
                n_batch,
                ctypes.byref(library().llama_pos()),
                lib.mtmd_helper_post_decode_callback(),
                None,
            )
        if code != 0:
            raise ModelError(
                f"llama.cpp failed to read an image (code {code}): {' '.join(last_errors)}",
                provider="llamacpp",
                remedy="Choose a smaller n_ctx if memory is short.",
            )


def check_known(projector: Projector, model_path: Path) -> None:
    """Raise `ModelFileError` for a projector that was refused for this model before."""
    why = _refused.get((projector.sha256, str(model_path)))
    if why is not None:
        raise ModelFileError(why, where=str(projector.path), remedy=_BELONGS)


def _why_refused() -> str:
    said = " ".join(" ".join(last_errors).split())
    widths = re.findall(r"n_embd = (\d+)", said)
    if len(widths) == 2:
        return (
            f"This projector (mmproj) is made for another model: its embeddings are {widths[1]} "
            f"wide, and the model's {widths[0]}."
        )
    return f"llama.cpp cannot load this projector (mmproj): {said or 'no reason given'}."
