"""What is labelled, in which order, by which labels; and how far the labellers agree."""

import threading
from dataclasses import replace

import pytest

from quilate.errors import ConfigurationError, StoreError
from quilate.evaluators import Metric
from quilate.judging.label_agreement import agreement_of, labelled_metrics
from quilate.judging.labelling import Sheet, choices_of, chosen_metric, progress_of
from quilate.judging.labels import Label, append_label, labels_path, read_labels
from quilate.judging.views import view
from tests.unit.judging.label_runs import make_store


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store"))


def sheet_of(run, path, labeller="ana", **options):
    metric = chosen_metric(run, None)
    return Sheet(run, metric, choices_of(metric), labeller, path / "labels.jsonl", **options)


def items(sheet):
    return [entry.item for entry in sheet.entries]


def test_the_judged_metric_is_labelled_unless_another_is_named(run):
    assert chosen_metric(run, None).name == "grounded"
    assert chosen_metric(run, "short").name == "short"
    with pytest.raises(ConfigurationError, match="Did you mean 'grounded'"):
        chosen_metric(run, "groundd")


def test_what_tells_of_the_judge_itself_is_not_labelled(run):
    steady = Metric("steady", judged=True, of_judge=True)
    mixed = replace(run, metrics={"steady": steady, **run.metrics})
    assert chosen_metric(mixed, None).name == "grounded"
    with pytest.raises(ConfigurationError, match="people cannot give it"):
        chosen_metric(mixed, "steady")
    with pytest.raises(ConfigurationError, match="no metric"):
        chosen_metric(replace(run, metrics={"steady": steady}), None)


def test_labels_are_the_metrics_own_or_those_given():
    graded = Metric("m", bounds=(0.0, 3.0), labels=(("0", 0.0), ("3", 3.0)))
    assert [(one.key, one.value) for one in choices_of(graded)] == [("0", 0.0), ("3", 3.0)]
    assert [one.label for one in choices_of(Metric("m"))] == ["no", "yes"]
    ten = ",".join(f"label {n}={n / 10}" for n in range(1, 11))
    assert [one.key for one in choices_of(Metric("m"), ten)][-2:] == ["9", ""]
    equals = choices_of(Metric("m"), " a=b = 0 , c = 1 ")
    assert [(one.label, one.value) for one in equals] == [("a=b", 0.0), ("c", 1.0)]


@pytest.mark.parametrize("given", ["", "bad", "bad=x,good=1", "bad=nan,good=1", "a=0,a=1", "a=1"])
def test_what_is_no_list_of_labels_is_refused(given):
    with pytest.raises(ConfigurationError, match="--labels"):
        choices_of(Metric("m"), given)


def test_labels_outside_the_scale_are_refused():
    with pytest.raises(ConfigurationError, match="from 1 to 5"):
        choices_of(Metric("m", bounds=(1.0, 5.0)))
    with pytest.raises(ConfigurationError, match="counts as 2"):
        choices_of(Metric("m"), "a=0,b=2")


def test_failed_and_unscored_answers_are_left_out_and_counted(run, tmp_path):
    sheet = sheet_of(run, tmp_path)
    assert len(sheet) == 8
    assert (sheet.failed, sheet.unscored) == (2, 2)
    assert {sample for _, sample, _ in items(sheet)} == {"0", "1", "2", "3"}


def test_two_labellers_get_the_same_answers_in_the_same_order(run, tmp_path):
    ana, luis = (sheet_of(run, tmp_path, who) for who in ("ana", "luis"))
    assert items(ana) == items(luis)
    assert items(ana) != sorted(items(ana))
    few = sheet_of(run, tmp_path, sample=5)
    assert items(few) == items(ana)[:5]  # a draw; a greater one goes on from it
    later = sheet_of(replace(run, id="a-later-run"), tmp_path / "later")
    assert items(later) == items(ana)  # labels of both are of the same samples
    own = sheet_of(run, tmp_path, sample=5, shuffle_own=True)
    assert sorted(items(own)) == sorted(items(few))
    orders = {tuple(items(sheet_of(run, tmp_path, w, shuffle_own=True))) for w in "abcdef"}
    assert len(orders) > 3
    other = Sheet(run, run.metrics["short"], ana.choices, "ana", tmp_path / "labels.jsonl")
    assert items(other)[: len(ana)] != items(ana)


