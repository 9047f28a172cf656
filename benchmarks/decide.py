"""What deciding early and a few human labels save, on recorded verdicts of real systems.

    python -m benchmarks.decide [--quick]

**Calls.** Four systems answered the same 1,319 questions of GSM8K, and it is recorded who was
right: six pairs of systems. The fixed test is McNemar's exact one on the whole suite; the
sequential test (`quilate.stats.SequentialTest`, alpha 5 %, two-sided, horizon the suite) takes the
questions in random order and stops when it has decided. `calls_ratio` is the mean over the six
pairs and all orders of the questions that it took over 1,319; orders that never decide cost them
all. Its price is seen beside it:

- `agreement`: of all orders, the share that ends with the decision of the whole suite;
- `power_…`: of suites drawn anew (with replacement) from the recorded questions, the share in which
  each test finds the difference; `false_…`: the share of decisions when the two systems' verdicts
  are swapped at random for each question, so that every decision is false;
- `calls_ratio_plan80`, `…90`: against a fixed test which knew the true difference beforehand and
  took just the questions that a power of 80 % or 90 % needs, at most the suite. Nobody can run it;
- `calls_ratio_finite`: when asked of this suite alone (drawn without replacement);
- `gate_…`: a version that is no worse (verdicts swapped at random) against a margin of 0.05.

The same is done for the ten pairs of five judges on LLMBar (419 items, right in 0, 1 or 2 orders).

**Labels.** A fifth of the items keeps its human label, the judge scores all; `width_ratio` is the
mean width of the interval of `quilate.stats.ppi_mean` over that of the labels alone. The headline
is the share of LLMBar's Natural pairs in which people prefer answer a, judged by GPT-4 with the
set's plain prompt in both orders: the strongest judge, on the part of the set that was not built so
as to mislead judges. That part was chosen when the judges' correlations were known; all others are
printed beside it, and `width_ratio_llmbar_all` is the same judge on the whole set, adversarial
pairs included, which does not reach 0.7. Coverage is that of samples drawn anew.

Needs the recorded data (``../shared/data``, or QUILATE_DATA). ``--quick``: fewer orders.
"""

import argparse
import itertools
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from quilate.stats import compare_paired, ppi_mean, replay, samples_needed

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("QUILATE_DATA") or ROOT.parent / "shared" / "data")
ALPHA, MARGIN, LABELLED = 0.05, 0.05, 0.2
HEADLINE = "LLMBar Natural, GPT-4"
Floats = npt.NDArray[np.float64]


def rows(name: str) -> Iterator[dict[str, Any]]:
    """The objects of a file of the recorded data."""
    with (DATA / f"{name}.jsonl").open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def gsm8k() -> dict[str, Floats]:
    """Whether each system was right, question by question."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows("gsm8k_model_solutions"):
        for system, answer in row["systems"].items():
            found[system].append(float(answer["is_correct"]))
    return {system: np.array(values) for system, values in found.items()}


def llmbar() -> dict[str, dict[str, tuple[float, float]]]:
    """For each judge with the plain prompt, by item: share of orders for answer a, human label."""
    found: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    share = {"a": 1.0, "b": 0.0}
    for row in rows("llmbar_judge_outputs"):
        if row["strategy"] == "Vanilla":
            orders = (row["winner_order1"], row["winner_order2_unswapped"])
            prefers_a = fmean(share.get(winner, 0.5) for winner in orders)
            found[row["judge"]][row["item"]] = (prefers_a, share[row["gold"]])
    return found


def right_judges() -> dict[str, Floats]:
    """Share of the orders in which each judge of LLMBar agrees with people, item by item."""
    judged = llmbar()
    items = sorted(set.intersection(*(set(of) for of in judged.values())))
    return {
        judge: np.array([1.0 - abs(of[item][0] - of[item][1]) for item in items])
        for judge, of in judged.items()
    }


def mcnemar_rejects(differences: Floats) -> npt.NDArray[np.bool_]:
    """McNemar's exact test on each row; for graded scores the sign test, its like."""
    above, below = (differences > 0).sum(axis=1), (differences < 0).sum(axis=1)
    p = 2.0 * bdtr(np.minimum(above, below), above + below, 0.5)
    rejects: npt.NDArray[np.bool_] = p <= ALPHA
    return rejects


