"""The page as a file: whole, self-contained, escaped, of sane size. tests/browser opens it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sample_runs import make_run, with_target_name

from quilate.errors import StoreError
from quilate.evals.results import Item
from quilate.evaluators import Citation, Output
from quilate.reports.html import page_of, write
from quilate.reports.payload import as_json
from quilate.retrievers import Hit, Passage


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def test_it_is_written_whole_into_folders_that_are_made(tmp_path: Path) -> None:
    path = write(make_run(8), tmp_path / "a" / "b" / "report.html", lang="en")
    assert path.read_text("utf-8").rstrip().endswith("</html>")
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]


def test_a_path_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"cannot be written.*Give a path"):
        write(make_run(4), tmp_path / "file" / "report.html")
    with pytest.raises(StoreError, match="cannot be written"):
        write(make_run(4), tmp_path)  # a folder
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_the_policy_admits_the_page_s_own_style_and_script_and_nothing_else() -> None:
    page = page_of(make_run(4), lang="en")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy and "default-src &#39;none&#39;" in policy.group(1)
    style = re.search(r"<style>(.*?)</style>", page, re.S)
    script = re.search(r"<script>(.*?)</script>", page, re.S)
    assert style and script
    for text in (style.group(1), script.group(1)):
        hashed = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert hashed in policy.group(1)
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)


def test_what_models_wrote_can_neither_end_its_element_nor_be_markup() -> None:
    run = with_target_name(make_run(8), "RAG k=1", "<img src=x onerror=alert(1)>{{7*7}}")
    page = page_of(run, lang="en")
    assert page.count("</script>") == 2  # the data's and the script's own ends
    assert "<img" not in page and "{{7*7}}" in page
    answers = [item.get("text") for item in data_of(page)["samples"][1]["items"]]
    assert any("</script><img src=x" in (text or "") for text in answers)


def test_as_json_keeps_every_character() -> None:
    text = "</script><!-- & \u2028\u2029 \ud800 \x00 \u202e ñ 🜚"
    encoded = as_json([text])
    encoded.encode("utf-8")
    assert json.loads(encoded) == [text]
    assert not set("<>&\u2028\u2029") & set(encoded)


def test_texts_and_passages_are_held_once() -> None:
    run = make_run(120, hostile=False)
    data = data_of(page_of(run, lang="en"))
    assert len(data["passages"]) == 8
    assert len(data["texts"]) == len(set(data["texts"]))
    assert len(data["calls"]) == sum(
        len(i.calls) + sum(map(len, i.score_calls.values())) for i in run.items
    )


def test_offsets_count_as_the_browser_does() -> None:
    text = "🜚🜚 «oro» [1]"
    passage = Passage("p", "🜚 oro puro")
    citation = Citation("[1]", 9, 12, "p", "oro", "verified", 2, 5)
    output = Output(text, (Hit(passage, 1.0),), None, (citation,))
    run = make_run(1)
    run = replace(run, items=[Item("RAG k=1", next(iter(run.samples)), output=output)])
    (found,) = data_of(page_of(run, lang="en"))["samples"][0]["items"][0]["citations"]
    units = text.encode("utf-16-le")
    assert units[2 * found["span"][0] : 2 * found["span"][1]].decode("utf-16-le") == "[1]"
    quoted = passage.text.encode("utf-16-le")[2 * found["quoted"][0] : 2 * found["quoted"][1]]
    assert quoted.decode("utf-16-le") == "oro"


def test_zeros_are_kept() -> None:
    data = data_of(page_of(make_run(40), lang="en"))
    items = [item for sample in data["samples"] for item in sample["items"]]
    assert {item["target"] for item in items} == {0, 1, 2}
    scores = [score for item in items for score in item.get("scores", [])]
    assert all("metric" in score for score in scores)
    assert all(("value" in score) != ("status" in score) for score in scores)


def test_a_large_run_is_of_sane_size() -> None:
    run = make_run(120, hostile=False)
    page = page_of(run, lang="en")
    assert len(page) < 4000 * len(run.items)


@pytest.mark.parametrize("lang", ["en", "es"])
def test_charts_are_described_for_those_who_do_not_see_them(lang: str) -> None:
    page = page_of(make_run(40), lang=lang)
    charts = re.findall(r'<svg role="img".*?</desc>', page, re.S)
    assert len(charts) == 7
    assert all("RAG k=4: " in chart and "<title" in chart for chart in charts)
    assert f'<html lang="{lang}">' in page


def test_a_pair_says_in_which_direction_its_difference_is() -> None:
    """old − new −0.30, where the comparison of two runs says B − A +0.30."""
    run = make_run(40)
    page = re.sub(r"<[^>]+>|\s+", " ", page_of(run, lang="en"))
    a, b, *_ = run.targets
    assert re.search(rf"{re.escape(a)}\s+−\s+[^−]*{re.escape(b)}", page)


def test_runs_at_the_edge_are_rendered_too() -> None:
    run = make_run(6)
    assert "</html>" in page_of(replace(run, items=[], status="running"), lang="en")
    assert "</html>" in page_of(replace(run, metrics={}, items=[]), lang="es")
    assert "</html>" in page_of(replace(run, load_call=lambda key: None), lang="en")
    assert "</html>" in page_of(make_run(6, epochs=3), lang="en")
