"""The Model over a local GGUF file."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from quilate.models import (
    Capabilities,
    Capability,
    Event,
    Finished,
    Likelihood,
    ModelInfo,
    Request,
    Response,
    TextDelta,
    TokenCount,
)
from quilate_adapters.llamacpp.answering import (
    answer,
    check_candidates,
    check_request,
    prompt_tokens,
)
from quilate_adapters.llamacpp.engine import Check, Engine, Settings
from quilate_adapters.llamacpp.generation import Emit
from quilate_adapters.llamacpp.gguf import ModelFile, inspect
from quilate_adapters.llamacpp.lora import Lora, check_scale, locate_lora, named_adapter, read_lora
from quilate_adapters.llamacpp.native import version_of
from quilate_adapters.llamacpp.packaged import locate
from quilate_adapters.llamacpp.prompt import encode
from quilate_adapters.llamacpp.scoring import Candidate, score
from quilate_adapters.llamacpp.vision import Projector, locate_projector, read_projector
from quilate_adapters.llamacpp.worker import Worker, share

T = TypeVar("T")
_Files = tuple[ModelFile, Projector | None, Lora | None]

DEFAULT_CONTEXT = 4096
_FEATURES = (
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop",
    "seed",
    "logprobs",
    "choices",
    "choice_logprobs",
    "json_schema",
    "loglikelihood",
    "count_tokens",
)
_NEEDS_PROJECTOR = Capability(
    False, note="A model made for images takes them with its projector: mmproj='mmproj.gguf'."
)


def model(
    name: str,
    *,
    n_ctx: int | None = None,
    n_batch: int = 64,
    n_threads: int | None = None,
    mmproj: str | Path | None = None,
    lora: str | Path | None = None,
    lora_scale: float = 1.0,
) -> "LlamaCpp":
    """A model in this process: a packaged one by its name, or a GGUF file by its path.

    `n_ctx` is the context in tokens (default: what the model was trained for, at most 4096),
    `n_threads` the threads that compute (default: the processors this process may use, at most
    8). `mmproj` is the GGUF file of the model's multimodal projector: with it, the model takes
    images. `lora` is a GGUF LoRA adapter (also written ``BASE+ADAPTER.gguf`` in the name), added
    with the strength `lora_scale`; models that differ in it alone share one base in memory. Nothing
    is loaded or hashed yet. Raises `ModelFileError` when there is no such file and
    `ConfigurationError` for settings that make no sense.

    >>> model("smollm2-135m-instruct", n_ctx=0)
    Traceback (most recent call last):
    quilate.errors.ConfigurationError: llamacpp: n_ctx is 0, but must be ...
    """
    settings = Settings(DEFAULT_CONTEXT if n_ctx is None else n_ctx, n_batch)
    if n_threads is not None:
        settings = replace(settings, n_threads=n_threads)
    projector = None if mmproj is None else locate_projector(mmproj)
    scale = check_scale(lora_scale)
    base, lora = named_adapter(name, lora)
    return LlamaCpp(
        locate(base),
        name,
        settings,
        shrink=n_ctx is None,
        mmproj=projector,
        lora=None if lora is None else (locate_lora(lora), scale),
    )


class LlamaCpp:
    """A local model. Greedy unless the request sets a temperature; 256 tokens unless it sets
    `max_tokens`; ``extra={"min_p": …}`` is honoured.

    Equal requests get equal answers whatever was asked before. The cache of the prompt's
    beginning is therefore not reported in `Usage.cached_tokens`.

    With a projector (`mmproj`), user messages may hold images by their bytes: PNG, JPEG, GIF (its
    first frame) or BMP, of at most 20 MiB and 50 million pixels. `Usage.input_tokens` counts their
    tokens too.

    With an adapter (`lora`), the base in memory is shared with the models on the same file and
    settings, and the adapter switched between their requests; the cache is dropped at a switch.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        settings: Settings,
        *,
        shrink: bool = False,
        mmproj: Path | None = None,
        lora: tuple[Path, float] | None = None,
    ) -> None:
        self._path, self._name = path, name
        self._wanted, self._shrink = settings, shrink
        self._mmproj, self._lora = mmproj, lora
        self._known: tuple[_Files, ModelInfo] | None = None
        self._opening = threading.Lock()
        self._opened: tuple[Worker[Engine], Callable[[], Any]] | None = None

    @property
    def info(self) -> ModelInfo:
        """Who this is. The first time, reads and hashes the files (0.2 s for 100 MB)."""
        files = (inspect(self._path), self._projector(), self._adapter())
        known = self._known
        if known is None or known[0] != files:
            known = self._known = (files, self._describe(*files))
        return known[1]

    def _describe(
        self, file: ModelFile, projector: Projector | None, lora: Lora | None
    ) -> ModelInfo:
        settings = self._settings()
        images = Capability(True) if projector else _NEEDS_PROJECTOR
        return ModelInfo(
            name=f"llamacpp/{self._name}",
            provider="llamacpp",
            identity=f"llamacpp:{file.sha256}:n_ctx={settings.n_ctx}:n_batch={settings.n_batch}"
            f":llama-cpp-python={version_of('llama-cpp-python')}"
            f":llguidance={version_of('llguidance')}"
            + (f":mmproj={projector.sha256}" if projector else "")
            + (f":lora={lora.sha256}:lora_scale={lora.scale}" if lora else ""),
            context_length=settings.n_ctx,
            sha256=file.sha256,
            capabilities=Capabilities(
                {**Capabilities.declared(*_FEATURES).features, "images": images}
            ),
            details={
                "file": str(self._path),
                "architecture": file.metadata.get("general.architecture"),
                "trained_context_length": file.context_length,
                "chat_template": "tokenizer.chat_template" in file.metadata,
                "n_threads": settings.n_threads,
                **({"mmproj": str(projector.path)} if projector else {}),
                **_lora_details(lora),
            },
        )

    async def generate(self, request: Request) -> Response:
        """Answer once. A `ChoiceFormat` is answered by the likeliest choice as a whole (or one
        drawn from `choice_logprobs`, with a temperature); see `scoring`."""
        return await self._answer(request, _ignore)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece."""
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event | None] = asyncio.Queue()

        def emit(text: str) -> None:
            loop.call_soon_threadsafe(events.put_nowait, TextDelta(text))

        answer = asyncio.create_task(self._answer(request, emit))
        answer.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            yield Finished(await answer)
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """Score each continuation as the beginning of the answer to `context`: the sum over its
        own tokens, without the end of the turn."""
        self._check(context)

        def work(engine: Engine, check: Check) -> list[Likelihood]:
            prompt = prompt_tokens(engine, context)
            candidates = [Candidate(tuple(engine.tokenize(text))) for text in continuations]
            check_candidates(engine, prompt, candidates)
            scored = score(engine, prompt, candidates, check)
            return [
                Likelihood(result.logprob, len(candidate.tokens), result.greedy)
                for candidate, result in zip(candidates, scored, strict=True)
            ]

        return await self._run(work)

    async def count_tokens(self, request: Request) -> TokenCount:
        """The tokens of the request's prompt, its chat template applied."""
        self._check(request)
        prompt = await self._run(lambda engine, _: encode(engine, request.messages))
        return TokenCount(len(prompt), exact=True)

    async def aclose(self) -> None:
        """Free the native memory, once no other model uses it. A later call loads it again."""
        with self._opening:
            opened, self._opened = self._opened, None
        if opened is not None:
            await asyncio.to_thread(opened[1])

    async def _answer(self, request: Request, emit: Emit) -> Response:
        self._check(request)
        response = await self._run(partial(answer, request, emit, time.perf_counter()))
        return replace(response, model=self._name)

    def _check(self, request: Request) -> None:
        check_request(request, images=self._mmproj is not None)

    async def _run(self, work: Callable[[Engine, Check], T]) -> T:
        worker = await asyncio.to_thread(self._worker)
        lora = await asyncio.to_thread(self._adapter)

        def with_adapter(engine: Engine, check: Check) -> T:
            engine.use(lora)
            return work(engine, check)

        return await worker.run(with_adapter)

    def _worker(self) -> Worker[Engine]:
        with self._opening:
            if self._opened is None:
                self._opened = share(self, inspect(self._path).path, self._settings(), Engine)
            return self._opened[0]

    def _projector(self) -> Projector | None:
        return None if self._mmproj is None else read_projector(self._mmproj)

    def _adapter(self) -> Lora | None:
        if self._lora is None:
            return None
        return read_lora(*self._lora, inspect(self._path).metadata.get("general.architecture"))

    def _settings(self) -> Settings:
        settings = replace(self._wanted, projector=self._projector())
        trained = inspect(self._path).context_length
        if not self._shrink or trained is None or trained >= settings.n_ctx:
            return settings
        return replace(settings, n_ctx=trained)


def _lora_details(lora: Lora | None) -> dict[str, Any]:
    if lora is None:
        return {}
    return {"lora": str(lora.path), "lora_sha256": lora.sha256, "lora_scale": lora.scale}


def _ignore(_: str) -> None:
    """Nobody reads the pieces."""
