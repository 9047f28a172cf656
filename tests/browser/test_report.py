"""The report in a real browser: silent, offline, searchable, reachable by keys, harmless.

Every test ends by checking (in the fixture) that no console message, error, dialog or network
request came up.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sample_runs import make_run

from quilate.reports.html import write

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(make_run(40), tmp_path_factory.mktemp("report") / "report.html", lang="en")


def shown(page: Page) -> int:
    return page.locator("#list > li:visible").count()


def choose(page: Page, control: str, value: str) -> None:
    page.locator(f"#{control}").select_option(value)


def focused_row(page: Page) -> str:
    row: str = page.evaluate("document.activeElement.closest('#list > li')?.id ?? ''")
    return row


def test_it_opens_from_disk_with_one_request_and_nothing_to_say(watched: Any, report: Path) -> None:
    page = watched.open(report)
    assert page.title() == "python_docs · Quilate"
    assert page.locator("#count").inner_text() == "40 of 40 samples"
    assert watched.requests[0] == report.as_uri()
    assert [url for url in watched.requests if url.startswith("file:")] == [report.as_uri()]


def test_style_and_script_pass_the_page_s_own_policy(watched: Any, report: Path) -> None:
    page = watched.open(report)
    assert (
        page.evaluate("getComputedStyle(document.querySelector('figure')).borderRadius") == "12px"
    )
    assert shown(page) == 40


def test_the_policy_stops_an_inline_handler_that_got_in(watched: Any, report: Path) -> None:
    page = watched.open(report)
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend',"
        " '<a id=x onclick=\"document.title=1\">x</a>')"
    )
    page.locator("#x").click()
    assert page.title() == "python_docs · Quilate"
    assert any("Content Security Policy" in text for text in watched.said)
    watched.said.clear()


def test_search_finds_questions_answers_and_passages_whatever_the_accents(
    watched: Any, report: Path
) -> None:
    page = watched.open(report)
    counts = {}
    for text in ("¿Qué función", "que funcion", "cómo hacerlo", "en-0003", "zzzz"):
        page.locator("#search").fill(text)
        page.wait_for_timeout(150)
        counts[text] = shown(page)
    assert counts["¿Qué función"] == counts["que funcion"] == 5
    assert counts["cómo hacerlo"] == 40  # stands in the passages alone
    assert counts["en-0003"] == 1
    assert counts["zzzz"] == 0
    assert page.locator("#nothing").is_visible()
    assert page.locator("#count").inner_text() == "0 of 40 samples"
    assert page.locator("#count").get_attribute("aria-live") == "polite"


def test_filters_agree_with_the_run(watched: Any, report: Path) -> None:
    run, page = make_run(40), watched.open(report)
    choose(page, "language", "es")
    assert shown(page) == sum(sample.language == "es" for sample in run.samples.values())
    choose(page, "language", "")
    choose(page, "show", "abstained")
    choose(page, "target", "2")
    assert shown(page) == sum(
        bool(item.output and item.output.abstained)
        for item in run.items
        if item.target == "RAG k=4"
    )
    choose(page, "show", "error")
    assert shown(page) == sum(
        item.failure is not None or any(score.status == "error" for score in item.scores)
        for item in run.items
        if item.target == "RAG k=4"
    )
    choose(page, "show", "low")
    choose(page, "metric", str(list(run.metrics).index("token_f1")))
    assert shown(page) == sum(
        score.metric == "token_f1" and score.value is not None and score.value < 0.5
        for item in run.items
        if item.target == "RAG k=4"
        for score in item.scores
    )


def test_the_keyboard_alone_is_enough(watched: Any, report: Path) -> None:
    page = watched.open(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "samples"
    page.keyboard.press("j")
    assert focused_row(page) == "s1"
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert focused_row(page) == "s2"
    page.keyboard.press("Enter")
    assert page.locator("#s2 .item").count() == 3
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("jk/")  # in the field they are letters
    assert page.locator("#search").input_value() == "jk/"
    page.keyboard.press("Escape")
    assert page.locator("#search").input_value() == ""
    outline = page.evaluate(
        "() => { document.querySelector('#s1 summary').focus({focusVisible: true});"
        " return getComputedStyle(document.querySelector('#s1 summary')).outlineStyle; }"
    )
    assert outline == "solid"


def test_j_and_k_pass_over_what_the_filter_hides(watched: Any, report: Path) -> None:
    page = watched.open(report)
    choose(page, "language", "en")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert focused_row(page) == "s4"  # English are the even ones


def test_a_sample_is_built_when_it_is_opened(watched: Any, report: Path) -> None:
    page = watched.open(report)
    assert page.locator("#s1 .body").count() == 0
    page.locator("#s1 summary").first.click()
    row = page.locator("#s1")
    row.locator(".item").first.wait_for()
    text = row.inner_text()
    for part in ("Reference answers", "os.path.dirname", "Retrieved passages", "Scores"):
        assert part in text
    assert row.locator(".shares").count() >= 2  # decisions as bars
    assert row.locator(".fold mark").count() >= 1  # quoted words in their passage
    assert row.locator("mark.bad").count() >= 1
    row.locator(".item").nth(1).get_by_text("Prompt sent").click()
    row.get_by_text("Answer from the context alone").first.wait_for()
    row.locator(".item").nth(1).get_by_text("Judge: prompt and reply").click()
    row.get_by_text("Is it supported?").first.wait_for()


@pytest.mark.parametrize("row", ["s2", "s3", "s4"])
def test_hostile_text_is_shown_and_does_nothing(watched: Any, report: Path, row: str) -> None:
    page = watched.open(report)
    page.locator(f"#{row} summary").first.click()
    page.locator(f"#{row} .item").first.wait_for()
    assert page.locator("#list img, #list script, #list b").count() == 0
    assert page.title() == "python_docs · Quilate"
    text = page.locator(f"#{row}").inner_text()
    expected = {
        "s2": "{{7*7}} ${7*7} <b>negrita</b>",
        "s3": "<!--<script>",
        "s4": "palabra palabra",
    }
    assert expected[row] in text


def test_a_text_of_100_kb_is_shown_whole_on_demand(watched: Any, report: Path) -> None:
    page = watched.open(report)
    page.locator("#s4 summary").first.click()
    more = page.locator("#s4").get_by_text("Show all 100,005 characters").first
    assert "FINAL" not in page.locator("#s4").inner_text()
    more.click()
    assert "FINAL" in page.locator("#s4").inner_text()


@pytest.mark.parametrize("lang", ["en", "es"])
def test_a_phone_never_scrolls_sideways(watched: Any, tmp_path: Path, lang: str) -> None:
    page = watched.open(write(make_run(12), tmp_path / "report.html", lang=lang), width=360)
    for row in range(1, 13):
        page.locator(f"#s{row} > details > summary").click()
        page.locator(f"#s{row} .item").first.wait_for()
    page.evaluate("document.querySelectorAll('.fold').forEach((fold) => { fold.open = true; })")
    page.get_by_text("Is it supported?").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    outside = page.evaluate(
        "[...document.querySelectorAll('main *')]"
        ".filter((e) => e.getBoundingClientRect().right > 361 && !e.closest('thead'))"
        ".map((e) => e.outerHTML.slice(0, 80))"
    )
    assert outside == []


def test_dark_mode_is_dark(watched: Any, report: Path) -> None:
    light = watched.open(report).evaluate(
        "getComputedStyle(document.documentElement).backgroundColor"
    )
    dark = watched.open(report, color_scheme="dark").evaluate(
        "getComputedStyle(document.documentElement).backgroundColor"
    )
    assert (light, dark) == ("rgb(251, 250, 247)", "rgb(23, 22, 20)")


def test_text_stands_out_from_its_background(watched: Any, report: Path) -> None:
    """WCAG AA: 4.5 to 1 for the colours that text is set in, light and dark."""
    ratios = """() => {
      const root = getComputedStyle(document.documentElement);
      const light = (name) => {
        const hex = root.getPropertyValue(name).trim().slice(1);
        const [r, g, b] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
          .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const pairs = [];
      const texts = ["ink", "dim", "gold", "bad", "good", "t0", "t1", "t2", "t3", "t4", "t5"];
      for (const text of texts.map((name) => `--${name}`))
        for (const back of ["--paper", "--card"]) {
          const [a, b] = [light(text), light(back)].sort((x, y) => y - x);
          pairs.push([text, back, (a + 0.05) / (b + 0.05)]);
        }
      return pairs.filter(([, , ratio]) => ratio < 4.5);
    }"""
    for scheme in ("light", "dark"):
        assert watched.open(report, color_scheme=scheme).evaluate(ratios) == []


def test_a_link_opens_its_sample(watched: Any, report: Path) -> None:
    page = watched.open(report)
    page.evaluate("location.hash = '#s7'")
    page.locator("#s7 .item").first.wait_for()
    assert focused_row(page) == "s7"


def test_two_thousand_items_stay_usable(watched: Any, tmp_path: Path) -> None:
    run = make_run(2000, targets=("RAG k=4",), hostile=False)
    page = watched.open(write(run, tmp_path / "report.html", lang="en"))
    assert page.locator("#count").inner_text() == "2,000 of 2,000 samples"
    assert page.locator(".item").count() == 0  # nothing is built before it is opened
    page.locator("#search").fill("en-1003")
    page.get_by_text("1 of 2,000 samples").wait_for()
    assert shown(page) == 1
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    assert focused_row(page) == "s2000"


def test_without_javascript_the_figures_are_still_there(watched: Any, report: Path) -> None:
    page = watched.open(report, java_script_enabled=False)
    assert page.locator("figure").count() == 7
    assert "The samples need JavaScript" in report.read_text("utf-8").split("<noscript>")[1]
