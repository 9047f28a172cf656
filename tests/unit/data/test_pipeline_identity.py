"""What a step's verdicts are kept under: whatever they depend on."""

import functools
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from quilate.data import Change, open_dataset, pipeline, run_pipeline
from quilate.data.pipeline import load_pipeline
from quilate.errors import DataError


def write_rows(folder: Path, *texts: str) -> None:
    rows = ({"id": str(n), "text": text} for n, text in enumerate(texts))
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def kept(folder: Path, *steps, workers: int = 1) -> list[str]:
    made = pipeline("test", "a.jsonl", steps, folder=folder, shard_rows=2)
    done = run_pipeline(made, store=folder / ".quilate", workers=workers)
    return [row["text"] for row in done.dataset.rows()]


def without(words):
    return lambda row: not any(word in row["text"] for word in words)


@dataclass(frozen=True)
class Held:
    """A step with a value of any kind."""

    words: object
    version: ClassVar[int] = 1

    def apply(self, rows):
        for row in rows:
            found = (
                self.words.search(row["text"])
                if hasattr(self.words, "search")
                else (row["text"] in self.words)
            )
            yield Change({"hit": bool(found)}, ("looked",))


def test_rows_that_a_function_changes_in_place(tmp_path):
    write_rows(tmp_path, "a", "b")

    def loud(row):
        row["text"] = row["text"].upper()
        return row

    assert kept(tmp_path, loud, lambda row: row["text"].isupper()) == ["A", "B"]


def test_true_is_not_one(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": "1", "text": "a", "n": 1, "l": [0.0]}\n')
    change = lambda row: {**row, "n": bool(row["n"]), "l": [-0.0]}  # noqa: E731
    made = pipeline("test", "a.jsonl", [change], folder=tmp_path)
    done = run_pipeline(made, store=tmp_path / ".quilate", workers=1)
    row = next(iter(done.dataset.rows()))
    assert row["n"] is True
    assert str(row["l"]) == "[-0.0]"


def test_what_is_written_is_what_the_next_step_sees(tmp_path):
    write_rows(tmp_path, "a")
    seen = []
    make = lambda row: {**row, "t": (1, 2)}  # noqa: E731

    def look(row):
        seen.append(type(row["t"]))

    kept(tmp_path, make, look)
    assert seen == [list]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (without(["a"]), without(["b"])),
        (
            functools.partial(lambda row, words: row["text"] not in words, words=["a"]),
            functools.partial(lambda row, words: row["text"] not in words, words=["b"]),
        ),
        (Held(("a",)), Held(("b",))),
        (Held(re.compile("a")), Held(re.compile("b"))),
    ],
)
def test_values_that_a_step_holds_are_part_of_it(tmp_path, one, other):
    write_rows(tmp_path, "a", "b")
    uses = [pipeline("test", "a.jsonl", [step], folder=tmp_path).uses[0] for step in (one, other)]
    assert uses[0].identity != uses[1].identity
    again = pipeline("test", "a.jsonl", [one], folder=tmp_path).uses[0]
    assert again.identity == uses[0].identity


