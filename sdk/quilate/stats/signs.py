"""Sums under random signs, the work of a sign-flip test, at about a bit a sign."""

import numpy as np

from quilate.stats.observations import Floats

_SIGNS = 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1) - 1.0
_BLOCK = 1 << 24  # random octets held at once


def random_sign_sums(units: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """(resamples,) sums of `units`, (n,), each under signs drawn from single random bits.

    Eight units at a time: their 256 possible sums are worked out once and looked up by an octet,
    which is many times faster than multiplying by signs that are spelt out.

    >>> sums = random_sign_sums(np.array([1.0, 2.0, 4.0]), 1000, np.random.default_rng(0))
    >>> sorted(set(sums.tolist()))
    [-7.0, -5.0, -3.0, -1.0, 1.0, 3.0, 5.0, 7.0]
    """
    width = -(-units.size // 8)
    padded = np.zeros(width * 8)
    padded[: units.size] = units
    # No matrix product: BLAS would spread it over threads that then spin for longer than it takes.
    tables = np.einsum("we,oe->wo", padded.reshape(width, 8), _SIGNS)
    sums = np.zeros(resamples)
    step = max(1, _BLOCK // max(width, 1))
    for start in range(0, resamples, step):
        part = sums[start : start + step]
        octets = np.frombuffer(rng.bytes(width * part.size), dtype=np.uint8)
        for table, drawn in zip(tables, octets.reshape(width, part.size), strict=True):
            part += table[drawn]
    return sums
