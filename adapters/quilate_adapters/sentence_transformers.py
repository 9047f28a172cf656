"""Embedders and cross-encoder rerankers of sentence-transformers, with torch, in this process.

Reimers and Gurevych, Sentence-BERT, 2019 (arXiv:1908.10084). A model is a folder or a name on the
Hugging Face hub; nothing is downloaded unless ``download=True`` asks for it.
"""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from quilate.errors import ConfigurationError, ModelFileError, ModelNotFound
from quilate.providers.lengths import check_lengths
from quilate.registry import require
from quilate.retrievers import EmbedderInfo, RerankerInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["query", "document"]

_PROVIDER = "sentence-transformers"
_AT_ONCE = 32
_PROMPTS = {"query": ("query",), "document": ("document", "passage", "corpus")}


@dataclass(frozen=True)
class _Loaded:
    """A model, the one thread that computes with it, and a hash of all that it computes from."""

    model: Any
    thread: ThreadPoolExecutor
    digest: str

    @property
    def limit(self) -> int | None:
        """The longest text in tokens; None where the model names none."""
        limit = self.model.max_seq_length
        return None if limit is None or limit > 1_000_000 else int(limit)

    def lengths(self, *texts: list[str]) -> list[int]:
        """Tokens of each text, or pair of texts, with the special tokens, nothing cut off."""
        encoded = self.model.tokenizer(*texts, truncation=False, verbose=False)
        return [len(tokens) for tokens in encoded["input_ids"]]

    async def run(self, work: Callable[[Callable[[], bool]], None]) -> None:
        """Do `work` in the thread; it asks what it is given whether nobody waits any more."""
        stop = threading.Event()
        try:
            await asyncio.wrap_future(self.thread.submit(work, stop.is_set))
        finally:
            stop.set()


def embedder(
    name: str, *, device: str | None = None, truncate: bool = False, download: bool = False
) -> "SentenceTransformerEmbedder":
    """An embedder by the folder or the hub name of its model; nothing is loaded until it is used.

    `device` is torch's (``cpu``, ``cuda``; default: the best there is). A text longer than the
    model reads is an error; with `truncate` its end is left out.
    """
    return SentenceTransformerEmbedder(name, device, truncate, download)


def reranker(
    name: str, *, device: str | None = None, truncate: bool = False, download: bool = False
) -> "CrossEncoderReranker":
    """A cross-encoder with one score, by the folder or the hub name of its model; options as
    `embedder`'s."""
    return CrossEncoderReranker(name, device, truncate, download)


