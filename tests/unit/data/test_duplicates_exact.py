"""Exact duplicates: counted beside dictionaries."""

import pytest
from duplicates_kit import decided, kept, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from quilate.data.duplicates.exact import ExactDuplicates, normalised
from quilate.data.duplicates.near import NearDuplicates
from quilate.errors import ConfigurationError, DataError


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.text(alphabet="aA .\n", max_size=4), max_size=30),
    st.sampled_from(["none", "whitespace", "folded"]),
    st.sampled_from(["first", "last"]),
)
def test_counts_are_those_of_a_dictionary(texts, normalise, keep):
    seen, stay = {}, set()
    for at, text in enumerate(texts):
        key = normalised(text, normalise)
        if not key:
            stay.add(at)
        elif keep == "last" or key not in seen:
            seen[key] = at
    step = ExactDuplicates(normalise=normalise, keep=keep, cluster_field="cluster")
    verdicts = decided(step, rows_of(texts))
    assert kept(verdicts) == sorted(stay | set(seen.values()))
    for at, detail in verdicts.details.items():
        assert detail == f"of r{seen[normalised(texts[at], normalise)]}"
    clusters = verdicts.columns["cluster"].tolist()
    for at, text in enumerate(texts):
        key = normalised(text, normalise)
        same = [i for i, other in enumerate(texts) if normalised(other, normalise) == key]
        assert clusters[at] == (same[0] if key else at)


def test_what_does_not_count():
    texts = ["One two", "One  two\n", "¡ONE, two!", "one\u00a0ｔｗｏ", "onetwo"]
    stays = {"none": [0, 1, 2, 3, 4], "whitespace": [0, 2, 3, 4], "folded": [0, 4]}
    for normalise, expected in stays.items():
        assert kept(decided(ExactDuplicates(normalise=normalise), rows_of(texts))) == expected


def test_symbols_and_marks_count_when_folded():
    for a, b in (("2 + 2", "2 2"), ("👍", "👎"), ("कि", "की"), ("$5", "5")):
        assert normalised(a, "folded") != normalised(b, "folded")


def test_fields_are_kept_apart():
    rows = [
        {"id": "a", "q": "ab", "a": "c"},
        {"id": "b", "q": "a", "a": "bc"},
        {"id": "c", "q": "ab", "a": "c", "other": 1},
        {"id": "d", "q": "", "a": ""},
        {"id": "e"},
    ]
    verdicts = decided(ExactDuplicates(field=["q", "a"]), rows, shard=2)
    assert kept(verdicts) == [0, 1, 3, 4]
    assert verdicts.details == {2: "of a"}


def test_the_best_stays_and_the_first_of_equals():
    rows = [
        {"id": name, "text": "same", "score": score}
        for name, score in zip("abcd", [1, 5, 5, None], strict=True)
    ]
    assert kept(decided(ExactDuplicates(keep="best:score"), rows, shard=3)) == [1]


def test_numbers_beyond_floats_are_compared_and_a_field_without_any_is_refused():
    def rows(*votes):
        return [{"id": str(n), "text": "same", "votes": one} for n, one in enumerate(votes)]

    step = ExactDuplicates(keep="best:votes")
    assert kept(decided(step, rows(7, -(10**400), 10**400, float("nan")))) == [2]
    for wrong in (step, NearDuplicates(keep="best:votes")):
        with pytest.raises(DataError, match=r"No row has a number in 'votes'.*CSV"):
            decided(wrong, rows("7", "9"))


def test_values_that_are_no_texts():
    rows = [{"id": "a", "text": [1, 2]}, {"id": "b", "text": [1, 2]}, {"id": "c", "text": 5}]
    rows += [{"id": "d", "text": "lone \ud800"}, {"id": "e", "text": "lone \ud800"}]
    assert kept(decided(ExactDuplicates(), rows)) == [0, 2, 3]
    assert kept(decided(ExactDuplicates(normalise="folded"), rows)) == [0, 2, 3]


def test_no_rows():
    assert len(decided(ExactDuplicates(), []).dropped) == 0


@pytest.mark.parametrize(
    "options",
    [{"normalise": "lower"}, {"normalise": None}, {"keep": "any"}, {"field": 3}, {"drop": False}],
)
def test_options_that_are_none(options):
    with pytest.raises(ConfigurationError):
        ExactDuplicates(**options)
