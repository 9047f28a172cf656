"""What `data run` tells of datasets of no row or one; what `data export` refuses."""

import json

import pytest
from typer.testing import CliRunner

from quilate.cli.app import app
from quilate.errors import DataError

runner = CliRunner()


@pytest.fixture
def run(tmp_path):
    def running(steps, *options, rows=3):
        lines = [json.dumps({"text": "Hola." * (at + 1)}) + "\n" for at in range(rows)]
        (tmp_path / "rows.jsonl").write_text("".join(lines))
        file = tmp_path / "p.yaml"
        file.write_text(f"name: a\nsource: rows.jsonl\nsteps: {json.dumps(steps)}\n")
        store = ("--store", str(tmp_path / ".quilate"))
        done = runner.invoke(app, ["data", "run", str(file), *store, *options, "--workers", "1"])
        assert done.exit_code == 0, done.output
        return done

    return running


@pytest.mark.parametrize(
    ("lang", "warning"),
    [
        (
            "en",
            "Warning: no row is left in a@1. The step 'length' dropped most: 2 of 3 rows, for "
            "too long 2.",
        ),
        (
            "es",
            "Aviso: no queda ninguna fila en a@1. El paso 'length' descartó más que ninguno: "
            "2 de 3 filas, por demasiado largo 2.",
        ),
    ],
)
def test_a_dataset_without_rows_is_a_warning(run, lang, warning):
    steps = [{"length": {"max": 5}}, {"where": {"all": [{"field": "text", "equals": "b"}]}}]
    assert warning in run(steps, "--lang", lang).stderr
    told = run(steps, "--json", "--lang", lang)
    assert json.loads(told.stdout)["rows"] == 0
    assert warning in told.stderr


@pytest.mark.parametrize(
    ("lang", "made", "lost"),
    [
        ("en", "a@1: 1 row. ", "1 row went to the quarantine"),
        ("es", "a@1: 1 fila. ", "1 fila pasó a la cuarentena"),
    ],
)
def test_one_row_is_told_in_the_singular(run, lang, made, lost):
    done = run([{"length": {"max": 5}}], "--lang", lang, rows=2)
    assert made in done.stdout and lost in done.stdout
    assert "no row is left" not in done.stderr


@pytest.mark.parametrize("source", ["rows.jsonl", "ro*.jsonl", "."])
def test_a_source_is_not_written_over(run, tmp_path, monkeypatch, source):
    run([{"length": {"max": 5}}])
    (tmp_path / "p.yaml").write_text(f"name: b\nsource: '{source}'\n")
    monkeypatch.chdir(tmp_path.parent)
    folder = tmp_path.name
    store = ("--store", f"{folder}/.quilate")
    assert runner.invoke(app, ["data", "run", f"{folder}/p.yaml", *store]).exit_code == 0
    before = (tmp_path / "rows.jsonl").read_bytes()
    done = runner.invoke(app, ["data", "export", "b", f"{folder}/rows.jsonl", *store])
    assert isinstance(done.exception, DataError)
    assert "was made from this file" in str(done.exception)
    assert (tmp_path / "rows.jsonl").read_bytes() == before
    for _ in range(2):  # what an export wrote may be written again
        done = runner.invoke(app, ["data", "export", "b", f"{folder}/../b.jsonl", *store])
        assert done.exit_code == 0, done.output
