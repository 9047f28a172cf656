"""Answers over a context with human labels, from the shared data, parted into dev and test."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quilate.evaluators import Output, Sample
from quilate.retrievers import Hit, Passage

FILES = {
    "halueval_qa": "halueval_qa.jsonl",
    "mtrag": "mtrag_human_eval.jsonl",
    "coqa": "autoevals_coqa_factuality.jsonl",
}
FAITHFUL = 3.5
"""The mean rating, from 1 to 4, from which on an answer of MTRAG counts as faithful."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer, whether people call it right, and what it shares with others: a question, a
    conversation or a story."""

    sample: Sample
    output: Output
    right: bool
    cluster: str


def read(data: Path, name: str) -> list[Judged]:
    """All the judged answers of a set, in file order."""
    with (data / FILES[name]).open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return list({"halueval_qa": _halueval, "mtrag": _mtrag, "coqa": _coqa}[name](rows))


def parted(items: Sequence[Judged]) -> tuple[list[Judged], list[Judged]]:
    """(dev, test): clusters in the order of their hashes fall to the two in turn."""
    names = sorted({item.cluster for item in items}, key=_hash)
    dev = set(names[::2])
    return [i for i in items if i.cluster in dev], [i for i in items if i.cluster not in dev]


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _judged(
    question: str, answer: str, passages: Sequence[str], right: bool, cluster: str
) -> Judged:
    context = tuple(Hit(Passage(f"p{n}", text), 1.0) for n, text in enumerate(passages))
    # The sets hold no abstentions to be left out: every answer is judged.
    output = Output(answer, context=context, abstained=False)
    return Judged(Sample(cluster, question, language="en"), output, right, cluster)


def _halueval(rows: Sequence[dict[str, Any]]) -> Iterator[Judged]:
    """The right answers and the hallucinated ones, each once."""
    for row in rows:
        for key, right in (("answers", True), ("hallucinated_answers", False)):
            for answer in dict.fromkeys(row[key]):
                yield _judged(row["question"], answer, row["contexts"], right, row["id"])


def _mtrag(rows: Sequence[dict[str, Any]]) -> Iterator[Judged]:
    """Answers that were given passages; faithful by the mean of their raters."""
    for row in rows:
        if not row["contexts"]:
            continue
        ratings = [float(rating) for rating in row["human"]["faithfulness"].values()]
        yield _judged(
            row["messages"][-1]["content"],
            row["output"],
            [passage["text"] for passage in row["contexts"]],
            sum(ratings) / len(ratings) >= FAITHFUL,
            row["id"].partition("<")[0],
        )


def _coqa(rows: Sequence[dict[str, Any]]) -> Iterator[Judged]:
    """Right answers, and answers to another question about the same story; those that are both
    at once (0.6) are left out."""
    for row in rows:
        if row["expected"] in (0, 1):
            asked, story = row["input"], row["metadata"]["story"]
            right = row["expected"] == 1
            yield _judged(asked["input"], asked["output"], [story], right, _hash(story))
