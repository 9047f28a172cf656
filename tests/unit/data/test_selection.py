"""Splits that part no group, balance, samples and mixtures."""

import json
import random
from collections import Counter, defaultdict

import pytest

from quilate.data import open_dataset, pipeline, run_pipeline
from quilate.data.duplicates.verdict import ListedRows
from quilate.data.selection.balance import Balance
from quilate.data.selection.sample import Sample
from quilate.data.selection.split import Split
from quilate.errors import ConfigurationError, DataError


def decided(step, rows, shard=7):
    """The verdicts, sketched in shards of some rows."""
    parts = [rows[at : at + shard] for at in range(0, len(rows), shard)]
    return step.decide([step.sketch(part) for part in parts], ListedRows(rows))


def splits(rows, **options):
    step = Split(**options)
    return list(decided(step, rows, 1000).columns[step.column])


def kept(step, rows):
    verdicts = decided(step, rows)
    gone = [verdicts.reasons[at] for at in verdicts.dropped.tolist() if at >= 0]
    return [row for row, at in zip(rows, verdicts.dropped, strict=True) if at < 0], Counter(gone)


def plain(count, **fields):
    return [
        {"id": f"r{at}", **{name: of(at) for name, of in fields.items()}} for at in range(count)
    ]


def test_the_shares_are_exact_for_single_rows():
    said = Counter(splits(plain(1000)))
    assert abs(said["train"] - 800) <= 1 and abs(said["test"] - 100) <= 1


def test_the_split_is_the_same_in_any_order_and_another_for_another_seed():
    rows = plain(300)
    by_id = dict(zip((row["id"] for row in rows), splits(rows), strict=True))
    turned = rows[::-1]
    assert splits(turned) == [by_id[row["id"]] for row in turned]
    assert splits(rows, seed=1) != splits(rows)


def test_rows_that_come_later_move_few_others_or_none():
    rows = plain(2200)
    first, both = splits(rows[:2000]), splits(rows)[:2000]
    assert sum(a != b for a, b in zip(first, both, strict=True)) < 40
    options = {"exact": False, "train": 0.8, "test": 0.2}
    assert splits(rows[:2000], **options) == splits(rows, **options)[:2000]
    share = splits(rows, **options).count("train") / 2200
    assert 0.77 < share < 0.83


def test_no_group_is_parted_and_the_shares_come_out():
    rng = random.Random(0)
    rows = plain(3000, doc=lambda at: f"d{int(rng.paretovariate(0.7)) % 400}")
    said = splits(rows, by="doc", train=0.7, validation=0.15, test=0.15)
    where = defaultdict(set)
    for row, one in zip(rows, said, strict=True):
        where[row["doc"]].add(one)
    assert all(len(one) == 1 for one in where.values())
    biggest = Counter(row["doc"] for row in rows).most_common(1)[0][1]
    assert biggest > 450, "a group larger than a small split is what makes this hard"
    counts = Counter(said)
    assert abs(counts["test"] / 3000 - 0.15) < 0.02
    assert abs(counts["validation"] / 3000 - 0.15) < 0.02


def test_groups_and_clusters_that_overlap_are_one_group():
    # doc a and doc b are joined by cluster 1, and cluster 2 joins b and c.
    rows = [
        {"id": "1", "doc": "a", "cluster": None},
        {"id": "2", "doc": "a", "cluster": 1},
        {"id": "3", "doc": "b", "cluster": 1},
        {"id": "4", "doc": "b", "cluster": 2},
        {"id": "5", "doc": "c", "cluster": 2},
        *plain(60, doc=lambda at: f"x{at}"),
    ]
    for seed in range(5):
        assert len(set(splits(rows, by="doc", seed=seed)[:5])) == 1


def test_near_duplicates_stay_together():
    rng = random.Random(0)
    words = [f"word{at}" for at in range(14)]
    rows = []
    for at in range(40):
        text = " ".join(rng.choices(words, k=40))
        rows.append({"id": f"{at}a", "text": text, "pair": at})
        rows.append({"id": f"{at}b", "text": text + " extra", "pair": at})
    rng.shuffle(rows)
    where = defaultdict(set)
    said = splits(rows, clusters="near", train=0.5, test=0.5)
    for row, one in zip(rows, said, strict=True):
        where[row["pair"]].add(one)
    assert all(len(one) == 1 for one in where.values())
    assert said.count("train") == 40
    apart = defaultdict(set)
    for row, one in zip(rows, splits(rows, train=0.5, test=0.5), strict=True):
        apart[row["pair"]].add(one)
    assert any(len(one) == 2 for one in apart.values())


def test_strata_keep_the_shares():
    rows = plain(1000, label=lambda at: "rare" if at % 20 == 0 else "often")
    said = splits(rows, stratify="label", train=0.8, test=0.2)
    rare = Counter(one for row, one in zip(rows, said, strict=True) if row["label"] == "rare")
    assert rare == {"train": 40, "test": 10}


def test_many_strata_of_one_row_do_not_all_go_to_one_split():
    rows = plain(1000, label=str)
    share = splits(rows, stratify="label", train=0.8, test=0.2).count("train") / 1000
    assert 0.76 < share < 0.84


