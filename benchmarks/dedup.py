"""Near duplicates among a million short documents: what is found, how fast, in how much memory;
datasketch and rensa's own deduplicator beside it on the same rows.

    python -m benchmarks.dedup [--rows N] [--quick] [--repeat N] [--full]

The rows and what is planted in them are told in `benchmarks._dedup_rows`. A pair counts as a
duplicate when its true Jaccard similarity, of shingles of three words, is 0.8 or more. Each side
goes through the rows in order, and flags a row when it is a duplicate of an earlier one: recall is
of the planted pairs that are duplicates, precision of the flagged rows.

Every repetition is a process of its own, one at a time, and the sides take turns; times are from
the texts in memory to the flags, medians of `--repeat` (datasketch: once). quilate, rensa and
datasketch make the same shingles, the latter two in Python as their documentation does it;
``rensa_words`` is rensa on words between spaces, which is less work for another similarity. Memory
is the peak of the whole process, rows included. datasketch is measured on the first 100,000 rows
(all with --full), and compared by rows a second, which favours it: its index slows as it grows.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._dedup_rows import THRESHOLD, shingles, write

_DATASKETCH_ROWS = 100_000
_SAMPLE = 1_500
_RANGES = ((0.8, 0.85), (0.85, 0.9), (0.9, 1.0), (1.0, 1.01))

Pairs = list[tuple[int, int, float]]


def one(side: str, folder: Path, rows: int) -> dict[str, Any]:
    """One side once."""
    command = [sys.executable, "-m", "benchmarks._dedup_sides", side, str(folder), str(rows)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{side} failed:\n{result.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return {**figures, "rows": rows}


def judged(run: dict[str, Any], pairs: Pairs) -> dict[str, Any]:
    """What a run found of the pairs among its rows."""
    flagged = dict(json.loads(Path(run["flagged"]).read_text()))
    here = [pair for pair in pairs if max(pair[:2]) < run["rows"]]
    true = {max(a, b): (min(a, b), near) for a, b, near in here if near >= THRESHOLD}
    right = flagged.keys() & true.keys()
    wrong_partner = sum(flagged[at] not in (None, true[at][0]) for at in right)
    by_range = {}
    for low, high in _RANGES:
        mine = [at for at, (_, near) in true.items() if low <= near < high]
        name = "1" if low == 1 else f"{low}-{high}"
        by_range[name] = round(len(right & set(mine)) / len(mine), 4) if mine else None
    return {
        "true_pairs": len(true),
        "flagged": len(flagged),
        "recall": len(right) / len(true),
        "precision": len(right) / len(flagged) if flagged else None,
        "wrong_partner": wrong_partner,
        "recall_by_similarity": by_range,
    }


def unplanted(folder: Path, rows: int, pairs: Pairs) -> float:
    """The highest similarity of all pairs of a sample of rows that are no copies."""
    chosen = set(random.Random(1).sample(range(rows), min(_SAMPLE, rows)))
    chosen -= {max(pair[:2]) for pair in pairs}
    with (folder / "rows.txt").open() as stream:
        sets = [shingles(line) for at, line in enumerate(stream) if at in chosen]
    highest = 0.0
    for at, mine in enumerate(sets):
        for other in sets[:at]:
            shared = len(mine & other)
            highest = max(highest, shared / (len(mine) + len(other) - shared))
    return highest


def compared(folder: Path, rows: int, repeat: int, full: bool) -> dict[str, list[dict[str, Any]]]:
    """All runs of all sides."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for _ in range(repeat):
        for side in ("quilate", "rensa", "rensa_words"):
            runs.setdefault(side, []).append(one(side, folder, rows))
    count = rows if full else min(rows, _DATASKETCH_ROWS)
    runs["datasketch"] = [one("datasketch", folder, count)]
    return runs


def show(side: str, runs: list[dict[str, Any]], found: dict[str, Any]) -> None:
    """A line for a reader."""
    seconds = statistics.median(run["seconds"] for run in runs)
    spread = " ".join(f"{run['seconds']:.1f}" for run in runs)
    print(
        f"{side:12} {runs[0]['rows']:>9,} rows {seconds:7.1f} s ({spread}), "
        f"{seconds / runs[0]['rows'] * 1e6:6.1f} µs a row, "
        f"{max(run['rss_mb'] for run in runs):6.0f} MB, recall {found['recall']:.4f}, "
        f"precision {found['precision']:.5f}; recall by similarity {found['recall_by_similarity']}"
    )


def main() -> None:
    """Write the rows, run the sides, print the line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="50,000 rows, once")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="datasketch on all the rows too")
    options = parser.parse_args()
    rows, repeat = (50_000, 1) if options.quick else (options.rows, options.repeat)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, rows)
        pairs: Pairs = [tuple(pair) for pair in json.loads((folder / "pairs.json").read_text())]
        size = (folder / "rows.txt").stat().st_size / rows
        highest = unplanted(folder, rows, pairs)
        print(f"{rows:,} rows of {size:.0f} bytes; highest similarity unplanted: {highest:.3f}")
        runs = compared(folder, rows, repeat, options.full)
        found = {side: judged(some[-1], pairs) for side, some in runs.items()}
    for side, some in runs.items():
        show(side, some, found[side])
    each = {
        side: statistics.median(run["seconds"] / run["rows"] for run in some)
        for side, some in runs.items()
    }
    ours = found["quilate"]
    line = {
        "rows": rows,
        "recall": round(ours["recall"], 5),
        "precision": round(ours["precision"], 6),
        "wrong_partner": ours["wrong_partner"],
        "seconds": round(each["quilate"] * rows, 2),
        "ratio_vs_datasketch": round(each["datasketch"] / each["quilate"], 1),
        "ratio_vs_rensa": round(each["quilate"] / each["rensa"], 3),
        "ratio_vs_rensa_words": round(each["quilate"] / each["rensa_words"], 3),
        "rss_mb": round(max(run["rss_mb"] for run in runs["quilate"])),
        "unplanted_max_sampled": round(highest, 3),
        "datasketch_rows": runs["datasketch"][0]["rows"],
        "others": {
            side: {
                "us_per_row": round(each[side] * 1e6, 1),
                "recall": round(found[side]["recall"], 4),
                "precision": round(found[side]["precision"], 4),
                "rss_mb": round(max(run["rss_mb"] for run in runs[side])),
            }
            for side in runs
            if side != "quilate"
        },
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
