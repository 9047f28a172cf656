"""The means that people would give, for every target that a calibrated judge has scored."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from quilate.evals.results import Run
from quilate.judging.calibration import FEWEST, Calibration, Pair
from quilate.stats import mean
from quilate.stats.ppi import PpiEstimate, ppi_mean

Key = tuple[str, str, int]

OWN = 10
"""Labels of a target's own answers from which its mean is corrected by them alone."""
BORROWED = "too few labels of this target: right only as far as the judge errs alike on all of them"
"""The note of a mean that is corrected by the labels of all targets, its own being too few."""


def corrected_means(
    run: Run, calibrations: Mapping[str, Calibration], *, level: float = 0.95
) -> dict[tuple[str, str], PpiEstimate]:
    """By metric and target: the judge's mean, corrected by its errors on the labelled answers.

    Prediction-powered (see `quilate.stats.ppi`). A target with `OWN` labels of this run is
    corrected by those, the judge weighed by what it is worth. One with `FEWEST` labels in all
    runs is corrected by those, the judge at full weight. Any other is corrected by all labels, with
    the note `BORROWED` and without an interval: how much too kind a judge is depends on how good
    the answers are, so that nobody knows how far it is off on better or worse ones. Epochs count
    one by one; the answers to one sample, or from one source, are a cluster.
    """
    scores: dict[tuple[str, str], dict[Key, tuple[float, str]]] = defaultdict(dict)
    for item in run.items:
        for score in item.scores:
            if score.metric in calibrations and score.value is not None:
                source = run.samples[item.sample_id].group or item.sample_id
                key = item.target, item.sample_id, item.epoch
                scores[score.metric, item.target][key] = score.value, source
    return {
        (metric, target): _corrected(run, calibrations[metric], target, values, level)
        for (metric, target), values in scores.items()
    }


def _corrected(
    run: Run,
    calibration: Calibration,
    target: str,
    scores: Mapping[Key, tuple[float, str]],
    level: float,
) -> PpiEstimate:
    pairs = calibration.pairs
    values, sources = zip(*scores.values(), strict=True)
    bounds = run.metrics[calibration.metric].bounds
    # What the judge gives this target alone.
    raw = mean(values, clusters=sources, level=level, bounds=bounds)
    own: Sequence[Pair] = [one for one in pairs if one.item is not None and one.item[0] == target]
    here = [one for one in own if one.run == run.id]
    weight: float | None = 1.0
    borrowed = False
    if len(here) >= OWN:
        own, weight = here, None
        labelled = {one.item for one in here}
        scores = {key: value for key, value in scores.items() if key not in labelled}
    elif borrowed := len(own) < FEWEST:
        own = pairs
    found = ppi_mean(
        [one.human for one in own],
        [one.judge for one in own],
        [value for value, _ in scores.values()],
        level=level,
        clusters=([one.group for one in own], [source for _, source in scores.values()]),
        judge_weight=weight,
        # Of a metric without bounds the scale is what the labels happened to reach.
        bounds=None if bounds is None else calibration.scale,
    )
    if not borrowed:
        return replace(found, raw=raw)
    bare = replace(found.corrected, interval=None, std_error=None, reason=BORROWED)
    return replace(found, corrected=bare, raw=raw, note=BORROWED)
