"""The ruling on a tuned model, and the examples that a recipe names."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from quilate import evals, registry
from quilate.errors import ConfigurationError, DataError
from quilate.evaluators import Sample
from quilate.tuning.deciding import decide
from quilate.tuning.loading import load_examples, load_recipe
from quilate.tuning.loop import LoopResult
from quilate.tuning.recipe import DecideSpec, Recipe
from quilate.tuning.trainers import Converted, LossPoint, Parity, Trained

N = 60
PARITY = Parity(500, 20, 0.001, 0.99, 0.001, 0.99, 20, True)


def run(store: Path, right: int, name: str = "s", **options):
    """A run that is right on the first so many samples."""
    samples = [Sample(str(n), str(n), references=("yes",)) for n in range(N)]
    suite = evals.Suite(
        name,
        samples,
        {"t": lambda question: "yes" if int(question) < right else "no"},
        [registry.evaluator("exact_match")],
        **options,
    )
    return evals.evaluate(suite, store=store)


@pytest.mark.parametrize(
    ("task", "regression", "margin", "parity", "ruling", "reasons"),
    [
        ((5, 50), (40, 40), None, PARITY, "ship", ("better", "regression kept")),
        ((5, 50), None, None, None, "ship", ("better",)),
        ((5, 8), (40, 40), None, PARITY, "do not ship", ("not shown better", "regression kept")),
        ((50, 5), (40, 40), None, PARITY, "do not ship", ("worse at the task", "regression kept")),
        ((5, 50), (55, 20), None, PARITY, "do not ship", ("better", "regression worse")),
        ((5, 50), (40, 38), None, PARITY, "ship", ("better", "regression kept")),
        ((5, 50), (40, 38), 0.05, PARITY, "do not ship", ("better", "regression not shown")),
        ((5, 50), (40, 40), 0.2, PARITY, "ship", ("better", "regression kept")),
        (
            (5, 50),
            (40, 40),
            None,
            replace(PARITY, passed=False, reasons=("KL",)),
            "do not ship",
            ("better", "regression kept", "parity failed"),
        ),
    ],
)
def test_what_may_ship(tmp_path, task, regression, margin, parity, ruling, reasons):
    def pair(rights):
        return tuple(run(tmp_path, right) for right in rights)

    decision = decide(
        DecideSpec(suite="s.yaml", margin=margin),
        pair(task),
        None if regression is None else pair(regression),
        parity,
    )
    assert (decision.ruling, decision.reasons) == (ruling, reasons)
    assert decision.row is not None
    assert decision.row.metric == "exact_match"


@pytest.mark.parametrize(
    ("reducers", "metric", "decides"),
    [
        (("mean", "pass@2"), None, "exact_match"),
        (("pass@2",), None, "exact_match pass@2"),
        (("pass@2",), "exact_match", "exact_match pass@2"),
        (("mean", "pass@2"), "exact_match pass@2", "exact_match pass@2"),
    ],
)
def test_what_decides_is_reduced_as_the_suite_asks(tmp_path, reducers, metric, decides):
    pair = tuple(run(tmp_path, right, epochs=2, reducers=reducers) for right in (5, 50))
    decision = decide(DecideSpec(suite="s.yaml", metric=metric), pair)
    assert (decision.metric, decision.row.metric, decision.ruling) == (decides, decides, "ship")


def test_an_unknown_metric_is_told(tmp_path):
    runs = (run(tmp_path, 1), run(tmp_path, 2))
    with pytest.raises(ConfigurationError, match=r"no metric 'f1'.*exact_match"):
        decide(DecideSpec(suite="s.yaml", metric="f1"), runs)


def test_the_report_says_it_in_both_languages_and_escapes(tmp_path):
    from quilate.reports.tuning import page_of, usage_lines, verdict_lines, write

    decision = decide(
        DecideSpec(suite="s.yaml"), (run(tmp_path, 5), run(tmp_path, 50)), None, PARITY
    )
    losses = (LossPoint(1, 2.0), LossPoint(2, 1.0), LossPoint(2, 1.2, heldout=True))
    trained = Trained(tmp_path, "b", 2, 2, "done", losses, 10, 3.0, "<b>cpu</b>")
    recipe = Recipe.model_validate({"name": "x", "base": "b", "data": {"train": "t.jsonl"}})
    result = LoopResult(recipe, tmp_path, 2, 1, None, trained, None, PARITY, decision)
    assert verdict_lines(result, "en")[0] == "SHIP"
    assert verdict_lines(result, "es")[:1] == ["PUBLICAR"]
    assert usage_lines(result, "es") == []
    converted = replace(result, converted=Converted(tmp_path / "a.gguf", "0", 16, 7))
    (used,) = usage_lines(converted, "es")
    assert used == f'Para usarlo: quilate.model("llamacpp/b", lora="{tmp_path / "a.gguf"}")'
    page = page_of(result, lang="es")
    assert "&lt;b&gt;cpu&lt;/b&gt;" in page
    assert "<b>cpu" not in page
    assert "exact_match" in page
    assert "Aprobado: la KL puede ser 0,01 más" in page
    assert write(result, tmp_path / "report.html").exists()
    assert (tmp_path / "report-task.html").exists()


def recipe_file(folder: Path, data: str, rows: list[dict[str, object]]) -> Path:
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "ask.md").write_text(
        '---\nlanguage: es\nversion: "1"\nvariables: {question: str}\n---\n'
        "[system]\nSé breve.\n[user]\n¿{{ question }}?\n"
    )
    file = folder / "recipe.yaml"
    file.write_text(f"name: x\nbase: smollm2-135m-instruct\ndata: {data}\n")
    return file


ROWS: list[dict[str, object]] = [
    {"id": str(n), "input": f"pregunta {n % 10}", "output": f"r{n}"} for n in range(20)
]


def test_inputs_are_put_into_the_prompt_that_the_suite_asks_with(tmp_path):
    file = recipe_file(tmp_path, "{train: {path: train.jsonl, prompt: ask.md}}", ROWS)
    data = load_examples(load_recipe(file))
    first = data.train[0]
    assert [turn.text for turn in first.prompt] == ["Sé breve.", f"¿pregunta {int(first.id) % 10}?"]
    assert first.completion[0].text == f"r{first.id}"


def test_equal_prompts_are_never_parted(tmp_path):
    file = recipe_file(tmp_path, "{train: train.jsonl, heldout: 0.3}", ROWS)
    data = load_examples(load_recipe(file))
    assert len(data.train) + len(data.heldout) == 20
    assert 4 <= len(data.heldout) <= 8
    prompts = [{one.prompt for one in part} for part in (data.train, data.heldout)]
    assert not prompts[0] & prompts[1]
    again = load_examples(load_recipe(file))
    assert again == data


def test_rows_without_an_answer_are_told(tmp_path):
    file = recipe_file(tmp_path, "{train: train.jsonl}", [*ROWS, {"id": "x", "input": "sola"}])
    data = load_examples(load_recipe(file))
    assert [(one.where, one.reason) for one in data.rejected] == [("x", "no_completion")]


def test_one_prompt_alone_cannot_be_held_out(tmp_path):
    file = recipe_file(tmp_path, "{train: train.jsonl}", ROWS[:1])
    with pytest.raises(DataError, match="nothing can be held out"):
        load_examples(load_recipe(file))


def test_recipes_that_are_wrong(tmp_path):
    file = tmp_path / "r.yaml"
    file.write_text("name: x\nbase: b\ndata: {train: t.jsonl}\nlora: {ranks: 8}\n")
    with pytest.raises(ConfigurationError, match=r"r.yaml:4: Unknown key 'ranks'. Did you mean"):
        load_recipe(file)
    file.write_text("name: x\nbase: b\ndata: {train: t.jsonl}\ntraining: {epochs: .inf}\n")
    with pytest.raises(ConfigurationError, match=r"`training.epochs` is not right"):
        load_recipe(file)
    file.write_text("name: x\nbase: b\ndata: {train: t.jsonl}\nlora: {rank: 0}\n")
    with pytest.raises(ConfigurationError, match=r"r.yaml:4: `lora.rank` is not right"):
        load_recipe(file)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("train:\n    path: t.jsonl\n    prompt: aks.md", 6),
        ("train:\n    - t.jsonl\n    - path: t.jsonl\n      prompt: aks.md", 7),
        ("train: t.jsonl\n  heldout: {path: h.jsonl,\n    prompt: aks.md}", 6),
    ],
)
def test_a_prompt_template_that_is_not_there_is_told_with_its_line(tmp_path, data, line):
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "r.yaml"
    file.write_text(f"name: x\nbase: b\ndata:\n  {data}\n")
    with pytest.raises(ConfigurationError) as raised:
        load_recipe(file)
    assert str(raised.value).startswith(f"{file}:{line}: There is no prompt template 'aks.md'.")
    assert f"relative to the recipe: {file.parent / 'aks.md'}" in str(raised.value)


def test_the_smallest_loss_that_could_have_been_seen_is_told(tmp_path):
    from quilate.reports.tuning import page_of, verdict_lines
    from quilate.tuning.sensitivity import smallest_share

    def result_of(margin, regression):
        task = (run(tmp_path, 5), run(tmp_path, 50))
        decision = decide(DecideSpec(suite="s.yaml", margin=margin), task, regression, PARITY)
        trained = Trained(tmp_path, "b", 2, 2, "done", (), 10, 3.0, "cpu")
        recipe = Recipe.model_validate({"name": "x", "base": "b", "data": {"train": "t.jsonl"}})
        return LoopResult(recipe, tmp_path, 2, 1, None, trained, None, PARITY, decision)

    same = (run(tmp_path, 40), run(tmp_path, 40))
    (loss,) = result_of(None, same).decision.smallest_losses
    # No answer changed: what McNemar's exact test of 60 pairs can show is what is left to say.
    assert loss.loss == pytest.approx(smallest_share(N, 0.95))
    assert (loss.n, loss.blind) == (N, False)
    lines = verdict_lines(result_of(None, same), "en")
    assert lines[-1].startswith("The smallest loss that the regression suite would have shown")
    assert "exact_match 0.13 (60 samples)" in lines[-1]

    (loss,) = result_of(0.05, same).decision.smallest_losses
    assert loss.blind
    assert loss.loss > loss.margin == 0.05
    assert smallest_share(loss.needed, 0.95) <= 0.05 < smallest_share(loss.needed - 20, 0.95)
    said = verdict_lines(result_of(0.05, same), "es")[-1]
    assert said.startswith("AVISO: eso es más que el margen de 0,05 (exact_match)")
    assert f"Unas {loss.needed} muestras" in said

    # With answers that changed both ways their spread counts too.
    noisy = (run(tmp_path, 40), run(tmp_path, 30))
    (wide,) = result_of(None, noisy).decision.smallest_losses
    assert wide.loss > smallest_share(N, 0.95)

    # The page says one figure, in the verdict and in the table.
    few = (run(tmp_path, 40), run(tmp_path, 39))
    (loss,) = result_of(None, few).decision.smallest_losses
    assert result_of(None, few).decision.regression.rows[0].detectable < 0.9 * loss.loss
    page = page_of(result_of(None, few), lang="en")
    assert page.count(f"{loss.loss:.2f}") == 2


def test_a_suite_of_five_cannot_show_any_loss(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "N", 5)
    pair = (run(tmp_path, 5), run(tmp_path, 5))
    decision = decide(DecideSpec(suite="s.yaml"), (run(tmp_path, 0), run(tmp_path, 5)), pair)
    (loss,) = decision.smallest_losses
    assert (loss.loss, loss.n, loss.blind) == (None, 5, True)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("data: {train: t.jsonl, heldout: 0}", r"r.yaml:3: `data.heldout` is not right: write a "
         r"share of `train` above 0 and below 1, such as 0.1, or a file\. "),
        ("data: {train: t.jsonl, heldout: {pth: h}}", r"r.yaml:3: Unknown key 'pth'. Did you mean"),
        ("data: {train: []}", r"`data.train` is not right: write a file, \{path: FILE\}, or"),
        ("data: {train: [a.jsonl, 3]}", r"`data.train.1` is not right: write a file, or \{path"),
        ("data: {train: [{format: x}]}", r"The key 'data.train.0.path' is missing"),
        ("data: {train: t.jsonl}\nlora: {targets: q_proj}",
         r"r.yaml:4: `lora.targets` is not right: write a list of layers, such as \[q_proj\]"),
        ("data: {train: t.jsonl}\nlora: {dora: true, rank_pattern: {a: 1}}",
         r"r.yaml:1: This is not right: dora takes no"),
        ("data: {train: t.jsonl}\ncontamination: {checks: [exact, same]}",
         r"`contamination.checks.1` is not right: Input should be 'exact', 'ngrams', 'near' or"),
    ],
)  # fmt: skip
def test_a_wrong_value_gets_one_message(tmp_path, written, said):
    file = tmp_path / "r.yaml"
    file.write_text(f"name: x\nbase: b\n{written}\n")
    with pytest.raises(ConfigurationError, match=said) as told:
        load_recipe(file)
    assert "quilate schema recipe" in str(told.value) or "key" in str(told.value)


def test_a_missing_file_of_a_recipe_is_told_as_such(tmp_path):
    file = recipe_file(tmp_path, "{train: other.jsonl}", ROWS)
    with pytest.raises(DataError, match="no such file") as told:
        load_examples(load_recipe(file))
    assert "other.jsonl" in str(told.value)
    assert "pipeline" not in str(told.value)


def test_answers_that_were_lost_forbid_to_ship(tmp_path):
    """What the tuned model failed on has no score, and could undo the verdict."""

    def failing(question: str) -> str:
        if int(question) < 24:
            raise RuntimeError("lost")
        return "yes"

    samples = [Sample(str(n), str(n), references=("yes",)) for n in range(N)]
    suite = evals.Suite("s", samples, {"t": failing}, [registry.evaluator("exact_match")])
    lost = evals.evaluate(suite, store=tmp_path)
    task = (run(tmp_path, 5), run(tmp_path, 50))
    decision = decide(DecideSpec(suite="s.yaml"), task, (run(tmp_path, 50), lost), PARITY)
    assert decision.reasons == ("better", "regression not shown")
    contaminated = decide(DecideSpec(suite="s.yaml"), task, None, PARITY, contaminated=True)
    assert contaminated.ruling == "do not ship"


@pytest.mark.parametrize(
    ("named", "judge"),
    [("", "base"), ("judge: scripted/judge\n", "judge"), ("model: scripted/file\n", "file")],
)
def test_one_judge_judges_base_and_tuned(tmp_path, named, judge):
    from quilate.tuning.preparing import base_file, suite_of

    (tmp_path / "s.jsonl").write_text('{"id": "1", "input": "?", "references": ["x"]}\n')
    (tmp_path / "s.yaml").write_text(
        f"name: s\n{named}samples: {{files: [s.jsonl]}}\ntargets: {{t: {{closed_book: {{}}}}}}\n"
        "evaluators: [{rubric: {criteria: {clear: It is clear}}}]\n"
    )
    loaded = load_recipe(recipe_file(tmp_path, "{train: train.jsonl}", ROWS))
    base = base_file(loaded.recipe, tmp_path)
    suite = suite_of(loaded, "s.yaml", base, tmp_path, "scripted/tuned")
    (asked,) = suite.evaluators
    of_base = registry.model(f"llamacpp/{base}").info.name
    assert asked.model.info.name == (of_base if judge == "base" else f"scripted/{judge}")


def test_a_target_with_a_model_of_its_own_is_refused(tmp_path):
    from quilate.tuning.preparing import suite_of

    (tmp_path / "s.jsonl").write_text('{"id": "1", "input": "?", "references": ["x"]}\n')
    suite = tmp_path / "s.yaml"
    text = "name: s\nsamples: {files: [s.jsonl]}\nevaluators: [exact_match]\ntargets:\n"
    loaded = load_recipe(recipe_file(tmp_path, "{train: train.jsonl}", ROWS))
    for target, said in (
        ("{closed_book: {model: scripted/x}}", "names a model of its own"),
        ("{python: 'app.py:answer'}", "is python"),
    ):
        suite.write_text(f"{text}  t: {target}\n")
        with pytest.raises(ConfigurationError, match=rf"s.yaml:5: The target 't' {said}"):
            suite_of(loaded, "s.yaml", tmp_path / "base.gguf", tmp_path)


def test_short_evaluation_questions_inside_a_template_are_found(tmp_path):
    from quilate.tuning.exclusion import ContaminatedError
    from quilate.tuning.preparing import without_samples
    from quilate.tuning.training_set import refuse_found

    file = recipe_file(tmp_path, "{train: {path: train.jsonl, prompt: ask.md}}", ROWS)
    loaded = load_recipe(file)
    data = load_examples(loaded)
    held = {"task": [Sample("q", "Pregunta 3", references=("r3",))]}
    _, manifest = without_samples(loaded, data, held)
    with pytest.raises(ContaminatedError, match=r"holds q of task \(exact\)"):
        refuse_found(manifest)
    other = {"task": [Sample("q", "Otra cosa", references=("r3",))]}
    assert without_samples(loaded, data, other)[1].clean
    file.write_text(f"{file.read_text()}contamination: {{action: exclude, checks: [exact]}}\n")
    left, manifest = without_samples(load_recipe(file), data, held)
    assert len(left.train) + len(left.heldout) == 18
    assert not any("regunta 3" in one.prompt[-1].text for one in (*left.train, *left.heldout))
    assert (manifest.clean, manifest.checks) == (True, {"exact": 2})


def test_a_prompt_template_that_would_go_unused_is_refused(tmp_path):
    rows = [{"id": "1", "prompt": "hola", "completion": "adiós"}]
    file = recipe_file(tmp_path, "{train: {path: train.jsonl, prompt: ask.md}}", rows)
    with pytest.raises(ConfigurationError, match="would go unused"):
        load_examples(load_recipe(file))


def test_a_held_out_file_must_hold_other_prompts(tmp_path):
    file = recipe_file(tmp_path, "{train: train.jsonl, heldout: train.jsonl}", ROWS)
    with pytest.raises(DataError, match="10 prompts are among the examples to train on"):
        load_examples(load_recipe(file))


def test_quantisations_are_told_with_what_they_cost(tmp_path):
    from rich.console import Console

    from quilate.reports.comparison import compare
    from quilate.reports.quantizing import as_data, level_table
    from quilate.tuning.quantizing import Level

    whole, worse = run(tmp_path, 55), run(tmp_path, 20)
    levels = [
        Level("source", tmp_path / "a.gguf", 271_000_000, 21.4, whole.id),
        Level("Q2_K", tmp_path / "b.gguf", 70_000_000, 25.0, worse.id, 0.9, 0.48756,
              compare(whole, worse)),
    ]  # fmt: skip
    console = Console(width=120)
    with console.capture() as shown:
        console.print(level_table(levels, "es"))
    assert "el modelo entero" in shown.get()
    assert "48.8 %" in shown.get().replace(",", ".")
    assert "peor" in shown.get()
    assert as_data(levels[1])["comparison"]["rows"][0]["verdict"] == "worse"


@pytest.mark.parametrize(
    ("right", "margin", "said"),
    [
        (53, None, "no loss shown"),
        (20, 0.05, "LOSES MORE than 5%"),
        (54, 0.05, "not shown to lose less than 5%"),
        (55, 0.2, "loses less than 20%"),
    ],
)
def test_each_quantisation_has_a_verdict(tmp_path, right, margin, said):
    from quilate.reports.comparison import compare
    from quilate.reports.quantizing import level_table
    from quilate.tuning.quantizing import Level

    other = run(tmp_path, right)
    found = compare(run(tmp_path, 55), other, margin=margin)
    table = level_table([Level("Q8_0", tmp_path / "a", 1, 1.0, other.id, 0.1, 0.9, found)], "en")
    (column,) = [one for one in table.columns if one.header == "verdict"]
    assert list(column.cells) == [said]
