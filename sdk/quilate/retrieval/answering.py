"""Answering questions from retrieved passages, or from the model's memory alone."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from quilate import registry, sync
from quilate.errors import ConfigurationError
from quilate.evaluators import Citation, Output, Sample
from quilate.messages import Message
from quilate.messages import system as system_message
from quilate.models import Cost, Finished, Model, Request, Response, Sampling, TextDelta, Usage
from quilate.retrieval.abstention import abstained
from quilate.retrieval.citations import cite
from quilate.retrieval.languages import language_of
from quilate.retrieval.packing import numbered, pack
from quilate.retrieval.reranking import Reranked
from quilate.retrieval.tokens import CountTokens, estimate_tokens
from quilate.retrievers import Hit, Passage, Reranker, Retriever

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from quilate.prompts import Template

    OneTemplate: TypeAlias = str | Path | Template
    Prompt: TypeAlias = OneTemplate | Mapping[str, OneTemplate]

PROMPTS = Path(__file__).parent / "prompts"
DEFAULT = Sampling(max_tokens=256)

_CLOSED_BOOK_VARIABLES = frozenset({"question", "language"})
_RAG_VARIABLES = _CLOSED_BOOK_VARIABLES | {"context"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and where it comes from.

    `hits` is what was retrieved, `context` what of it the model was shown, in the order of the
    numbers by which `citations` name it. `seconds` is the time from question to last word.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    hits: tuple[Hit, ...] = ()
    context: tuple[Hit, ...] = ()
    abstained: bool = False
    usage: Usage = Usage()
    cost: Cost = Cost()
    seconds: float = 0.0

    @property
    def sources(self) -> tuple[Passage, ...]:
        """The passages that the answer cites, in the order in which it first does."""
        shown = {hit.passage.id: hit.passage for hit in self.context}
        cited = dict.fromkeys(c.passage_id for c in self.citations if c.passage_id is not None)
        return tuple(shown[name] for name in cited)


@dataclass(frozen=True, slots=True)
class Rag:
    """A `Target` that retrieves `k` passages, shows the model what of them fits into
    `context_tokens`, and checks the citations of its answer. Made by `rag`; by `closed_book`
    without a retriever, so that the model answers from memory.

    `prompts` holds templates by language; one under ``""``, else ``en``, serves all others. The
    language is `language`, else the sample's, else guessed from the words of the question.
    """

    retriever: Retriever | None
    model: Model
    prompts: "Mapping[str, Template]"
    k: int = 4
    context_tokens: int = 1024
    sampling: Sampling = DEFAULT
    language: str | None = None
    system: str | None = None
    count_tokens: CountTokens = estimate_tokens

    async def __call__(self, sample: Sample) -> Output:
        """Answer one sample: its last user message."""
        answer = await self.aask(sample.question, language=sample.language)
        retrieves = self.retriever is not None
        return Output(
            answer.text,
            hits=answer.hits if retrieves else None,
            context=answer.context if retrieves else None,
            citations=answer.citations,
            abstained=answer.abstained,
            usage=answer.usage,
            cost=answer.cost,
        )

    def ask(self, question: str, *, language: str | None = None) -> Answer:
        """Answer a question; raises what the retriever and the model raise."""
        return sync.run(self.aask(question, language=language))

    async def aask(self, question: str, *, language: str | None = None) -> Answer:
        """`ask`, for async code."""
        started = time.perf_counter()
        hits, context = await self._retrieve(question)
        request = self._request(question, language, context)
        return self._answer(await self.model.generate(request), hits, context, started)

    def stream(self, question: str, *, language: str | None = None) -> Iterator[TextDelta | Answer]:
        """Answer piece by piece: `TextDelta`s, then the whole `Answer`."""
        return sync.iterate(self.astream(question, language=language))

    async def astream(
        self, question: str, *, language: str | None = None
    ) -> AsyncIterator[TextDelta | Answer]:
        """`stream`, for async code."""
        started = time.perf_counter()
        hits, context = await self._retrieve(question)
        events = self.model.stream(self._request(question, language, context))
        async with aclosing(cast("AsyncGenerator[Any]", events)):
            async for event in events:
                if isinstance(event, TextDelta):
                    yield event
                elif isinstance(event, Finished):
                    yield self._answer(event.response, hits, context, started)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What a run notes of it: all that its answers depend on."""
        return {
            "retriever": self.retriever,
            "model": self.model,
            "prompts": {name: template.digest for name, template in self.prompts.items()},
            "k": self.k,
            "context_tokens": self.context_tokens,
            "sampling": self.sampling,
            "language": self.language,
            "system": self.system,
            "count_tokens": self.count_tokens,
        }

    async def _retrieve(self, question: str) -> tuple[tuple[Hit, ...], tuple[Hit, ...]]:
        """What is found, and what of it to show."""
        if self.retriever is None:
            return (), ()
        hits = tuple(await self.retriever.retrieve(question, k=self.k))
        return hits, pack(hits, budget=self.context_tokens, count_tokens=self.count_tokens)

    def _request(self, question: str, language: str | None, context: Sequence[Hit]) -> Request:
        wanted = (self.language or language or language_of(question)).partition("-")[0].lower()
        template = self.prompts.get(wanted) or self.prompts.get("") or self.prompts["en"]
        passages = (numbered(number, hit.passage) for number, hit in enumerate(context, 1))
        given = {
            "question": question,
            "language": wanted,
            "context": "\n\n".join(passages),
        }
        messages = template.render(**{name: given[name] for name in template.variables})
        return Request(_with_system(messages, self.system), sampling=self._sampling())

    def _sampling(self) -> Sampling:
        """The sampling, greedy where it names no temperature and the model takes one."""
        if self.sampling.temperature is None and self.model.info.capabilities.has("temperature"):
            return replace(self.sampling, temperature=0.0)
        return self.sampling

    def _answer(
        self,
        response: Response,
        hits: tuple[Hit, ...],
        context: tuple[Hit, ...],
        started: float,
    ) -> Answer:
        text = response.text.strip()
        return Answer(
            text=text,
            citations=cite(text, context) if self.retriever is not None else (),
            hits=hits,
            context=context,
            abstained=abstained(text),
            usage=response.usage,
            cost=response.cost,
            seconds=time.perf_counter() - started,
        )


