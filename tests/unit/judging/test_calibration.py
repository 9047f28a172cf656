"""Judges against people: verdicts, figures, biases, corrected means, what is kept."""

import json
import math
import random
from dataclasses import replace

import pytest

from quilate.codec import from_json, to_json
from quilate.errors import ConfigurationError, DataError
from quilate.evals.results import Item
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.judging.calibration import Calibration, calibrate
from quilate.judging.correcting import corrected_means
from quilate.judging.judgements import Judgement, labels_of, of_file, of_run, scale_of
from quilate.judging.judges import judge_key
from quilate.judging.kept import find_calibrations, keep_calibration
from quilate.judging.labels import Label
from quilate.reports.calibration import (
    beside_line,
    beside_run,
    calibration_lines,
    corrected_line,
)
from quilate.reports.judges import measure_judges
from quilate.reports.strings import Words
from quilate.reports.wording import judge_sentence
from quilate.stats import cohen_kappa
from tests.unit.reports.sample_runs import make_run


def judged(n, right=1.0, seed=0, **more):
    """0/1 labels and a judge that gives the people's with probability `right`."""
    draw = random.Random(seed)
    found = []
    for _ in range(n):
        human = float(draw.random() < 0.5)
        judge = human if draw.random() < right else 1.0 - human
        found.append(Judgement(judge, human, **more))
    return found


def kinds(found):
    return [reason.kind for reason in found.reasons]


def test_a_judge_that_agrees_is_trusted():
    found = calibrate(judged(400, 0.97), metric="m")
    assert found.trust == "trust"
    assert found.confusion[0][0] + found.confusion[1][1] > 370
    assert found.exact.value == pytest.approx(0.97, abs=0.02)
    assert found.agreement.value == pytest.approx(found.exact.value * 2 - 1, abs=0.02)


def test_a_coin_is_not():
    found = calibrate(judged(400, 0.5), metric="m")
    assert (found.trust, kinds(found)) == ("do not trust", ["no better than chance"])


def test_few_labels_say_nothing_for_a_judge():
    assert calibrate(judged(19), metric="m").trust == "do not trust"
    between = calibrate(judged(30), metric="m")
    assert (between.trust, "some labels" in kinds(between)) == ("trust with correction", True)


def test_a_judge_whose_mean_is_off_is_corrected():
    lenient = [
        replace(one, judge=1.0) if n % 5 == 0 else one for n, one in enumerate(judged(600, 1.0))
    ]
    found = calibrate(lenient, metric="m")
    assert found.trust == "trust with correction"
    assert "mean off" in kinds(found)
    assert found.error.value == pytest.approx(0.1, abs=0.03)


def test_labels_between_the_ends_are_weighed_by_distance():
    draw = random.Random(1)
    rows = []
    for _ in range(200):
        human = draw.choice([1.0, 2.0, 3.0, 4.0, 5.0])
        rows.append(Judgement(min(5.0, max(1.0, human + draw.choice([-0.4, 0.3, 0.9]))), human))
    found = calibrate(rows, metric="m", scale=(1.0, 5.0))
    rounded = [min(5, max(1, round(one.judge))) for one in rows]
    expected = cohen_kappa(rounded, [int(one.human) for one in rows], weights="quadratic")
    assert found.measure == "kappa"
    assert found.labels == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert found.agreement.value == pytest.approx(expected.value)
    with pytest.raises(ConfigurationError, match="outside the scale"):
        calibrate(rows, metric="m")


def test_a_graded_scale_is_ranked():
    draw = random.Random(2)
    values = [draw.random() for _ in range(100)]
    found = calibrate([Judgement(v * 0.9, v) for v in values], metric="m")
    assert (found.measure, found.ranks.value) == ("alpha", 1.0)
    assert 0.9 < found.agreement.value < 1.0
    squeezed = [Judgement(0.45 + 0.1 * v, v) for v in values]  # ranks all right, tells little
    assert calibrate(squeezed, metric="m").trust == "trust with correction"
    assert found.confusion == ()


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("length", lambda one, odd: replace(one, length=900 if odd else 100)),
        ("format", lambda one, odd: replace(one, formatted=odd)),
        ("own answers", lambda one, odd: replace(one, own=odd)),
    ],
)
def test_what_moves_a_judge_is_found_and_named(kind, change):
    """Half of the answers are long (laid out, its own), and to those it is 0.3 too kind."""
    draw = random.Random(3)
    rows = []
    for n in range(300):
        human = draw.random() * 0.6
        odd = bool(n % 2)
        error = draw.gauss(0.0, 0.05) + (0.3 if odd else 0.0)
        rows.append(change(Judgement(min(1.0, max(0.0, human + error)), human), odd))
    found = calibrate(rows, metric="m")
    (bias,) = [one for one in found.biases if one.kind == kind]
    assert bias.matters
    assert bias.estimate.value > 0.25
    assert kind in [reason.bias for reason in found.reasons]
    still = calibrate([replace(one, judge=one.human) for one in rows], metric="m")
    assert not any(one.shown for one in still.biases)


