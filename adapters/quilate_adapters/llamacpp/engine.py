"""One loaded model and its context: tokens in, logits out. Not thread-safe: see `worker`.

**Equal requests get equal answers.** The shape of a batch changes the logits (log-probabilities
by up to 0.7 on quantised weights). So prompts are always decoded in chunks of `n_batch` tokens cut
at multiples of `n_batch`, answers token by token, and what is reused from the prompt before are
whole chunks alone: seen to change no bit of the logits. Flash attention is off: it divides a long
context among the threads, so that their number changed the logits as much.

A prompt with images is decoded whole, from an empty cache, and nothing of it is reused. Nor is
anything when the LoRA adapter changes: with another adapter it is another model.
"""

import ctypes
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.errors import ConfigurationError, ModelError
from quilate_adapters.llamacpp.grammar import Grammars, Vocabulary
from quilate_adapters.llamacpp.lora import Adapters, Lora
from quilate_adapters.llamacpp.native import last_errors, library, load_model, tokenize
from quilate_adapters.llamacpp.vision import (
    NON_CAUSAL_BATCH,
    ImageChunk,
    ImagePrompt,
    Projector,
    Prompt,
    Vision,
    check_known,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Check = Callable[[], None]
"""Called between decodes; raises to stop the work."""

_IMAGE = -1
"""Stands in the list of what was decoded for a position that an image takes; it is no token."""


def usable_cpus() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is opened. `n_ctx` is the context in tokens, `n_batch` the chunk in which
    prompts are decoded: larger is slightly faster, smaller reuses more of a shared prefix. With a
    `projector` the model takes images."""

    n_ctx: int
    n_batch: int = 64
    n_threads: int = field(default_factory=lambda: min(8, usable_cpus()))
    projector: Projector | None = None

    def __post_init__(self) -> None:
        for name in ("n_ctx", "n_batch", "n_threads"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigurationError(
                    f"{name} is {value!r}, but must be a whole number of at least 1.",
                    where="llamacpp",
                    remedy=f"Leave {name} out for the default.",
                )


class Engine:
    """A model in memory with one sequence in its key-value cache."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self.settings = settings
        self.lib = library()
        # One entry a position of the sequence.
        self._tokens: list[int] = []
        self._whole = 0
        self.prompt_end = 0
        self.decodes = 0
        self.vision: Vision | None = None
        if settings.projector is not None:
            check_known(settings.projector, path)
        self._model = load_model(path)
        try:
            if settings.projector is not None:
                self.vision = Vision(settings.projector, self._model, path, settings.n_threads)
            self._context = self._open(path)
        except BaseException:
            self._free_models()
            raise
        self._memory = self.lib.llama_get_memory(self._context)
        self._adapters = Adapters(self._model)
        self.vocab = self.lib.llama_model_get_vocab(self._model)
        self.vocab_size: int = self.lib.llama_vocab_n_tokens(self.vocab)
        self._batch = self.lib.llama_batch_init(settings.n_batch, 0, 1)
        tokens, lib = range(self.vocab_size), self.lib
        self.end_tokens = [t for t in tokens if lib.llama_vocab_is_eog(self.vocab, t)]
        self.control_tokens = [t for t in tokens if lib.llama_vocab_is_control(self.vocab, t)]
        self.control_texts = [text for text in map(self.token_text, self.control_tokens) if text]

    def _open(self, path: Path) -> Any:
        params = self.lib.llama_context_default_params()
        params.n_ctx = self.settings.n_ctx
        params.n_batch = params.n_ubatch = self._image_batch = self._largest_batch()
        params.n_seq_max = 1
        params.flash_attn_type = self.lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.n_threads = params.n_threads_batch = self.settings.n_threads
        params.no_perf = True
        context = self.lib.llama_init_from_model(self._model, params)
        if not context:
            raise ModelError(
                f"llama.cpp cannot open a context of {self.settings.n_ctx} tokens: "
                f"{' '.join(last_errors) or 'not enough memory?'}",
                where=str(path),
                provider="llamacpp",
                remedy="Choose a smaller n_ctx.",
            )
        return context

    def _largest_batch(self) -> int:
        """Tokens that one decode may have. Text is always decoded by `n_batch`."""
        if self.vision is not None and self.vision.non_causal:
            return max(self.settings.n_batch, NON_CAUSAL_BATCH)
        return self.settings.n_batch

    def close(self) -> None:
        """Free the native memory; the engine cannot be used any more."""
        # The grammars hold the tokenizer of this engine: a cycle that no collector sees.
        self.__dict__.pop("grammars", None)
        self.lib.llama_batch_free(self._batch)
        self.lib.llama_free(self._context)
        self._free_models()

    def _free_models(self) -> None:
        if self.vision is not None:
            self.vision.close()
        self.lib.llama_model_free(self._model)

    @property
    def template(self) -> str | None:
        """The model's own chat template (Jinja)."""
        raw = self.lib.llama_model_chat_template(self._model, None)
        return raw.decode("utf-8", "replace") if raw else None

    def token_text(self, token: int) -> str:
        """A special token as templates write it; empty for none (a negative number)."""
        if token < 0:
            return ""
        raw: bytes = self.lib.llama_vocab_get_text(self.vocab, token)
        return raw.decode("utf-8", "replace")

    @property
    def bos(self) -> str:
        """The text of the token that begins a text."""
        return self.token_text(self.lib.llama_vocab_bos(self.vocab))

    @property
    def eos(self) -> str:
        """The text of the token that ends a text."""
        return self.token_text(self.lib.llama_vocab_eos(self.vocab))

    def tokenize(self, text: str, *, special: bool = False, begin: bool = False) -> list[int]:
        """The tokens of `text`. `special` reads control tokens out of it; `begin` puts the
        beginning-of-text token before it where the model wants one."""
        return tokenize(self.vocab, text, special=special, begin=begin)

    def piece(self, token: int) -> bytes:
        """The bytes of a token: perhaps a part of a character; none for a control token."""
        buffer = ctypes.create_string_buffer(64)
        size = self.lib.llama_token_to_piece(self.vocab, token, buffer, 64, 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = self.lib.llama_token_to_piece(self.vocab, token, buffer, -size, 0, False)
        return buffer.raw[:size]

    def use(self, lora: Lora | None) -> None:
        """Add this LoRA adapter to the model from now on, or none. Raises `ModelFileError` for one
        made for another model; then nothing has changed."""
        if self._adapters.use(self._context, lora):
            self._forget()

    def begin(self, prompt: Prompt, check: Check) -> None:
        """Decode a prompt, keeping the whole chunks that it shares with what was decoded last;
        afterwards `logprobs` are those after its last token, and `prompt_end` is the position
        there: the length to which `rewind` goes back to have the prompt alone."""
        if isinstance(prompt, ImagePrompt):
            self._begin_with_images(prompt, check)
        else:
            self._begin_with_text(prompt, check)
        self.prompt_end = len(self._tokens)

    def _begin_with_text(self, prompt: Sequence[int], check: Check) -> None:
        whole = self.settings.n_batch
        shared = _common(self._tokens[: self._whole], prompt)
        start = min(shared, len(prompt) - 1) // whole * whole
        if not self.rewind(start):
            start = 0
        for at in range(start, len(prompt), whole):
            check()
            self._decode(prompt[at : at + whole])

    def _begin_with_images(self, prompt: ImagePrompt, check: Check) -> None:
        self._forget()
        try:
            for piece in prompt.pieces:
                if isinstance(piece, ImageChunk):
                    check()
                    self._decode_image(piece)
                    continue
                for at in range(0, len(piece), self.settings.n_batch):
                    check()
                    self._decode(piece[at : at + self.settings.n_batch])
        except BaseException:
            # An image may have been decoded in part: what the cache holds is not known.
            self._forget()
            raise
        self._whole = 0

    def _decode_image(self, image: ImageChunk) -> None:
        if self.vision is None:  # no prompt with images is made without it
            raise RuntimeError("no projector")
        self.decodes += 1
        self.vision.decode(self._context, image, len(self._tokens), self._image_batch)
        self._tokens.extend([_IMAGE] * image.positions)

    def append(self, token: int) -> None:
        """Decode one further token."""
        self._decode((token,))

    def rewind(self, length: int) -> bool:
        """Forget all but the first `length` positions. False: the model (a recurrent one) cannot go
        back part of the way, and everything was forgotten."""
        if length >= len(self._tokens):
            return True
        kept = bool(self.lib.llama_memory_seq_rm(self._memory, 0, length, -1))
        if not kept:
            self._forget()
            return length == 0
        del self._tokens[length:]
        self._whole = min(self._whole, length // self.settings.n_batch * self.settings.n_batch)
        return True

    def _forget(self) -> None:
        self.lib.llama_memory_clear(self._memory, True)
        self._tokens.clear()
        self._whole = 0

    def _decode(self, tokens: Sequence[int], *, every: bool = False) -> None:
        """Decode; with `every`, logits are kept of each token, not of the last alone."""
        batch, first = self._batch, len(self._tokens)
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = first + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = every
        batch.logits[len(tokens) - 1] = 1
        self.decodes += 1
        code = self.lib.llama_decode(self._context, batch)
        if code != 0:
            self._forget()
            raise ModelError(
                f"llama.cpp failed to decode (code {code}): {' '.join(last_errors)}",
                provider="llamacpp",
                remedy="Choose a smaller n_ctx if memory is short.",
            )
        self._tokens.extend(tokens)
        if first == self._whole and len(tokens) == self.settings.n_batch:
            self._whole += len(tokens)

    def logprobs(self) -> "NDArray[np.float64]":
        """Natural-log probability of every token of the vocabulary as the next one."""
        import numpy as np

        pointer = self.lib.llama_get_logits_ith(self._context, -1)
        logits = np.ctypeslib.as_array(pointer, (self.vocab_size,)).astype(np.float64)
        logits -= logits.max()
        logits -= np.log(np.exp(logits).sum())
        return logits

    def sample(self, chain: Any) -> int:
        """The next token as a sampler chain draws it."""
        return int(self.lib.llama_sampler_sample(chain, self._context, -1))

    def sample_among(self, chain: Any, allowed: "NDArray[np.intp]") -> int:
        """The next token as a sampler chain draws it from the `allowed` ones alone. The logits
        themselves stay as the model gave them."""
        import numpy as np

        lib = self.lib
        pointer = lib.llama_get_logits_ith(self._context, -1)
        entries = np.zeros(len(allowed), dtype=np.dtype(lib.llama_token_data))
        entries["id"] = allowed
        entries["logit"] = np.ctypeslib.as_array(pointer, (self.vocab_size,))[allowed]
        data = entries.ctypes.data_as(lib.llama_token_data_p)
        candidates = lib.llama_token_data_array(data, len(entries), -1, False)
        lib.llama_sampler_apply(chain, ctypes.byref(candidates))
        token = int(candidates.data[candidates.selected].id)
        lib.llama_sampler_accept(chain, token)
        return token

    @cached_property
    def grammars(self) -> Grammars:
        """JSON schemas as grammars over this model's vocabulary, made when first needed."""
        return Grammars(
            Vocabulary(
                tokens=[self.piece(token) for token in range(self.vocab_size)],
                special_token_ids=self.control_tokens,
                end_tokens=self.end_tokens,
                tokenize=self.tokenize,
            )
        )


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many leading tokens are the same."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))
