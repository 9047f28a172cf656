"""Do the intervals cover, do the tests hold their level, does the gate, do corrected means?

By simulation of the functions themselves, defaults throughout, at 95 %:

- *coverage*: the share of runs whose interval holds the truth. A design point is one kind of value
  and one size n; within it the truth is drawn anew for each run (a proportion from 0.05 to 0.95, a
  mean and a spread of scores, a correlation within clusters from 0 to 0.5). Coverage for one fixed
  proportion goes up and down with it, since counts are whole numbers, for every interval there is;
  what is promised is the average. Clusters have sizes from a geometric distribution of mean 5, so
  n values are about n/5 clusters.
- *levels*: the share of runs in which a test rejects what is true.
- *the gate*: the share of runs in which the sequential test, looked at after every pair, ever
  decides against a truth on its limit.
- *corrected means*: coverage of PPI, and the width of its interval over that of the labels alone.

Designs in which small n cannot keep the promise are run all the same, marked "not promised", and
left out of coverage_min and coverage_max. ``--quick``: a tenth of the runs.
"""

import argparse
import json
from collections.abc import Callable

import numpy as np

from benchmarks._coverage_designs import (
    DESIGNS,
    SIZES,
    Design,
    Floats,
    Rng,
    clusters_of,
    discordant,
)
from quilate.stats import compare_paired, non_inferiority, ppi_mean
from quilate.stats.sequential import replay

RUNS = 10_000
FEWER = {500: 6_000, 2000: 4_000}  # of the slower ones


def covered(design: Design, n: int, runs: int) -> float:
    """Share of runs whose interval holds the truth; none holds nothing."""
    rng, found = np.random.default_rng(n), 0
    for _ in range(runs):
        result, truth = design.draw(rng, n)
        found += result.interval is not None and truth in result.interval
    return found / runs


def coverage(scale: float) -> dict[str, object]:
    """The table of coverage, and its keys."""
    print(f"{'coverage of 95 % intervals':28}", *(f"{f'n = {n}':>10}" for n in SIZES))
    kept: dict[str, float] = {}
    small: dict[str, float] = {}
    for design in DESIGNS:
        cells = []
        for n in SIZES:
            if n not in design.sizes:
                cells.append("")
                continue
            share = covered(design, n, int(FEWER.get(n, RUNS) * scale * design.share_of_runs))
            promised = design.promised_from is not None and n >= design.promised_from
            (kept if promised else small)[f"{design.name}, n = {n}"] = round(share, 4)
            cells.append(f"{share:.4f}" if promised else f"({share:.4f})")
        print(f"{design.name:28}", *(f"{cell:>10}" for cell in cells), flush=True)
    print("(in brackets: not promised)\n")
    return {
        "coverage_min": min(kept.values()),
        "coverage_max": max(kept.values()),
        "not_promised": small,
    }


def null_p_values() -> dict[str, Callable[[Rng], float]]:
    """P-values of tests whose null hypothesis is true."""

    def mcnemar(rng: Rng, n: int) -> float:
        a, b, _ = discordant(rng, n)
        swapped = rng.random(n) < 0.5
        return compare_paired(np.where(swapped, a, b), np.where(swapped, b, a)).p_value

    def graded(rng: Rng, n: int, test: str) -> float:
        hard = rng.beta(2, 2, n)
        a, b = hard * rng.random(n), hard * rng.random(n)
        return compare_paired(a, b, test=test, resamples=199, seed=_seed(rng)).p_value

    def clustered(rng: Rng, n: int, test: str) -> float:
        groups = clusters_of(rng, n)
        tilt = rng.normal(0, 0.5, groups.max() + 1)[groups]
        a, b = tilt + rng.standard_t(5, groups.size), rng.standard_t(5, groups.size)
        labels = groups.tolist()
        options = {"clusters": labels, "test": test, "resamples": 199, "seed": _seed(rng)}
        return compare_paired(a, b, **options).p_value

    def margin_binary(rng: Rng, n: int) -> float:
        differ = rng.random(n)
        a, b = (differ < 0.1) * 1.0, ((differ >= 0.1) & (differ < 0.3)) * 1.0
        return non_inferiority(a, b, margin=0.1).p_value

    def margin_clustered(rng: Rng, n: int) -> float:
        groups = clusters_of(rng, n)
        delta = rng.normal(-0.1, 0.2, groups.max() + 1)[groups] + rng.normal(0, 0.4, groups.size)
        zero = np.zeros(groups.size)
        return non_inferiority(delta, zero, margin=0.1, clusters=groups.tolist()).p_value

    found: dict[str, Callable[[Rng], float]] = {}
    for n in (20, 200):
        found |= {
            f"McNemar exact, n = {n}": lambda rng, n=n: mcnemar(rng, n),
            f"sign flip, n = {n}": lambda rng, n=n: graded(rng, n, "exact"),
            f"paired t, n = {n}": lambda rng, n=n: graded(rng, n, "t"),
            f"clustered sign flip, n = {n}": lambda rng, n=n: clustered(rng, n, "exact"),
        }
    for n in (100, 500):
        found |= {
            f"clustered t, n = {n}": lambda rng, n=n: clustered(rng, n, "t"),
            f"non-inferiority, binary, n = {n}": lambda rng, n=n: margin_binary(rng, n),
            f"non-inferiority, clustered, n = {n}": lambda rng, n=n: margin_clustered(rng, n),
        }
    return found


