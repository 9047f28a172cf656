"""The evaluator of claims: what is split and judged is what the wanted measures require."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.decisions import Decision
from quilate.errors import MalformedReply, ModelError
from quilate.evaluators import ABSTAINS, Metric, Output, Sample, Score
from quilate.models import Model
from quilate_evaluators.abstention import abstains
from quilate_evaluators.claims.judging import PROMPTS, Judge, judge, verdict
from quilate_evaluators.claims.measures import (
    MEASURES,
    NO_PASSAGES,
    Kind,
    Measure,
    Outcome,
    Verdict,
    any_of,
)
from quilate_evaluators.claims.options import checked_language, checked_measures, checked_most
from quilate_evaluators.claims.splitting import Claim, Split, by_sentence, split
from quilate_evaluators.judges.asking import check_votes, together
from quilate_evaluators.judges.prompting import digests, language_of, own_prompt, shipped
from quilate_evaluators.options import check_choice
from quilate_evaluators.text.words import answer_text

if TYPE_CHECKING:
    from quilate.prompts import Template

NO_CONTEXT = "the target shows the model no passages"
NO_REFERENCES = "the sample has no references"

Pair = tuple[str, str]
"""What is judged once: a claim, and the key of the text that it is judged by."""


@dataclass(frozen=True, slots=True)
class _Material:
    """The claims and texts of one sample, under keys: ``answer``, ``context``, ``question``, a
    passage's number, a reference's as ``reference 1``."""

    splits: Mapping[str, Split]
    texts: Mapping[str, Sequence[str]]
    passages: tuple[str, ...]

    def claims(self, kind: Kind, reference: str) -> tuple[Claim, ...]:
        """The claims that a kind of judgement is about."""
        return self.splits[reference if kind.startswith("reference") else "answer"].claims

    def rows(self, kind: Kind, reference: str) -> list[list[Pair]]:
        """The pairs of a kind: a row a claim, or for single passages a row a passage."""
        claims = [claim.text for claim in self.claims(kind, reference)]
        if kind == "reference_by_passage":
            return [[(claim, passage) for claim in claims] for passage in self.passages]
        by = {"relevance": "question", "answer_by_reference": reference}
        other = by.get(kind) or kind.rpartition("_")[2]
        return [[(claim, other)] for claim in claims]


@dataclass(frozen=True, slots=True)
class Claims:
    """Measures of an answer claim by claim, after Ru et al. 2024 (arXiv:2408.08067).

    `measures` is ``all`` or a list of names, see `MEASURES`. The answer and each reference are
    split into claims by one call each, and each pair of a claim and a text is judged once, with
    the labels entailed, contradicted and neutral; only what the measures require is asked. Of
    several references each is judged, and every measure takes the one that suits the answer best.

    A text with more than `max_claims` claims or sentences leaves its measures unscored. A reply
    that is of no use makes every measure that needs it an error: no mean is taken over the rest.
    `votes` is how often a model without log-probabilities is asked about a pair. `prompt`,
    `split_prompt` and `relevance_prompt` are template files in the place of ``claims_entailment``,
    ``claims_split`` and ``claims_relevance``. `language` is that of the prompts, ``en`` or ``es``;
    None: the sample's.

    With `split` ``sentences`` no model is asked to split: each sentence is a claim, judged with
    the question before it. That is cheaper and coarser, and what a small model can do at all.
    """

    model: Model
    measures: str | Sequence[str] = "all"
    votes: int = 5
    max_claims: int = 40
    prompt: str | Path | None = None
    split_prompt: str | Path | None = None
    relevance_prompt: str | Path | None = None
    language: str | None = None
    split: str = "model"
    name: str = "claims"
    prompts = PROMPTS
    _own: "tuple[Template | None, Template | None, Template | None]" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_votes(self.name, self.votes)
        checked_most(self.name, self.max_claims)
        checked_language(self.name, self.language)
        check_choice(self.name, "split", self.split, ("model", "sentences"))
        object.__setattr__(self, "measures", checked_measures(self.name, self.measures))
        own = (
            own_prompt(self.name, self.split_prompt, "claims_split"),
            own_prompt(self.name, self.prompt, "claims_entailment"),
            own_prompt(self.name, self.relevance_prompt, "claims_relevance"),
        )
        object.__setattr__(self, "_own", own)

    @property
    def wanted(self) -> tuple[Measure, ...]:
        """The chosen measures, in the order of `MEASURES`."""
        return tuple(MEASURES[name] for name in self.measures)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """One metric a measure."""
        return tuple(measure.metric for measure in self.wanted)

    @property
    def needs(self) -> frozenset[str]:
        """References, when no measure can do without."""
        whole = all(measure.needs_reference for measure in self.wanted)
        return frozenset({"references"} if whole else ())

    def provenance(self) -> dict[str, Any]:
        """What changes when its scores could: the options, and the digests of the prompts."""
        split_own, own, relevance_own = self._own
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "model": self.model,
            "measures": list(self.measures),
            "votes": self.votes,
            "max_claims": self.max_claims,
            "language": self.language,
            "splits": self.split,
            "split": digests(split_own, "claims_split"),
            "entailment": digests(own, "claims_entailment", "claims_entailment_question"),
            "relevance": digests(relevance_own, "claims_relevance", "claims_relevance_question"),
        }

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score a measure, the first with what all calls cost. Raises what the model raises,
        apart from `MalformedReply`, with what was paid till then."""
        reasons = {m.name: _obstacle(m, sample, output) for m in self.wanted}
        open_ = [measure for measure in self.wanted if reasons[measure.name] is None]
        scores = {n: Score.unscored(n, reason) for n, reason in reasons.items() if reason}
        if not open_:
            return [scores[metric.name] for metric in self.metrics]
        language = self.language or language_of(sample)
        asked = judge(
            self.model,
            votes=self.votes,
            language=language,
            entailment=self._own[1],
            relevance=self._own[2],
        )
        try:
            scores |= await self._judged(open_, sample, output, asked)
        except ModelError as error:
            asked.bill.charge(error)
            raise
        first, *others = (scores[metric.name] for metric in self.metrics)
        return [replace(first, usage=asked.bill.usage, cost=asked.bill.cost), *others]

    async def _judged(
        self, wanted: Sequence[Measure], sample: Sample, output: Output, asked: Judge
    ) -> dict[str, Score]:
        """The scores of measures that can be had."""
        material = await self._material(wanted, sample, output, asked)
        alternatives = {
            measure: _references(sample) if measure.needs_reference else ["reference 1"]
            for measure in wanted
        }
        pairs = [
            pair
            for measure, references in alternatives.items()
            for reference in references
            if _unsplit(measure, material, reference) is None
            for kind in measure.requires
            for row in material.rows(kind, reference)
            for pair in row
        ]
        verdicts = await _verdicts(dict.fromkeys(pairs), material, sample.question, asked)
        return {
            measure.name: _best(
                measure, [_score(measure, material, verdicts, each) for each in references]
            )
            for measure, references in alternatives.items()
        }

    async def _material(
        self, wanted: Sequence[Measure], sample: Sample, output: Output, asked: Judge
    ) -> _Material:
        """The texts, and the claims of those whose claims are looked at."""
        kinds = {kind for measure in wanted for kind in measure.requires}
        passages = [_passage(hit.passage.title, hit.passage.text) for hit in output.context or ()]
        texts: dict[str, Sequence[str]] = {
            "answer": [answer_text(output)],
            "context": passages,
            **{f"passage {n}": [text] for n, text in enumerate(passages, 1)},
            **{f"reference {n}": [text] for n, text in enumerate(sample.references, 1)},
        }
        names = []
        if any(not kind.startswith("reference") for kind in kinds):
            names.append("answer")
        if any(kind.startswith("reference") for kind in kinds):
            names += _references(sample)
        found = await together(
            [partial(self._split, name, texts[name][0], sample.question, asked) for name in names]
        )
        splits = {n: one for n, one in zip(names, found, strict=True) if isinstance(one, Split)}
        return _Material(splits, texts, tuple(name for name in texts if name.startswith("passage")))

    async def _split(self, name: str, text: str, asking: str, asked: Judge) -> Split:
        """The claims of a text; a reply that is of no use is a reason like others."""
        whose = name.partition(" ")[0]
        if self.split == "sentences":
            return by_sentence(text, question=asking, most=self.max_claims, whose=whose)
        template = self._own[0] or shipped("claims_split", asked.language)
        try:
            found = await split(
                self.model,
                text,
                question=asking,
                template=template,
                most=self.max_claims,
                whose=whose,
            )
        except ModelError as error:
            asked.bill.add_error(error)
            if isinstance(error, MalformedReply):
                return Split(
                    reason=f"The {whose} could not be split into claims: {error}", failed=True
                )
            raise
        asked.bill.add(found.usage, found.cost)
        return found