def one_pair(a: Floats, b: Floats, orders: int, rng: np.random.Generator) -> dict[str, float]:
    """The figures of one pair of systems."""
    d, n = a - b, a.size
    fixed = compare_paired(a, b, level=1.0 - ALPHA).verdict
    wanted = {"a better": "not worse", "b better": "worse"}.get(fixed, "undecided")
    permuted = np.array([rng.permutation(d) for _ in range(orders)])
    drawn = rng.choice(d, (orders, n))
    swapped = rng.choice(np.array([-1.0, 1.0]), (orders, n)) * drawn
    early = replay(permuted, alpha=ALPHA, horizon=n)
    finite = replay(permuted, alpha=ALPHA, population=n)
    anew = replay(drawn, alpha=ALPHA, horizon=n)
    null = replay(swapped, alpha=ALPHA, horizon=n)
    gate = replay(swapped, margin=MARGIN, alpha=ALPHA, horizon=n)
    spread, effect = float(d.std(ddof=1)), abs(float(d.mean()))
    plans = [min(n, samples_needed(spread, effect, power=power)) for power in (0.8, 0.9)]
    gate_plan = min(
        n, samples_needed(float(np.sqrt(np.mean(d**2))), MARGIN, level=1 - 2 * ALPHA, power=0.9)
    )
    truth = "not worse" if d.mean() > 0 else "worse"
    return {
        "calls": float(early.stopped_at.mean()),
        "calls_ratio": float(early.stopped_at.mean()) / n,
        "calls_ratio_finite": float(finite.stopped_at.mean()) / n,
        "calls_ratio_plan80": float(early.stopped_at.mean()) / plans[0],
        "calls_ratio_plan90": float(early.stopped_at.mean()) / plans[1],
        "agreement": fmean(decision == wanted for decision in early.decisions),
        "agreement_finite": fmean(decision == truth for decision in finite.decisions),
        "power_sequential": fmean(decision == truth for decision in anew.decisions),
        "power_fixed": float(mcnemar_rejects(drawn).mean()),
        "false_sequential": fmean(decision != "undecided" for decision in null.decisions),
        "false_fixed": float(mcnemar_rejects(swapped).mean()),
        "gate_calls_ratio": float(gate.stopped_at.mean()) / n,
        "gate_calls_ratio_plan90": float(gate.stopped_at.mean()) / gate_plan,
        "gate_passes": fmean(decision == "not worse" for decision in gate.decisions),
        "gate_false_alarms": fmean(decision == "worse" for decision in gate.decisions),
    }


def pairs(systems: dict[str, Floats], orders: int, seed: int) -> dict[str, float]:
    """Print the figures of each pair, the better system first; their means."""
    rng = np.random.default_rng(seed)
    found = []
    for x, y in itertools.combinations(systems, 2):
        a, b = (x, y) if systems[x].mean() >= systems[y].mean() else (y, x)
        figures = one_pair(systems[a], systems[b], orders, rng)
        found.append(figures)
        print(
            f"{a + ' − ' + b:38} {systems[a].mean() - systems[b].mean():+.3f} "
            f"calls {figures['calls']:6.0f} ({figures['calls_ratio']:.2f}; finite "
            f"{figures['calls_ratio_finite']:.2f}) agree {figures['agreement']:.3f} power "
            f"{figures['power_sequential']:.3f}/{figures['power_fixed']:.3f} false "
            f"{figures['false_sequential']:.3f}/{figures['false_fixed']:.3f}"
        )
    return {name: fmean(figures[name] for figures in found) for name in found[0]}