def test_it_resumes_at_the_first_answer_without_a_label(run, tmp_path):
    sheet = sheet_of(run, tmp_path)
    assert progress_of(sheet) == {"total": 8, "labelled": 0, "at": 0, "last": None}
    for n in (0, 1, 5):
        sheet.keep(sheet.entries[n].key, "yes", "¿seguro?")
    again = sheet_of(run, tmp_path)
    assert progress_of(again) == {"total": 8, "labelled": 3, "at": 2, "last": 5}
    assert again.after(4) == 6
    assert again.after(7) == 2
    assert again.given(0).note == "¿seguro?"
    assert sheet_of(run, tmp_path, "luis").labelled == 0
    for n in range(8):
        again.keep(again.entries[n].key, "no")
    assert again.after(-1) is None


def test_two_sheets_at_once_lose_nothing(run, tmp_path):
    """Two processes share nothing but the file; so do two sheets."""
    one, two = sheet_of(run, tmp_path), sheet_of(run, tmp_path)
    halves = [(one, range(0, 8, 2), "yes"), (two, range(1, 8, 2), "no")]

    def work(sheet, places, said):
        for _ in range(10):
            for n in places:
                sheet.keep(sheet.entries[n].key, said)

    threads = [threading.Thread(target=work, args=half) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.reload()
    assert [one.given(n).label for n in range(8)] == ["yes", "no"] * 4
    assert len((tmp_path / "labels.jsonl").read_text().splitlines()) == 80


def test_what_is_kept_names_the_item_and_the_value(run, tmp_path):
    sheet = sheet_of(run, tmp_path)
    kept = sheet.keep(sheet.entries[3].key, "yes")
    assert read_labels(sheet.path) == [kept]
    assert (kept.run, kept.metric, kept.labeller) == (run.id, "grounded", "ana")
    assert (kept.item, kept.label, kept.value) == (sheet.entries[3].item, "yes", 1.0)
    with pytest.raises(ConfigurationError):
        sheet.keep(sheet.entries[3].key, "perhaps")
    with pytest.raises(ConfigurationError):
        sheet.keep("0" * 20, "yes")


def test_an_answer_that_was_not_drawn_this_time_is_still_kept(run, tmp_path):
    """A label may have waited in a browser since a longer list."""
    all_of_them, few = sheet_of(run, tmp_path), sheet_of(run, tmp_path, sample=2)
    few.keep(all_of_them.entries[7].key, "yes")
    assert read_labels(few.path)[0].item == all_of_them.entries[7].item
    assert few.labelled == 0


def test_a_label_that_cannot_be_written_is_not_counted(run, tmp_path):
    sheet = Sheet(
        run, run.metrics["grounded"], choices_of(Metric("m")), "ana", tmp_path / "d" / "f"
    )
    (tmp_path / "d").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be kept"):
        sheet.keep(sheet.entries[0].key, "yes")
    assert (sheet.labelled, sheet.kept_here) == (0, 0)


def test_an_answer_that_is_labelled_anew_counts_once(run, tmp_path):
    sheet = sheet_of(run, tmp_path)
    for entry, label in ((0, "yes"), (0, "no"), (1, "yes")):
        sheet.keep(sheet.entries[entry].key, label)
    assert (sheet.labelled, sheet.kept_here) == (2, 2)


def test_nothing_to_label_is_told(run, tmp_path):
    never = Metric("never", judged=True)
    with pytest.raises(ConfigurationError, match="has a score of 'never'"):
        Sheet(run, never, choices_of(never), "ana", tmp_path / "labels.jsonl")


def test_the_view_is_blind(run, tmp_path):
    sheet = sheet_of(run, tmp_path)
    for n in range(len(sheet)):
        shown = view(sheet, n, references="never")
        assert "SECRET" not in repr(shown)
        assert "REFERENCE" not in repr(shown)
        assert "verified" not in repr(shown)
        assert "0.25" not in repr(shown)
    assert view(sheet, 0)["references"] != []
    assert view(sheet, 0, show_target=True)["target"].startswith("SECRET")


def test_citations_lead_to_the_words_that_they_quote(run, tmp_path):
    sheet = sheet_of(run, tmp_path)
    n = items(sheet).index(("SECRET-rag", "2", 0))
    shown = view(sheet, n)
    assert shown["answer"] == [["A las 9.30 ñ "], ["[1]", 1], [" de 2"]]
    (passage,) = shown["passages"]  # what was retrieved but not shown is left out
    assert passage["text"][1] == ["abre a las 9.30", 1]
    assert passage["title"] == "Horario <u>"


# ---- agreement ----


def labelled(run, *columns):
    """Labels of each labeller in turn, over the answers of the sheet; None for none."""
    answers = [(item.target, item.sample_id, item.epoch) for item in run.items if not item.failure]
    return [
        Label(run.id, *answers[n], "grounded", str(value), float(value), who)
        for who, values in columns
        for n, value in enumerate(values)
        if value is not None
    ]


def test_two_labellers_agree_as_reckoned_by_hand(run):
    """Observed 6/8; expected (5·5 + 3·3)/64 = 34/64; kappa = (48 − 34)/(64 − 34) = 14/30."""
    labels = labelled(run, ("ana", [1, 1, 1, 1, 0, 0, 0, 1]), ("luis", [1, 1, 1, 1, 0, 0, 1, 0]))
    found = agreement_of(labels, run, "grounded")
    assert found.labellers == {"ana": 8, "luis": 8}
    assert found.percent.value == 0.75
    (pair,) = found.pairs
    assert pair.kappa.value == pytest.approx(14 / 30)
    # Nominal alpha of two raters: 1 − (n − 1)·Σo/Σ(n_c·n_k), n = 16 ratings, 10 ones, 6 zeros.
    assert found.alpha.value == pytest.approx(1 - 15 * 4 / (2 * 10 * 6))
    assert [one.labels for one in found.differences] == [
        {"ana": "0", "luis": "1"},
        {"ana": "1", "luis": "0"},
    ]
    assert found.percent.interval.low < 0.75 < found.percent.interval.high
    assert found.percent.clusters == 4  # two targets answered each sample


def test_three_labellers_make_three_pairs_and_what_is_missing_is_no_disagreement(run):
    labels = labelled(
        run, ("ana", [1, 0, 1, 0]), ("luis", [1, 0.5, None, 0]), ("eva", [1, 0, 1, 0, 1])
    )
    found = agreement_of(labels, run, "grounded")
    assert [(one.a, one.b) for one in found.pairs] == [
        ("ana", "eva"),
        ("ana", "luis"),
        ("eva", "luis"),
    ]
    assert found.pairs[0].kappa.value == 1.0
    assert (found.both, len(found.differences)) == (4, 1)
    assert labelled_metrics(labels, run) == ["grounded"]


def test_labellers_who_share_no_answer_have_no_agreement_and_a_reason(run):
    found = agreement_of(labelled(run, ("ana", [1]), ("luis", [None, 1])), run, "grounded")
    assert (found.percent.value, found.alpha.value, found.pairs[0].kappa.value) == (None,) * 3
    assert found.percent.reason


def test_the_file_lies_beside_the_runs(tmp_path):
    kept = append_label(labels_path(tmp_path, "r"), Label("r", "t", "s", 0, "m", "yes", 1.0, "ana"))
    assert read_labels(tmp_path / "labels" / "r.jsonl") == [kept]
