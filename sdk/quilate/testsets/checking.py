"""The second pass: a model that has only the passages answers what was drafted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from quilate.decisions import Question, decide
from quilate.models import Model, Request
from quilate.retrieval.abstention import abstained
from quilate.retrievers import Passage, Retriever
from quilate.testsets import wording
from quilate.testsets.corpus import Corpus
from quilate.testsets.drafting import (
    json_object,
    json_reply,
    material,
    one_line,
    sampling,
    template,
    texts,
    titles,
)
from quilate.testsets.values import Checked, Draft, Rejection
from quilate.testsets.words import find_quote, same_words

LOOKED_AT = 5
"""Passages in which the answer of an unanswerable question is looked for, from each retriever."""

_ANSWER = json_object("answer", {"answerable": "boolean", "answer": "string"})
_LABELS: Mapping[str, tuple[str, str]] = {"en": ("yes", "no"), "es": ("sí", "no")}
_VOTES = 3
_LONGEST = 600  # characters of an answer of the second pass


@dataclass(frozen=True, slots=True)
class Checker:
    """What checks drafts: the model of the second pass, the corpus, and a further retriever over
    it, if there is one."""

    model: Model
    corpus: Corpus
    retriever: Retriever | None = None
    seed: int = 0

    async def check(self, draft: Draft) -> Checked | Rejection:
        """The draft with what was seen, or why it is rejected. Raises `ModelError`."""
        if draft.task.kind == "unanswerable":
            return await self._unanswerable(draft)
        return await self._answerable(draft)

    def request(self, draft: Draft, passages: Sequence[Passage]) -> Request:
        """What is asked of the second pass about some passages."""
        prompt = template("testset_answer", draft.task.language)
        messages = prompt.render(
            question=material(draft.question), titles=titles(passages), passages=texts(passages)
        )
        settings = sampling(self.model, temperature=0.0, seed=self.seed, max_tokens=256)
        return Request(messages, sampling=settings)

    def looked_in(self, draft: Draft) -> list[list[Passage]]:
        """The passages of each question to the second pass, without a further retriever's."""
        passages = list(draft.task.passages)
        if draft.task.kind == "unanswerable":
            return [self._found(draft)]
        return [passages, *([one] for one in passages)] if len(passages) > 1 else [passages]

    async def _answerable(self, draft: Draft) -> Checked | Rejection:
        passages = draft.task.passages
        together = await self._answer(draft, passages)
        if together is None:
            return Rejection("not_answerable", "The second pass found no answer in its passages.")
        if not await self._agree(draft, together):
            return Rejection("answers_disagree", f"The second pass answered: {together}")
        done: tuple[str, ...] = (*wording.CHECKS, "answered_from_gold")
        if draft.task.kind == "multi":
            for passage in passages:
                alone = await self._answer(draft, (passage,))
                if alone is not None and await self._agree(draft, alone):
                    return Rejection("one_passage_suffices", f"{passage.id} gives: {alone}")
            done = (*done, "needs_both")
        checked = Checked(draft, done, wording.quote_spans(draft))
        evidence = {"second_answer": together, **self._elsewhere(draft, checked.quotes)}
        return replace(checked, evidence=evidence)

    async def _unanswerable(self, draft: Draft) -> Checked | Rejection:
        found = await self._retrieved(draft)
        answerable, answer = await self._said(draft, found)
        if answerable:  # also without an answer: who contradicts itself has shown nothing
            return Rejection("answerable_after_all", f"The second pass answered: {answer}")
        evidence = {"looked_in": [passage.id for passage in found], "missing": draft.missing}
        return Checked(draft, (*wording.OF_ALL, "not_answered_from_corpus"), (), evidence)

    async def _answer(self, draft: Draft, passages: Sequence[Passage]) -> str | None:
        """The answer from these passages alone; None when they do not hold it."""
        answerable, answer = await self._said(draft, passages)
        return answer if answerable and answer and not abstained(answer) else None

    async def _said(self, draft: Draft, passages: Sequence[Passage]) -> tuple[bool, str]:
        """Whether the second pass calls the question answerable from these passages, and its
        answer."""
        said = await json_reply(self.model, self.request(draft, passages), _ANSWER)
        return said.get("answerable") is True, one_line(str(said.get("answer", "")))[:_LONGEST]

    async def _agree(self, draft: Draft, answer: str) -> bool:
        """Whether an answer says what the drafted one says: by its words, else by a judgement."""
        if same_words(draft.answer, answer):
            return True
        language = "es" if draft.task.language == "es" else "en"
        labels = _LABELS[language]
        prompt = template("testset_agree", language)
        given = {"question": draft.question, "first": draft.answer, "second": answer}
        messages = prompt.render(**{name: material(text) for name, text in given.items()})
        asked = template("testset_agree_question", language).render()[0].text.strip()
        question = Question(asked, labels, id="testset_agree")
        seeded = sampling(self.model, temperature=0.0, seed=self.seed, max_tokens=32)
        request = Request(messages, sampling=seeded)
        decision = await decide(self.model, request, question, votes=_VOTES)
        return decision.label == labels[0]

    async def _retrieved(self, draft: Draft) -> list[Passage]:
        """The question's own passage, and the best that the retrievers find for it."""
        found = self._found(draft)
        if self.retriever is not None:
            hits = await self.retriever.retrieve(draft.question, k=LOOKED_AT)
            found += [hit.passage for hit in hits]
        return list({passage.id: passage for passage in found}.values())

    def _found(self, draft: Draft) -> list[Passage]:
        found = [*draft.task.passages, *self.corpus.search(draft.question, k=LOOKED_AT)]
        return list({passage.id: passage for passage in found}.values())

    def _elsewhere(self, draft: Draft, quotes: Sequence[str]) -> dict[str, Any]:
        """Other passages that hold a quote too, as overlapping chunks do."""
        gold = {passage.id for passage in draft.task.passages}
        holding = {
            passage.id
            for quote in quotes
            for passage in self.corpus.search(quote, k=20)
            if passage.id not in gold and find_quote(quote, passage.text)
        }
        return {"quoted_also_in": sorted(holding)} if holding else {}
