"""The means that people would give, for every target whose answers are judged and labelled."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from quilate.evals.results import Run
from quilate.judging.calibration import Calibration
from quilate.stats import Estimate, mean
from quilate.stats.ppi import PpiEstimate, ppi_mean

Key = tuple[str, str, int]

LABELLED = 10
"""Labelled answers of a target in the run from which people's mean of it is estimated."""


def corrected_means(
    run: Run, calibrations: Mapping[str, Calibration], *, level: float = 0.95
) -> dict[tuple[str, str], PpiEstimate]:
    """By metric and target: the judge's mean, corrected by its errors on the labelled answers.

    Prediction-powered (see `quilate.stats.ppi`), the judge weighed by what it is worth. Labels of
    this run's own answers count alone: of another run's nobody knows whether the same system gave
    them (a function calls others, a service is changed behind its address), and how far a judge is
    off depends on how good the answers are. A target with fewer than `LABELLED` of them has no
    corrected mean, and `corrected` says so as its reason. Epochs count one by one; the answers to
    one sample, or from one source, are a cluster.
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
    values, sources = zip(*scores.values(), strict=True)
    bounds = run.metrics[calibration.metric].bounds
    # What the judge gives all of this target's answers.
    raw = mean(values, clusters=sources, level=level, bounds=bounds)
    own = [one for one in calibration.pairs if one.run == run.id and one.item in scores]
    if len(own) < LABELLED:
        none = Estimate(None, None, len(own), reason=f"fewer than {LABELLED} answers are labelled")
        return PpiEstimate(none, none, raw, 0.0, len(own), len(scores) - len(own))
    labelled = {one.item for one in own}
    rest = [value for key, value in scores.items() if key not in labelled]
    found = ppi_mean(
        [one.human for one in own],
        [one.judge for one in own],
        [value for value, _ in rest],
        level=level,
        clusters=([one.group for one in own], [source for _, source in rest]),
        # Of a metric without bounds the scale is what the labels happened to reach.
        bounds=None if bounds is None else calibration.scale,
    )
    return replace(found, raw=raw)
