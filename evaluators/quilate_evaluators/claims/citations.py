"""Whether the passages that an answer cites entail what it says, by a judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.errors import MalformedReply, ModelError
from quilate.evaluators import ABSTAINS, Citation, Metric, Output, Sample, Score
from quilate.models import Model
from quilate_evaluators.abstention import abstains
from quilate_evaluators.claims.judging import Judge, judge
from quilate_evaluators.judges.asking import check_votes, together
from quilate_evaluators.judges.prompting import digests, language_of, own_prompt
from quilate_evaluators.options import wrong

if TYPE_CHECKING:
    from quilate.prompts import Template

Cited = tuple[str, tuple[str, ...]]
"""A sentence, and the ids of passages by which it is judged."""


@dataclass(frozen=True, slots=True)
class CitationSupport:
    """Citation recall and precision after Gao et al. 2023, ALCE (arXiv:2305.14627), with the
    judge's probabilities in the place of verdicts.

    `citation_recall`: the mean over the answer's sentences of the probability that the passages
    which a sentence cites, read together, entail it; 0 for one that cites none. A sentence's
    citations are the markers inside it or right after it. `citation_precision`: the mean over
    citations of the probability that its sentence is supported and the citation is of use for it:
    that its passage alone entails the sentence, or that the other cited passages do not.

    Calls: one for each sentence that cites, and two more for each citation of a sentence that
    cites several passages; times `votes` for a model without log-probabilities. `prompt` is a
    template file in the place of ``claims_entailment``.
    """

    model: Model
    votes: int = 5
    prompt: str | Path | None = None
    max_sentences: int = 40
    name: str = "citation_support"
    metrics: tuple[Metric, ...] = (
        Metric("citation_recall", "Sentences that their citations entail.", judged=True),
        Metric("citation_precision", "Citations that their sentences need.", judged=True),
    )
    needs: frozenset[str] = frozenset()
    prompts = ("claims_entailment", "claims_entailment_question")
    _own: "Template | None" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_votes(self.name, self.votes)
        most = self.max_sentences
        if not isinstance(most, int) or isinstance(most, bool) or most < 1:
            wrong(self.name, "max_sentences", most, "Give a whole number above zero.")
        own = own_prompt(self.name, self.prompt, "claims_entailment")
        object.__setattr__(self, "_own", own)

    def provenance(self) -> dict[str, Any]:
        """What changes when its scores could: the options, and the digests of the prompts."""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "model": self.model,
            "votes": self.votes,
            "max_sentences": self.max_sentences,
            "prompts": digests(self._own, *self.prompts),
        }

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """Two scores, the first with what all calls cost. An unreadable judgement makes an error
        of both; raises what else the model raises, with what was paid till then."""
        if output.context is None:
            return self._unscored("the target shows the model no passages")
        if abstains(output) or not output.text.strip():
            return self._unscored(ABSTAINS)
        cited = cited_sentences(output)
        if not cited:
            return self._unscored("the answer is empty")
        if len(cited) > self.max_sentences:
            return self._unscored("the answer has more sentences than max_sentences")
        asked = judge(
            self.model, votes=self.votes, language=language_of(sample), entailment=self._own
        )
        try:
            return await self._judged(cited, output, asked)
        except ModelError as error:
            asked.bill.charge(error)
            raise

    async def _judged(self, cited: Sequence[Cited], output: Output, asked: Judge) -> list[Score]:
        supported = await _supports(cited, output, asked)
        paid = {"usage": asked.bill.usage, "cost": asked.bill.cost}
        failed = [one for one in supported.values() if isinstance(one, MalformedReply)]
        if failed:
            text = f"{len(failed)} of {len(supported)} judgements could not be read: {failed[0]}"
            recall, precision = self.metrics
            return [
                Score.error(recall.name, text, **paid),
                Score.error(precision.name, text),
            ]
        known = {key: one for key, one in supported.items() if isinstance(one, float)}
        whole = [known.get((said, names), 0.0) for said, names in cited]
        told = "; ".join(
            f"{share:.2f} {said}" for (said, _), share in zip(cited, whole, strict=True)
        )
        weak = tuple(said for (said, _), share in zip(cited, whole, strict=True) if share < 0.5)
        share = sum(whole) / len(whole)
        first = Score.of("citation_recall", share, explanation=told, evidence=weak, **paid)
        useful = [
            (name, known[said, names] * _use(said, names, name, known))
            for said, names in cited
            for name in names
        ]
        if not useful:
            return [first, Score.unscored("citation_precision", "the answer cites nothing")]
        told = "; ".join(f"{share:.2f} {name}" for name, share in useful)
        value = sum(share for _, share in useful) / len(useful)
        return [first, Score.of("citation_precision", value, explanation=told)]

    def _unscored(self, reason: str) -> list[Score]:
        return [Score.unscored(metric.name, reason) for metric in self.metrics]


def cited_sentences(output: Output) -> list[Cited]:
    """Each sentence of an answer without its markers, and the ids of the passages that it cites,
    each once. A marker that stands between two sentences belongs to the first; one that names no
    passage shown is left out.

    >>> marker = Citation("[1]", 13, 16, "a", None, "no_quote")
    >>> cited_sentences(Output("Lima is old. [1] It is big.", citations=(marker,)))
    [('Lima is old.', ('a',)), ('It is big.', ())]
    """
    from quilate.retrieval.sentences import sentences

    kept, at = [], 0
    places: list[tuple[int, Citation]] = []
    for citation in sorted(output.citations, key=lambda each: each.start):
        kept.append(output.text[at : citation.start])
        at = max(at, citation.end)
        places.append((sum(map(len, kept)), citation))
    plain = "".join(kept) + output.text[at:]
    spans = sentences(plain)
    found: list[tuple[str, dict[str, None]]] = [(plain[start:end], {}) for start, end in spans]
    for place, citation in places:
        before = [n for n, (start, _) in enumerate(spans) if start < place]
        if found and citation.passage_id is not None:
            found[before[-1] if before else 0][1][citation.passage_id] = None
    return [(text, tuple(names)) for text, names in found]


async def _supports(
    cited: Sequence[Cited], output: Output, asked: Judge
) -> dict[Cited, float | MalformedReply]:
    """The probability of entailment of each (sentence, ids of passages) that is needed."""
    texts = {
        hit.passage.id: "\n".join(filter(None, (hit.passage.title, hit.passage.text)))
        for hit in output.context or ()
    }
    wanted: dict[Cited, None] = {}
    for said, names in cited:
        if names:
            wanted[said, names] = None
        if len(names) > 1:
            wanted |= {(said, (name,)): None for name in names}
            wanted |= {(said, _without(names, name)): None for name in names}
    jobs = [
        partial(asked.entails, said, [texts.get(name, "") for name in names])
        for said, names in wanted
    ]
    found = zip(wanted, await together(jobs), strict=True)
    return {
        key: one if isinstance(one, MalformedReply) else one.probabilities["entailed"]
        for key, one in found
    }


def _use(
    said: str,
    names: tuple[str, ...],
    name: str,
    known: Mapping[Cited, float],
) -> float:
    """The probability that a citation is of use beside the others of its sentence."""
    if len(names) == 1:
        return 1.0
    return 1.0 - (1.0 - known[said, (name,)]) * known[said, _without(names, name)]


def _without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)
