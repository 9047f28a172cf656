"""What a pipeline rests on: ids that stay, content told without shards, a cache that heals."""

import json

import pytest

from quilate.data import Change, pipeline, run_pipeline
from quilate.data.steps import Add
from quilate.errors import DataError

STEPS = ["whitespace", {"length": {"min": 3}}, "exact_duplicates"]


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("lance")
    rows = [{"id": str(n), "text": f"nota  {n % 90}" + " sí" * (n % 7)} for n in range(500)]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def done(folder, steps=STEPS, **options):
    made = pipeline("p", "r.jsonl", steps, folder=folder, **options)
    return run_pipeline(made, store=folder / "s", workers=1)


@pytest.mark.parametrize("given", ["x", None, 7])
def test_a_step_leaves_ids_as_they_are(folder, given):
    def rename(row):
        return Change({"id": given}, ("renamed",))

    with pytest.raises(DataError, match=r"row 0: The step 'rename' changes the id.*fields: \{id"):
        done(folder, [rename])


@pytest.mark.parametrize("given", ["0", "3", "", None, 7])
def test_added_rows_have_ids_of_their_own(folder, given):
    def more(row):
        return Add(({"id": given, "text": "x"},), "more") if row["id"] == "3" else None

    with pytest.raises(DataError, match="row 3: The step 'more' adds a row with the id"):
        done(folder, [more])


def test_the_same_rows_are_the_same_version_whatever_the_shards(folder):
    first = done(folder, shard_rows=100)
    again = done(folder, shard_rows=170)
    assert first.manifest["digest"] == again.manifest["digest"]
    assert (first.new, again.new) == (True, False)


def test_added_rows_have_ids_that_no_shard_has(folder):
    def more(row):
        return Add(({"id": "new", "text": "x"},), "more") if row["id"] in ("3", "450") else None

    def other(row):
        return Add(({"id": "450", "text": "x"},), "other") if row["id"] == "3" else None

    for step in (more, other):
        with pytest.raises(DataError, match=f"'{step.__name__}' adds a row with the id"):
            done(folder, [step], shard_rows=100)


def flipped(data):
    """With one bit of a digit or letter in the middle changed."""
    at = next((n for n in range(len(data) // 2, len(data)) if data[n : n + 1].isalnum()), 0)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if data else data


@pytest.mark.parametrize("harm", [lambda data: b"", lambda data: data[: len(data) // 2], flipped])
def test_a_damaged_cache_is_made_anew(folder, harm):
    with (folder / "r.jsonl").open("a") as stream:
        stream.write("{broken line\n")
    first = done(folder, shard_rows=100)
    spoilt = 0
    for file in (folder / "s" / "data" / ".cache").rglob("*"):
        if file.is_file() and "sketches" not in file.parts:
            file.write_bytes(harm(file.read_bytes()))
            spoilt += 1
    assert spoilt > 20
    again = done(folder, shard_rows=100)
    assert not again.new
    assert again.manifest["digest"] == first.manifest["digest"]
    assert again.manifest["steps"] == first.manifest["steps"]
    assert again.quarantine.read_bytes() == first.quarantine.read_bytes()


def test_a_damaged_sketch_is_one_error_that_says_what_to_do(folder):
    done(folder, shard_rows=100)
    cache = folder / "s" / "data" / ".cache"
    for file in (*cache.rglob("*.npy"), *(cache / "steps").rglob("*.json")):
        file.write_bytes(file.read_bytes()[:20] if "sketches" in file.parts else b"")
    with pytest.raises(DataError, match=r"damaged.*Delete that folder"):
        done(folder, shard_rows=100)
