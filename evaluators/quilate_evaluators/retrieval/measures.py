"""The measures of ir-measures by their names, and their values on one ranking."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from quilate.errors import ConfigurationError
from quilate.evaluators import Metric
from quilate.registry import nearest, require

# Counts and gains that no ideal ranking brings to one.
_UNBOUNDED = {"NumQ", "NumRel", "NumRet", "NumRelRet", "INSQ", "INST", "SDCG", "BPM", "alpha_DCG"}
# Starts a Perl program for each call.
_PROGRAM = "gdeval"
# Spanish for these stands in `quilate.reports.phrases`.
_DESCRIPTIONS = {
    "R": "Share of the gold passages among the first {}.",
    "P": "Share of gold passages in the first {}.",
    "nDCG": "Gain discounted by rank, of the first {}.",
    "AP": "Average precision (trec_eval).",
    "RR": "One over the rank of the first gold passage.",
    "Rprec": "Precision at as many passages as are gold.",
    "Bpref": "Gold passages before judged others (Bpref).",
    "Success": "A gold passage is among the first {}.",
}


def _module() -> Any:
    return require("ir_measures", extra="retrieval-metrics", package="ir-measures")


@cache
def parse(name: str) -> Any:
    """The measure that ir-measures calls `name`: ``R@4``, ``nDCG@10``, ``AP(rel=2)@100``, ``RR``…

    Raises `ConfigurationError` for a name, parameter or cutoff that it does not know, with the
    nearest name, and for a measure that nothing installed computes.
    """
    module = _module()
    base = name.partition("@")[0].partition("(")[0].strip()
    try:
        measure = module.parse_measure(name)
        measure.validate_params()
    except NameError:
        raise _refused(name, "unknown", nearest(base, sorted(module.measures.registry))) from None
    except (ValueError, AssertionError, TypeError, KeyError) as error:
        example = "Give the cutoff, such as R@4, and parameters by name, such as AP(rel=2)."
        raise _refused(name, f"malformed: {_readable(error)}", example) from None
    for provider in module.DefaultPipeline.providers:
        if provider.is_available() and provider.supports(measure):
            if provider.NAME == _PROGRAM:
                break
            return measure
    raise _refused(
        name, "computed by nothing that is installed", "See ir-measures' table of providers."
    )


def _refused(name: str, why: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"`measures` of the evaluator 'retrieval' names '{name}', which is {why}.", remedy=remedy
    )


def _readable(error: Exception) -> str:
    """What ir-measures says, without the address of the mark by which it means "not given"."""
    said = str(error)
    return "a parameter is missing" if "object object" in said else said or type(error).__name__


def metric(measure: Any) -> Metric:
    """The metric of a measure, under ir-measures' own name."""
    name = str(measure)
    base = str(measure.NAME)
    cutoff = measure.params.get("cutoff") if set(measure.params) <= {"cutoff"} else None
    template = _DESCRIPTIONS.get(base)
    if template is None or ("{}" in template) != (cutoff is not None):
        description = f"{name} (ir-measures)."
    else:
        description = template.format(cutoff)
    bounds = None if base in _UNBOUNDED else (0.0, 1.0)
    return Metric(name, description, bounds=bounds)


def values(
    measures: Sequence[Any], relevance: Mapping[str, int], ranking: Sequence[str]
) -> list[float]:
    """The value of each measure for one query: `relevance` has the grade of each judged id,
    `ranking` ids without repetition, best first. An empty ranking is worth nothing."""
    if not ranking:
        return [0.0] * len(measures)
    # Providers that write files would trip over white space in ids.
    short = {
        name: f"d{number}" for number, name in enumerate({**relevance, **dict.fromkeys(ranking)})
    }
    judged = {"1": {short[name]: grade for name, grade in relevance.items()}}
    run = {"1": {short[name]: float(-place) for place, name in enumerate(ranking)}}
    found = _module().calc_aggregate(list(measures), judged, run)
    return [float(found[measure]) for measure in measures]