def _seed(rng: Rng) -> int:
    return int(rng.integers(2**32))


def levels(scale: float) -> dict[str, object]:
    """The table of levels, and its key."""
    print("false alarms of tests at 5 %")
    found = {}
    for number, (name, p_value) in enumerate(null_p_values().items()):
        rng, runs = np.random.default_rng(number), int(RUNS * scale)
        found[name] = sum(p_value(rng) <= 0.05 for _ in range(runs)) / runs
        print(f"  {name:36} {found[name]:.4f}", flush=True)
    print()
    return {"test_level_max": round(max(found.values()), 4)}


def gate(scale: float) -> dict[str, object]:
    """The table of the sequential gate, and its key."""
    print("false alarms of the gate, looked at after every pair, true difference on the limit")
    rows, n, margin = int(3000 * scale), 1000, 0.05
    rng = np.random.default_rng(1)
    draw = rng.random((rows, n))
    pairs = np.where(draw < 0.1, 1.0, 0.0) - np.where(draw > 0.85, 1.0, 0.0)
    even = np.where(draw < 0.1, 1.0, 0.0) - np.where(draw > 0.9, 1.0, 0.0)
    shift = rng.beta(2, 2, (rows, n)) - rng.beta(2, 2, (rows, n))
    graded = np.clip(0.5 * shift, -0.45, 0.45) - margin
    documents = (shift / 2 + rng.normal(0, 0.1, (rows, n))).clip(-0.9, 0.9) - margin
    suite = rng.permuted(np.tile(np.repeat([1.0, 0.0, -1.0], [100, 750, 150]), (rows, 1)), axis=1)
    cases = {
        "binary pairs": replay(pairs, margin=margin),
        "binary pairs, horizon": replay(pairs, margin=margin, horizon=n),
        "binary pairs, no margin": replay(even),
        "graded pairs": replay(graded, margin=margin),
        "means of documents": replay(documents, margin=margin, horizon=n),
        "a suite's own order": replay(suite[:, :-1], margin=margin, population=n),
    }
    worst = 0.0
    for name, result in cases.items():
        decisions = list(result.decisions)
        rates = {side: decisions.count(side) / rows for side in ("not worse", "worse")}
        # Without a margin the level is of both sides together; with one, of each.
        alarm = sum(rates.values()) if "no margin" in name else max(rates.values())
        worst = max(worst, alarm)
        print(f"  {name:36} {alarm:.4f}", flush=True)
    print()
    return {"sequential_fpr": round(worst, 4)}


def judged(rng: Rng, kind: str) -> tuple[Floats, Floats, float]:
    """Labels and a judge's scores of 1,000 items, and the true mean of the labels."""
    share = rng.uniform(0.3, 0.9)
    y = (rng.random(1000) < share) * 1.0
    if kind == "useless judge":
        return y, (rng.random(1000) < 0.7) * 1.0, share
    if kind == "seldom wrong":  # passes 4 % of what is wrong: of 100 labels often none shows it
        return y, np.where(rng.random(1000) < 0.04, 1.0, y), share
    if kind == "lenient judge":  # passes 30 % of what is wrong, 98 % of what is right
        return y, (rng.random(1000) < np.where(y == 1, 0.98, 0.3)) * 1.0, share
    right = rng.random(1000) < 0.92
    return y, np.where(right, y, 1 - y), share


def corrected(scale: float) -> dict[str, object]:
    """The table of corrected means, and its keys."""
    print(
        f"{'PPI, 1,000 items':28} {'labels':>8} {'coverage':>10} {'labels only':>12} {'width':>8}"
    )
    ratios, coverages = {}, []
    for kind in ("good judge", "lenient judge", "seldom wrong", "useless judge"):
        for labelled in (20, 50, 100, 200):
            rng, runs = np.random.default_rng(labelled), int(4000 * scale)
            inside = alone = 0
            widths = []
            for _ in range(runs):
                y, f, truth = judged(rng, kind)
                result = ppi_mean(y[:labelled], f[:labelled], f[labelled:], bounds=(0.0, 1.0))
                inside += result.interval is not None and truth in result.interval
                plain = result.classical.interval
                alone += plain is not None and truth in plain
                if result.width_ratio is not None:
                    widths.append(result.width_ratio)
            ratios[kind, labelled] = float(np.median(widths))
            coverages.append(inside / runs)
            print(
                f"{kind:28} {labelled:8} {inside / runs:10.4f} {alone / runs:12.4f}"
                f" {ratios[kind, labelled]:8.3f}",
                flush=True,
            )
    print()
    return {
        "ppi_width_ratio": round(ratios["good judge", 200], 4),
        "ppi_coverage_min": round(min(coverages), 4),
    }


def main() -> None:
    """Simulate, print the tables, and one line of JSON last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    scale = 0.1 if parser.parse_args().quick else 1.0
    figures: dict[str, object] = {}
    for part in (coverage, levels, gate, corrected):
        figures |= part(scale)
    small = figures.pop("not_promised")
    print(json.dumps({**figures, "not_promised": small}))


if __name__ == "__main__":
    main()
