"""What the tests of duplicates share: the steps run on a list, and oracles on Python sets."""

import itertools
import random
import re
import unicodedata
from functools import cache

from quilate.data.duplicates.verdict import ListedRows

VOCABULARY = [f"word{number}" for number in range(400)]
_WORD = re.compile(r"[^\W_]+")


def rows_of(texts, **fields):
    return [{"id": f"r{at}", "text": text, **fields} for at, text in enumerate(texts)]


def decided(step, rows, shard=7):
    """The step's verdicts, from shards of a few rows."""
    sketches = [step.sketch(rows[at : at + shard]) for at in range(0, len(rows), shard)]
    return step.decide(sketches, ListedRows(rows))


def kept(verdicts):
    return [at for at, reason in enumerate(verdicts.dropped.tolist()) if reason < 0]


@cache
def word_shingles(text, size=3):
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    if 0 < len(words) < size:
        return {tuple(words)}
    return {tuple(words[at : at + size]) for at in range(len(words) - size + 1)}


def similarity(a, b):
    one, other = word_shingles(a), word_shingles(b)
    return len(one & other) / len(one | other) if one and other else 0.0


def components(count, pairs):
    """Which component each of `count` things is in, by its first member."""
    above = list(range(count))

    def root(thing):
        while above[thing] != thing:
            thing = above[thing]
        return thing

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        above[high] = low
    return [root(thing) for thing in range(count)]


def near_pairs(texts, threshold):
    return [
        (a, b)
        for a, b in itertools.combinations(range(len(texts)), 2)
        if similarity(texts[a], texts[b]) >= threshold
    ]


def mutated(text, edits, chance):
    words = text.split()
    for _ in range(edits):
        words[chance.randrange(len(words))] = chance.choice(VOCABULARY)
    return " ".join(words)


def families(count, seed, length=60):
    """Texts, and copies of copies of them with some words changed."""
    chance = random.Random(seed)
    texts = []
    for _ in range(count):
        if texts and chance.random() < 0.7:
            texts.append(mutated(chance.choice(texts), chance.randrange(6), chance))
        else:
            words = chance.randrange(length // 3, length)
            texts.append(" ".join(chance.choices(VOCABULARY, k=words)))
    return texts
