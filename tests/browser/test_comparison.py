"""The page of a comparison in a real browser: both answers side by side, their difference marked,
filtered, searched, reachable by keys, harmless.

Every test ends by checking (in the fixture) that no console message, error, dialog or network
request came up.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sample_runs import HOSTILE, make_run

from quilate.evals.results import Run
from quilate.evaluators import Output
from quilate.reports.comparison import RunComparison, compare

if TYPE_CHECKING:
    from playwright.sync_api import Page

TARGETS = ("RAG k=1", "RAG k=4")


def hostile_twin(run: Run) -> Run:
    """B: another seed, its answers hostile too, one of them A's but for two words."""
    other = make_run(40, targets=TARGETS, seed=5)
    texts = {"es-0000": "Se usa <i>otro</i> </script> camino", **{"en-0001": HOSTILE[2]}}
    items = [
        replace(item, output=replace(item.output or Output(""), text=texts[item.sample_id]))
        if item.sample_id in texts
        else item
        for item in other.items
    ]
    return replace(other, id="20261123-000000-b</title>", items=items)


@pytest.fixture(scope="module")
def found() -> RunComparison:
    a = make_run(40, targets=TARGETS)
    first = replace(a.items[0], output=Output("Se usa <b>ese</b> </script> camino"))
    a = replace(a, items=[first, *a.items[1:]])
    return compare(a, hostile_twin(a))


@pytest.fixture(scope="module")
def page_file(found: RunComparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return found.to_html(tmp_path_factory.mktemp("comparison") / "page.html", lang="en")


def shown(page: Page) -> int:
    return page.locator("#list > li:visible").count()


def test_answers_stand_side_by_side_with_the_words_that_differ(
    watched: Any, page_file: Path
) -> None:
    page = watched.open(page_file)
    assert page.locator("#count").inner_text() == "40 of 40 samples"
    page.locator("#s1 summary").first.click()
    twins = page.locator("#s1 .twins").first
    twins.wait_for()
    sides = twins.locator(".item")
    assert [sides.nth(n).locator("h3").inner_text() for n in (0, 1)] == [
        "A · RAG k=1",
        "B · RAG k=1",
    ]
    assert twins.locator("mark.gone").all_inner_texts() == ["b", "ese", "b"]
    assert twins.locator("mark.came").all_inner_texts() == ["i", "otro", "i"]
    boxes = [sides.nth(n).bounding_box() for n in (0, 1)]
    assert boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] < boxes[1]["x"]


def test_hostile_text_is_shown_and_does_nothing(watched: Any, page_file: Path) -> None:
    page = watched.open(page_file)
    for row in range(1, 6):
        page.locator(f"#s{row} > details > summary").click()
        page.locator(f"#s{row} .item").first.wait_for()
    assert page.locator("#list img, #list script, #list b, #list i").count() == 0
    assert page.title() == "20261122-193004-7f3a → 20261123-000000-b</title> · Quilate"
    assert "Se usa <i>otro</i> </script> camino" in page.locator("#s1").text_content()
    assert "{{7*7}} ${7*7} <b>negrita</b>" in page.locator("#s2").text_content()


def test_filters_agree_with_the_comparison(
    watched: Any, page_file: Path, found: RunComparison
) -> None:
    page = watched.open(page_file)
    names = [(row.metric, row.target_a) for row in found.rows]
    number = names.index(("exact_match", "RAG k=1"))
    flips = found.rows[number].flips
    assert flips
    page.locator("#metric").select_option(str(number))
    for choice, expected in (
        ("flips", len(flips)),
        ("now_worse", sum(not flip.better for flip in flips)),
        ("now_better", sum(flip.better for flip in flips)),
    ):
        page.locator("#show").select_option(choice)
        assert shown(page) == expected
    page.locator("#show").select_option("error")
    wrong = {
        item.sample_id
        for run in (found.a, found.b)
        for item in run.items
        if item.failure or any(score.status == "error" for score in item.scores)
    }
    assert shown(page) == len(wrong)
    page.locator("#show").select_option("all")
    page.locator("#search").fill("que funcion")
    page.get_by_text("5 of 40 samples").wait_for()


def test_keys_walk_open_and_search(watched: Any, page_file: Path) -> None:
    page = watched.open(page_file)
    page.locator("h1").click()
    for key in ("j", "j", "j", "k", "Enter"):
        page.keyboard.press(key)
    page.locator("#s2 .twins").first.wait_for()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.evaluate("location.hash = '#s7'")
    page.locator("#s7 .twins").first.wait_for()


@pytest.mark.parametrize("lang", ["en", "es"])
def test_a_phone_never_scrolls_sideways(
    watched: Any, found: RunComparison, tmp_path: Path, lang: str
) -> None:
    page = watched.open(found.to_html(tmp_path / "page.html", lang=lang), width=360)
    for row in range(1, 7):
        page.locator(f"#s{row} > details > summary").click()
        page.locator(f"#s{row} .item").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_long_answers_that_share_little_are_marked_without_stalling(
    watched: Any, tmp_path: Path
) -> None:
    a = make_run(2, targets=("one",), hostile=False)
    texts = [" ".join(f"{side}{n}" for n in range(6000)) for side in "ab"]
    runs = [
        replace(a, items=[replace(item, output=Output(f"inicio {text} fin")) for item in a.items])
        for text in texts
    ]
    page = watched.open(compare(*runs).to_html(tmp_path / "page.html"))
    page.locator("#s1 summary").first.click()
    page.locator("#s1 .twins").first.wait_for(timeout=3000)
    page.locator("#s1 .twins button").first.click()
    assert page.locator("#s1 mark.gone").first.inner_text().startswith("a0 a1 ")
