"""A run as JUnit XML, for the systems that show test results.

An item is a test case: an error where its target failed or an evaluator could not score it,
passed otherwise; its scores stand in its output. The format is the one that Jenkins and GitLab
read (testsuites, testsuite, testcase, error, system-out).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from quilate.evals.results import Item, Run

# Characters that XML 1.0 does not allow, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_xml(run: Run) -> str:
    """The run as JUnit XML, one suite a target.

    >>> run = Run("r1", "demo", "", "finished", ("echo",), metrics={}, samples={},
    ...           items=[Item("echo", "1")], planned=1, provenance={})
    >>> to_xml(run)[-76:]
    '<testcase classname="echo" name="1" time="0.000" /></testsuite></testsuites>'
    """
    root = ET.Element("testsuites", name=legal(run.name))
    for target in run.targets:
        items = [item for item in run.items if item.target == target]
        root.append(_suite(run, target, items))
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _suite(run: Run, target: str, items: Sequence[Item]) -> ET.Element:
    errors = [problem for item in items if (problem := _problem(item))]
    suite = ET.Element(
        "testsuite",
        name=legal(f"{run.name}: {target}"),
        tests=str(len(items)),
        errors=str(len(errors)),
        failures="0",
        time=f"{sum(item.seconds for item in items):.3f}",
        timestamp=run.created,
    )
    for item in items:
        suite.append(_case(item))
    return suite


def _case(item: Item) -> ET.Element:
    epoch = f" (epoch {item.epoch + 1})" if item.epoch else ""
    case = ET.Element(
        "testcase",
        classname=legal(item.target),
        name=legal(item.sample_id) + epoch,
        time=f"{item.seconds:.3f}",
    )
    problem = _problem(item)
    if problem:
        ET.SubElement(case, "error", type=legal(problem[0]), message=legal(problem[1]))
    lines = [f"{s.metric} {s.status if s.value is None else f'{s.value:g}'}" for s in item.scores]
    if lines:
        ET.SubElement(case, "system-out").text = legal("\n".join(lines))
    return case


def _problem(item: Item) -> tuple[str, str] | None:
    """Kind and message of the first thing that went wrong."""
    if item.failure is not None:
        return item.failure.kind, item.failure.message
    failed = next((score for score in item.scores if score.status == "error"), None)
    return None if failed is None else (f"score {failed.metric}", failed.reason or "")


def legal(text: str) -> str:
    """The text with U+FFFD for what XML 1.0 cannot hold."""
    return _FORBIDDEN.sub("\ufffd", text)
