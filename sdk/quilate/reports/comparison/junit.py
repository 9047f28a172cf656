"""A comparison as JUnit XML: a test case for each row that decides, which fails when B is worse,
and when, with a margin or for what is missing, it is undecided. Other rows are skipped tests."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from quilate.reports.comparison import wording
from quilate.reports.comparison.values import Row, RunComparison, Uncompared
from quilate.reports.comparison.words import CompareWords
from quilate.reports.figures import decimals
from quilate.reports.junit import legal
from quilate.reports.pages import write_whole
from quilate.reports.strings import language


def write(found: RunComparison, path: str | Path, *, lang: str | None = None) -> Path:
    """Write `to_xml` to `path` and return it. Raises StoreError where it cannot be written."""
    return write_whole(Path(path), to_xml(found, lang=lang))


def to_xml(found: RunComparison, *, lang: str | None = None) -> str:
    """The comparison as JUnit XML."""
    words = CompareWords(language(lang))
    cases = [_case(words, row) for row in found.rows]
    cases += [_uncompared(words, one) for one in found.uncompared]
    suite = ET.Element(
        "testsuite",
        name=legal(f"{found.a.id} / {found.b.id}"),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        timestamp=found.b.created,
    )
    suite.extend(cases)
    if notes := wording.notes(words, found):
        ET.SubElement(suite, "system-out").text = legal("\n".join(notes))
    root = ET.Element("testsuites", name=legal(found.b.name))
    root.append(suite)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _case(words: CompareWords, row: Row) -> ET.Element:
    case = _named(row)
    said = legal(wording.sentence(words, row))
    if not row.decides:
        ET.SubElement(case, "skipped", message=said)
    elif row.verdict in ("worse", "undecided"):
        ET.SubElement(case, "failure", type=row.verdict, message=said)
    digits = decimals(row.comparison.difference)
    a, b = (words.number(value, digits=digits) for value in (row.a, row.b))
    figures = f"A {a}  B {b}  B − A {wording.figure(words, row)}"
    changed = " · ".join(wording.changes(words, row))
    lines = [said, figures, f"p {words.p_value(row.p)}", changed]
    ET.SubElement(case, "system-out").text = legal("\n".join(lines))
    return case


def _uncompared(words: CompareWords, one: Uncompared) -> ET.Element:
    case = _named(one)
    said = legal(wording.uncompared(words, one))
    if one.decides:
        ET.SubElement(case, "failure", type="undecided", message=said)
    else:
        ET.SubElement(case, "skipped", message=said)
    return case


def _named(row: Row | Uncompared) -> ET.Element:
    same = row.target_a == row.target_b
    targets = row.target_a if same else f"{row.target_a} → {row.target_b}"
    return ET.Element("testcase", classname=legal(targets), name=legal(row.metric))
