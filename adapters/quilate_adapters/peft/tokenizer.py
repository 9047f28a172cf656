"""A base's tokenizer and chat template, checked against what llama.cpp makes of the same texts."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from quilate.errors import ConfigurationError, MissingDependency
from quilate_adapters.llamacpp import native
from quilate_adapters.llamacpp.gguf import inspect
from quilate_adapters.peft.base import Base, open_hf_tokenizer
from quilate_adapters.peft.chat import Chat, Piece

_PROBES = (
    "The quick brown fox: 3.14 + 1,234,567 = ?",
    "¿Qué pasó, señor Ñáñez? ¡Olé! «çã»",
    '{"id": 7,\n  "tags": ["a", "b"]}\t\n\n  def f(x):\n        return x',
    "don't  stop   — 日本語 🦤 ﬁ e\u0301 x\u200by",
    "",
)


@dataclass(frozen=True)
class Tokenizer:
    """A base's tokenizer: transformers' own in `hf`; `begin` are the ids that stand before every
    text, `stops` those that end an answer. `checked` says whether llama.cpp was asked too."""

    hf: Any
    chat: Chat
    begin: tuple[int, ...]
    stops: frozenset[int]
    checked: bool

    def encode(self, pieces: Iterable[Piece]) -> list[int]:
        """The ids of rendered pieces, one after another."""
        return [
            token
            for piece in pieces
            for token in _encode(self.hf, piece.text, special=piece.special)
        ]

    @property
    def end(self) -> int:
        """The id that ends an answer where the template writes none."""
        return int(self.hf.eos_token_id)


@lru_cache(maxsize=4)
def open_tokenizer(base: Base) -> Tokenizer:
    """The tokenizer of a base, with the chat template in its own file.

    Raises `ConfigurationError` where transformers tokenises otherwise than llama.cpp, or makes
    another template of a GGUF file's own: what is trained would not be what is served.
    """
    hf = open_hf_tokenizer(base)
    if hf.eos_token_id is None:
        raise ConfigurationError(
            "This base's tokenizer names no end of sequence, so no answer could be taught to end.",
            where=str(base.path),
            remedy="Set eos_token in its tokenizer_config.json.",
        )
    template = _template(base, hf)
    control = tuple(text for text in hf.all_special_tokens if text)
    begin = _begin_of(hf)
    stops = frozenset({int(hf.eos_token_id), *_named_stops(base)})
    checked = False
    if base.gguf is not None:
        try:
            with _vocabulary(base) as vocab:
                control = _control(vocab)
                begin = _check(base, hf, vocab, control)
                stops |= _ends(vocab)
                checked = True
        except MissingDependency:  # llama.cpp is not needed to train
            pass
    chat = Chat(template, hf.bos_token or "", hf.eos_token or "", control)
    return Tokenizer(hf, chat, begin, stops, checked)


def _encode(hf: Any, text: str, *, special: bool) -> list[int]:
    found = hf(
        text,
        add_special_tokens=False,
        split_special_tokens=not special,
        truncation=False,
        verbose=False,
    )
    return list(found["input_ids"])


def _begin_of(hf: Any) -> tuple[int, ...]:
    marked, plain = hf("a")["input_ids"], _encode(hf, "a", special=True)
    return tuple(marked[: marked.index(plain[0])]) if plain and plain[0] in marked else ()


def _template(base: Base, hf: Any) -> str | None:
    made = hf.chat_template
    if base.gguf is None:
        return made.get("default") if isinstance(made, dict) else made
    own = inspect(base.path).metadata.get("tokenizer.chat_template")
    if made is not None and made != own:
        raise ConfigurationError(
            "transformers gives this base another chat template than its GGUF file has.",
            where=str(base.path),
            remedy="Update transformers; else tune the folder of safetensors.",
        )
    return own


def _named_stops(base: Base) -> set[int]:
    """The other ends that a folder's generation settings name."""
    import json

    file = base.folder / "generation_config.json"
    if base.gguf is not None or not file.is_file():
        return set()
    try:
        named = json.loads(file.read_text("utf-8")).get("eos_token_id")
    except (ValueError, AttributeError):
        return set()
    ids = named if isinstance(named, list) else [named]
    return {one for one in ids if isinstance(one, int)}


def _check(base: Base, hf: Any, vocab: Any, control: tuple[str, ...]) -> tuple[int, ...]:
    """The ids that llama.cpp puts before a text, after comparing both tokenizers."""
    size = native.library().llama_vocab_n_tokens(vocab)
    if len(hf) > size:
        raise _mismatch(base, f"transformers has {len(hf)} tokens, llama.cpp {size}")
    cases = [(text, True) for text in _PROBES]
    cases += [(f"a{text}b", special) for text in control for special in (True, False)]
    for text, special in cases:
        mine = _encode(hf, text, special=special)
        theirs = native.tokenize(vocab, text, special=special)
        if mine != theirs:
            raise _mismatch(base, f"{text!r} is {mine} to transformers, {theirs} to llama.cpp")
    marked = native.tokenize(vocab, "a", begin=True)
    plain = native.tokenize(vocab, "a")
    return tuple(marked[: marked.index(plain[0])]) if plain else ()


def _mismatch(base: Base, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The tokenizer that transformers makes of this base is not llama.cpp's: {what}.",
        where=str(base.path),
        remedy="Tuned like this, the served model would be worse. Update transformers and "
        "llama-cpp-python; else tune the model's folder of safetensors.",
    )


def _control(vocab: Any) -> tuple[str, ...]:
    """The texts of the control tokens."""
    lib = native.library()
    tokens = range(lib.llama_vocab_n_tokens(vocab))
    texts = (
        lib.llama_vocab_get_text(vocab, token)
        for token in tokens
        if lib.llama_vocab_is_control(vocab, token)
    )
    return tuple(text.decode("utf-8", "replace") for text in texts if text)


def _ends(vocab: Any) -> frozenset[int]:
    lib = native.library()
    size = lib.llama_vocab_n_tokens(vocab)
    return frozenset(token for token in range(size) if lib.llama_vocab_is_eog(vocab, token))


@contextmanager
def _vocabulary(base: Base) -> Iterator[Any]:
    """llama.cpp's vocabulary of a GGUF file, without its weights."""
    lib = native.library()
    params = lib.llama_model_default_params()
    params.vocab_only = True
    model = lib.llama_model_load_from_file(os.fsencode(base.path), params)
    if not model:
        raise _mismatch(base, f"llama.cpp cannot read it ({' '.join(native.last_errors)})")
    try:
        yield lib.llama_model_get_vocab(model)
    finally:
        lib.llama_model_free(model)