def test_the_first_place_is_measured_over_both_orders():
    draw = random.Random(4)
    rows = []
    for n in range(300):
        human = float(draw.random() < 0.5)
        first = n % 4 == 0  # prefers what is shown first, whatever it is
        rows.append(Judgement(1.0 if first else human, human, swapped=0.0 if first else human))
    (bias,) = calibrate(rows, metric="m").biases
    assert bias.kind == "first place"
    assert bias.estimate.value == pytest.approx(0.125)
    assert bias.matters


def test_people_are_measured_too():
    rows = [
        Judgement(h, h, humans={"ana": h, "luis": h if n % 5 else 1.0 - h})
        for n, h in enumerate([0.0, 1.0] * 50)
    ]
    found = calibrate(rows, metric="m")
    assert found.labellers == 2
    assert 0.4 < found.humans.value < 0.8


def test_where_people_differ_it_is_said_what_counts():
    """A judge that always gives one of the two labels cannot reach 1, for it cannot give 0.5."""

    def rows(luis):
        people = [(h, luis(n, h)) for n, h in enumerate([0.0, 1.0] * 30)]
        return [
            Judgement(h, (h + other) / 2, humans={"ana": h, "luis": other}) for h, other in people
        ]

    found = calibrate(rows(lambda n, h: h if n % 5 else 1.0 - h), metric="m")
    assert (found.divided, found.auroc) == (12, None)
    assert found.exact.value == pytest.approx(0.8)
    for lang, said in (("en", "cannot equal it"), ("es", "no puede igualarla")):
        (line,) = (one for one in calibration_lines(found, lang) if said in one)
        assert "12" in line and "AUROC" in line
    agreed = calibrate(rows(lambda n, h: h), metric="m")
    assert agreed.divided == 0
    assert not any("cannot equal it" in line for line in calibration_lines(agreed, "en"))


def test_a_calibration_survives_json():
    rows = judged(100, 0.9, group="g")
    rows = [
        replace(one, group=f"g{n % 20}", length=n, again=one.judge) for n, one in enumerate(rows)
    ]
    found = calibrate(rows, metric="m")
    assert from_json(Calibration, to_json(found)) == found
    assert found.again.value == 0.0


def test_every_figure_is_told_in_both_languages():
    rows = [replace(one, again=one.judge, length=n) for n, one in enumerate(judged(100, 0.9))]
    found = calibrate(rows, metric="grounded")
    english, spanish = (calibration_lines(found, lang) for lang in ("en", "es"))
    assert len(english) == len(spanish)
    assert english[0].startswith(
        "TRUST WITH CORRECTION the judge grounded (100 labels of 1 person)"
    )
    assert spanish[0].startswith("CONFÍA CON CORRECCIÓN")
    assert "100 etiquetas" in beside_line(Words("es"), found)


@pytest.mark.parametrize(("others", "n"), [(1, 80), (2, 300)])
def test_perfect_agreement_where_nearly_all_labels_are_the_same_proves_little(others, n):
    """A judge that gives one label to all but `others` answers may have been lucky with those."""
    rows = [Judgement(float(k >= others), float(k >= others)) for k in range(n)]
    found = calibrate(rows, metric="m")
    assert (found.agreement.value, found.exact.value) == (1.0, 1.0)
    assert found.agreement.interval.low < 0.6
    assert found.trust != "trust"
    # Of 100, half of each label, all as people have it: up to 1 − 0.05^(1/100) may be otherwise,
    # and chance agrees on a half.
    even = calibrate([Judgement(k % 2, k % 2) for k in range(100)], metric="m")
    assert even.agreement.interval.low == pytest.approx(1 - (1 - 0.05**0.01) / 0.5)
    assert even.trust == "trust"


