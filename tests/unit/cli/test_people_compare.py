"""What people would give stands beside the judge's difference of two runs, where both runs'
answers are labelled."""

from dataclasses import replace

import pytest

from quilate.reports.comparison.people import adjusted, p_value, people_say
from quilate.stats import ppi_difference
from tests.unit.cli.test_distrusted_judges import told
from tests.unit.cli.test_judge import prepare, write_labels

APP = "GOOD = 57\n\ndef answer(question):\n    return str(int(question[1:]) < GOOD)\n"


@pytest.fixture
def labelled(cli, folder):
    """Two runs, of which people say that the second is worse; the judge says 4 to everything."""

    def run(good, labels):
        (folder / "app.py").write_text(APP.replace("57", str(good)), encoding="utf-8")
        name = cli("run", "suite.yaml", "--json").data["run"]
        write_labels(folder, name, labels, lambda n: float(n % 20 < good / 3))
        return name

    prepare(folder, 60)
    first, second = run(57, 40), run(12, 30)
    cli("judge", "calibrate")
    return first, second


def test_people_and_judge_are_told_side_by_side_and_that_they_disagree(cli, folder, labelled):
    words = ("compare", *labelled, "--metric", "rubric")
    done = cli(*words, "--html", "c.html")
    assert "no difference: all 60 pairs are equal" in told(done)
    assert "people would give −0.70 [" in told(done)
    assert "(p < 0.001, by 30 samples labelled in both runs)" in told(done)
    assert "they disagree: by the judge, no difference shown; by people's labels, B is worse" in (
        told(done)
    )
    assert "By people's labels B is worse: rubric (app)." in told(done)
    assert "people would give −0.70 [" in (folder / "c.html").read_text(encoding="utf-8")
    people = cli(*words, "--json").data["rows"][0]["people"]
    assert (people["says"], people["labelled"]) == ("worse", 30)
    assert people["interval"][1] < -0.5 and people["p"] < 0.001
    spanish = told(cli(*words, "--lang", "es"))
    assert "las personas darían −0,70 [" in spanish
    assert "Según las etiquetas de las personas B es peor: rubric (app)." in spanish


def test_without_labels_of_both_runs_nothing_is_said_for_people(cli, folder, labelled):
    third = cli("run", "suite.yaml", "--json").data["run"]
    compared = cli("compare", labelled[0], third, "--metric", "rubric", "--json").data
    assert compared["rows"][0]["people"] is None
    assert "people would give" not in cli("compare", labelled[0], third).out


def test_people_s_verdict_minds_direction_and_the_number_of_rows():
    y, f = [1.0] * 30 + [0.0] * 10, [1.0] * 28 + [0.0] * 12
    better = ppi_difference((y, f, f * 5), ([0.0] * 40, [0.0] * 40, [0.0] * 200), bounds=(0, 1))
    p = p_value(better.corrected)
    assert p is not None and p < 0.001
    assert people_say(better, p, 0.95, True) == "better"
    assert people_say(better, p, 0.95, False) == "worse"
    assert people_say(better, 0.06, 0.95, True) == "no difference shown"
    assert people_say(better, None, 0.95, True) == "no difference shown"
    assert adjusted([better, None, better]) == [2 * p, None, 2 * p]
    low = better.corrected.interval.low
    on_the_edge = replace(
        better.corrected, interval=replace(better.corrected.interval, low=0.0), degrees=38.0
    )
    assert low > 0.0
    assert p_value(on_the_edge) == pytest.approx(0.05, abs=1e-6)


def test_people_s_verdict_is_in_the_headline_though_the_judge_does_not_decide(cli, labelled):
    done = cli("compare", *labelled)
    assert "By people's labels B is worse: rubric (app)." in told(done)