def test_groups_within_strata():
    rows = plain(1200, doc=lambda at: at // 4, label=lambda at: "a" if at // 4 % 3 else "b")
    said = splits(rows, by="doc", stratify="label", train=0.75, test=0.25)
    for label, total in (("a", 800), ("b", 400)):
        test = sum(
            one == "test" for row, one in zip(rows, said, strict=True) if row["label"] == label
        )
        assert abs(test / total - 0.25) < 0.01


def test_few_groups_fill_every_split_or_it_is_an_error():
    rows = plain(50, doc=lambda at: at % 5)
    assert set(splits(rows, by="doc")) == {"train", "validation", "test"}
    with pytest.raises(DataError, match="No row fell to"):
        splits(plain(50, doc=lambda at: at % 2), by="doc")
    assert splits([]) == []


def test_shares_by_any_names_and_what_is_wrong_with_them():
    assert set(splits(plain(30), shares={"a": 0.5, "b": 0.5}, column="fold")) == {"a", "b"}
    assert splits(plain(100), test=0.25).count("train") == 75
    for wrong in (
        {"train": 0.8, "test": 0.3},
        {"train": -0.1},
        {"train": "most"},
        {"shares": {"a": 1.0}, "test": 0.1},
        {"validation": float("nan")},
        {"test": 1.5},
        {"by": ""},
        {"clusters": "near", "threshold": 7},
    ):
        with pytest.raises(ConfigurationError):
            Split(**wrong)
    with pytest.raises(DataError, match="'nowhere'"):
        splits(plain(10), by="nowhere")
    with pytest.raises(DataError, match="'nowhere'"):
        splits(plain(10), stratify="nowhere")


def test_balance_keeps_as_many_of_each_or_a_ratio():
    rows = plain(100, lang=lambda at: "en" if at < 70 else "es" if at < 95 else None)
    left, gone = kept(Balance("lang"), rows)
    assert Counter(row["lang"] for row in left) == {"en": 5, "es": 5, None: 5}
    assert gone == {"over-represented: en": 65, "over-represented: es": 20}
    left, gone = kept(Balance("lang", how="cap", max_ratio=8), rows)
    assert Counter(row["lang"] for row in left) == {"en": 40, "es": 25, None: 5}
    left, _ = kept(Balance("lang", how="cap", max_rows=30), rows)
    assert Counter(row["lang"] for row in left) == {"en": 30, "es": 25, None: 5}
    assert kept(Balance("lang", seed=1), rows)[0] != kept(Balance("lang"), rows)[0]


def test_balance_between_more_values_than_reasons_can_name():
    rows = [*plain(8004, key=lambda at: f"k{at % 2001}"), {"id": "last", "key": "single"}]
    left, gone = kept(Balance("key"), rows)
    assert len(left) == 2002 and gone["over-represented"] == 3 * 1001


def test_sample_is_nested_and_exact():
    rows = plain(500)
    few, gone = kept(Sample(n=50), rows)
    more, _ = kept(Sample(share=0.3), rows)
    assert (len(few), len(more)) == (50, 150) and gone == {"not sampled": 450}
    assert {row["id"] for row in few} < {row["id"] for row in more}
    assert kept(Sample(n=900), rows)[0] == rows


def test_mixtures():
    rows = plain(1000, source=lambda at: "web" if at < 900 else "books" if at < 980 else "law")

    def mixed(**options):
        return Counter(row["source"] for row in kept(Sample(by="source", **options), rows)[0])

    assert mixed(n=100) == {"web": 90, "books": 8, "law": 2}
    assert mixed(n=90, weights={"web": 1, "books": 2}) == {"web": 30, "books": 60}
    assert mixed(n=300, weights={"web": 1, "books": 1, "law": 1}) == {
        "web": 200,
        "books": 80,
        "law": 20,
    }
    assert mixed(weights={"web": 2, "books": 1}) == {"web": 160, "books": 80}
    flat = mixed(n=100, temperature=3.3)
    assert flat["law"] > 10 and sum(flat.values()) == 100


def test_what_samples_and_balances_refuse():
    for step, wrong in (
        (Sample, {}),
        (Sample, {"n": 5, "share": 0.5}),
        (Sample, {"n": 0}),
        (Sample, {"n": True}),
        (Sample, {"share": "half"}),
        (Sample, {"n": 5, "weights": {"a": 1}}),
        (Sample, {"n": 5, "by": "s", "weights": {"a": -1}}),
        (Sample, {"n": 5, "by": "s", "weights": {"a": 0}}),
        (Sample, {"n": 5, "temperature": float("nan")}),
        (Balance, {"field": "x", "how": "more"}),
        (Balance, {"field": "x", "max_ratio": 2}),
        (Balance, {"field": "x", "how": "cap"}),
        (Balance, {"field": "x", "how": "cap", "max_ratio": 0.5}),
    ):
        with pytest.raises(ConfigurationError):
            step(**wrong)
    with pytest.raises(ConfigurationError, match="'wiki'"):
        kept(Sample(by="s", weights={"wiki": 1}), plain(5, s=str))
    with pytest.raises(DataError, match="'nowhere'"):
        kept(Balance("nowhere"), plain(5))


def test_in_a_pipeline_of_several_shards_with_odd_values(tmp_path):
    values = ["es", None, {"a": 1}, ["x"], 3, "ñandú 日本", ""]
    rows = plain(140, kind=lambda at: values[at % 7], text=lambda at: f"text number {at}")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps = [
        {"balance": {"field": "kind", "how": "cap", "max_ratio": 1}},
        {"sample": {"n": 60}},
        {"split": {"train": 0.5, "test": 0.5, "stratify": "kind", "clusters": "near"}},
    ]
    made = pipeline("sel", "rows.jsonl", steps, folder=tmp_path, shard_rows=16)
    done = run_pipeline(made, store=tmp_path / ".quilate", workers=1)
    said = Counter(row["split"] for row in open_dataset("sel", tmp_path / ".quilate").rows())
    assert sum(said.values()) == 60 and set(said) == {"train", "test"}
    assert done.manifest["steps"][2]["reasons"]["changed"] == dict(said)
