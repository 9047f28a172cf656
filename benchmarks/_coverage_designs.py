"""What `coverage` draws: values whose truth is known, each with the estimate made of them.

A draw takes a generator and n, and gives the estimate and the truth, which is drawn anew each time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quilate.stats import Estimate, compare_paired, estimate, mean

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator
Draw = Callable[[Rng, int], tuple[Estimate, float]]
SIZES = (20, 50, 100, 200, 500, 2000)


@dataclass(frozen=True, slots=True)
class Design:
    """A kind of value, and from which n on its coverage is promised (None: nowhere)."""

    name: str
    draw: Draw
    promised_from: int | None = 20
    sizes: tuple[int, ...] = SIZES
    share_of_runs: float = 1.0


def clusters_of(rng: Rng, n: int) -> npt.NDArray[np.intp]:
    """Cluster of each of about n values."""
    sizes = rng.geometric(1 / 5, max(n // 5, 2))
    return np.repeat(np.arange(sizes.size), sizes)


def beta(rng: Rng, means: Floats, concentration: float) -> Floats:
    """Beta draws with these means, kept off 0 and 1, where there is no such distribution."""
    means = np.clip(means, 1e-6, 1 - 1e-6)
    return rng.beta(means * concentration, (1 - means) * concentration)


def shared_means(rng: Rng, groups: npt.NDArray[np.intp], average: float) -> Floats:
    """A mean for each value, the same within a cluster, at a correlation drawn from 0 to 0.5."""
    correlation = rng.uniform(0.01, 0.5)
    return beta(rng, np.full(groups.max() + 1, average), 1 / correlation - 1)[groups]


def binary(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Right or wrong."""
    share = rng.uniform(0.05, 0.95)
    return estimate(rng.random(n) < share), share


def bounded(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Graded scores, from nearly flat to nearly right or wrong."""
    average, concentration = rng.uniform(0.1, 0.9), rng.uniform(1, 10)
    return estimate(beta(rng, np.full(n, average), concentration)), average


def ceiling(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Graded scores of which 30 to 70 % are exactly 1."""
    perfect = rng.uniform(0.3, 0.7)
    values = np.where(rng.random(n) < perfect, 1.0, rng.random(n))
    return estimate(values), perfect + (1 - perfect) / 2


def heavy(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Student's t with 3 degrees of freedom: no fourth moment, nor a third."""
    return estimate(rng.standard_t(3, n), bounds=None), 0.0


def mild_skew(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Log-normal, sigma 0.5: latencies of one kind of call."""
    return estimate(rng.lognormal(0, 0.5, n), bounds=None), float(np.exp(0.125))


def skewed(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Log-normal, sigma 1: latencies with a long tail."""
    return estimate(rng.lognormal(0, 1, n), bounds=None), float(np.exp(0.5))


def skewed_bootstrap(rng: Rng, n: int) -> tuple[Estimate, float]:
    """The same, with the bootstrap-t interval."""
    values = rng.lognormal(0, 1, n)
    return mean(values, method="bootstrap-t", resamples=999), float(np.exp(0.5))


def clustered_binary(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Right or wrong, together within documents."""
    groups, share = clusters_of(rng, n), rng.uniform(0.05, 0.95)
    values = rng.random(groups.size) < shared_means(rng, groups, share)
    return estimate(values, clusters=groups.tolist()), share


def clustered_bounded(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Graded, alike within documents."""
    groups, average = clusters_of(rng, n), rng.uniform(0.1, 0.9)
    values = beta(rng, shared_means(rng, groups, average), rng.uniform(1, 10))
    return estimate(values, clusters=groups.tolist()), average


def clustered_heavy(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Student's t with 3 degrees of freedom, of documents and of values."""
    groups, correlation = clusters_of(rng, n), rng.uniform(0, 0.5)
    of_clusters = rng.standard_t(3, groups.max() + 1)[groups]
    values = np.sqrt(correlation) * of_clusters + np.sqrt(1 - correlation) * rng.standard_t(
        3, groups.size
    )
    return estimate(values, clusters=groups.tolist(), bounds=None), 0.0


def clustered_skewed(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Log-normal, sigma 1, of documents and of values together."""
    groups, correlation = clusters_of(rng, n), rng.uniform(0, 0.5)
    logs = np.sqrt(correlation) * rng.normal(0, 1, groups.max() + 1)[groups]
    values = np.exp(logs + np.sqrt(1 - correlation) * rng.normal(0, 1, groups.size))
    return estimate(values, clusters=groups.tolist(), bounds=None), float(np.exp(0.5))


def discordant(rng: Rng, n: int) -> tuple[Floats, Floats, float]:
    """Binary scores of two targets that differ on 5 to 50 % of samples, and their difference."""
    differing, share = rng.uniform(0.05, 0.5), rng.uniform(0, 1)
    differ, first, same = rng.random(n) < differing, rng.random(n) < share, rng.random(n) < 0.6
    a, b = np.where(differ, first, same) * 1.0, np.where(differ, ~first, same) * 1.0
    return a, b, differing * (2 * share - 1)


def paired_binary(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Difference of two targets, right or wrong."""
    a, b, truth = discordant(rng, n)
    return compare_paired(a, b).difference, truth


def paired_bounded(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Difference of two targets' graded scores, correlated by the sample's difficulty."""
    hard, first, second = rng.beta(2, 2, n), rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.5)
    a, b = hard * rng.random(n) * first / 1.5, hard * rng.random(n) * second / 1.5
    return mean(a - b, bounds=(-1.0, 1.0)), (first - second) / 6


def paired_clustered(rng: Rng, n: int) -> tuple[Estimate, float]:
    """Difference of two targets, right or wrong, of which documents favour one."""
    groups, tilt = clusters_of(rng, n), rng.uniform(0.3, 0.7)
    favour = shared_means(rng, groups, tilt)
    first, differ = rng.random(groups.size) < favour, rng.random(groups.size) < 0.4
    delta = np.where(differ, np.where(first, 1.0, -1.0), 0.0)
    return mean(delta, clusters=groups.tolist(), bounds=(-1.0, 1.0)), 0.4 * (2 * tilt - 1)


DESIGNS = (
    Design("binary", binary),
    Design("bounded", bounded),
    Design("bounded, many at 1", ceiling),
    Design("heavy-tailed (t3)", heavy),
    Design("skewed (log-normal 0.5)", mild_skew, promised_from=100),
    Design("skewed (log-normal 1)", skewed, promised_from=2000),
    Design("the same, bootstrap-t", skewed_bootstrap, None, (20, 50, 100, 200), 0.3),
    Design("paired binary", paired_binary, promised_from=50),
    Design("paired bounded", paired_bounded),
    Design("clustered binary", clustered_binary, promised_from=100),
    Design("clustered bounded", clustered_bounded, promised_from=100),
    Design("clustered heavy-tailed", clustered_heavy, promised_from=100),
    Design("clustered skewed", clustered_skewed, promised_from=None),
    Design("clustered paired", paired_clustered, promised_from=100),
)
