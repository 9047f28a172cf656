"""The data of examples/python_docs: the passages, and the questions that point into them."""

from __future__ import annotations

import doctest
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "python_docs"
LANGUAGES = ("es", "en")


@pytest.fixture(scope="module")
def corpus() -> ModuleType:
    spec = importlib.util.spec_from_file_location("python_docs_corpus", EXAMPLE / "corpus.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def passages(corpus: ModuleType) -> dict[str, dict[str, Any]]:
    documents = list(corpus.documents())
    by_id = {document["id"]: document for document in documents}
    assert len(by_id) == len(documents), "two passages share an id"
    return by_id


def questions(language: str) -> list[dict[str, Any]]:
    path = EXAMPLE / f"questions_{language}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def words(text: str) -> str:
    """Lower case, punctuation removed, one space around each word."""
    bare = re.sub(r"[^\w]+", " ", text.lower())
    return f" {bare.strip()} "


def test_doctest_of_the_corpus_module(corpus: ModuleType) -> None:
    outcome = doctest.testmod(corpus)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_size_of_the_corpus(corpus: ModuleType, passages: dict[str, dict[str, Any]]) -> None:
    assert 850 <= len(passages) <= 1200
    assert sum(len(passage["text"]) for passage in passages.values()) <= 320_000
    assert {passage["metadata"]["module"] for passage in passages.values()} == set(corpus.MODULES)


def test_each_passage_names_itself_and_carries_a_docstring(
    passages: dict[str, dict[str, Any]],
) -> None:
    for name, passage in passages.items():
        heading, separator, docstring = passage["text"].partition("\n\n")
        assert heading.startswith(name) and separator and docstring.strip(), name
        assert " at 0x" not in heading, f"{name} has a memory address in its signature"
        assert passage["title"] == name
        assert passage["metadata"]["kind"] in {"module", "function", "class", "method"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("json", "module"),
        ("json.dumps", "function"),
        ("random.choice", "function"),
        ("collections.Counter", "class"),
        ("collections.Counter.most_common", "method"),
        ("datetime.date.fromisoformat", "method"),
        ("argparse.ArgumentParser.add_argument", "method"),
    ],
)
def test_kinds_of_passage(passages: dict[str, dict[str, Any]], name: str, kind: str) -> None:
    assert passages[name]["metadata"]["kind"] == kind


@pytest.mark.parametrize(
    "name",
    [
        "bisect.bisect",  # an alias of bisect_right
        "random.Random.choice",  # the function behind random.choice
        "pathlib.Path.with_suffix",  # inherited from PurePath
        "collections.Counter.keys",  # inherited from dict
        "json.JSONEncoder.__init__",  # not public
    ],
)
def test_an_object_is_one_passage_under_its_own_name(
    passages: dict[str, dict[str, Any]], name: str
) -> None:
    assert name not in passages


def test_signature_leaves_self_out(passages: dict[str, dict[str, Any]]) -> None:
    assert passages["random.shuffle"]["text"].startswith("random.shuffle(x)")
    assert passages["pathlib.Path.cwd"]["text"].startswith("pathlib.Path.cwd()")
    most_common = passages["collections.Counter.most_common"]["text"]
    assert most_common.startswith("collections.Counter.most_common(n=None)")


def test_a_missing_module_is_skipped(corpus: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "MODULES", ("no_such_module_here", "bisect"))
    assert {document["metadata"]["module"] for document in corpus.documents()} == {"bisect"}


def test_the_written_corpus_is_the_same_in_every_process(
    tmp_path: Path, passages: dict[str, dict[str, Any]]
) -> None:
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, EXAMPLE / "corpus.py", tmp_path / f"{seed}.jsonl"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        )
    first, second = sorted(tmp_path.iterdir())
    assert first.read_bytes() == second.read_bytes()
    lines = first.read_text(encoding="utf-8").splitlines()
    # In this process pytest has put a hook of its own in the place of threading.excepthook.
    hooked = {"threading.excepthook"}
    assert {json.loads(line)["id"] for line in lines} - hooked == set(passages) - hooked


@pytest.mark.parametrize("language", LANGUAGES)
def test_counts_of_questions(language: str) -> None:
    rows = questions(language)
    assert len(rows) == 60
    assert sum(not row["answerable"] for row in rows) == 12
    assert sum(len(row["gold"]) == 2 for row in rows) >= 8
    assert [row["id"] for row in rows] == [f"{language}-{n:03}" for n in range(1, 61)]
    assert len({row["input"] for row in rows}) == 60


@pytest.mark.parametrize("language", LANGUAGES)
def test_rows_are_well_formed(language: str, corpus: ModuleType) -> None:
    keys = {"id", "input", "references", "gold", "language", "group", "answerable"}
    for row in questions(language):
        assert set(row) == keys, row["id"]
        assert row["language"] == language
        assert row["input"].endswith("?")
        assert row["input"].startswith("¿") is (language == "es")
        answerable = row["answerable"]
        assert bool(row["gold"]) is answerable and bool(row["references"]) is answerable, row["id"]
        assert row["group"] in corpus.MODULES or (not answerable and row["group"] is None)
        assert all(1 <= len(answer.split()) <= 8 for answer in row["references"]), row["id"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_gold_passages_exist_and_hold_the_answer(
    language: str, passages: dict[str, dict[str, Any]]
) -> None:
    answerable = [row for row in questions(language) if row["answerable"]]
    unsupported = []
    for row in answerable:
        for gold in row["gold"]:
            assert gold in passages, f"{row['id']}: {gold} is not a passage"
            assert passages[gold]["metadata"]["module"] == row["group"], row["id"]
        text = " ".join(words(passages[gold]["text"]) for gold in row["gold"])
        if not any(words(answer) in text for answer in row["references"]):
            unsupported.append(row["id"])
    assert len(unsupported) <= 0.15 * len(answerable), unsupported


def test_every_module_is_asked_about(corpus: ModuleType) -> None:
    asked = Counter(
        row["group"] for language in LANGUAGES for row in questions(language) if row["answerable"]
    )
    assert set(asked) == set(corpus.MODULES)


def test_the_two_languages_ask_different_things() -> None:
    spanish, english = (
        {tuple(row["gold"]) for row in questions(language) if row["gold"]} for language in LANGUAGES
    )
    assert len(spanish & english) <= 0.5 * min(len(spanish), len(english))