def test_perfect_agreement_on_one_source_is_that_of_one_source():
    rows = [Judgement(float(k % 2), float(k % 2), group="the same") for k in range(200)]
    assert calibrate(rows, metric="m").trust == "do not trust"


@pytest.mark.parametrize("kind", ["formatted", "own"])
def test_a_bias_without_spread_is_a_bias(kind):
    """Always right, but for eight answers of a kind, which it always gives too much."""
    rows = [Judgement(float(k % 2), float(k % 2), **{kind: False}) for k in range(400)]
    rows[::50] = [Judgement(1.0, 0.0, **{kind: True})] * 8
    found = calibrate(rows, metric="m")
    (bias,) = found.biases
    assert bias.estimate.value == 1.0
    # The rule of three on both sides: of 8 answers 1 − 0.05^(1/8) may be otherwise.
    low = bias.estimate.interval.low
    assert low == pytest.approx(1 - math.hypot(2 * (1 - 0.05**0.125), 1 - 0.05 ** (1 / 392)))
    assert bias.matters
    assert found.trust == "trust with correction"
    # Eight of the kind that are all right, of a judge that is wrong on a tenth, show nothing.
    rows = [replace(one, judge=one.human) for one in rows]
    rows[1::10] = [replace(one, judge=1.0 - one.human) for one in rows[1::10]]
    assert not any(one.shown for one in calibrate(rows, metric="m").biases)


@pytest.mark.parametrize("judge", [lambda k: 1.0, lambda k: float(k % 2)])
def test_one_label_alone_changes_no_statistic_and_is_said(judge):
    """That nobody gave the other label does not make it a graded scale."""
    rows = [Judgement(judge(k), 1.0) for k in range(80)]
    for labels in (None, {"no": 0.0, "yes": 1.0}):
        found = calibrate(rows, metric="m", labels=labels)
        assert (found.trust, kinds(found)) == ("do not trust", ["one label"])
        assert (found.measure, found.labels) == ("kappa", (0.0, 1.0))
    assert "same label" in calibration_lines(found, "en")[0]
    assert "misma etiqueta" in calibration_lines(found, "es")[0]


def test_the_confusion_is_of_labels_by_their_names():
    rows = [Judgement(float(k % 2), float(k % 2)) for k in range(60)]
    scale = {"unsupported": 0.0, "partly": 0.5, "supported": 1.0}
    found = calibrate(rows, metric="m", labels=scale)
    assert found.names == tuple(scale)
    assert found.confusion == ((30, 0, 0), (0, 0, 0), (0, 0, 30))  # nobody said partly
    lines = [line.split() for line in calibration_lines(found, "en")]
    assert list(scale) in lines
    assert ["supported", "0", "0", "30"] in lines
    assert from_json(Calibration, to_json(found)) == found
    long = calibrate(rows, metric="m", labels={f"{n} {'x' * 90}": n / 8 for n in range(9)})
    assert max(len(line) for line in calibration_lines(long, "en")[-12:]) <= 80


@pytest.mark.parametrize("by", [{"length": 1}, {}])
def test_figures_of_ranks_are_clustered(by):
    """Ten copies of each answer tell no more than the answer."""
    draw = random.Random(8)
    rows = []
    for k in range(40):
        human = float(draw.random() < 0.5)
        judge = min(1.0, max(0.0, human * 0.3 + draw.random() * 0.7))
        length = {"length": draw.randrange(1000)} if by else {}
        rows += [Judgement(judge, human, group=f"g{k}", **length)] * 10
    alone = calibrate([replace(one, group=None) for one in rows[::10]], metric="m")
    many = calibrate(rows, metric="m")
    one, other = ((c.biases[0].estimate if by else c.auroc) for c in (alone, many))
    assert other.value == pytest.approx(one.value)
    widths = [found.interval.high - found.interval.low for found in (one, other)]
    assert widths[1] == pytest.approx(widths[0], rel=0.3)


def test_means_that_are_shares_of_another_scale_say_so():
    rows = [Judgement(k % 5 + 1.0, k % 5 + 1.0) for k in range(60)]
    (means,) = [
        line
        for line in calibration_lines(calibrate(rows, metric="m", scale=(1.0, 5.0)), "en")
        if "Mean of the judge" in line
    ]
    assert "(shares of the scale 1 to 5): 0.50" in means


