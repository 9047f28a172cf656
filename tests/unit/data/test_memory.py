"""What grows with the rows is counted in bytes a row, and is small."""

import json
import tracemalloc

import numpy as np

from quilate.data import pipeline, run_pipeline
from quilate.data.duplicates import exact
from quilate.data.duplicates.exact import ExactDuplicates
from quilate.data.duplicates.verdict import ListedRows
from quilate.data.ids import SeenIds
from quilate.data.running import TrackRows
from quilate.data.selection import assigning
from quilate.data.selection.split import Split

MANY = 1 << 20


class _Rows:
    """So many rows that are never read."""

    def __len__(self):
        return MANY

    def take(self, positions, fields=None):
        return [{"id": str(at)} for at in positions]


def bytes_a_row(work):
    tracemalloc.start()
    try:
        kept = work()
        return tracemalloc.get_traced_memory()[1] / MANY, kept
    finally:
        tracemalloc.stop()


def test_exact_duplicates_take_few_bytes_a_row_even_when_half_of_them_are():
    digests = np.random.default_rng(0).integers(1, MANY // 2, (MANY, 2), np.uint64)
    digests[:, 1] = digests[:, 0]
    sketches = [{"digests": some} for some in np.split(digests, 64)]
    spent, verdicts = bytes_a_row(lambda: ExactDuplicates().decide(sketches, _Rows()))
    gone = int((verdicts.dropped >= 0).sum())
    assert MANY // 2 < gone == len(verdicts.details) < MANY * 0.6
    assert spent < 64  # as words in dictionaries they would be hundreds


def test_a_split_of_rows_on_their_own_takes_few_bytes_a_row():
    step = Split(train=0.9, test=0.1)
    hashes = np.random.default_rng(0).integers(0, 2**64 - 1, MANY, np.uint64)
    none = np.full(MANY // 64, -1)
    sketches = [{"hash": some, "cluster": none} for some in np.split(hashes, 64)]
    spent, verdicts = bytes_a_row(lambda: step.decide(sketches, _Rows()))
    assert abs(verdicts.columns["split"].count("test") - MANY / 10) <= 1
    assert spent < 32


def test_ids_that_were_seen_take_few_bytes_a_row(tmp_path):
    def work():
        seen = SeenIds()
        for begin in range(0, MANY, 8192):
            assert all(seen.add([str(at) for at in range(begin, begin + 8192)]))
        seen.close_source(tmp_path / "ids.npy")
        return seen

    spent, seen = bytes_a_row(work)
    assert seen.add(["7", "no", "no"]) == [False, True, False]
    assert spent < 25


def test_rows_on_their_own_are_split_as_groups_are():
    random = np.random.default_rng(5)
    compared = 0
    for trial in range(300):
        count, splits = int(random.integers(1, 200)), int(random.integers(1, 5))
        shares = random.multinomial(20, np.ones(splits) / splits) / 20
        hashes = random.integers(0, 2**64 - 1, count, np.uint64)
        if trial % 4 == 0:  # many rows with the same hash
            hashes = random.integers(0, 9, count).astype(np.uint64) << np.uint64(60)
        groups = assigning.Groups(np.arange(count), np.zeros(count, np.int64), hashes)
        for way, is_exact in ((assigning.exact, True), (assigning.lasting, False)):
            found = assigning.of_singles(hashes, list(shares), exact=is_exact)
            if found is not None:
                compared += 1
                assert found.tolist() == way(groups, list(shares)).tolist()
    assert compared > 300


def test_duplicates_compared_in_parts_are_those_compared_at_once(monkeypatch):
    random = np.random.default_rng(3)
    rows = [{"id": str(at), "text": str(random.integers(0, 400))} for at in range(1000)]
    for keep in ("first", "last", "longest"):
        step = ExactDuplicates(keep=keep, cluster_field="cluster")
        sketches = [step.sketch(rows[:300]), step.sketch(rows[300:])]
        monkeypatch.setattr(exact, "_AT_ONCE", 1 << 18)
        whole = step.decide(sketches, ListedRows(rows))
        monkeypatch.setattr(exact, "_AT_ONCE", 64)
        parted = step.decide(sketches, ListedRows(rows))
        assert parted.dropped.tolist() == whole.dropped.tolist()
        assert parted.details == dict(whole.details)
        assert parted.columns["cluster"].tolist() == whole.columns["cluster"].tolist()


def test_ids_are_told_without_reading_the_rows_again(tmp_path, monkeypatch):
    texts = ["a", "b", "a", "ñ", "b", "a"]
    rows = [{"id": f"é{at}", "text": text} for at, text in enumerate(texts)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = pipeline("test", "a.jsonl", ["exact_duplicates"], folder=tmp_path, shard_rows=2)
    monkeypatch.setattr(TrackRows, "_rows", None)
    done = run_pipeline(made, store=tmp_path / ".quilate", workers=1)
    told = [json.loads(line) for line in done.quarantine.read_text().splitlines()]
    assert [(one["id"], one["detail"]) for one in told] == [
        ("é2", "of é0"),
        ("é4", "of é1"),
        ("é5", "of é0"),
    ]
    assert sorted(file.name for file in done.quarantine.parent.iterdir()) == ["1.jsonl"]


def test_small_sources_are_several_shards_and_large_ones_are_not_many(tmp_path):
    from quilate.data.shards import ingest

    with (tmp_path / "a.jsonl").open("w") as stream:
        for at in range(80_000):
            stream.write(f'{{"id": "{at}"}}\n')
    found = ingest(
        tmp_path / "a.jsonl", tmp_path, fields={}, shard_rows=8192, seen=SeenIds()
    ).shards
    sizes = [shard.rows for shard in found]
    assert sizes[:8] == [1024] * 8 and max(sizes) == 8192
    assert sum(sizes) == 80_000 and len(sizes) < 40


def test_examples_are_made_for_those_that_are_shown_alone(monkeypatch):
    from quilate.data import verdicts
    from quilate.data.steps import Change, Drop

    masked = []
    real = verdicts._brief
    monkeypatch.setattr(verdicts, "_brief", lambda row: masked.append(row) or real(row))
    rows = [{"id": str(at), "text": "x"} for at in range(1000)]
    made = [Drop("short") if at % 2 else Change({"text": "y"}, ("better",)) for at in range(1000)]
    tally = verdicts.said_of(rows, made).tally
    assert tally.reasons["dropped"]["short"] == tally.reasons["changed"]["better"] == 500
    assert len(tally.examples) == 6 and len(masked) == 3 + 2 * 3