def _obstacle(measure: Measure, sample: Sample, output: Output) -> str | None:
    """Why a measure cannot be had of an output at all."""
    if measure.of_answer or "reference_by_answer" in measure.requires:
        if abstains(output):
            return ABSTAINS
        if not answer_text(output):
            return "the answer is empty"
    if measure.needs_reference and not any(one.strip() for one in sample.references):
        return NO_REFERENCES
    if measure.needs_context and output.context is None:
        return NO_CONTEXT
    if measure.requires == ("reference_by_passage",) and not output.context:
        return NO_PASSAGES
    return None


def _references(sample: Sample) -> list[str]:
    return [f"reference {n}" for n, one in enumerate(sample.references, 1) if one.strip()]


def _passage(title: str, text: str) -> str:
    """A passage as prompts show it."""
    return f"{title}\n{text}" if title else text


def _unsplit(measure: Measure, material: _Material, reference: str) -> Split | None:
    """The first text whose claims a measure needs and that could not be split into any."""
    needed = [reference if k.startswith("reference") else "answer" for k in measure.requires]
    return next((material.splits[n] for n in needed if material.splits[n].reason), None)


async def _verdicts(
    pairs: Mapping[Pair, Any], material: _Material, question: str, asked: Judge
) -> dict[Pair, Verdict | MalformedReply]:
    """The verdict on each pair. A text that is empty entails nothing, and nobody is asked."""
    jobs: dict[Pair, Callable[[], Awaitable[Decision]]] = {}
    found: dict[Pair, Verdict | MalformedReply] = {}
    for pair in pairs:
        claim, other = pair
        if other == "question":
            jobs[pair] = partial(asked.relevant, claim, question)
        elif not any(text.strip() for text in material.texts[other]):
            found[pair] = Verdict(0.0)
        else:
            jobs[pair] = partial(asked.entails, claim, material.texts[other])
    for pair, result in zip(jobs, await together(list(jobs.values())), strict=True):
        found[pair] = result if isinstance(result, MalformedReply) else verdict(result)
    return found


