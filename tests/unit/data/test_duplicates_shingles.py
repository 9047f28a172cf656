"""Shingles, signatures and bands, beside what Python sets say."""

import random

import numpy as np
import pytest
from duplicates_kit import similarity, word_shingles
from hypothesis import given, settings
from hypothesis import strategies as st

from quilate.data.duplicates.jaccard import Jaccard
from quilate.data.duplicates.lsh import Banding
from quilate.data.duplicates.minhash import signatures
from quilate.data.duplicates.shingles import Shingling, gathered
from quilate.errors import ConfigurationError

WORDS = ["a", "río", "rio", "Zoë", "x1", "straße", "STRASSE", "…", "«", "\n", "İ", "ﬁn"]
texts_of_words = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


def shared(sets, a, b):
    return len(set(sets[a]) & set(sets[b]))


def as_lists(sets):
    return [
        sets.hashes[a:b].tolist() for a, b in zip(sets.starts[:-1], sets.starts[1:], strict=True)
    ]


def character_shingles(text, size):
    plain = "".join(f"{word} " for word in text.lower().split())
    if 0 < len(plain) < size:
        return {plain}
    return {plain[at : at + size] for at in range(len(plain) - size + 1)}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="abé C,.-\n漢か😀\u0967", max_size=30), min_size=2, max_size=8))
def test_sets_do_not_depend_on_the_company_of_a_text(texts):
    together = as_lists(Shingling().sets(texts))
    assert together == [as_lists(Shingling().sets([text]))[0] for text in texts]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="abcABC ,.", max_size=40), min_size=2, max_size=6))
def test_words_and_characters_as_python_sets_have_them(texts):
    sets = as_lists(Shingling("words", 2).sets(texts))
    plain = [text.replace(",", " ").replace(".", " ") for text in texts]
    letters = as_lists(Shingling("characters", 4).sets(texts))
    for a in range(len(texts)):
        for b in range(len(texts)):
            words = word_shingles(texts[a], 2) & word_shingles(texts[b], 2)
            assert shared(sets, a, b) == len(words)
            both = character_shingles(plain[a], 4) & character_shingles(plain[b], 4)
            assert shared(letters, a, b) == len(both)


@settings(max_examples=100, deadline=None)
@given(texts_of_words, texts_of_words)
def test_similarity_is_that_of_the_sets(a, b):
    found = Jaccard(Shingling().sets([a, b])).pairs(np.array([0]), np.array([1]))
    assert found[0] == pytest.approx(similarity(a, b))


def test_scripts_without_spaces_and_emoji():
    sizes = Shingling("words", 3).sets(["日本語のテキスト", "สวัสดี", "👍👎🎉🚀", "हिन्दी में"]).sizes
    assert sizes[0] == 6
    assert sizes[1] >= 2
    assert sizes[2] == 2
    assert sizes[3] == 1
    marks = Shingling().blocks(["कि", "की"])
    assert len(set(next(iter(marks)).fingerprints.tolist())) == 2


def test_short_texts_are_one_shingle_and_texts_without_words_none():
    sets = Shingling().sets(["", " \n ", "?!", "one", "one two", "ONE, two", "one two three"])
    assert sets.sizes.tolist() == [0, 0, 0, 1, 1, 1, 1]
    lists = as_lists(sets)
    assert lists[4] == lists[5]
    assert len({lists[3][0], lists[4][0], lists[6][0]}) == 3


def test_lone_surrogates_and_the_highest_planes():
    sets = Shingling("words", 1).sets(["a \ud800 b", "\U00020000\U00020001", "\U000e0041", "\0"])
    assert sets.sizes.tolist() == [2, 2, 0, 0]


def test_a_long_text_is_what_its_words_are(monkeypatch):
    chance = random.Random(1)
    text = " ".join(chance.choice(WORDS) + str(chance.randrange(50)) for _ in range(20_000))
    for unit, size in (("words", 3), ("characters", 5)):
        whole = Shingling(unit, size).sets(["before", text, "after"])
        monkeypatch.setattr("quilate.data.duplicates.shingles._CHARACTERS", 1 << 20)
        assert as_lists(whole) == as_lists(Shingling(unit, size).sets(["before", text, "after"]))
        monkeypatch.undo()


def test_a_word_without_an_end():
    sets = Shingling().sets(["x" * 200_000, "x" * 200_000, "x" * 200_001])
    lists = as_lists(sets)
    assert lists[0] == lists[1] != lists[2]


def test_many_sets_lie_in_a_file(monkeypatch):
    texts = [f"one two three {number} five six" for number in range(50)]
    here = Shingling().sets(texts)
    monkeypatch.setattr("quilate.data.duplicates.shingles._HELD", 64)
    there = gathered(block.sets() for text in texts for block in Shingling().blocks([text]))
    assert isinstance(there.hashes, np.memmap)
    assert as_lists(there) == as_lists(here)


@pytest.mark.parametrize("size", [3, 12, 90, 400])
def test_slots_agree_as_often_as_sets_are_similar(size):
    chance = random.Random(size)
    agreeing, true = [], []
    for pair in range(150):
        words = [f"w{pair}x{number}" for number in range(2 * size)]
        cut = chance.randrange(1, size)
        texts = [" ".join(words[:size]), " ".join(words[cut : cut + size])]
        blocks = list(Shingling("words", 1).blocks(texts))
        a, b = signatures(blocks, 2, 128)
        agreeing.append((a == b).mean())
        true.append((size - cut) / (size + cut))
    assert np.mean(agreeing) == pytest.approx(np.mean(true), abs=0.02)
    assert np.abs(np.array(agreeing) - np.array(true)).mean() < 0.05


def test_bands_find_what_their_formula_says():
    banding = Banding.for_threshold(0.8, 128)
    assert banding.probability(0.8) >= 0.995
    assert Banding(128 // (banding.rows + 1), banding.rows + 1).probability(0.8) < 0.995
    chance, texts = random.Random(5), []
    for pair in range(600):
        words = [f"w{pair}x{number}" for number in range(90)]
        other = list(words)
        for at in chance.sample(range(90), 10):  # 80 of 100 are shared
            other[at] += "y"
        texts += [" ".join(words), " ".join(other)]
    hashes = banding.hashes(signatures(Shingling("words", 1).blocks(texts), len(texts), 128))
    met = (hashes[:, ::2] == hashes[:, 1::2]).any(axis=0)
    assert met.mean() >= 0.99


def test_signatures_are_the_same_everywhere():
    blocks = Shingling().blocks(["The same on every machine, ¿verdad? 日本 👍"])
    expected = [1500036718, 1865772225, 2939103110, 2939103110]
    expected += [2521990060, 1865772225, 2296361616, 2296361616]
    assert signatures(blocks, 1, 8).tolist() == [expected]


@pytest.mark.parametrize("options", [("lines", 3), ("words", 0), ("words", 2.5), ("words", True)])
def test_shinglings_that_are_none(options):
    with pytest.raises(ConfigurationError):
        Shingling(*options)
