"""A judge of pairs is labelled by who sees both answers."""

import quilate
from quilate.evaluators import Sample
from quilate.judging.against import other_answer
from quilate.judging.labelling import Sheet, choices_of
from quilate.judging.views import view


def test_the_page_shows_what_a_pair_was_compared_with(tmp_path):
    samples = [
        Sample("1", "Capital?", ("Lima",), metadata={"old": "Cusco, quizás"}),
        Sample("2", "Río?", ("Rímac",), metadata={"old": "El Amazonas"}),
    ]

    def judged(against, answer):
        suite = quilate.Suite(
            "pairs",
            samples,
            {"app": lambda question: answer},
            [quilate.evaluator("pairwise", model=quilate.model("scripted/A"), votes=1,
                               against=against, store=tmp_path)],
        )  # fmt: skip
        return quilate.evaluate(suite, store=tmp_path)

    first = judged("references", "Primera")
    for against, others in (
        ("references", {"1": "Lima", "2": "Rímac"}),
        ("metadata.old", {"1": "Cusco, quizás", "2": "El Amazonas"}),
        (f"run:{first.id}", {"1": "Primera", "2": "Primera"}),
    ):
        run = judged(against, "Otra")
        metric = run.metrics["pairwise_win"]
        sheet = Sheet(run, metric, choices_of(metric), "ana", tmp_path / "labels.jsonl")
        shown = [view(sheet, n) for n in range(len(sheet))]
        assert {one["sample"]: one["other"] for one in shown} == others
        hidden = view(sheet, 0, references="never")["other"]
        assert (hidden is None) == (against == "references")
    single = quilate.Suite("one", samples, {"app": str}, [quilate.evaluator("exact_match")])
    run = quilate.evaluate(single, store=tmp_path)
    assert other_answer(run, "exact_match", samples[0]) is None