def rag(
    index: Retriever,
    *,
    model: str | Model,
    k: int = 4,
    reranker: str | Reranker | None = None,
    candidates: int = 20,
    prompt: "Prompt | None" = None,
    context_tokens: int = 1024,
    sampling: Sampling = DEFAULT,
    language: str | None = None,
    system: str | None = None,
    count_tokens: CountTokens = estimate_tokens,
) -> Rag:
    """Retrieval-augmented generation: answers from the passages of `index`, citing them.

    `model` is a model or its string; `index` any `Retriever`. `prompt` is a template file, a
    template, or one for each language; ours answer in Spanish and English. It may declare the
    variables ``question``, ``context`` (the numbered passages) and ``language``. `system` takes
    the place of the template's system message.

    With a `reranker`, or its string, the first `candidates` passages are retrieved, and the `k`
    that it scores highest are used. Answers are greedy where `sampling` names no temperature and
    the model takes one.

    `context_tokens` bounds the passages shown, by `count_tokens`: an estimate unless given, so
    that every model of a comparison is shown the same and a replay needs no tokenizer. Raises
    `ConfigurationError` for a prompt or setting that cannot work.

    >>> from quilate.testing import ScriptedModel
    >>> class Lima:
    ...     async def retrieve(self, query, *, k, where=None):
    ...         return [Hit(Passage("lima", "Pizarro fundó Lima en 1535."), 1.0)]
    >>> answer = rag(Lima(), model=ScriptedModel('En 1535 [1: "Lima en 1535"].')).ask("¿Cuándo?")
    >>> [(source.id, answer.citations[0].status) for source in answer.sources]
    [('lima', 'verified')]
    """
    if k < 1 or context_tokens < 1:
        raise ConfigurationError(
            f"k={k} and context_tokens={context_tokens} must both be at least 1.",
            remedy="To answer without passages, use closed_book(model).",
        )
    if not hasattr(index, "retrieve"):
        raise ConfigurationError(
            f"{index!r} is no retriever.", remedy="Give q.index(PATH), or a Retriever of yours."
        )
    if isinstance(reranker, str):
        reranker = registry.reranker(reranker)
    return Rag(
        retriever=index if reranker is None else Reranked(index, reranker, candidates),
        model=_model(model),
        prompts=_prompts(prompt, "rag", _RAG_VARIABLES),
        k=k,
        context_tokens=context_tokens,
        sampling=sampling,
        language=language,
        system=system,
        count_tokens=count_tokens,
    )


def closed_book(
    model: str | Model,
    *,
    prompt: "Prompt | None" = None,
    sampling: Sampling = DEFAULT,
    language: str | None = None,
    system: str | None = None,
) -> Rag:
    """The same without retrieval: what `model` answers from memory, to compare with.

    >>> from quilate.testing import ScriptedModel
    >>> closed_book(ScriptedModel("No lo sé.")).ask("¿Cuándo se fundó Lima?").abstained
    True
    """
    return Rag(
        retriever=None,
        model=_model(model),
        prompts=_prompts(prompt, "closed_book", _CLOSED_BOOK_VARIABLES),
        sampling=sampling,
        language=language,
        system=system,
    )


def _model(model: str | Model) -> Model:
    if isinstance(model, str):
        return registry.model(model)
    from quilate.middleware.ambient import ambient

    return ambient(model)


def _prompts(prompt: "Prompt | None", name: str, known: frozenset[str]) -> "dict[str, Template]":
    """The templates by language; ours when none is given."""
    if prompt is None:
        from quilate.prompts.replacing import load

        prompt = {language: load(PROMPTS / f"{name}.{language}.md") for language in ("en", "es")}
    by_language = prompt if isinstance(prompt, Mapping) else {"": prompt}
    if not {"", "en"} & set(by_language):
        raise ConfigurationError(
            f"The prompts are for {', '.join(by_language) or 'no language'} alone.",
            remedy="Give one for 'en' too: it serves the languages that have none.",
        )
    templates = {language: _template(one) for language, one in by_language.items()}
    for template in templates.values():
        for variable in template.variables:
            if variable not in known:
                raise ConfigurationError(
                    f"The template declares the variable '{variable}', which no one supplies.",
                    where=template.where,
                    remedy=registry.nearest(variable, sorted(known)),
                )
    return templates


def _template(prompt: "OneTemplate") -> "Template":
    from quilate.prompts import Template

    return Template.load(prompt) if isinstance(prompt, str | Path) else prompt


def _with_system(messages: tuple[Message, ...], system: str | None) -> tuple[Message, ...]:
    if system is None:
        return messages
    return (system_message(system), *(one for one in messages if one.role != "system"))
