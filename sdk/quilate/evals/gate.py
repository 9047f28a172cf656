"""The gate: is a suite's run no worse than a baseline, told with as few model calls as it takes.

A gate is a run like any other, journaled and resumable, that a sequential test watches and stops
as soon as the answer is known.
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quilate.errors import ConfigurationError
from quilate.evals import runner
from quilate.evals.comparing import Measures, measures_of, names_of, remeasured
from quilate.evals.gate_checks import Check, Checks, Verdict
from quilate.evals.plan import evaluators_of, metrics_of
from quilate.evals.provenance import evaluator_code
from quilate.evals.results import Run
from quilate.evals.suite import Suite
from quilate.middleware.cassette import redacted
from quilate.retrievers import Progress
from quilate.sync import blocking

_SHOWN = 8  # checks in a repr


@dataclass(frozen=True, slots=True)
class GateResult:
    """What a gate found. *not worse*: every check is shown to lose less than `margin`; *worse*:
    one is shown to lose more; else *undecided*. `used` samples of `available` were looked at."""

    run: Run
    baseline: Run
    margin: float
    level: float
    generalize: bool
    verdict: Verdict
    checks: tuple[Check, ...]
    used: int
    available: int
    skipped: tuple[str, ...] = ()

    def __repr__(self) -> str:
        checks = [f"{one.metric} ({one.target}) {one.verdict}" for one in self.checks[:_SHOWN]]
        more = ["…"] if len(self.checks) > _SHOWN else []
        said = ", ".join([f"{self.used} of {self.available} samples", *checks, *more])
        return f"<GateResult {self.run.id} against {self.baseline.id}: {self.verdict}; {said}>"

    def summary(self, lang: str | None = None) -> str:
        """The verdict in words, and a line for each check; in ``en`` or ``es``."""
        from quilate.reports.gate import gate_lines

        return "\n".join(gate_lines(self, lang))


async def agate(
    suite: Suite,
    baseline: str | Run | None = None,
    *,
    margin: float = 0.02,
    level: float = 0.95,
    metrics: Sequence[str] = (),
    generalize: bool = False,
    store: str | Path = runner.STORE,
    resume: str | None = None,
    run_id: str | None = None,
    progress: Progress | None = None,
) -> GateResult:
    """Run `suite` until it is known whether it is worse than `baseline` by more than `margin`.

    `baseline` is a run, its id, or None for the latest finished run of the suite that was no gate.
    Answers are paired by sample with the baseline's; the samples of one `Sample.group` are looked
    at together, and weigh as many as they are. A pair of targets is the one of each side, else
    those of the same name; `metrics` are all bounded ones of both sides, without those of a judge
    that people's labels say not to trust, unless named. The sequential test may be looked at after
    every sample: the chance to pass what is worse by `margin` or more is at most 1 − `level`, and
    so is that to fail what is not. The question is what the whole suite would say; with
    `generalize`, what endlessly many samples like these would, which takes far more of them.

    Stopped by a limit or by Ctrl-C, `resume` names the gate's run to go on with. Raises
    `ConfigurationError` for runs that cannot be compared, an unknown or an unbounded metric.
    """
    from quilate.judging.kept import distrusted_judges  # which imports this package

    store = Path(store)
    _check_given(suite, margin, level)
    before = _baseline(suite, baseline, store)
    earlier = None if resume is None else runner.open_run(resume, store)
    checks = Checks(
        suite,
        before,
        names_of(metrics) or _watched(earlier),
        margin=margin,
        level=level,
        generalize=generalize,
        distrusted=distrusted_judges(before),
    )
    await _refuse_remeasured(suite, before, checks)
    tested = _comparable(suite, checks)
    if earlier is not None:
        _check_same_gate(earlier, before, checks)
        run = await runner.resume(
            earlier.id, tested, store=store, progress=progress, watch=checks.watch, grouped=True
        )
    else:
        run = await runner.evaluate(
            tested,
            store=store,
            run_id=run_id,
            progress=progress,
            watch=checks.watch,
            grouped=True,
            notes={"gate": checks.record()},
        )
    return _result(run, checks)


gate = blocking(agate)
"""`agate` for sync code."""


def _comparable(suite: Suite, checks: Checks) -> Suite:
    """What of a suite is to be run: what cannot be compared is not asked."""
    return replace(
        suite,
        samples=[sample for sample in suite.samples if sample.id in checks.samples],
        targets={name: suite.targets[name] for name in checks.targets},
    )


def _result(run: Run, checks: Checks) -> GateResult:
    return GateResult(
        run=run,
        baseline=checks.baseline,
        margin=checks.margin,
        level=checks.level,
        generalize=checks.generalize,
        verdict=checks.verdict,
        checks=checks.results(),
        used=checks.used,
        available=checks.available,
        skipped=tuple(checks.skipped),
    )


def _check_given(suite: object, margin: float, level: float) -> None:
    if not isinstance(suite, Suite):
        raise ConfigurationError(
            f"A gate takes a suite, and was given a {type(suite).__name__}.",
            remedy="Load a file: quilate.load_suite(PATH).",
        )
    for name, value in (("margin", margin), ("level", level)):
        if not isinstance(value, int | float):
            raise ConfigurationError(
                f"The {name} is {value!r}, which is no number.", remedy=f"Write {name}=0.05 for 5%."
            )
    if not 0.5 < level < 1.0:
        raise ConfigurationError(
            f"The level is {level!r}.", remedy="It lies above 0.5 and below 1: 0.95."
        )
    if not 0.0 < margin < 1.0:
        raise ConfigurationError(
            f"The margin is {margin!r}.",
            remedy="It is a share of the metric's range, above 0 and below 1: with 0, only what is "
            "better would pass.",
        )


def _baseline(suite: Suite, wanted: str | Run | None, store: Path) -> Run:
    if isinstance(wanted, Run):
        return wanted
    if wanted is not None:
        return runner.open_run(wanted, store)
    for record in runner.list_runs(store):
        ordinary = record.status == "finished" and record.kind != "gate"
        if record.name == suite.name and ordinary:
            return runner.open_run(record.id, store)
    raise ConfigurationError(
        f"There is no finished run of the suite '{suite.name}' to compare with.",
        where=str(store),
        remedy="Make one: quilate run SUITE; or name another: --baseline RUN.",
    )


async def _refuse_remeasured(suite: Suite, before: Run, checks: Checks) -> None:
    """Another judge, or another prompt of it, gives other scores to the same answers: what is then
    compared is not the answers, and a lenient judge would pass anything."""
    described = redacted(await evaluators_of(suite))
    now = Measures(
        json.loads(json.dumps(described, default=str)),  # as the baseline's record has been
        metrics_of(suite),
        evaluator_code(suite),
        platform.python_version(),
    )
    watched = dict.fromkeys(check.metric.name for check in checks.checks)
    for found in remeasured(measures_of(before), now, watched):
        raise ConfigurationError(
            f"The metric '{found.metric}' is not measured as in the run {before.id}: the "
            f"evaluator '{found.evaluator}' differs in {found.said()}.",
            remedy="Make a new baseline with this evaluator: quilate run SUITE; or watch metrics "
            "that are measured alike: --metric NAME.",
        )


def _watched(earlier: Run | None) -> tuple[str, ...]:
    """The metrics that a gate began with, whatever is known of their judges by now."""
    kept = {} if earlier is None else earlier.provenance.get("gate", {})
    return tuple(dict.fromkeys(metric for metric, *_ in kept.get("checks", ())))


def _check_same_gate(earlier: Run, baseline: Run, checks: "Checks") -> None:
    if earlier.provenance.get("gate") != checks.record():
        raise ConfigurationError(
            f"The run {earlier.id} is no gate against {baseline.id} with these settings.",
            remedy="Give the margin, level, metrics and baseline that it began with.",
        )
