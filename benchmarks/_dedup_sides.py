"""One side of `benchmarks.dedup`, in a process of its own: ``SIDE FOLDER ROWS``.

Prints a line of JSON: seconds, the peak of the resident set in MB, and which rows were flagged as
duplicates of another (with the row that is kept for each, where the side tells).
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks._dedup_rows import THRESHOLD, words
from benchmarks._measure import _peak_mb

SHARD = 8192
SLOTS = 128
Flagged = dict[int, int | None]


def token_sets(texts: list[str]) -> Iterator[list[str]]:
    """The shingles of each text, made as they are asked for."""
    for text in texts:
        found = words(text)
        yield [" ".join(found[at : at + 3]) for at in range(len(found) - 2)]


def quilate(texts: list[str]) -> Callable[[], Flagged]:
    """Near duplicates of quilate, as a pipeline calls it: shard by shard, then once."""
    from scipy.sparse import csgraph as _loaded  # noqa: F401  # imports are no part of the work

    from quilate.data.duplicates.near import NearDuplicates
    from quilate.data.duplicates.verdict import ListedRows

    rows: list[Any] = [{"id": str(at), "text": text} for at, text in enumerate(texts)]
    step = NearDuplicates(threshold=THRESHOLD, permutations=SLOTS, keep="first")

    def work() -> Flagged:
        shards = range(0, len(rows), SHARD)
        sketches = [step.sketch(rows[begin : begin + SHARD]) for begin in shards]
        details = step.decide(sketches, ListedRows(rows)).details
        return {at: int(detail.split()[1]) for at, detail in details.items()}

    return work


def rensa(texts: list[str]) -> Callable[[], Flagged]:
    """rensa's deduplicator on the same shingles."""
    return _rensa(lambda: token_sets(texts), len(texts))


def rensa_words(texts: list[str]) -> Callable[[], Flagged]:
    """rensa's deduplicator on words between spaces, as in its README: another similarity."""
    return _rensa(lambda: (text.split() for text in texts), len(texts))


def _rensa(tokens: Callable[[], Iterator[list[str]]], count: int) -> Callable[[], Flagged]:
    from rensa import RMinHashDeduplicator

    def work() -> Flagged:
        engine = RMinHashDeduplicator(threshold=THRESHOLD, num_perm=SLOTS, use_lsh=True)
        numbers = map(str, range(count))
        kept = engine.add_pairs(zip(numbers, tokens(), strict=True))
        return {at: None for at, stays in enumerate(kept) if not stays}

    return work


def datasketch(texts: list[str]) -> Callable[[], Flagged]:
    """datasketch's MinHash and index on the same shingles, its usual loop."""
    from datasketch import MinHash, MinHashLSH

    def work() -> Flagged:
        index = MinHashLSH(threshold=THRESHOLD, num_perm=SLOTS)
        flagged: Flagged = {}
        tokens = ([token.encode() for token in some] for some in token_sets(texts))
        for at, sketch in enumerate(MinHash.generator(tokens, num_perm=SLOTS)):
            found = index.query(sketch)
            if found:
                flagged[at] = min(found)
            else:
                index.insert(at, sketch)
        return flagged

    return work


SIDES = {
    "quilate": quilate,
    "rensa": rensa,
    "rensa_words": rensa_words,
    "datasketch": datasketch,
}


def main() -> None:
    """Run the side and print its figures."""
    side, folder, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    with (folder / "rows.txt").open() as stream:
        texts = [line.rstrip("\n") for _, line in zip(range(rows), stream, strict=False)]
    work = SIDES[side](texts)
    begin, used = time.perf_counter(), time.process_time()
    flagged = work()
    figures = {"seconds": time.perf_counter() - begin, "cpu_s": time.process_time() - used}
    told = folder / f"{side}.json"
    told.write_text(json.dumps(list(flagged.items())))
    print(json.dumps({**figures, "rss_mb": _peak_mb(), "flagged": str(told)}))


if __name__ == "__main__":
    main()
