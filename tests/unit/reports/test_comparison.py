"""Two runs compared: verdicts with and without a margin, what is missing, flips, words, JUnit."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sample_runs import HOSTILE, make_run

import quilate
from quilate.errors import ConfigurationError, StoreError
from quilate.evals.results import Failure, Item, Run
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.reports.comparison import RunComparison, compare
from quilate.reports.comparison.junit import to_xml
from quilate.reports.comparison.page import page_of

RIGHT = Metric("right")
Value = float | str | None  # a score, a failure's kind, or unscored


def run_of(*values: Value, name: str = "a", metric: Metric = RIGHT, **fields: object) -> Run:
    """A run of one target, one value of one metric a sample."""
    samples = {str(n): Sample(str(n), f"¿{n}?", ("sí",)) for n in range(len(values))}
    items = [_item(str(n), metric.name, value) for n, value in enumerate(values)]
    made = Run(
        id=f"run-{name}",
        name="suite",
        created="2026-11-22T19:30:04+00:00",
        status="finished",
        targets=("app",),
        metrics={metric.name: metric},
        samples=samples,
        items=items,
        planned=len(items),
        provenance={},
    )
    return replace(made, **fields)


def _item(sample: str, metric: str, value: Value) -> Item:
    if isinstance(value, str):
        return Item("app", sample, failure=Failure(value, "no answer"))
    score = (
        Score.unscored(metric, "the answer abstains") if value is None else Score.of(metric, value)
    )
    return Item("app", sample, output=Output(f"answer {sample} {value}"), scores=(score,))


def verdict(a: Sequence[Value], b: Sequence[Value], **options: object) -> str:
    found = compare(run_of(*a), run_of(*b, name="b"), **options)
    return found.rows[0].verdict


HALF = [0.0, 1.0] * 200


@pytest.mark.parametrize(
    ("b", "margin", "expected", "outcome"),
    [
        (HALF, None, "no difference shown", "pass"),
        ([1.0] * 40 + HALF[40:], None, "better", "pass"),
        ([0.0] * 40 + HALF[40:], None, "worse", "worse"),
        (HALF, 0.02, "equivalent", "pass"),
        ([1.0] * 40 + HALF[40:], 0.02, "better", "pass"),
        # 20 of 400 lost: −0.05, 90 % interval about [−0.07, −0.03]
        ([0.0] * 40 + HALF[40:], 0.1, "equivalent", "pass"),
        ([0.0] * 40 + HALF[40:], 0.05, "undecided", "undecided"),
        ([0.0] * 40 + HALF[40:], 0.01, "worse", "worse"),
        ([0.0] * 200 + HALF[200:], 0.1, "worse", "worse"),
    ],
)
def test_verdicts_and_outcomes(
    b: list[float], margin: float | None, expected: str, outcome: str
) -> None:
    found = compare(run_of(*HALF), run_of(*b, name="b"), margin=margin)
    assert (found.rows[0].verdict, found.outcome) == (expected, outcome)


def test_not_worse_without_being_equivalent_nor_better() -> None:
    # Differences of 0.012 ± 0.19: a standard error of 0.011, so 90 % within [−0.006, 0.030].
    a, b = [0.5] * 300, [0.702, 0.322] * 150
    row = compare(run_of(*a), run_of(*b, name="b"), margin=0.02).rows[0]
    found = row.comparison.difference
    assert found.value is not None and found.interval is not None
    assert found.interval.low < 0.0 and found.interval.high > 0.02
    assert row.verdict == "not worse"


def test_a_margin_is_a_share_of_the_metric_s_range() -> None:
    """The same scores times ten on a scale of ten are the same verdict, at a margin of 0.05."""
    ten = Metric("right", bounds=(0.0, 10.0))
    b = [0.0] * 40 + HALF[40:]
    scaled = compare(
        run_of(*(10 * v for v in HALF), metric=ten),
        run_of(*(10 * v for v in b), name="b", metric=ten),
        margin=0.1,
    ).rows[0]
    assert scaled.margin == pytest.approx(1.0)
    assert scaled.verdict == "equivalent"


def test_lower_can_be_better() -> None:
    less = Metric("errors", higher_is_better=False)
    fewer = compare(run_of(*HALF, metric=less), run_of(*([0.0] * 40 + HALF[40:]), metric=less))
    assert fewer.rows[0].verdict == "better"
    assert fewer.rows[0].comparison.difference.value < 0
    assert all(flip.better for flip in fewer.flips)
    more = compare(
        run_of(*HALF, metric=less), run_of(*([1.0] * 40 + HALF[40:]), metric=less), margin=0.01
    )
    assert (more.rows[0].verdict, more.outcome) == ("worse", "worse")


def test_a_metric_without_bounds_does_not_decide_a_margin() -> None:
    seconds = Metric("seconds", bounds=None, higher_is_better=False)
    a = run_of(*[1.0, 1.1] * 30, metric=seconds)
    b = run_of(*[2.0, 2.2] * 30, name="b", metric=seconds)
    found = compare(a, b, margin=0.02)
    assert (found.rows[0].verdict, found.rows[0].decides) == ("worse", False)
    assert found.outcome == "pass"
    assert "no metric has bounds" in found.summary(lang="en")
    assert "▼" not in found.summary(lang="en")  # of what does not decide every sample changes
    assert len(found.rows[0].flips) == 60
    assert "▼" in compare(a, b, metrics=["seconds"]).summary(lang="en")
    assert compare(a, b).outcome != "worse"  # nor without one: seconds drift by themselves
    assert compare(a, b, metrics=["seconds"]).outcome == "worse"  # unless it is asked about
    assert compare(a, b, metrics="seconds").outcome == "worse"  # one name alone will do
    with pytest.raises(ConfigurationError, match=r"seconds.*no bounds"):
        compare(a, b, margin=0.02, metrics=["seconds"])


def test_what_is_missing_stands_in_the_row_and_much_of_it_leaves_the_verdict_open() -> None:
    b: list[Value] = [1.0] * 60 + HALF[60:]
    little = compare(run_of(*HALF), run_of(*b[:-10], *["timeout"] * 10, name="b")).rows[0]
    assert little.verdict == "better"
    assert little.range is not None
    lost = compare(run_of(*HALF), run_of(*b[:-60], *["timeout"] * 60, name="b"))
    row = lost.rows[0]
    assert row.comparison.verdict == "a better"  # on the pairs that are left
    assert (row.verdict, row.at_risk, lost.outcome) == ("undecided", True, "undecided")
    # By hand: B has 30 of 60 and 140 of 280 right of 340 known; unknown 60.
    known = sum(v for v in b[:-60] if isinstance(v, float))
    assert row.range == pytest.approx((known / 400 - 0.5, (known + 60) / 400 - 0.5))
    text = lost.summary(lang="en")
    assert "too much is missing" in text
    assert "B lacks 60 scores" in " ".join(text.split())
    assert "340/400" in text
    assert "a B le faltan 60 puntuaciones" in " ".join(lost.summary(lang="es").split())


def test_more_missing_than_the_margin_is_no_pass() -> None:
    """B fails at 4 % of what A gets right: that is more than 2 %, though it is less than 5 %."""
    a, b = run_of(*[1.0] * 1000), run_of(*[1.0] * 960, *["timeout"] * 40, name="b")
    found = compare(a, b, margin=0.02)
    assert (found.rows[0].verdict, found.outcome) == ("undecided", "undecided")
    assert "too much is missing" in found.summary(lang="en")
    assert compare(a, b, margin=0.05).outcome == "pass"  # at the worst it loses 0.04


def test_failures_are_not_no_difference() -> None:
    """Half of B failed, and the rest equals A: without a margin, too, that is not passed."""
    found = compare(run_of(*HALF), run_of(*HALF[:200], *["timeout"] * 200, name="b"))
    assert (found.rows[0].verdict, found.outcome) == ("undecided", "undecided")


def test_a_score_that_only_some_answers_have_is_said_to_be_partial() -> None:
    b: list[Value] = [*HALF[:300], *[None] * 100]
    found = compare(run_of(*HALF), run_of(*b, name="b"))
    assert found.rows[0].comparison.n == 300
    scored = "answers scored: A 400, B 300 of 400; B: the answer abstains × 100"
    text = " ".join(found.summary(lang="en").split())
    assert f"only over the 300 samples that both have scored ({scored})" in text
    assert found.to_data()["rows"][0]["coverage"][1]["unscored"] == {"the answer abstains": 100}


def test_what_one_run_lost_altogether_is_undecided_and_what_neither_has_is_not() -> None:
    a = run_of(*HALF[:10])
    lost = compare(a, run_of(*["timeout"] * 10, name="b"))
    assert (lost.rows, lost.outcome) == ((), "undecided")
    assert "cannot be compared" in lost.summary(lang="en")
    neither = compare(run_of(*[None] * 10), run_of(*[None] * 10, name="b"))
    assert neither.outcome == "pass"
    asked = compare(run_of(*[None] * 10), run_of(*[None] * 10, name="b"), metrics=["right"])
    assert asked.outcome == "undecided"


def test_an_open_row_says_what_would_settle_it() -> None:
    a = [0.0, 1.0] * 100
    b = [1.0] * 8 + [0.0] * 4 + a[12:]
    row = compare(run_of(*a), run_of(*b, name="b")).rows[0]
    assert row.verdict == "no difference shown"
    assert row.detectable is not None and row.more_samples is not None
    difference = row.comparison.difference
    assert row.detectable > abs(difference.value or 0.0)
    # Miller (2024): n grows with the square of how much smaller an effect is to be shown.
    ratio = row.detectable / abs(difference.value or 1.0)
    assert row.more_samples + 200 == pytest.approx(200 * ratio**2, rel=0.03)
    asked = compare(run_of(*a), run_of(*b, name="b"), margin=0.005)
    open_row = asked.rows[0]
    assert open_row.verdict == "undecided"
    assert open_row.more_samples is not None
    assert "more samples would settle it" in " ".join(asked.summary(lang="en").split())


def test_flips_are_what_changed_most_changed_first() -> None:
    found = compare(run_of(0.5, 1.0, 0.2, 0.0), run_of(0.5, 0.9, 0.9, 0.3, name="b"))
    assert [(flip.sample, flip.better) for flip in found.flips] == [
        ("2", True),
        ("3", True),
        ("1", False),
    ]
    (first, *_), (a, b) = found.flips, found.answers(found.flips[:1])[0]
    assert (first.a, first.b) == (0.2, 0.9)
    assert (a[0].output, b[0].output) == (Output("answer 2 0.2"), Output("answer 2 0.9"))
    assert len(found.to_data()["rows"][0]["flips"]) == 3


def test_the_text_lists_so_many_flips_of_each_kind_and_counts_the_rest() -> None:
    found = compare(run_of(*[1.0] * 6, *[0.0] * 9), run_of(*[0.0] * 6, *[1.0] * 9, name="b"))
    text = found.summary(lang="en", flips=2)
    assert text.count("▼") == text.count("▲") == 3
    assert "▼ and 4 more" in text and "▲ and 7 more" in text
    assert "6 now wrong · 9 now right" in text
    assert "B: answer 0 0.0" in text
    assert "▼" not in found.summary(lang="en", flips=0)


def test_corrections_differ_as_they_should() -> None:
    a, b = make_run(120, hostile=False), make_run(120, hostile=False, seed=4)
    holm = compare(a, b).rows
    bh = compare(a, b, correction="bh").rows
    raw = [row.comparison.p_value for row in holm]
    # By hand (Benjamini & Hochberg 1995): p·m/rank, made to rise from the largest down.
    order = sorted(range(len(raw)), key=raw.__getitem__)
    adjusted, least = [0.0] * len(raw), 1.0
    for rank in range(len(raw), 0, -1):
        least = min(least, raw[order[rank - 1]] * len(raw) / rank)
        adjusted[order[rank - 1]] = least
    assert [row.p for row in bh] == pytest.approx(adjusted)
    assert all(one.p <= other.p for one, other in zip(bh, holm, strict=True))
    with pytest.raises(ConfigurationError, match="bonferroni"):
        compare(a, b, correction="bonferroni")


@pytest.mark.parametrize("options", [{"margin": 0.0}, {"margin": 1.5}, {"level": 1.0}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        compare(run_of(1.0, 0.0), run_of(1.0, 0.0), **options)


def test_epochs_are_put_together_as_the_suite_asked() -> None:
    a, b = (make_run(30, targets=("one",), epochs=3, hostile=False, seed=s) for s in (0, 1))
    reducers = {"reducers": ["mean", "pass@2"]}
    a, b = (replace(run, provenance={**run.provenance, **reducers}) for run in (a, b))
    rows = {row.metric: row for row in compare(a, b).rows}
    assert {"exact_match", "exact_match pass@2"} <= rows.keys()
    assert rows["exact_match pass@2"].a > rows["exact_match"].a
    alone = compare(a, b, metrics=["exact_match pass@2"])
    assert [row.metric for row in alone.rows] == ["exact_match pass@2"]


def test_junit_has_a_case_a_row_and_fails_where_the_exit_code_does() -> None:
    def failures(found: RunComparison) -> list[str | None]:
        suite = ET.fromstring(to_xml(found, lang="en"))[0]  # made here
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        return [failure.get("type") for failure in suite.findall("testcase/failure")]

    worse = run_of(*([0.0] * 40 + HALF[40:]), name="b")
    assert failures(compare(run_of(*HALF), worse)) == ["worse"]
    assert failures(compare(run_of(*HALF), worse, margin=0.05)) == ["undecided"]
    assert failures(compare(run_of(*HALF), worse, margin=0.1)) == []
    assert failures(compare(run_of(*HALF), run_of(*["timeout"] * 400, name="b"))) == ["undecided"]
    hostile = run_of(*HALF[:20], metric=Metric("a\x00<b>&"))
    assert "a\ufffd&lt;b&gt;&amp;" in to_xml(compare(hostile, hostile))


def test_the_page_is_whole_escaped_and_in_both_languages(tmp_path: Path) -> None:
    a, b = make_run(12), replace(make_run(12, seed=2), id="b</script><b>")
    found = compare(a, b, margin=0.1)
    for lang, said in (("en", "What the comparison shows"), ("es", "Qué muestra la comparación")):
        path = found.to_html(tmp_path / "deep" / f"{lang}.html", lang=lang)
        page = path.read_text("utf-8")
        assert said in page and page.rstrip().endswith("</html>")
        assert page.count("</script>") == 2
        assert "<b>" not in page.replace("<li class", "").split("<style>")[0]
        assert not any(HOSTILE[number] in page for number in (1, 2))
        assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    data = json.loads(re.findall(r'id="data">(.*?)</script>', page, re.S)[0])
    assert len(data["samples"]) == 12
    answers = [item["text"] for sample in data["samples"] for item in sample["a"] if "text" in item]
    assert answers == [item.output.text for item in a.items if item.output]


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    found = compare(run_of(1.0, 0.0), run_of(1.0, 0.0))
    for write in (found.to_html, found.to_junit):
        with pytest.raises(StoreError, match="cannot be written"):
            write(tmp_path / "file" / "report")


def test_the_terminal_is_safe_from_what_models_write() -> None:
    a = make_run(12, targets=("one",))
    b = replace(make_run(12, targets=("one",), seed=2), name="\x1b[2Jname")
    text = compare(a, b).summary(lang="en", flips=50)
    assert "\x1b" not in text and "\u202e" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_words_are_those_of_the_language() -> None:
    found = compare(run_of(*HALF), run_of(*([0.0] * 40 + HALF[40:]), name="b"), margin=0.05)
    english, spanish = (" ".join(found.summary(lang=lang).split()) for lang in ("en", "es"))
    assert "undecided: B is worse, but whether by more than 0.05 is not shown" in english
    assert "sin decidir: B es peor, pero no se demuestra si en más de 0,05" in spanish
    assert "Muestras que cambiaron" in spanish and "20 ahora mal" in spanish


def test_runs_are_given_as_such_or_by_id(tmp_path: Path) -> None:
    samples = [Sample(str(n), "¿eco?", ("eco",)) for n in range(6)]
    evaluators = [quilate.evaluator("exact_match")]
    ids = [
        quilate.evaluate(
            quilate.Suite("echo", samples, {"app": target}, evaluators), store=tmp_path
        ).id
        for target in (lambda question: "eco", lambda question: "ECO.")
    ]
    stored = quilate.compare(*ids, store=tmp_path)
    opened = quilate.compare(*(quilate.open_run(run, store=tmp_path) for run in ids))
    assert stored.to_data() == opened.to_data()
    assert stored.rows[0].b == 1.0
    assert stored.answers(stored.flips) == opened.answers(opened.flips)


def test_a_metric_that_another_judge_measured_is_told() -> None:
    def judged(model: str, name: str) -> Run:
        described = {"class": "x.Rubric", "model": {"model": model}, "prompts": ["long" * 20]}
        kept = {"evaluators": {"0 rubric": [described, ["right"]], "1 other": [{}, ["length"]]}}
        return run_of(*HALF, name=name, provenance=kept)

    same = compare(judged("small", "a"), judged("small", "b"))
    assert not same.remeasured
    found = compare(judged("small", "a"), judged("large", "b"))
    said = "right is not measured alike in A and B: the evaluator 'rubric' differs in model.model"
    assert f"{said} (small → large)" in " ".join(found.summary(lang="en").split())
    assert "right no se mide igual en A y en B" in found.summary(lang="es")
    assert found.to_data()["remeasured"][0]["differences"][0]["b"] == "large"
    assert said in ET.fromstring(to_xml(found, lang="en")).findtext("testsuite/system-out")
    hostile = compare(judged("small", "a"), judged("<img src=x onerror=1>", "b"))
    assert "small → &lt;img src=x" in page_of(hostile, lang="en")
    assert "<img" not in page_of(hostile, lang="en")
    assert [one.setting for one in found.differences] == ["evaluators.rubric.model.model"]


def test_of_several_epochs_the_one_that_changed_is_shown_and_named() -> None:
    def repeated(name: str, *values: float) -> Run:
        run = run_of(*[1.0] * 4, name=name)
        items = [
            replace(
                _item(item.sample_id, "right", value if item.sample_id == "2" else 1.0),
                epoch=epoch,
                output=Output(f"{name} said this in {epoch}"),
            )
            for item in run.items
            for epoch, value in enumerate(values)
        ]
        return replace(run, items=items, planned=len(items))

    found = compare(repeated("a", 1.0, 1.0, 1.0), repeated("b", 1.0, 0.0, 1.0))
    said = found.summary(lang="en")
    assert "A (epoch 2 of 3): a said this in 1" in said
    assert "B (epoch 2 of 3): b said this in 1" in said
    assert "B (época 2 de 3): b said this in 1" in found.summary(lang="es")
    assert "epoch" not in compare(run_of(*HALF), run_of(*HALF[1:], 0.0, name="b")).summary()


def test_groups_that_only_one_of_the_runs_has_cluster_the_difference() -> None:
    a, b = run_of(*HALF), run_of(*HALF[::-1], name="b")
    grouped = {key: replace(sample, group=str(int(key) // 20)) for key, sample in a.samples.items()}
    for one, other in ((a, replace(b, samples=grouped)), (replace(a, samples=grouped), b)):
        assert compare(one, other).rows[0].comparison.difference.clusters == 20
    assert compare(a, b).rows[0].comparison.difference.clusters is None


def test_a_notebook_shows_a_comparison_in_a_line() -> None:
    found = compare(run_of(*HALF), run_of(*[0.0] * 400, name="b"))
    assert repr(found) == ("<RunComparison run-a → run-b: worse; 400 samples, right (app) worse>")


def test_what_is_small_is_told_from_nothing() -> None:
    """Seconds of a fast target: a difference that is shown must not read 0.00 [0.00, 0.00]."""
    seconds = Metric("seconds", bounds=None, higher_is_better=False)
    a = run_of(*[0.0062, 0.0064] * 30, metric=seconds)
    b = run_of(*[0.0041, 0.0044] * 30, name="b", metric=seconds)
    found = compare(a, b, metrics=["seconds"])
    said = found.summary(lang="en")
    assert "0.0063" in said and "0.0043" in said and "−0.0021" in said
    assert "0.0064 → 0.0044" in said or "0.0062 → 0.0041" in said
    assert "0,0063" in page_of(found, lang="es")
    assert "A 0.0063" in to_xml(found, lang="en")
    plain = compare(run_of(*HALF), run_of(*[0.0] * 400, name="b")).summary(lang="en")
    assert "−0.50 [" in plain and "0.500" not in plain  # two decimals where they do
