"""What `data run` tells of a dataset that came out empty, or of one row."""

import json

import pytest
from typer.testing import CliRunner

from quilate.cli.app import app

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
