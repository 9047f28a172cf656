"""The means that people would give, for every target that a calibrated judge has scored."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from quilate.evals.results import Run
from quilate.judging.calibration import FEWEST, Calibration, Pair
from quilate.stats.ppi import PpiEstimate, ppi_mean

Key = tuple[str, str, int]


def corrected_means(
    run: Run, calibrations: Mapping[str, Calibration], *, level: float = 0.95
) -> dict[tuple[str, str], PpiEstimate]:
    """By metric and target: the judge's mean, corrected by its errors on the labelled answers.

    Prediction-powered (see `quilate.stats.ppi`). A target with `FEWEST` labels of this run is
    corrected by its own, the judge weighed by what it is worth; any other by all labels, the judge
    at full weight: right as far as the judge errs on it as it did on the labelled answers. Epochs
    count one by one; the answers to one sample, or from one source, are a cluster.
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
    pairs: Sequence[Pair] = calibration.pairs
    own = [one for one in pairs if calibration.run == run.id and (one.item or ("",))[0] == target]
    weight = None if len(own) >= FEWEST else 1.0
    if weight is None:
        labelled = {one.item for one in own}
        pairs = own
        scores = {key: value for key, value in scores.items() if key not in labelled}
    return ppi_mean(
        [one.human for one in pairs],
        [one.judge for one in pairs],
        [value for value, _ in scores.values()],
        level=level,
        clusters=([one.group for one in pairs], [source for _, source in scores.values()]),
        judge_weight=weight,
        bounds=calibration.scale,
    )