def judged_sets() -> dict[str, tuple[Floats, Floats]]:
    """Human labels and the judge's scores, on one scale, by name of the set and the judge."""
    found: dict[str, tuple[Floats, Floats]] = {}
    parts: dict[str, Callable[[str], bool]] = {
        "LLMBar Natural": lambda item: "Natural" in item,
        "LLMBar Adversarial": lambda item: "Adversarial" in item,
        "LLMBar all": lambda item: True,
    }
    for part, belongs in parts.items():
        for judge, of in llmbar().items():
            values = np.array([value for item, value in of.items() if belongs(item)])
            found[f"{part}, {judge}"] = (values[:, 1], values[:, 0])
    topical = list(rows("unieval_topical_chat"))
    for metric in ("overall", "coherence"):
        human = np.array([row["human"][metric] for row in topical])
        found[f"Topical-Chat {metric}, UniEval"] = (
            human,
            scaled(np.array([row["unieval_pred"][metric] for row in topical]), human),
        )
    turns = list(rows("mtrag_human_eval"))
    human = np.array([fmean(map(float, row["human"]["faithfulness"].values())) for row in turns])
    for metric in ("rl_f", "rb_llm"):
        automatic = np.array([float(row["auto"][metric]) for row in turns])
        found[f"MTRAG faithfulness, {metric}"] = (human, scaled(automatic, human))
    return found


def scaled(judge: Floats, human: Floats) -> Floats:
    """The judge's scores stretched to the range of the human scale."""
    share = (judge - judge.min()) / np.ptp(judge)
    stretched: Floats = human.min() + share * np.ptp(human)
    return stretched


def labels_saved(
    human: Floats, judge: Floats, draws: int, rng: np.random.Generator
) -> dict[str, float]:
    """Widths over random choices of the labelled fifth, and coverage of samples drawn anew."""
    size = human.size
    n = round(LABELLED * size)
    bounds = (float(human.min()), float(human.max()))
    widths: list[tuple[float, float]] = []
    covered: list[tuple[bool, bool]] = []
    for _ in range(draws):
        for index, anew in ((rng.permutation(size), False), (rng.integers(0, size, size), True)):
            y, f = human[index], judge[index]
            result = ppi_mean(y[:n], f[:n], f[n:], bounds=bounds)
            mine, alone = result.interval, result.classical.interval
            assert mine is not None and alone is not None
            if anew:
                truth = float(human.mean())
                covered.append((truth in mine, truth in alone))
            else:
                widths.append((mine.high - mine.low, alone.high - alone.low))
    with_judge, alone_width = (fmean(column) for column in zip(*widths, strict=True))
    return {
        "labels": n,
        "width_ratio": with_judge / alone_width,
        "coverage": fmean(mine for mine, _ in covered),
        "coverage_labels": fmean(alone for _, alone in covered),
    }


def main() -> None:
    """Measure, print tables, and one line of JSON last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    orders, draws = (200, 200) if quick else (2000, 2000)
    if not (DATA / "gsm8k_model_solutions.jsonl").exists():
        raise SystemExit(f"The recorded verdicts are not in {DATA}; set QUILATE_DATA.")
    figures = pairs(gsm8k(), orders, seed=1)
    print()
    judges = pairs(right_judges(), orders, seed=2)
    figures |= {f"llmbar_{name}": judges[name] for name in ("calls_ratio", "agreement")}
    figures |= {f"llmbar_{name}": judges[name] for name in ("power_sequential", "power_fixed")}
    print()
    rng = np.random.default_rng(3)
    for name, (human, judge) in judged_sets().items():
        saved = labels_saved(human, judge, draws, rng)
        print(
            f"{name:34} {saved['labels']:4.0f} labels, width ratio {saved['width_ratio']:.3f}, "
            f"coverage {saved['coverage']:.3f} (labels alone {saved['coverage_labels']:.3f})"
        )
        if name == HEADLINE:
            figures |= {
                "width_ratio": saved["width_ratio"],
                "ppi_coverage": saved["coverage"],
            }
        elif name == "LLMBar all, GPT-4":
            figures["width_ratio_llmbar_all"] = saved["width_ratio"]
    figures.pop("calls")
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
