"""Near duplicates, beside brute force."""

import itertools
import json
import random

import numpy as np
import pytest
from duplicates_kit import (
    VOCABULARY,
    components,
    decided,
    families,
    kept,
    mutated,
    near_pairs,
    rows_of,
    similarity,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from quilate.data import open_dataset, pipeline, run_pipeline
from quilate.data.duplicates import clusters
from quilate.data.duplicates.near import NearDuplicates
from quilate.errors import ConfigurationError, DataError


def check(texts, step, threshold, margin=0.08):
    verdicts = decided(step, rows_of(texts))
    labels = verdicts.columns["cluster"].tolist()
    wide, sure = (
        components(len(texts), near_pairs(texts, least))
        for least in (threshold, min(threshold + margin, 1.0))
    )
    for a, b in itertools.combinations(range(len(texts)), 2):
        if labels[a] == labels[b]:
            assert wide[a] == wide[b]
        if sure[a] == sure[b]:
            assert labels[a] == labels[b]
    staying = set(kept(verdicts))
    for at, detail in verdicts.details.items():
        keeper, told = int(detail.split()[1][1:]), float(detail.split()[-1][:-1])
        true = similarity(texts[at], texts[keeper])
        assert at not in staying and keeper in staying
        assert true >= threshold and 0 <= true - told < 0.001 + 1e-9
    for a, b in itertools.combinations(sorted(staying), 2):
        assert similarity(texts[a], texts[b]) < threshold + margin
    assert all(labels[at] <= at and labels[labels[at]] == labels[at] for at in range(len(texts)))


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95])
def test_clusters_are_those_of_brute_force(threshold):
    step = NearDuplicates(threshold=threshold, cluster_field="cluster")
    check(families(160, seed=3), step, threshold)


@pytest.mark.parametrize("crowd", [2, 10**6])
def test_large_buckets_are_compared_alike_in_matrices_and_in_pairs(crowd, monkeypatch):
    chance = random.Random(9)
    header = " ".join(chance.choices(VOCABULARY, k=70))
    texts = [f"{header} {' '.join(chance.choices(VOCABULARY, k=16))}" for _ in range(90)]
    texts += [mutated(text, 1, chance) for text in texts[:40]]
    monkeypatch.setattr(clusters, "_CROWD", crowd)
    monkeypatch.setattr(clusters, "_AT_ONCE", 500)
    check(texts, NearDuplicates(threshold=0.8, cluster_field="cluster"), 0.8)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefg"), max_size=12).map(" ".join), max_size=12))
def test_short_texts_of_few_words(texts):
    check(texts, NearDuplicates(threshold=0.7, cluster_field="cluster"), 0.7, margin=0.25)


def test_verdicts_do_not_depend_on_the_shards():
    texts = families(150, seed=4)
    rows = rows_of(texts)
    one, other = (decided(NearDuplicates(), rows, shard) for shard in (1000, 11))
    assert one.dropped.tolist() == other.dropped.tolist()
    assert one.details == other.details


def test_boilerplate_is_no_duplicate():
    chance = random.Random(2)
    header, footer = (" ".join(chance.choices(VOCABULARY, k=40)) for _ in range(2))
    bodies = [" ".join(chance.choices(VOCABULARY, k=30)) for _ in range(150)]
    texts = [f"{header} {body} {footer}" for body in bodies]
    verdicts = decided(NearDuplicates(), rows_of(texts))
    assert kept(verdicts) == list(range(150))


def test_a_chain_keeps_its_ends():
    words = [f"w{number}" for number in range(60)]
    middle = " ".join(words)
    ends = " ".join(["x", *words[1:-4]]), " ".join([*words[4:-1], "y"])
    assert similarity(ends[0], middle) >= 0.8 <= similarity(ends[1], middle)
    texts = [ends[0], middle, ends[1]]
    assert similarity(*ends) < min(similarity(end, middle) for end in ends)
    threshold = (similarity(*ends) + min(similarity(end, middle) for end in ends)) / 2
    step = NearDuplicates(threshold=threshold, keep="first", cluster_field="cluster")
    verdicts = decided(step, rows_of(texts))
    assert verdicts.columns["cluster"].tolist() == [0, 0, 0]
    assert kept(verdicts) == [0, 2]
    longest = decided(NearDuplicates(threshold=threshold, keep="longest"), rows_of(texts))
    assert kept(longest) == [1]


def test_what_is_kept():
    text = "the quick brown fox jumps over the lazy dog and runs away from it quickly"
    rows = [
        {"id": "a", "text": text, "votes": 3},
        {"id": "b", "text": text + "!!", "votes": None},
        {"id": "c", "text": text.upper(), "votes": 9.5},
        {"id": "d", "text": text + ".", "votes": True},
        {"id": "e", "text": text, "votes": float("nan")},
    ]
    stays = {"first": "a", "last": "e", "longest": "b", "best:votes": "c"}
    for keep, stayed in stays.items():
        verdicts = decided(NearDuplicates(keep=keep), rows, shard=2)
        assert [rows[at]["id"] for at in kept(verdicts)] == [stayed]
        assert set(verdicts.details.values()) == {f"of {stayed} (Jaccard 1.000)"}


def test_empty_texts_are_never_duplicates():
    texts = ["", "", " ", "…", "?!", "one", "One!"]
    assert kept(decided(NearDuplicates(), rows_of(texts))) == [0, 1, 2, 3, 4, 6]


