"""The data card in a real browser: silent, offline, without script, readable on a phone and in the
dark, and deaf to what the data say.

Every test ends by checking (in the fixture) that no console message, error, dialog or network
request came up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quilate.data.card import Card, make_card

HOSTILE = (
    "</dd></script><img src=x onerror=\"document.title='owned'\"><b>negrita</b> {{7*7}} \u202eIZQ"
)


class Letters:
    """One token a character."""

    name, around = "letters <i>x</i>", 1

    def __init__(self) -> None:
        self.kinds = np.zeros(0x110000, np.uint8)

    def encode(self, texts: Any) -> list[Any]:
        return [np.array([ord(letter) for letter in text], np.int32) for text in texts]


def made() -> Card:
    rows = [
        {
            "id": f"fila-{number}",
            "text": (HOSTILE if number % 3 else "una palabra y otra ") * (1 + number % 9),
            "language": ("es", "en")[number % 2],
            "label": (HOSTILE[:60], "otra", "x" * 70)[number % 3],
            "sin_espacios": "á" * 400,
        }
        for number in range(30)
    ]
    step = {
        "step": "near_duplicates",
        "options": {"threshold": 0.8, "url": "https://example.com/" + "x" * 200},
        "digest": "ef" * 32,
        "rows_in": 40,
        "kept": 30,
        "dropped": 10,
        "rows_out": 30,
        "reasons": {"dropped": {"near duplicate": 10}},
        "examples": [{"id": "9", "reason": "near duplicate", "before": {"text": HOSTILE}}],
    }
    manifest = {
        "name": HOSTILE,
        "description": HOSTILE,
        "digest": "ab" * 32,
        "sources": [{"path": "datos/" + "largo" * 30 + ".jsonl", "sha256": "cd" * 32, "rows": 40}],
        "steps": [step],
        "quarantined": 10,
    }
    return make_card(rows, manifest=manifest, tokenizers=[Letters()], windows=(64, 256), load="x()")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made().write(tmp_path_factory.mktemp("card") / "card.html", "es")


@pytest.mark.parametrize("script", [True, False])
def test_it_opens_from_disk_with_one_request_with_or_without_script(
    watched: Any, card: Path, script: bool
) -> None:
    page = watched.open(card, java_script_enabled=script)
    assert page.title().startswith("</dd></script><img")
    assert [url for url in watched.requests if url.startswith("file:")] == [card.as_uri()]
    assert page.locator("h2").count() == 10
    assert page.locator("svg[role=img]").count() == 4
    assert page.locator(".samples .item").count() == 5


def test_its_style_passes_its_own_policy_and_no_script_does(watched: Any, card: Path) -> None:
    page = watched.open(card)
    radius = "getComputedStyle(document.querySelector('figure')).borderRadius"
    assert page.evaluate(radius) == "12px"
    assert page.evaluate("getComputedStyle(document.querySelector('.column')).fill") == (
        "rgb(31, 111, 176)"
    )
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend',"
        " '<a id=x onclick=\"document.title=1\">x</a>')"
    )
    page.locator("#x").click()
    assert page.title() != "1"
    assert any("Content Security Policy" in text for text in watched.said)
    watched.said.clear()


def test_hostile_data_are_shown_and_do_nothing(watched: Any, card: Path) -> None:
    page = watched.open(card)
    for details in page.locator("details").all():
        details.locator("summary").first.click()
    assert page.locator("main img, main script, main b b, main i, header b").count() == 0
    assert page.title() != "owned"
    for place in ("h1", "header .text", ".samples", "#lineage-h ~ details"):
        assert "<b>negrita</b> {{7*7}}" in page.locator(place).first.inner_text()


def test_long_texts_and_steps_open_by_keyboard(watched: Any, card: Path) -> None:
    page = watched.open(card)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "samples"
    folded = page.locator(".samples .more").first
    assert not folded.evaluate("one => one.open")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert folded.evaluate("one => one.open")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


def test_charts_say_in_text_what_they_show(watched: Any, card: Path) -> None:
    page = watched.open(card)
    for chart in page.locator("svg[role=img]").all():
        title, text = (
            page.locator(f"#{name}").text_content()
            for name in chart.get_attribute("aria-labelledby").split()
        )
        assert title
        assert any(letter.isdigit() for letter in text)


@pytest.mark.parametrize("lang", ["en", "es"])
def test_a_phone_never_scrolls_sideways(watched: Any, tmp_path: Path, lang: str) -> None:
    page = watched.open(made().write(tmp_path / "card.html", lang), width=360)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    outside = page.evaluate(
        "[...document.querySelectorAll('main *')]"
        ".filter((e) => e.getBoundingClientRect().right > 361 && !e.closest('thead'))"
        ".map((e) => e.outerHTML.slice(0, 80))"
    )
    assert outside == []


def test_dark_mode_is_dark(watched: Any, card: Path) -> None:
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    assert watched.open(card).evaluate(colour) == "rgb(251, 250, 247)"
    assert watched.open(card, color_scheme="dark").evaluate(colour) == "rgb(23, 22, 20)"
