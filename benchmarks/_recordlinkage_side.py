"""recordlinkage's classic comparison of the FEBRL records, in its own environment: prints a line of
JSON, for each pair the sum of its six scores. Run as a script: ``FILE.jsonl``."""

import json
import sys
from pathlib import Path


def main() -> None:
    """Compare all pairs the way the package's guide to deduplication does."""
    import pandas
    import recordlinkage

    records = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    frame = pandas.DataFrame([one["fields"] for one in records]).replace("", None)
    index = recordlinkage.Index()
    index.full()  # the guide blocks on given_name, which loses the pairs that differ in it
    compare = recordlinkage.Compare()
    compare.exact("given_name", "given_name")
    compare.string("surname", "surname", method="jarowinkler", threshold=0.85)
    compare.exact("date_of_birth", "date_of_birth")
    compare.exact("suburb", "suburb")
    compare.exact("state", "state")
    compare.string("address_1", "address_1", threshold=0.85)
    sums = compare.compute(index.index(frame), frame).sum(axis=1)
    found = [(int(a), int(b), float(s)) for (a, b), s in sums[sums >= 1].items()]
    guide = recordlinkage.Index()
    guide.block("given_name")
    blocked = sorted((min(p), max(p)) for p in guide.index(frame))
    print(json.dumps({"sums": found, "blocked": [list(map(int, pair)) for pair in blocked]}))


if __name__ == "__main__":
    main()
