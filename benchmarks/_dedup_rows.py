"""Rows with planted duplicates, whose true similarities are known; the standard library alone.

Originals are seven sentences each, out of the standard library's docstrings. No two sentences share
three words in a row, and no two originals more than two sentences: sentence k of original (a, b, c)
is number a + bk + ck² (modulo a prime) of those kept for place k, and two parabolas meet twice at
most. With 8 to 22 words in a sentence, two originals share at most 2 × 20 shingles of three words
inside sentences and 12 across their borders, of at least 82: a Jaccard similarity of at most
52 / (164 − 52) = 0.46. One row in fifty is of a family that shares two sentences of header and two
of footer; its own three come in no other row of the family, so that two are at most at
92 / (220 − 92) = 0.72.

A fifth of the rows are copies of originals: a quarter of them exact, the others with one to three
words replaced, left out or put in. Their true similarity is counted here on Python sets.
"""

import ast
import json
import random
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

SLOTS = 7
FAMILY = 400
THRESHOLD = 0.8
_WORD = re.compile(r"[^\W_]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n\s*\n")


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def shingles(text: str) -> set[str]:
    """Runs of three words."""
    found = words(text)
    return {" ".join(found[at : at + 3]) for at in range(len(found) - 2)}


def similarity(a: str, b: str) -> float:
    """The Jaccard similarity of two texts."""
    one, other = shingles(a), shingles(b)
    return len(one & other) / len(one | other)


def sentences() -> list[str]:
    """Sentences of 8 to 22 words of which no two share three words in a row."""
    kept, seen = [], set()
    for docstring in _docstrings():
        for part in _SENTENCE_END.split(docstring):
            sentence = " ".join(part.split())
            if not sentence.isascii() or not 8 <= len(words(sentence)) <= 22:
                continue
            mine = shingles(sentence)
            if mine and not mine & seen:
                seen |= mine
                kept.append(sentence)
    return kept


def _docstrings() -> Iterator[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    library = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(library.rglob("*.py")):
        if {"site-packages", "lib2to3", "idlelib", "__pycache__"} & set(path.parts):
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):  # files that are wrong on purpose
            continue
        for node in ast.walk(tree):
            if isinstance(node, kinds):
                yield ast.get_docstring(node) or ""


def write(folder: Path, rows: int, seed: int = 20261126) -> None:
    """``rows.txt``, a text on each line, and ``pairs.json``: for each copy the position of the
    original and of the copy, and their similarity."""
    chance = random.Random(seed)
    copies, in_families = rows // 5, rows // 50
    texts = _originals(rows - copies, in_families)
    vocabulary = sorted({word for text in texts[:2000] for word in text.split()})
    pairs = []
    for original in chance.sample(range(len(texts)), copies):
        edits = 0 if len(pairs) % 4 == 0 else chance.randint(1, 3)
        pairs.append((original, len(texts)))
        texts.append(_edited(texts[original], edits, vocabulary, chance))
    order = list(range(rows))
    chance.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    with (folder / "rows.txt").open("w") as stream:
        stream.writelines(texts[old] + "\n" for old in order)
    told = [(place[a], place[b], similarity(texts[a], texts[b])) for a, b in pairs]
    (folder / "pairs.json").write_text(json.dumps(told))


def _originals(count: int, in_families: int) -> list[str]:
    known = sentences()
    families = -(-in_families // FAMILY)
    frames, pool = known[: 4 * families], known[4 * families :]
    prime = _prime_up_to(len(pool) // SLOTS)
    if prime <= FAMILY:
        raise SystemExit(f"Too few sentences for families of {FAMILY}: {len(known)}.")
    slots = [pool[slot * prime : (slot + 1) * prime] for slot in range(SLOTS)]
    texts = []
    for number in range(in_families):
        family, member = divmod(number, FAMILY)
        frame = frames[4 * family : 4 * family + 4]
        own = [slots[slot][(member + family * slot) % prime] for slot in (2, 3, 4)]
        texts.append(" ".join([*frame[:2], *own, *frame[2:]]))
    for number in range(count - in_families):
        # Steps that have no divisor in common with the cube of a prime reach all of it, once.
        code = number * 1_000_003 % prime**3
        a, b, c = code % prime, code // prime % prime, code // prime**2
        at = [(a + b * slot + c * slot * slot) % prime for slot in range(SLOTS)]
        texts.append(" ".join(slots[slot][at[slot]] for slot in range(SLOTS)))
    return texts


def _prime_up_to(number: int) -> int:
    return next(n for n in range(number, 1, -1) if all(n % d for d in range(2, int(n**0.5) + 1)))


def _edited(text: str, edits: int, vocabulary: list[str], chance: random.Random) -> str:
    parts = text.split()
    for _ in range(edits):
        at = chance.randrange(len(parts))
        kind = chance.choice(("replace", "delete", "insert"))
        if kind == "replace":
            parts[at] = chance.choice(vocabulary)
        elif kind == "delete":
            del parts[at]
        else:
            parts.insert(at, chance.choice(vocabulary))
    return " ".join(parts)
