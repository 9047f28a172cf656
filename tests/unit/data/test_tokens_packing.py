"""Packing and padding from histograms, against the plain algorithms row by row."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quilate.data.tokens.lengths import QUANTILES, Histogram
from quilate.data.tokens.packing import batch_positions, windows_needed

LENGTHS = st.lists(st.integers(0, 70), max_size=60)


def best_fit_decreasing(lengths: list[int], window: int) -> int:
    rooms: list[int] = []
    for length in sorted((min(one, window) for one in lengths if one), reverse=True):
        fits = [room for room in rooms if room >= length]
        if fits:
            rooms.remove(min(fits))
            rooms.append(min(fits) - length)
        else:
            rooms.append(window - length)
    return len(rooms)


@settings(max_examples=300, deadline=None)
@given(LENGTHS, st.integers(1, 50))
def test_packing_the_histogram_is_packing_the_rows(lengths, window):
    assert windows_needed(Counter(lengths).items(), window) == best_fit_decreasing(lengths, window)


def test_ten_million_rows_are_packed_from_their_histogram():
    rng = np.random.default_rng(0)
    lengths = Counter(np.minimum(rng.lognormal(6, 0.8, 20_000).astype(int), 4096).tolist())
    many = [(length, 500 * n) for length, n in lengths.items()]
    windows = windows_needed(many, 4096)
    tokens = sum(length * n for length, n in many)
    assert 0.99 < tokens / (windows * 4096) <= 1.0


def test_padding_of_random_batches_is_what_drawing_them_gives():
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 100, 4_000)
    drawn = rng.choice(lengths, (20_000, 8)).clip(max=80).max(axis=1).mean()
    expected = batch_positions(Counter(lengths.tolist()).items(), 80, 8) / lengths.size
    assert abs(expected - drawn) < 0.2


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=80))
def test_quantiles_are_those_of_the_rows(lengths):
    counts = Histogram()
    counts.add(lengths)
    found = counts.lengths()
    for share in QUANTILES:
        exact = int(np.quantile(lengths, share, method="inverted_cdf"))
        assert exact * (1 - 1 / 16_384) <= found.quantiles[share] <= exact
    assert (found.most, found.rows) == (max(lengths), len(lengths))
    assert sum(bar.rows for bar in found.bars) == len(lengths)


def test_one_very_long_row_does_not_flatten_the_chart():
    counts = Histogram()
    counts.add(list(range(100)) * 20 + [1_000_000])
    *closed, last = counts.lengths().bars
    assert (last.high, last.rows) == (None, 1)
    assert closed[-1].high <= 110
