"""The report in a terminal, in both languages."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from sample_runs import make_run, with_target_name

from quilate.evals.results import Failure, Run
from quilate.evaluators import Metric, Score
from quilate.models import FREE, Cost
from quilate.reports import wording
from quilate.reports.html import page_of
from quilate.reports.strings import Words, language
from quilate.reports.terminal import print_run, render


@pytest.mark.parametrize("lang", ["en", "es"])
def test_it_fits_80_columns_with_three_targets_side_by_side(lang: str) -> None:
    text = render(make_run(120), lang=lang)
    assert max(map(len, text.splitlines())) <= 80
    assert any(
        all(name in line for name in ("closed book", "RAG k=1", "RAG k=4"))
        for line in text.splitlines()
    )
    assert "\x1b" not in text


def test_many_targets_are_split_over_several_tables() -> None:
    names = tuple(f"target {n}" for n in range(7))
    text = render(make_run(24, targets=names), lang="en")
    assert all(name in text for name in names)
    assert max(map(len, text.splitlines())) <= 80


def test_long_names_and_large_numbers_cost_no_figure() -> None:
    long = "a retrieval pipeline with a reranker and query rewriting"
    run = with_target_name(make_run(40), "RAG k=1", long)
    metrics = {**run.metrics, "mrr": Metric("mrr", bounds=None)}
    items = [
        replace(item, scores=(Score.of("mrr", 10_000.0 + n),)) for n, item in enumerate(run.items)
    ]
    text = render(replace(run, metrics=metrics, items=items), lang="en")
    assert long in text and "10,060 [10,043, 10,076]" in text
    assert "Smallest visible" in text and "< 0.001" in text
    assert max(map(len, text.splitlines())) <= 80


def test_it_says_figures_coverage_comparison_judge_cost_and_errors() -> None:
    text = render(make_run(120), lang="en")
    assert "0.43 [0.33, 0.54]" in text
    assert "102/120 scored" in text
    assert " if all were scored" in text.replace("\n", " ")  # at worst and at best
    assert "exact_match: RAG k=4 beats closed book by 0.31" in text
    assert "RAG k=4 is better" in text and "no difference shown" in text
    assert "Do not rely on it" in " ".join(text.split())
    assert "$0.00 (exact)" in text
    assert "timeout × 7 (RAG k=4)" in text
    assert "the judge answered nonsense" in " ".join(text.split())


def test_spanish_writes_numbers_and_words_in_spanish() -> None:
    text = render(make_run(120), lang="es")
    assert "0,43 [0,33; 0,54]" in text
    assert "supera a closed book por 0,31" in text
    assert "21 600" not in text and "21\u202f600" in text
    assert "No te fíes de él" in " ".join(text.split())


def test_spanish_thousands_are_whole_everywhere() -> None:
    run = make_run(12)
    metrics = {**run.metrics, "mrr": Metric("mrr", bounds=None)}
    items = [replace(item, scores=(Score.of("mrr", 12_000.0),)) for item in run.items]
    text = render(replace(run, metrics=metrics, items=items, planned=36_000), lang="es")
    assert "de 36\u202f000 casos" in text and "12\u202f000" in text
    assert "\ufffd" not in render(make_run(12, hostile=False), lang="es")


@pytest.mark.parametrize(("lang", "said"), [("en", "clustered by"), ("es", "agrupados por")])
def test_clusters_are_spoken_of_only_where_samples_share_a_source(lang: str, said: str) -> None:
    run = make_run(12)
    alone = {name: replace(sample, group=None) for name, sample in run.samples.items()}
    assert said in " ".join(render(run, lang=lang).split())
    assert said not in " ".join(render(replace(run, samples=alone), lang=lang).split())
    shown, hidden = (
        page_of(one, lang=lang).partition('<script type="application/json"')[0]
        for one in (run, replace(run, samples=alone))
    )
    assert said in shown and said not in hidden


def test_a_cost_of_which_nothing_is_known_is_unknown() -> None:
    words = Words("en")
    assert wording.money(words, Cost() + FREE) == "unknown"
    assert wording.money(words, Cost(0.5, "exact") + Cost()) == "at least $0.5000"


def test_an_unfinished_run_says_so_and_how_to_go_on() -> None:
    run = replace(make_run(20, unfinished=9), reason="the limit of 60 s was reached.")
    text = " ".join(render(run, lang="en").split())
    assert "not finished (the limit of 60 s was reached). To go on: quilate resume 20261122" in text
    stored = render(replace(run, store="/data/my runs"), lang="es", width=200)
    assert f"Para seguir: quilate resume {run.id} --store '/data/my runs'" in stored


def failing(run: Run, *targets: str) -> Run:
    failure = Failure("authentication", "There is no API key for OpenAI.\nSet OPENAI_API_KEY.")
    items = [
        replace(item, output=None, scores=(), failure=failure) if item.target in targets else item
        for item in run.items
    ]
    return replace(run, items=items)


@pytest.mark.parametrize(
    ("lang", "said", "none"),
    [
        ("en", "Every answer failed: authentication: There is no API key", "no answers to compare"),
        ("es", "Todas las respuestas fallaron: authentication: There", "No hay respuestas que"),
    ],
)
def test_answers_that_all_failed_are_told_before_any_figure(
    lang: str, said: str, none: str
) -> None:
    run = failing(make_run(12), *make_run(1).targets)
    text = " ".join(render(run, lang=lang).split())
    assert 0 < text.index(said) < text.index("Metric" if lang == "en" else "Métrica")
    assert none in text and Words("en")["no_finding"][:40] not in text
    page = page_of(run, lang=lang)
    assert page.index(said) < page.index("<main>")


def test_without_a_pair_no_table_of_pairs_is_pointed_at() -> None:
    run = make_run(12)
    alone = [replace(item, scores=item.scores[:0]) for item in run.items]
    text = " ".join(render(replace(run, items=alone), lang="en").split())
    assert "nothing can be compared" in text and "smallest visible difference of" not in text


def test_a_target_whose_answers_all_failed_is_named() -> None:
    text = " ".join(render(failing(make_run(12), "RAG k=1"), lang="en").split())
    assert "Every answer of RAG k=1 failed: authentication: There is no API key" in text
    assert "Every answer failed" not in text and "Every answer of RAG k=4" not in text


def test_what_an_evaluator_could_not_score_is_told_with_its_first_message() -> None:
    run = make_run(12, targets=("only",))
    error = "MissingDependency: The package 'ir-measures' is not installed."
    scores = (Score.error("recall@4", error), Score.error("mrr", error))
    run = replace(run, items=[replace(item, scores=scores, failure=None) for item in run.items])
    text = " ".join(render(run, lang="en").split())
    said = (
        "MissingDependency × 12 (recall@4, mrr, only): The package 'ir-measures' is not installed."
    )
    assert said in text
    assert text.count("The package") == 1


def test_a_replay_says_that_it_is_one() -> None:
    run = replace(make_run(4), provenance={"replay": "20261101-000000-old"})
    assert "A replay of 20261101-000000-old" in render(run, lang="en")
    assert "Repetición de 20261101-000000-old" in page_of(run, lang="es")
    assert "replay of" not in render(make_run(4), lang="en")


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "1 target × 1 sample: 1 of 1 item finished"),
        ("es", "1 sistema × 1 muestra: 1 de 1 caso terminado"),
    ],
)
def test_one_is_singular(lang: str, said: str) -> None:
    assert said in render(make_run(1, targets=("only",)), lang=lang)


def test_one_target_has_nothing_to_compare() -> None:
    assert "nothing to compare" in render(make_run(12, targets=("only",)), lang="en")


def test_hostile_names_drive_neither_the_terminal_nor_the_markup() -> None:
    run = with_target_name(make_run(12), "RAG k=1", "\x1b[31m[bold]x[/bold]\x07")
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    print_run(run, console, lang="en")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x07" not in text and "\x1b[31m[" not in text
    assert "[bold]x[/bold]" in text


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "es_MX.UTF-8"}, "es"),
        ({"LANG": "es_ES.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "es_ES.UTF-8", "QUILATE_LANG": "en"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_language_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for name in ("QUILATE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language() == expected


def test_an_unknown_language_is_an_error_with_the_remedy() -> None:
    from quilate.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match=r"'fr'\. Choose en or es"):
        language("fr")


@pytest.mark.parametrize(
    ("value", "english", "spanish"),
    [(-0.001, "0.00", "0,00"), (-0.25, "−0.25", "−0,25"), (1234.5, "1,234", "1\u202f234")],
)
def test_numbers(value: float, english: str, spanish: str) -> None:
    assert (Words("en").number(value), Words("es").number(value)) == (english, spanish)


def test_both_languages_have_the_same_places_to_fill() -> None:
    import re

    english, spanish = Words("en").all(), Words("es").all()
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", spanish[key])), key