def test_place_is_a_share_on_any_scale():
    rows = [Judgement(2.0, float(k % 2 * 2), swapped=0.0) for k in range(40)]
    (bias,) = calibrate(rows, metric="m", scale=(0.0, 2.0)).biases
    assert bias.estimate.value == 0.5  # always the first


@pytest.mark.parametrize("field", ["again", "swapped"])
def test_what_lies_outside_the_scale_is_told(field):
    rows = [Judgement(1.0, 1.0, **{field: 5.0})] * 30
    with pytest.raises(ConfigurationError, match="outside the scale"):
        calibrate(rows, metric="m")


# Files of recorded verdicts


def test_recorded_verdicts_are_read_with_their_labels(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    rows = [
        {"judge": "good", "human": ["good", "bad"], "answer": "**So**", "group": 7, "own": True},
        {"judge": 0, "human": "bad", "swapped": "good"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    first, second = of_file(path, {"bad": 0.0, "good": 1.0})
    assert (first.human, first.formatted, first.group, first.own) == (0.5, True, "7", True)
    assert (second.judge, second.swapped) == (0.0, 1.0)
    table = tmp_path / "verdicts.csv"
    table.write_text("judge,label,target\n1,0,rag\n", encoding="utf-8")
    assert of_file(table, {})[0].target == "rag"


def test_line_ends_within_an_answer_are_its_own(tmp_path):
    table = tmp_path / "verdicts.csv"
    table.write_text('judge,human,answer\n1,0,"Yes:\n- one\n- two"\n1,1,x\n', encoding="utf-8")
    first, second = of_file(table, {})
    assert (first.length, first.formatted, second.formatted) == (16, True, False)
    table.write_text('judge,human,answer\n1,0,"a\nb"\nbad,1,x\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"verdicts\.csv:4"):
        of_file(table, {})
    rows = tmp_path / "verdicts.jsonl"
    rows.write_text('{"judge": 1, "human": 1, "answer": "a\u2028b\x85c"}\n', encoding="utf-8")
    assert of_file(rows, {})[0].length == 5


def test_a_cell_that_is_too_long_for_csv_is_told(tmp_path):
    table = tmp_path / "verdicts.csv"
    table.write_text(f'judge,human,answer\n1,0,"{"x" * 200_000}"\n', encoding="utf-8")
    with pytest.raises(DataError, match="no CSV"):
        of_file(table, {})


@pytest.mark.parametrize("row", ["[" * 100_000, '{"judge": 1' + "0" * 400 + ', "human": 1}'])
def test_rows_that_break_a_reader_are_named(tmp_path, row):
    path = tmp_path / "verdicts.jsonl"
    path.write_text('{"judge": 1, "human": 1}\n' + row + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"verdicts\.jsonl:2"):
        of_file(path, {})


@pytest.mark.parametrize("own", ["yes", "TRUE", 1, True])
def test_whose_an_answer_is_is_said_or_not_known(tmp_path, own):
    path = tmp_path / "verdicts.jsonl"
    path.write_text(json.dumps({"judge": 1, "human": 1, "own": own}), encoding="utf-8")
    assert of_file(path, {})[0].own is True
    path.write_text('{"judge": 1, "human": 1, "own": "perhaps"}', encoding="utf-8")
    with pytest.raises(DataError, match="`own` is 'perhaps'"):
        of_file(path, {})


def test_a_comma_that_is_not_quoted_cuts_no_answer_short(tmp_path):
    table = tmp_path / "verdicts.CSV"
    table.write_text("judge,human,answer\n1,0,Yes, it is\n", encoding="utf-8")
    with pytest.raises(DataError, match="more cells than names"):
        of_file(table, {})
    table.write_text("judge;human\n1;0\n", encoding="utf-8")
    with pytest.raises(DataError, match="only judge;human"):
        of_file(table, {})


def test_what_is_too_large_to_reckon_with_is_named(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    path.write_text('{"judge": 1e308, "human": -1e308}\n', encoding="utf-8")
    with pytest.raises(DataError, match="too large"):
        of_file(path, {})


@pytest.mark.parametrize("row", ['{"judge": "good"}', '{"judge": "NaN", "human": 1}', "[]", "{"])
def test_rows_that_cannot_be_read_are_named(tmp_path, row):
    path = tmp_path / "verdicts.jsonl"
    path.write_text('{"judge": 1, "human": 1}\n' + row + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"verdicts\.jsonl:2"):
        of_file(path, {})


# Runs


def run_of(n, judge, truth, run_id="r1", targets=("one",), store=None):
    """A run whose judge gives ``judge(target, n)``, and the labels ``truth(target, n)``."""
    items = [
        Item(t, f"s{k}", 0, Output(f"answer {k}"), (Score.of("grounded", judge(t, k)),))
        for k in range(n)
        for t in targets
    ]
    described = {"class": "Grounded", "model": {"model": "scripted/x", "identity": "1"}}
    run = replace(
        make_run(4, targets=targets, hostile=False),
        id=run_id,
        samples={f"s{k}": Sample(f"s{k}", "?") for k in range(n)},
        items=items,
        metrics={"grounded": Metric("grounded", judged=True), "em": Metric("em")},
        provenance={
            "evaluators": {"0 grounded": [described, ["grounded"]]},
            "targets": {t: {"model": "scripted/x", "identity": "1"} for t in targets},
        },
        store=store,
    )
    labels = [
        Label(run_id, t, f"s{k}", 0, "grounded", "x", truth(t, k), "ana")
        for k in range(n)
        for t in targets
    ]
    return run, labels


def test_labels_meet_the_runs_scores():
    run, labels = run_of(40, lambda t, k: k % 2, lambda t, k: float(k % 2))
    found = of_run(run, labels[:30], "grounded")
    assert len(found) == 30
    assert found[0].item == ("one", "s0", 0)
    assert found[0].length == len("answer 0")
    assert found[0].own is True
    with pytest.raises(ConfigurationError, match="no metric"):
        of_run(run, labels, "ground")
    with pytest.raises(ConfigurationError, match="quilate label"):
        of_run(run, [], "grounded")


def test_what_people_could_say_is_the_metrics_own_unless_they_said_else():
    rated = Metric("m", judged=True, labels=(("bad", 0.0), ("fair", 0.5), ("good", 1.0)))

    def said(label, value, metric="m"):
        return Label("r", "t", "s", 0, metric, label, value, "ana")

    assert labels_of(rated, [said("bad", 0.0)]) == {"bad": 0.0, "fair": 0.5, "good": 1.0}
    assert labels_of(rated, [said("poor", 0.0), said("x", 1.0, "other")]) == {"poor": 0.0}
    assert labels_of(Metric("m"), [said("yes", 1.0)]) == {"no": 0.0, "yes": 1.0}
    # Of another scale, no and yes may be no values: nobody said no.
    for bounds in (None, (1.0, 5.0)):
        assert labels_of(Metric("m", bounds=bounds), [said("yes", 1.0)]) == {"yes": 1.0}


def test_what_is_kept_is_found_by_the_judge_and_by_no_other(tmp_path):
    run, labels = run_of(60, lambda t, k: k % 2, lambda t, k: float(k % 2), store=str(tmp_path))
    found = calibrate(of_run(run, labels, "grounded"), metric="grounded")
    keep_calibration(tmp_path, judge_key(run, "grounded"), found)
    assert find_calibrations(replace(run, id="r2")) == {"grounded": found}
    (judge,) = measure_judges(run)
    assert judge.calibration.n == 60
    assert not judge.weak
    said = judge_sentence(Words("en"), judge)
    assert said.startswith("The judge grounded, measured by 60 labels: trust; kappa 1.00")
    assert "grounded, one: people would give 0.50" in said
    changed = json.loads(json.dumps(run.provenance).replace('"identity": "1"', '"identity": "2"'))
    assert find_calibrations(replace(run, provenance=changed)) == {}


@pytest.mark.parametrize("text", ["", '{"metric": "grounded"', '{"metric": "grounded"}', "[]"])
def test_a_calibration_that_cannot_be_read_costs_no_report(tmp_path, text):
    run, labels = run_of(60, lambda t, k: k % 2, lambda t, k: float(k % 2), store=str(tmp_path))
    found = calibrate(of_run(run, labels, "grounded"), metric="grounded")
    path = keep_calibration(tmp_path, judge_key(run, "grounded"), found)
    path.write_text(text, encoding="utf-8")
    assert find_calibrations(run) == {}
    (judge,) = measure_judges(run)
    assert judge.calibration is None
    for lang in ("en", "es"):
        assert path.name in judge_sentence(Words(lang), judge)
        (line,) = beside_run(Words(lang), run, ["grounded"])
        assert path.name in line and "quilate judge calibrate" in line
    keep_calibration(tmp_path, judge_key(run, "grounded"), found)
    assert find_calibrations(run) == {"grounded": found}


def test_a_calibration_of_another_metric_is_none(tmp_path):
    run, labels = run_of(60, lambda t, k: k % 2, lambda t, k: float(k % 2), store=str(tmp_path))
    found = calibrate(of_run(run, labels, "grounded"), metric="other")
    path = keep_calibration(tmp_path, judge_key(run, "grounded"), found)
    path.rename(path.with_name(path.name.replace("other", "grounded")))
    assert find_calibrations(run) == {}


def test_means_are_corrected_target_by_target():
    """A judge that gives 1 to all: the people's means differ by target, and are found again."""
    draw = random.Random(5)
    truth = {
        (t, k): float(draw.random() < p) for t, p in (("a", 0.8), ("b", 0.3)) for k in range(300)
    }
    run, labels = run_of(
        300, lambda t, k: 0.9 if truth[t, k] else 0.7, lambda t, k: truth[t, k], targets=("a", "b")
    )
    some = [label for label in labels if int(label.sample[1:]) < 100]
    found = calibrate(of_run(run, some, "grounded"), metric="grounded")
    corrected = corrected_means(run, {"grounded": found})
    for target in "ab":
        mean = sum(truth[target, k] for k in range(300)) / 300
        one = corrected["grounded", target]
        assert mean in one.interval
        assert one.value == pytest.approx(mean, abs=0.05)
        assert one.raw.value > 0.7


@pytest.mark.parametrize("target", ["one", "new"])
def test_labels_of_another_run_tell_no_mean_that_people_would_give(target):
    """The name of a target is no proof that the same system answered: a lenient judge gives it much
    the same when it has become bad."""
    run, labels = run_of(100, lambda t, k: 0.5 + 0.25 * (k % 2), lambda t, k: float(k % 2))
    found = calibrate(of_run(run, labels, "grounded"), metric="grounded")
    other, later = run_of(100, lambda t, k: 0.7, lambda t, k: 0.0, run_id="r2", targets=(target,))
    one = corrected_means(other, {"grounded": found})["grounded", target]
    assert (one.value, one.interval, one.n_labelled) == (None, None, 0)
    assert "fewer than 10" in one.corrected.reason
    assert one.raw.value == pytest.approx(0.7)
    for lang, said in (("en", "is not known"), ("es", "no se sabe")):
        line = corrected_line(Words(lang), other.id, "grounded", target, one)
        assert said in line and "quilate label r2 --metric grounded" in line
    given = [*of_run(run, labels, "grounded"), *of_run(other, later[:20], "grounded")]
    found = calibrate(given, metric="grounded")
    one = corrected_means(other, {"grounded": found})["grounded", target]
    assert (one.value, one.n_labelled) == (0.0, 20)
    line = corrected_line(Words("en"), other.id, "grounded", target, one)
    assert "(by 20 labels of this run)" in line


def test_a_target_with_a_dozen_labels_is_corrected_by_them_alone():
    run, labels = run_of(
        12, lambda t, k: 0.2, lambda t, k: float(t == "a" or k == 0), targets=("a", "b")
    )
    found = calibrate(of_run(run, labels, "grounded"), metric="grounded")
    corrected = corrected_means(run, {"grounded": found})
    assert corrected["grounded", "a"].value == 1.0
    assert corrected["grounded", "b"].value == pytest.approx(1 / 12)


def test_a_metric_without_bounds_is_corrected_beyond_what_was_labelled():
    run, labels = run_of(60, lambda t, k: k % 5 if k < 40 else 50.0, lambda t, k: k % 5 + 1.0)
    unbounded = {"grounded": Metric("grounded", bounds=None, judged=True)}
    run = replace(run, metrics=unbounded)
    given = of_run(run, labels[:40], "grounded")
    scale = scale_of(run.metrics["grounded"], given)
    found = calibrate(given, metric="grounded", scale=scale)
    assert scale == (0.0, 5.0)
    one = corrected_means(run, {"grounded": found})["grounded", "one"]
    assert one.value == pytest.approx(51.0)  # the labels are one above the judge, all of them
