"""The page to label answers, in a real browser and served by the real command.

Every test ends by checking (in the fixture) that the page said nothing, asked nobody else, and
that no hostile text did anything.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quilate.evals import Run
from quilate.judging.labels import Label, append_label, labels_path, read_labels
from tests.unit.cli.conftest import environment
from tests.unit.judging.label_runs import make_store, pictured_store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytest.importorskip("fastapi", reason="the extra serving is not installed")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def labels(run: Run) -> Iterator[Path]:
    """The file of labels, absent before and after."""
    path = labels_path(Path(run.store or ""), run.id)
    yield path
    if path.parent.is_dir():
        path.unlink(missing_ok=True)


class Command:
    """`quilate label`, as a process; `url` is what it printed."""

    def __init__(self, run: Run, *words: str, lang: str = "en") -> None:
        command = [sys.executable, "-m", "quilate.cli", "label", "--store", str(run.store)]
        self.process = subprocess.Popen(
            [*command, "--labeller", "ana", "--lang", lang, *words],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said


class Pages:
    """Pages of one browser profile, and what they said and asked for."""

    def __init__(self, browser: Browser) -> None:
        self.context: BrowserContext = browser.new_context()
        self.said: list[str] = []
        self.requests: list[str] = []

    def open(self, url: str, width: int = 1280) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(8000)
        page.set_viewport_size({"width": width, "height": 700})
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(url)
        page.locator("#place").wait_for()
        return page


@pytest.fixture
def pages(browser: Browser) -> Iterator[Pages]:
    pages = Pages(browser)
    yield pages
    pages.context.close()
    assert pages.said == []
    assert all(url.startswith(("http://127.0.0.1:", "data:")) for url in pages.requests)


@pytest.fixture
def start(run: Run, labels: Path) -> Iterator[Any]:
    """Starts the command; all are ended in the end."""
    started: list[Command] = []

    def begin(*words: str, **options: str) -> Command:
        started.append(Command(run, *words, **options))
        return started[-1]

    yield begin
    for command in started:
        command.kill()


def place(page: Page) -> str:
    return page.locator("#place").inner_text()


def at(page: Page, n: int, total: int = 8) -> None:
    page.get_by_role("heading", name=f"Answer {n} of {total}", exact=True).wait_for()


def step(page: Page, key: str) -> None:
    """Press a key that leads to another answer, and wait for it."""
    before = place(page)
    page.keyboard.press(key)
    changed = "(was) => document.getElementById('place').innerText !== was"
    page.wait_for_function(changed, arg=before)


def reach(page: Page, sample: str, *, cited: bool = True) -> None:
    """Go to an answer of a sample: the one with a citation, or the other."""
    page.reload()
    at(page, 1)
    for _ in range(8):
        here = page.locator("#answer").inner_text()
        if f"Sample {sample}" in here and (page.locator(".cite").count() > 0) == cited:
            return
        step(page, "j")
    raise AssertionError(f"no sample {sample}")


def test_the_keyboard_alone_labels_a_run(pages: Pages, start: Any, labels: Path) -> None:
    command = start()
    page = pages.open(command.url)
    at(page, 1)
    for n, key in enumerate("12212111", start=1):
        at(page, n)
        page.keyboard.press(key)
        page.get_by_text("Saved at").wait_for()
        assert len(read_labels(labels)) == n  # it says so when it is so
    page.get_by_role("heading", name="All labelled").wait_for()
    assert page.locator("#count").inner_text() == "8 of 8 labelled"
    assert [one.label for one in read_labels(labels)] == [
        ("no", "yes")[int(k) - 1] for k in "12212111"
    ]
    assert {one.labeller for one in read_labels(labels)} == {"ana"}
    code, said = command.stop()
    assert code == 0
    assert "Answers labelled now: 8" in said


def test_undo_skip_move_and_note(pages: Pages, start: Any, labels: Path) -> None:
    page = pages.open(start().url)
    page.keyboard.press("2")
    at(page, 2)
    page.keyboard.press("u")
    at(page, 1)
    assert page.locator("#said").inner_text() == "Your label: yes"
    assert page.locator(".choice[aria-pressed=true]").inner_text().split() == ["2", "yes"]
    page.keyboard.press("1")
    at(page, 2)
    assert [one.label for one in read_labels(labels)] == ["no"]  # the last one counts
    page.keyboard.press("s")
    at(page, 3)
    page.keyboard.press("n")
    page.keyboard.type("¿seguro? 12 jks")  # in the field they are letters
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    at(page, 4)
    assert not page.locator("#note").is_visible()
    page.keyboard.press("k")
    at(page, 3)
    assert page.locator("#note").input_value() == "¿seguro? 12 jks"  # a draft outlives a move
    page.keyboard.press("2")
    at(page, 4)
    assert [(one.label, one.note) for one in read_labels(labels)] == [
        ("no", ""),
        ("yes", "¿seguro? 12 jks"),
    ]
    page.keyboard.press("u")
    at(page, 3)
    page.locator("#note").fill("otra")
    page.locator("#note").press("Escape")
    page.get_by_text("Note saved at").wait_for()
    assert [(one.label, one.note) for one in read_labels(labels)][1] == ("yes", "otra")
    page.reload()
    at(page, 2)  # the one that was skipped: the first without a label
    page.keyboard.press("u")
    at(page, 3)  # the one labelled last


def test_the_skipped_come_again_at_the_end(pages: Pages, start: Any, labels: Path) -> None:
    page = pages.open(start("--sample", "3").url)
    for n, key in enumerate(("s", "2", "2"), start=1):
        at(page, n, 3)
        page.keyboard.press(key)
    at(page, 1, 3)
    page.keyboard.press("s")
    page.get_by_text("Answers without a label: 1.").wait_for()
    page.get_by_role("button", name="Go on with them").click()
    at(page, 1, 3)
    page.keyboard.press("1")
    page.get_by_role("heading", name="All labelled").wait_for()
    page.keyboard.press("k")
    at(page, 3, 3)


def test_it_is_blind_and_hostile_text_does_nothing(pages: Pages, start: Any, labels: Path) -> None:
    bodies: list[str] = []
    command = start("--references", "never")
    page = pages.open(command.url)
    page.on("response", lambda response: bodies.append(response.text()))
    page.reload()
    for n in range(1, 9):
        at(page, n)
        assert "SECRET" not in page.content()
        page.keyboard.press("j")
    page.wait_for_load_state("networkidle")
    assert len(bodies) >= 11
    assert not any(word in body for body in bodies for word in ("SECRET", "REFERENCE", "0.25"))
    page.keyboard.press("k")
    for sample in ("0", "1"):
        reach(page, sample)
        assert (
            page.locator("#answer img, #answer script, #answer b, #answer i, #answer u").count()
            == 0
        )
        assert page.title().endswith("/8 · Quilate")
        shown = page.locator("#answer").text_content() or ""
        assert "onerror" in shown or "<!--<script>" in shown


def test_a_citation_leads_to_the_words_it_quotes(pages: Pages, start: Any, labels: Path) -> None:
    page = pages.open(start("--show-target").url)
    reach(page, "2")
    assert "SECRET-rag" in page.locator("#answer").inner_text()
    assert page.locator(".cite").inner_text() == "[1]"
    assert page.locator(".passage mark").all_inner_texts() == ["abre a las 9.30"]
    page.locator(".cite").click()
    assert page.locator(".passage:target").count() == 1
    reach(page, "3", cited=False)
    assert page.get_by_text("(The answer is empty.)").is_visible()
    assert page.get_by_text("The model was shown no passages.").is_visible()


def test_references_are_behind_a_key(pages: Pages, start: Any, labels: Path) -> None:
    page = pages.open(start().url)
    reference = page.locator("#references .text")
    assert not reference.is_visible()
    page.keyboard.press("r")
    assert reference.is_visible()
    other = pages.open(start("--references", "open", "--metric", "short").url)
    assert other.locator("#references .text").is_visible()


def test_a_disk_that_is_full_loses_no_label(pages: Pages, start: Any, labels: Path) -> None:
    command = start()
    page = pages.open(command.url)
    folder = labels.parent
    if folder.exists():
        folder.rmdir()
    folder.write_text("in the way")
    try:
        page.keyboard.press("2")
        page.get_by_role("alert").get_by_text("cannot be kept").wait_for()
        at(page, 2)  # work goes on
        page.keyboard.press("1")
        at(page, 3)
        page.get_by_role("alert").get_by_text("Labels waiting here: 2").wait_for()
        page.keyboard.press("k")
        at(page, 2)
        assert page.locator("#said").inner_text() == "Not saved yet: no"
        assert page.locator("#count").inner_text() == "0 of 8 labelled"
    finally:
        folder.unlink()
    page.get_by_role("button", name="Try now").click()
    page.get_by_text("What was waiting is saved.").wait_for()
    assert not page.get_by_role("alert").is_visible()
    assert [one.label for one in read_labels(labels)] == ["yes", "no"]
    assert page.locator("#count").inner_text() == "2 of 8 labelled"
    pages.said = [text for text in pages.said if "503" not in text]


def test_a_label_outlives_the_program(pages: Pages, start: Any, labels: Path) -> None:
    first = start()
    page = pages.open(first.url)
    first.kill()
    page.keyboard.press("2")
    page.get_by_role("alert").get_by_text("does not answer").wait_for()
    assert not labels.exists()
    again = start()
    assert again.url.split("/")[2] == first.url.split("/")[2]  # the same address, another token
    assert again.url != first.url
    page.get_by_role("button", name="Try now").click()
    page.get_by_role("alert").get_by_text("not that of the running program").wait_for()
    other = pages.open(again.url)
    other.get_by_text("What was waiting is saved.").wait_for()
    assert [one.label for one in read_labels(labels)] == ["yes"]
    pages.said = [text for text in pages.said if "ERR_CONNECTION" not in text and "403" not in text]


def test_what_waited_does_not_undo_what_was_said_since(
    pages: Pages, start: Any, labels: Path
) -> None:
    page = pages.open(start().url)
    folder = labels.parent
    if folder.exists():
        folder.rmdir()
    folder.write_text("in the way")
    try:
        for n, key in ((1, "2"), (2, "1")):
            at(page, n)
            page.keyboard.press(key)
        page.get_by_role("alert").get_by_text("Labels waiting here: 2").wait_for()
    finally:
        folder.unlink()
    held: list[Any] = []
    page.route("**/labels", lambda route: route.continue_() if held else held.append(route))
    page.get_by_role("button", name="Try now").click()
    while not held:  # the first of what waited is on its way, and the second waits behind it
        page.wait_for_timeout(20)
    step(page, "k")
    at(page, 2)
    page.keyboard.press("2")
    page.wait_for_timeout(300)
    held[0].continue_()
    page.get_by_text("What was waiting is saved.").wait_for()
    page.get_by_text("2 of 8 labelled").wait_for()
    assert [one.label for one in read_labels(labels)] == ["yes", "yes"]
    pages.said = [text for text in pages.said if "503" not in text]


def test_a_label_that_is_refused_holds_up_no_other(pages: Pages, start: Any, labels: Path) -> None:
    page = pages.open(start().url)
    page.keyboard.press("2")
    at(page, 2)
    key = page.evaluate("fetch('answers/4').then((a) => a.json()).then((a) => a.key)")
    page.evaluate(
        """(key) => {
            const made = (key) => ({ key, label: "yes", note: "", stamp: key });
            const place = JSON.parse(document.getElementById("data").textContent).queue;
            const entries = { a: made("a"), [key]: made(key) }; // there is no answer "a"
            localStorage.setItem(JSON.stringify(place), JSON.stringify(entries));
        }""",
        key,
    )
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.get_by_role("alert").get_by_text("Labels waiting here: 1").wait_for()
    page.get_by_text("2 of 8 labelled").wait_for()
    assert len(read_labels(labels)) == 2
    pages.said = [text for text in pages.said if "422" not in text]


ACT = (
    {"key": "&", "code": "Digit1"},  # a French keyboard, whose digits need Shift
    {"key": "1", "code": "Digit1", "shiftKey": True},
    {"key": "\u0661", "code": "Digit1"},  # an Arabic one
    {"key": "1", "code": "Numpad1"},
    {"key": "\u043e", "code": "KeyJ"},  # a Russian one
    {"key": "J", "code": "KeyJ"},  # Caps Lock
    {"key": "j", "code": "KeyC"},  # Dvorak: what is typed counts
)
DO_NOTHING = (
    {"key": "h", "code": "KeyJ"},
    {"key": "!", "code": "Digit1", "shiftKey": True},
    {"key": "J", "code": "KeyJ", "shiftKey": True},
    {"key": "1", "code": "Digit1", "ctrlKey": True},
    {"key": "1", "code": "Digit1", "metaKey": True},
    {"key": "End", "code": "Numpad1"},  # Num Lock off
    {"key": "toString", "code": ""},
)


def test_keys_of_other_layouts(pages: Pages, start: Any, labels: Path) -> None:
    page = pages.open(start().url)

    def typed(key: dict[str, Any]) -> None:
        page.evaluate(
            "(key) => document.body.dispatchEvent(new KeyboardEvent('keydown', "
            "{ ...key, bubbles: true, cancelable: true }))",
            key,
        )

    for key in DO_NOTHING:
        typed(key)
    page.wait_for_timeout(300)
    at(page, 1)
    for n, key in enumerate(ACT, start=2):
        typed(key)
        at(page, n)
    assert len(read_labels(labels)) == 4


def test_images_of_the_question_are_shown_and_long_texts_asked_for(
    pages: Pages, start: Any, tmp_path: Path
) -> None:
    command = Command(pictured_store(tmp_path))
    try:
        page = pages.open(command.url)
        assert page.get_by_text("What is this?").is_visible()
        assert page.get_by_text("[image/png: http://elsewhere.example/x.png]").is_visible()
        image = page.get_by_alt_text("Image of the question")
        assert image.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 1
        answer = page.locator(".answer .text")
        assert 100_000 <= len(answer.text_content() or "") < 100_010
        page.get_by_role("button", name="Show all 400,000 characters").click()
        assert len(answer.text_content() or "") == 400_000
    finally:
        command.kill()


def test_two_tabs_lose_nothing(pages: Pages, start: Any, labels: Path) -> None:
    url = start().url
    one, two = pages.open(url), pages.open(url)
    step(one, "2")
    step(two, "j")
    step(two, "2")  # the second answer
    step(one, "1")  # the second answer too, which this tab does not know: the last one counts
    step(one, "2")
    step(two, "s")
    assert [one.label for one in read_labels(labels)] == ["yes", "no", "yes"]
    assert len(labels.read_text().splitlines()) == 4
    two.reload()
    at(two, 4)
    assert two.locator("#count").inner_text() == "3 of 8 labelled"


def test_another_labellers_label_is_not_shown(
    pages: Pages, start: Any, labels: Path, run: Run
) -> None:
    for item in run.items:
        made = (item.target, item.sample_id, item.epoch, "grounded", "yes", 1.0, "luis")
        append_label(labels, Label(run.id, *made, note="LUIS SAID"))
    page = pages.open(start().url)
    at(page, 1)
    assert page.locator("#count").inner_text() == "0 of 8 labelled"
    assert page.locator(".choice[aria-pressed=true]").count() == 0
    assert "LUIS" not in page.content()


def test_buttons_do_what_keys_do_and_say_so(pages: Pages, start: Any, labels: Path) -> None:
    page = pages.open(start("--labels", "bad=0,ok=0.5,good=1").url)
    choices = page.get_by_role("group", name="Label of this answer").locator(".choice")
    assert [choices.nth(n).get_attribute("aria-keyshortcuts") for n in range(3)] == list("123")
    page.keyboard.press("Tab")
    seen = []
    for _ in range(10):
        seen.append(page.evaluate("document.activeElement.innerText"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Tab")
    assert any("good" in text for text in seen)
    assert any("Skip" in text for text in seen)
    page.get_by_role("button", name="ok").click()
    at(page, 2)
    assert [(one.label, one.value) for one in read_labels(labels)] == [("ok", 0.5)]
    assert page.evaluate("document.activeElement.id") == "place"
    page.get_by_role("button", name="Undo").click()
    at(page, 1)


def test_help_and_keys_that_can_be_turned_off(pages: Pages, start: Any, labels: Path) -> None:
    page = pages.open(start().url)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_text("Write a note").is_visible()
    page.keyboard.press("2")  # not through an open dialog
    dialog.get_by_text("Single keys do something").click()
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.keyboard.press("j")
    page.wait_for_timeout(300)
    at(page, 1)
    assert not labels.exists()
    page.get_by_role("button", name="yes").click()
    at(page, 2)


def test_a_key_that_is_held_labels_one_answer(pages: Pages, start: Any, labels: Path) -> None:
    page = pages.open(start().url)
    for _ in range(5):
        page.keyboard.down("2")
    page.keyboard.up("2")
    at(page, 2)
    page.wait_for_timeout(300)
    assert len(read_labels(labels)) == 1


@pytest.mark.parametrize("lang", ["en", "es"])
@pytest.mark.parametrize("width", [375, 1280])
def test_it_never_scrolls_sideways_and_labels_stay_in_sight(
    pages: Pages, start: Any, labels: Path, lang: str, width: int
) -> None:
    words = ["--labels", "unsupported=0,partly supported=0.5,supported=1"]
    page = pages.open(start(*words, lang=lang).url, width=width)
    page.set_viewport_size({"width": width, "height": 667})
    for _ in range(8):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for choice in page.locator(".choice").all():
            box = choice.bounding_box()
            assert box is not None
            assert 0 <= box["y"] <= 667 - box["height"]
            assert box["height"] >= 24
        step(page, "j")
    assert page.evaluate("document.documentElement.lang") == lang


def test_what_is_judged_stays_in_sight_when_the_page_is_enlarged_much(
    pages: Pages, start: Any, labels: Path
) -> None:
    page = pages.open(start().url, width=320)
    page.set_viewport_size({"width": 320, "height": 256})  # 1280 × 1024 at 400 %
    page.locator(".answer .text").scroll_into_view_if_needed()
    covered = page.locator(".answer .text").evaluate(
        "(text) => { const box = text.getBoundingClientRect();"
        " return !text.contains(document.elementFromPoint(box.left + 8, box.top + 8)); }"
    )
    assert not covered
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
