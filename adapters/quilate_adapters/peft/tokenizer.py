r"""A base's tokenizer and chat template: for a GGUF file llama.cpp's own, which will serve it.

The tokenizer that transformers makes of a GGUF file is not used for that: it knows nothing of how
the file wants texts cut before merging (``tokenizer.ggml.pre``). With SmolLM2's it makes two tokens
of the line breaks and space in ``"\n\n 3"``; llama.cpp, as the original, makes one. A model that is
tuned on other tokens than it is asked with learns worse, and nothing says so.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from quilate.errors import ConfigurationError
from quilate_adapters.llamacpp.gguf import inspect
from quilate_adapters.llamacpp.vocabulary import Vocabulary
from quilate_adapters.peft.base import Base, open_hf_tokenizer
from quilate_adapters.peft.chat import Chat, Piece


@dataclass(frozen=True)
class Tokenizer:
    """How a base reads texts. `encode_text` gives the ids of a text, with control tokens read out
    of it or not; `begin` are the ids that stand before every text, `stops` those that end an
    answer. `hf` is transformers' tokenizer, for trl; `engine` says whose ids they are."""

    hf: Any
    chat: Chat
    encode_text: Callable[[str, bool], list[int]]
    begin: tuple[int, ...]
    stops: frozenset[int]
    engine: str

    def encode(self, pieces: Iterable[Piece]) -> list[int]:
        """The ids of rendered pieces, one after another."""
        return [token for piece in pieces for token in self.encode_text(piece.text, piece.special)]

    @property
    def end(self) -> int:
        """The id that ends an answer where the template writes none."""
        return int(self.hf.eos_token_id)


@lru_cache(maxsize=4)
def open_tokenizer(base: Base, vocabulary: int) -> Tokenizer:
    """The tokenizer of a base whose embeddings have `vocabulary` rows.

    Raises `ConfigurationError` for a tokenizer that is not this model's, or that names no end of
    sequence, and `MissingDependency` for a GGUF file without llama-cpp-python.
    """
    hf = open_hf_tokenizer(base)
    if hf.eos_token_id is None:
        raise ConfigurationError(
            "This base's tokenizer names no end of sequence, so no answer could be taught to end.",
            where=str(base.path),
            remedy="Set eos_token in its tokenizer_config.json.",
        )
    _check_size(base, "transformers", len(hf), vocabulary)
    return _of_gguf(base, hf, vocabulary) if base.gguf else _of_folder(base, hf)


def _of_folder(base: Base, hf: Any) -> Tokenizer:
    template = hf.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    control = tuple(text for text in hf.all_special_tokens if text)

    def encode(text: str, special: bool) -> list[int]:
        found = hf(
            text,
            add_special_tokens=False,
            split_special_tokens=not special,
            truncation=False,
            verbose=False,
        )
        return list(found["input_ids"])

    begin = _before(hf("a")["input_ids"], encode("a", True))
    stops = frozenset({int(hf.eos_token_id), *_named_stops(base)})
    chat = Chat(template, hf.bos_token or "", hf.eos_token or "", control)
    return Tokenizer(hf, chat, encode, begin, stops, "transformers")


def _of_gguf(base: Base, hf: Any, vocabulary: int) -> Tokenizer:
    own = Vocabulary(base.path)
    _check_size(base, "llama.cpp", own.size, vocabulary)
    lib, vocab = own.lib, own.vocab
    tokens = range(own.size)
    control = tuple(
        text
        for token in tokens
        if lib.llama_vocab_is_control(vocab, token) and (text := own.text_of(token))
    )
    chat = Chat(
        inspect(base.path).metadata.get("tokenizer.chat_template"),
        own.text_of(lib.llama_vocab_bos(vocab)),
        own.text_of(lib.llama_vocab_eos(vocab)),
        control,
    )
    begin = _before(own.encode("a", begin=True), own.encode("a", False))
    stops = own.ends | {int(hf.eos_token_id)}
    return Tokenizer(hf, chat, own.encode, begin, stops, "llama.cpp")


def _before(marked: list[int], plain: list[int]) -> tuple[int, ...]:
    """The ids that stand before a text's own."""
    return tuple(marked[: marked.index(plain[0])]) if plain and plain[0] in marked else ()


def _check_size(base: Base, whose: str, size: int, vocabulary: int) -> None:
    if size > vocabulary:
        raise ConfigurationError(
            f"The tokenizer is not this model's: to {whose} it has {size} tokens, and the model "
            f"has embeddings of {vocabulary}.",
            where=str(base.path),
            remedy="Give the model with its own tokenizer.",
        )


def _named_stops(base: Base) -> set[int]:
    """The ends that a folder's generation settings name."""
    import json

    try:
        text = (base.folder / "generation_config.json").read_text("utf-8")
        named = json.loads(text).get("eos_token_id")
    except (OSError, ValueError, AttributeError):
        return set()
    ids = named if isinstance(named, list) else [named]
    return {one for one in ids if isinstance(one, int)}