@dataclass(frozen=True, slots=True)
class SentenceTransformerEmbedder:
    """Unit vectors, with the prompts that the model's own configuration gives queries and
    documents."""

    name: str
    device: str | None = None
    truncate: bool = False
    download: bool = False

    @property
    def info(self) -> EmbedderInfo:
        """Who this is. The first time, loads the model; raises `MissingDependency` without the
        package and `ModelNotFound` without the model."""
        loaded = self._loaded()
        return EmbedderInfo(
            f"{_PROVIDER}/{self.name}",
            f"{_PROVIDER}:{version(_PROVIDER)}:{loaded.digest}:truncate={self.truncate}",
            int(loaded.model.get_embedding_dimension()),
            loaded.limit,
        )

    async def embed(self, texts: Sequence[str], *, kind: Kind) -> "NDArray[np.float32]":
        """Array of shape (len(texts), dimension), rows of length 1. Raises
        `ContextLengthExceeded` with the index and tokens of a text that is too long. Cancelled,
        it stops within a few texts."""
        import numpy as np

        loaded = await asyncio.to_thread(self._loaded)
        model = loaded.model
        encode = model.encode_query if kind == "query" else model.encode_document
        vectors = np.empty((len(texts), model.get_embedding_dimension()), dtype=np.float32)

        def work(is_over: Callable[[], bool]) -> None:
            prompt, clean = _prompt(model, kind), [_clean(text) for text in texts]
            lengths = loaded.lengths([prompt + text for text in clean])
            self._check(lengths, loaded)
            # Texts of like length together: a batch is padded to its longest.
            order = sorted(range(len(clean)), key=lambda i: lengths[i])
            for start in range(0, len(order), _AT_ONCE):
                if is_over():
                    return
                some = order[start : start + _AT_ONCE]
                vectors[some] = encode(
                    [clean[i] for i in some],
                    prompt=prompt,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )

        if texts:
            await loaded.run(work)
        return vectors

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` as a document, with its prompt and the special tokens."""
        loaded = self._loaded()
        return loaded.lengths([_prompt(loaded.model, "document") + _clean(text)])[0]

    def _check(self, lengths: Sequence[int], loaded: _Loaded) -> None:
        check_lengths(
            lengths,
            None if self.truncate else loaded.limit,
            what="Text",
            where=f"embedder {_PROVIDER}/{self.name}",
            remedy="Cut the documents into smaller chunks, or open the embedder with truncate=True "
            "to leave out the ends.",
        )

    def _loaded(self) -> _Loaded:
        return _load("SentenceTransformer", self.name, self.device, self.download)


@dataclass(frozen=True, slots=True)
class CrossEncoderReranker:
    """Scores of a cross-encoder, as logits: what a sigmoid would make of them orders them the
    same, but makes all good ones equal to 1."""

    name: str
    device: str | None = None
    truncate: bool = False
    download: bool = False

    @property
    def info(self) -> RerankerInfo:
        """Who this is. The first time, loads the model; raises as an embedder's, and
        `ConfigurationError` for a model that gives several scores."""
        loaded = self._loaded()
        return RerankerInfo(
            f"{_PROVIDER}/{self.name}",
            f"{_PROVIDER}:{version(_PROVIDER)}:{loaded.digest}:truncate={self.truncate}",
            loaded.limit,
        )

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, in the order given, higher is better. Raises
        `ContextLengthExceeded` with the index and tokens of a passage that is too long together
        with the query."""
        loaded = await asyncio.to_thread(self._loaded)
        clean, asked = [_clean(passage) for passage in passages], _clean(query)
        scores = [0.0] * len(clean)

        def work(is_over: Callable[[], bool]) -> None:
            lengths = loaded.lengths([asked] * len(clean), clean)
            self._check(lengths, loaded)
            identity = require("torch", extra=_PROVIDER).nn.Identity()
            order = sorted(range(len(clean)), key=lambda i: lengths[i])
            for start in range(0, len(order), _AT_ONCE):
                if is_over():
                    return
                some = order[start : start + _AT_ONCE]
                pairs = [(asked, clean[i]) for i in some]
                found = loaded.model.predict(pairs, activation_fn=identity, show_progress_bar=False)
                for i, score in zip(some, found, strict=True):
                    scores[i] = float(score)

        if clean:
            await loaded.run(work)
        return scores

    def _check(self, lengths: Sequence[int], loaded: _Loaded) -> None:
        check_lengths(
            lengths,
            None if self.truncate else loaded.limit,
            what="The query with passage",
            where=f"reranker {_PROVIDER}/{self.name}",
            remedy="Cut the documents into smaller chunks, or open the reranker with truncate=True "
            "to leave out the ends.",
        )

    def _loaded(self) -> _Loaded:
        loaded = _load("CrossEncoder", self.name, self.device, self.download)
        labels = loaded.model.num_labels
        if labels != 1:
            raise ConfigurationError(
                f"The model '{self.name}' gives {labels} scores a pair, and a reranker gives one.",
                where=f"reranker {_PROVIDER}",
                remedy="Choose a cross-encoder trained for ranking.",
            )
        return loaded


_loading = threading.Lock()


def _load(kind: str, name: str, device: str | None, download: bool) -> _Loaded:
    """The model, loaded once in a process."""
    with _loading:
        return _loaded(kind, name, device, download)


@cache
def _loaded(kind: str, name: str, device: str | None, download: bool) -> _Loaded:
    package = require("sentence_transformers", extra=_PROVIDER, package=_PROVIDER)
    try:
        with _no_progress_bars():
            model = getattr(package, kind)(name, device=device, local_files_only=not download)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        missing = isinstance(error, OSError) and not download
        wrong = ModelNotFound if isinstance(error, OSError) else ModelFileError
        raise wrong(
            f"sentence-transformers cannot load this model: {str(error).splitlines()[0][:300]}",
            where=name,
            provider=_PROVIDER,
            remedy="Give the folder of a model, or download=True to get it from the Hugging Face "
            "hub."
            if missing
            else "Check that it is a model for sentence-transformers, and get it again.",
        ) from error
    model.eval()
    thread = ThreadPoolExecutor(1, thread_name_prefix="sentence-transformers")
    return _Loaded(model, thread, _digest(model))


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Keeps transformers from drawing on the terminal while it loads weights."""
    logging = require("transformers.utils.logging", extra=_PROVIDER)
    were_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if were_on:
            logging.enable_progress_bar()


def _digest(model: Any) -> str:
    """SHA-256 of the weights, the structure, the tokenizer, the prompts and the length limit."""
    torch = require("torch", extra=_PROVIDER)
    whole = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        whole.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}\n".encode())
        whole.update(data)
    tokenizer = getattr(model.tokenizer, "backend_tokenizer", None)
    words = tokenizer.to_str() if tokenizer else str(sorted(model.tokenizer.get_vocab().items()))
    said = (str(model), words, sorted((model.prompts or {}).items()), model.max_seq_length)
    whole.update(repr(said).encode())
    return whole.hexdigest()


def _prompt(model: Any, kind: Kind) -> str:
    """What the model's configuration puts before a text of this kind."""
    prompts = model.prompts or {}
    names = (*_PROMPTS[kind], model.default_prompt_name)
    return next((prompts[name] or "" for name in names if name in prompts), "")


def _clean(text: str) -> str:
    """`text` without lone surrogates, which have no UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")
