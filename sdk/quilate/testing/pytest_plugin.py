"""The pytest plugin: the fixture `quilate`, with which a test gates a suite.

It loads with every pytest session of an environment that has Quilate, so it imports nothing heavy.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from quilate.evals.gate import GateResult


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the gate, for a whole session."""
    group = parser.getgroup("quilate")
    group.addoption("--quilate-store", metavar="DIR", help="Folder that holds the runs.")
    group.addoption("--quilate-baseline", metavar="RUN", help="The run to compare with.")
    group.addoption("--quilate-model", metavar="PROVIDER/NAME", help="Model under test.")
    group.addoption("--quilate-judge", metavar="PROVIDER/NAME", help="Model of the judges.")


@dataclass(frozen=True, slots=True)
class Quilate:
    """What a test may ask. `store`, `baseline`, `model` and `judge` are the session's options."""

    root: Path
    store: Path
    baseline: str | None = None
    model: str | None = None
    judge: str | None = None

    def assert_not_worse(
        self,
        suite: str | Path,
        *,
        margin: float = 0.02,
        baseline: str | None = None,
        metrics: Sequence[str] = (),
        level: float = 0.95,
        model: str | None = None,
        judge: str | None = None,
        limit: int | None = None,
    ) -> "GateResult":
        """Run a suite file until it is shown to be no worse than the baseline run by more than
        `margin`; an AssertionError says by how much it is, or that the samples do not suffice. What
        cannot be gated (no baseline, no such file) fails the test with the error's text alone.

        `suite`: the file; a relative path is relative to pytest's root folder.
        `margin`: the loss that does not matter, as a share of each metric's range.
        `baseline`: a run's id, or ``latest``; else that of ``--quilate-baseline``, else the
        latest finished run of the suite that was no gate.
        `metrics`: the names of those to watch, ``["exact_match"]``; else every bounded one.
        `level`: the chance of a wrong verdict is at most 1 − `level`.
        `model`, `judge`: ``provider/name``, in place of those of the suite and of the options.
        `limit`: only the first so many samples.
        """
        __tracebackhide__ = True
        from quilate.errors import QuilateError
        from quilate.evals import load_suite
        from quilate.evals.gate import gate
        from quilate.judging.kept import distrusted_judges
        from quilate.reports.gate import gate_lines, headline

        try:
            loaded = load_suite(
                self.root / suite,
                model=model or self.model,
                judge=judge or self.judge,
                limit=limit,
                store=self.store,
            )
            result = gate(
                loaded,
                baseline or self.baseline,
                margin=margin,
                level=level,
                metrics=metrics,
                store=self.store,
            )
        except QuilateError as error:
            # Where the error was raised is nothing to a test: its text has the place and the way
            # out, in the names of pytest's options.
            told = str(error).replace(" --baseline", " --quilate-baseline")
            raise pytest.fail.Exception(told, pytrace=False) from None
        if result.verdict != "not worse":
            raise AssertionError("\n".join(gate_lines(result)))
        if distrusted_judges(result.baseline, result.run).keys() & {
            check.metric for check in result.checks
        }:
            # A test that passes prints nothing, and this must be seen.
            warnings.warn(headline(result), stacklevel=2)
        return result


@pytest.fixture(scope="session")
def quilate(request: pytest.FixtureRequest) -> Quilate:
    """Gates: ``quilate.assert_not_worse("suite.yaml", margin=0.02)``."""
    config = request.config
    root = config.rootpath
    return Quilate(
        root,
        root / (config.getoption("--quilate-store") or ".quilate"),
        config.getoption("--quilate-baseline"),
        config.getoption("--quilate-model"),
        config.getoption("--quilate-judge"),
    )