def test_no_rows_and_one():
    assert len(decided(NearDuplicates(cluster_field="c"), []).dropped) == 0
    step = NearDuplicates()
    assert len(step.decide([step.sketch([])], _Rows()).dropped) == 0
    assert kept(decided(step, rows_of(["alone"]))) == [0]


class _Rows:
    def __len__(self):
        return 0


def test_fields_that_are_missing_or_no_texts():
    rows = [{"id": "a"}, {"id": "b", "text": None}, {"id": "c", "text": {"x": [1, 2, 3]}}]
    rows += [{"id": "d", "text": {"x": [1, 2, 3]}}]
    assert kept(decided(NearDuplicates(keep="first"), rows)) == [0, 1, 2]


def test_several_fields_together():
    rows = [
        {"id": str(at), "q": question, "a": "Lima is the capital of the country"}
        for at, question in enumerate(["What is it?", "What is it?", "Where did they all go then?"])
    ]
    step = NearDuplicates(field=["q", "a"], keep="first")
    assert kept(decided(step, rows)) == [0, 2]


def test_characters_find_typing_errors():
    texts = ["Katherine Harrington, 12 Maltby Circuit", "Katherin Harrington, 12 Maltby circuit"]
    texts += ["Lachlan Berry, 69 Giblin Street"]
    step = NearDuplicates(shingles="characters", size=3, threshold=0.7)
    assert kept(decided(step, rows_of(texts))) == [0, 2]
    assert kept(decided(NearDuplicates(), rows_of(texts))) == [0, 1, 2]


def test_unicode_forms_are_one():
    texts = [
        "Él comió una manzana ﬁna en Málaga",
        "él comio\u0301 UNA manzana fina en Ma\u0301laga",
    ]
    verdicts = decided(NearDuplicates(), rows_of(texts))
    assert len(kept(verdicts)) == 1


def test_fifty_megabytes_in_a_row():
    piece = " ".join(VOCABULARY) + "\n"
    long = piece * (50_000_000 // len(piece))
    verdicts = decided(NearDuplicates(), rows_of([long, "short and sweet text"]))
    assert kept(verdicts) == [0, 1]


def test_long_texts_that_are_near():
    words = random.Random(1).choices(VOCABULARY, k=200_000)
    long = " ".join(words)
    rows = rows_of([long, long + " and one more word", " ".join(reversed(words))])
    verdicts = decided(NearDuplicates(keep="first"), rows)
    assert kept(verdicts) == [0, 2]
    assert verdicts.details == {1: "of r0 (Jaccard 0.999)"}


def test_sketches_are_small_and_may_be_memory_maps(tmp_path):
    texts = families(100, seed=6)
    rows, step = rows_of(texts), NearDuplicates()
    sketch = step.sketch(rows)
    assert sum(values.nbytes for values in sketch.values()) <= 100 * 100
    mapped = {}
    for name, values in sketch.items():
        np.save(tmp_path / f"{name}.npy", values, allow_pickle=False)
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    from quilate.data.duplicates.verdict import ListedRows

    found = step.decide([mapped], ListedRows(rows))
    assert found.details == decided(step, rows).details


def test_only_marking():
    texts = families(40, seed=8)
    verdicts = decided(NearDuplicates(drop=False, cluster_field="cluster"), rows_of(texts))
    assert kept(verdicts) == list(range(40)) and not verdicts.details
    assert len(set(verdicts.columns["cluster"].tolist())) < 40


def test_in_a_pipeline(tmp_path):
    file = tmp_path / "rows.jsonl"
    texts = families(60, seed=10)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows_of(texts)))
    step = {"near_duplicates": {"keep": "first", "cluster_field": "cluster"}}
    made = pipeline("near", str(file), [step], shard_rows=16)
    done = run_pipeline(made, store=tmp_path / "store", workers=1)
    expected = decided(NearDuplicates(keep="first", cluster_field="cluster"), rows_of(texts))
    rows = list(open_dataset("near", tmp_path / "store").rows())
    assert [row["id"] for row in rows] == [f"r{at}" for at in kept(expected)]
    labels = expected.columns["cluster"].tolist()
    assert [row["cluster"] for row in rows] == [labels[at] for at in kept(expected)]
    quarantined = [json.loads(line) for line in done.quarantine.read_text().splitlines()]
    assert {row["reason"] for row in quarantined} == {"near duplicate"}
    assert len(quarantined) == 60 - len(rows)


def test_sketches_of_other_rows_are_refused():
    step, rows = NearDuplicates(), rows_of(["one", "two"])
    from quilate.data.duplicates.verdict import ListedRows

    with pytest.raises(DataError, match="1 rows, and there are 2"):
        step.decide([step.sketch(rows[:1])], ListedRows(rows))


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0},
        {"threshold": 1.5},
        {"threshold": "0.8"},
        {"threshold": float("nan")},
        {"threshold": True},
        {"permutations": 4},
        {"permutations": 12.5},
        {"permutations": 10**6},
        {"shingles": "letters"},
        {"size": 0},
        {"keep": "shortest"},
        {"keep": "best:"},
        {"keep": 3},
        {"field": []},
        {"field": ""},
        {"field": [1]},
        {"field": None},
        {"cluster_field": "id"},
        {"cluster_field": ""},
        {"drop": "no"},
        {"drop": False},
    ],
)
def test_options_that_are_none(options):
    with pytest.raises(ConfigurationError):
        NearDuplicates(**options)