def _score(
    measure: Measure,
    material: _Material,
    verdicts: Mapping[Pair, Verdict | MalformedReply],
    reference: str,
) -> Score:
    """A measure by one reference."""
    name = measure.name
    unsplit = _unsplit(measure, material, reference)
    if unsplit is not None and unsplit.reason is not None:
        make = Score.error if unsplit.failed else Score.unscored
        return make(name, unsplit.reason)
    judged: dict[Kind, list[Verdict]] = {}
    for kind in measure.requires:
        rows = [[verdicts[pair] for pair in row] for row in material.rows(kind, reference)]
        flat = [one for row in rows for one in row]
        failed = [one for one in flat if isinstance(one, MalformedReply)]
        if failed:
            text = f"{len(failed)} of {len(flat)} judgements could not be read: {failed[0]}"
            return Score.error(name, text)
        known = [[one for one in row if isinstance(one, Verdict)] for row in rows]
        whole = kind == "reference_by_passage"
        judged[kind] = [any_of(row) if whole else row[0] for row in known]
    return _told(measure, measure.compute(judged), material, reference)


def _told(measure: Measure, outcome: Outcome, material: _Material, reference: str) -> Score:
    """The score of an outcome, with what each claim contributes, and as evidence the sentences
    of the claims that count against the answer."""
    if outcome.value is None:
        return Score.unscored(measure.name, outcome.reason)
    value = min(max(outcome.value, 0.0), 1.0)
    if measure.requires == ("reference_by_passage",):
        told = "; ".join(f"{share:.2f} {n}" for n, share in enumerate(outcome.shares, 1))
        return Score.of(measure.name, value, explanation=f"by passage: {told}")
    # The claims of each text once, also where two kinds of judgement are about them.
    about = {
        kind.startswith("reference"): material.claims(kind, reference) for kind in measure.requires
    }
    claims = [claim for of_reference in sorted(about) for claim in about[of_reference]]
    told = "; ".join(
        f"{share:.2f} {claim.text}" for claim, share in zip(claims, outcome.shares, strict=True)
    )
    weights = outcome.weights or (1.0,) * len(claims)
    bad = [
        claim.sentence
        for claim, share, weight in zip(claims, outcome.shares, weights, strict=True)
        if weight >= 0.5 and (share < 0.5) == measure.metric.higher_is_better
    ]
    return Score.of(measure.name, value, explanation=told, evidence=tuple(dict.fromkeys(bad)))


def _best(measure: Measure, scores: Sequence[Score]) -> Score:
    """The score by the reference that suits the answer best; an error before any, since that may
    be the one that is not known."""
    failed = [score for score in scores if score.status == "error"]
    scored = [score for score in scores if score.value is not None]
    if failed or not scored:
        return (failed or list(scores))[0]
    sign = 1 if measure.rises else -1
    return max(scored, key=lambda score: sign * (score.value or 0.0))
