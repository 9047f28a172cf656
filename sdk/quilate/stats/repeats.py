"""What repeated tries of the same samples say: pass@k, pass^k, majority@k, best of k.

Of n tries of a sample, c passed. Each figure is the exact mean over all ways to choose k of the n,
without replacement, hence an unbiased estimate for k fresh tries. All take a sample's n and c, or
arrays of them, and give a value for each sample: average them with `quilate.stats.estimate`, so
that the interval is over samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quilate.stats.observations import Floats


def pass_at_k(n: npt.ArrayLike, c: npt.ArrayLike, k: int) -> Floats:
    """Probability that at least one of `k` tries passes: 1 − C(n−c, k)/C(n, k).

    The estimator of Chen et al. (2021), "Evaluating Large Language Models Trained on Code",
    arXiv:2107.03374.

    Raises ValueError unless 0 ≤ c ≤ n and 1 ≤ k ≤ n, in whole numbers.

    >>> pass_at_k([4, 4, 4], [0, 1, 3], 2).tolist()
    [0.0, 0.5, 1.0]
    """
    tries, passed = _checked(n, c, k)
    return 1.0 - _all_chosen(tries, tries - passed, k)


def pass_hat_k(n: npt.ArrayLike, c: npt.ArrayLike, k: int) -> Floats:
    """Probability that all of `k` tries pass, written pass^k: C(c, k)/C(n, k).

    The measure of reliability of Yao et al. (2024), "τ-bench", arXiv:2406.12045.

    Raises ValueError as `pass_at_k`.

    >>> pass_hat_k([4, 4, 4], [1, 2, 4], 2).round(4).tolist()
    [0.0, 0.1667, 1.0]
    """
    tries, passed = _checked(n, c, k)
    return _all_chosen(tries, passed, k)


def majority_at_k(n: npt.ArrayLike, c: npt.ArrayLike, k: int) -> Floats:
    """Probability that most of `k` tries pass, half of them counting one half.

    Where tries vote with their answers, the right one also wins with fewer than half of the votes
    when the wrong ones are scattered: this is what the vote gets at least.

    Raises ValueError as `pass_at_k`.

    >>> majority_at_k([3, 3, 4], [1, 2, 2], 3).tolist()
    [0.0, 1.0, 0.5]
    """
    from scipy.stats import hypergeom

    tries, passed = _checked(n, c, k)
    more: Floats = np.asarray(hypergeom.sf(k // 2, tries, passed, k), dtype=np.float64)
    if k % 2 == 0:
        more = more + 0.5 * np.asarray(hypergeom.pmf(k // 2, tries, passed, k), dtype=np.float64)
    return np.clip(more, 0.0, 1.0)


def best_of_n(
    values: Sequence[Sequence[float]] | npt.ArrayLike, k: int, *, higher_is_better: bool = True
) -> Floats:
    """Expected best of `k` tries of each sample, chosen from those it has: (samples,).

    `values` is (samples, tries). What an ideal judge would get that picks the best of `k` answers;
    for values of 0 and 1 it is `pass_at_k`.

    Raises ValueError unless 1 ≤ k ≤ tries, or for values that are not finite.

    >>> best_of_n([[0.2, 0.4, 0.9]], 2).round(4).tolist()
    [0.7333]
    """
    scores = np.sort(np.asarray(values, dtype=np.float64), axis=-1)
    if scores.ndim != 2:
        raise ValueError(f"values must be (samples, tries), not of shape {scores.shape}.")
    if not np.isfinite(scores).all():
        raise ValueError("values must be finite numbers.")
    tries = scores.shape[1]
    _check_k(k, tries)
    # The i-th smallest is the largest of k where the other k − 1 are among the i − 1 below it.
    below = np.arange(tries)
    share = np.ones(tries)
    for step in range(k - 1):
        share = share * np.maximum(below - step, 0) / (tries - 1 - step)
    share = share * k / tries
    best: Floats = scores @ (share if higher_is_better else share[::-1])
    return best


def _checked(n: npt.ArrayLike, c: npt.ArrayLike, k: int) -> tuple[Floats, Floats]:
    tries, passed = np.broadcast_arrays(
        np.asarray(n, dtype=np.float64), np.asarray(c, dtype=np.float64)
    )
    whole = (tries == np.floor(tries)) & (passed == np.floor(passed))
    if not (whole & (passed >= 0) & (passed <= tries)).all():
        raise ValueError("Of n tries c passed: whole numbers with 0 ≤ c ≤ n.")
    _check_k(k, int(tries.min()) if tries.size else k)
    return tries, passed


def _check_k(k: int, tries: int) -> None:
    if not 1 <= k <= tries:
        raise ValueError(f"k is {k}; it must be at least 1 and at most the {tries} tries.")


def _all_chosen(n: Floats, c: Floats, k: int) -> Floats:
    """C(c, k)/C(n, k) as a product of k shares, which neither overflows nor cancels."""
    share = np.ones(n.shape)
    for step in range(k):
        share = share * np.maximum(c - step, 0.0) / (n - step)
    return share
