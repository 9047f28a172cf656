"""A run as a data frame and as JUnit XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from sample_runs import make_run, with_target_name

from quilate import registry
from quilate.errors import MissingDependency
from quilate.evals.results import Failure
from quilate.reports.frames import COLUMNS, to_pandas
from quilate.reports.junit import to_xml


def test_a_row_a_score_and_a_row_a_failed_item() -> None:
    run = make_run(40)
    frame = to_pandas(run)
    scores = sum(len(item.scores) for item in run.items)
    failures = sum(item.failure is not None for item in run.items)
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == scores + failures and failures > 0
    assert (frame["status"] == "failed").sum() == failures
    scored = frame[frame["status"] == "scored"]
    assert scored["value"].notna().all() and frame["value"].dtype == "float64"
    assert frame[frame["status"] != "scored"]["reason"].notna().all()


def test_an_empty_run_has_the_columns() -> None:
    assert tuple(to_pandas(replace(make_run(4), items=[])).columns) == COLUMNS


def test_without_pandas_the_error_names_the_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(module: str, *, extra: str, package: str | None = None) -> None:
        raise MissingDependency(module, extra=extra)

    monkeypatch.setattr(registry, "require", absent)
    with pytest.raises(MissingDependency, match=r"pip install .*\[pandas\]'"):
        to_pandas(make_run(4))


def test_junit_has_a_case_an_item_and_an_error_where_something_went_wrong() -> None:
    run = make_run(40)
    root = ET.fromstring(to_xml(run))
    cases = root.findall("testsuite/testcase")
    assert len(cases) == len(run.items)
    errors = root.findall("testsuite/testcase/error")
    failed = [
        item
        for item in run.items
        if item.failure or any(score.status == "error" for score in item.scores)
    ]
    assert len(errors) == len(failed) > 0
    assert sum(int(suite.get("errors", "")) for suite in root) == len(failed)
    assert {"timeout", "score groundedness"} == {error.get("type") for error in errors}


def test_junit_stays_xml_whatever_is_in_the_texts() -> None:
    run = with_target_name(make_run(4), "RAG k=1", "\x00<&\"'\ud800\x1b]]>")
    failure = Failure("ValueError", "\x08 ]]> ñ")
    run = replace(run, items=[replace(item, failure=failure) for item in run.items])
    root = ET.fromstring(to_xml(run).encode("utf-8"))
    assert len(root.findall("testsuite/testcase/error")) == len(run.items)