def test_a_step_of_a_file_is_its_code_and_what_it_imports(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write_rows(tmp_path, "a", "b")
    (tmp_path / "steps.py").write_text(
        "from typing import ClassVar\nfrom dataclasses import dataclass\n"
        "from quilate.data import Drop\n"
        "@dataclass(frozen=True)\nclass No:\n    version: ClassVar[int] = 1\n"
        "    def apply(self, rows):\n        import words_of_test\n"
        "        return [Drop('no') if r['text'] == words_of_test.WORD else None for r in rows]\n"
    )
    (tmp_path / "p.yaml").write_text("name: t\nsource: a.jsonl\nsteps: ['steps.py:No']\n")

    def run(word: str) -> list[str]:
        (tmp_path / "words_of_test.py").write_text(f"WORD = {word!r}\n")
        code = (
            "from quilate.data import run_pipeline\n"
            "done = run_pipeline('p.yaml', store='.quilate', workers=1)\n"
            "print(*[row['text'] for row in done.dataset.rows()])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert run("a") == ["b"]
    assert run("b") == ["a"]
    assert run("a") == ["b"]


def test_an_edited_file_is_run_anew_in_the_same_process(tmp_path):
    write_rows(tmp_path, "a", "b")
    (tmp_path / "p.yaml").write_text("name: t\nsource: a.jsonl\nsteps: ['s.py:no']\n")

    def run(word: str) -> list[str]:
        (tmp_path / "s.py").write_text(f"def no(row):\n    return row['text'] != {word!r}\n")
        done = run_pipeline(tmp_path / "p.yaml", store=tmp_path / ".quilate", workers=1)
        return [row["text"] for row in done.dataset.rows()]

    assert [run("a"), run("b"), run("a")] == [["b"], ["a"], ["b"]]


def test_code_that_changes_while_it_runs_is_told(tmp_path):
    write_rows(tmp_path, "a", "b", "c")
    (tmp_path / "s.py").write_text(
        "from pathlib import Path\ndef no(row):\n"
        "    if row['id'] == '2':\n        Path(__file__).write_text('def no(row): pass')\n"
    )
    (tmp_path / "p.yaml").write_text(
        "name: t\nsource: a.jsonl\nshard_rows: 2\nsteps: ['s.py:no']\n"
    )
    with pytest.raises(DataError, match="changed while the pipeline was running"):
        run_pipeline(load_pipeline(tmp_path / "p.yaml"), store=tmp_path / ".quilate", workers=1)


def test_values_that_json_cannot_hold_name_step_and_row(tmp_path):
    write_rows(tmp_path, "a", "b")

    def odd(row):
        return {**row, "x": {1, 2} if row["id"] == "1" else 1}

    with pytest.raises(DataError, match=r"row 1: The step 'odd' gave a value that JSON cannot"):
        kept(tmp_path, odd)
    with pytest.raises(DataError, match="JSON cannot hold"):
        kept(tmp_path, lambda row: {**row, "x": float("nan")})


def test_fields_of_any_name_are_read_again(tmp_path):
    row = {"id": "1", "": 1, "a.b": "x", "_rowid": [1], "ñ": None, "with space": {"a": 1}}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    run_pipeline(pipeline("test", "a.jsonl", [], folder=tmp_path), store=tmp_path / "q", workers=1)
    dataset = open_dataset("test", tmp_path / "q")
    assert list(dataset.rows()) == [{k: v for k, v in row.items() if v is not None}]
    assert list(dataset.rows(["a.b"])) == [{"a.b": "x"}]
    with pytest.raises(DataError, match=r"no field .a\.c."):
        dataset.take([0], ["a.c"])


def test_secrets_in_options_are_not_told(tmp_path):
    write_rows(tmp_path, "a")

    @dataclass(frozen=True)
    class Judge:
        api_key: str = "sk-abcdefghijklmnop"
        version: ClassVar[int] = 1

        def apply(self, rows):
            return [None for _ in rows]

    made = pipeline("test", "a.jsonl", [Judge()], folder=tmp_path)
    done = run_pipeline(made, store=tmp_path / ".quilate", workers=1)
    assert "abcdefghijklmnop" not in json.dumps(done.manifest)


def test_a_script_without_a_guard_works(tmp_path):
    write_rows(tmp_path, *"abcdef")
    (tmp_path / "script.py").write_text(
        "from quilate.data import pipeline, run_pipeline\n"
        "def loud(row):\n    return {**row, 'text': row['text'].upper()}\n"
        "made = pipeline('t', 'a.jsonl', [loud, lambda row: True], shard_rows=2)\n"
        "print(len(run_pipeline(made, store='.quilate', workers=2).dataset))\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] == "6"


def test_a_source_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    from quilate.data import shards

    write_rows(tmp_path, "a", "b")
    real = shards.read_rows

    def growing(path, **options):
        yield from real(path, **options)
        with path.open("a") as stream:
            stream.write('{"id": "9", "text": "late"}\n')

    monkeypatch.setattr(shards, "read_rows", growing)
    with pytest.raises(DataError, match="changed while it was read"):
        kept(tmp_path)
    monkeypatch.setattr(shards, "read_rows", real)
    assert kept(tmp_path) == ["a", "b", "late"]
