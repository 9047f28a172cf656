"""Published figures of judges and agents, made again from their recorded verdicts, to the digit.

``python -m benchmarks.published [--markdown]``

Each figure is computed by `quilate.stats` from what the judges said, and printed with as many
digits as its source prints. Where no printed figure could be found (GSM8K's accuracies are drawn
in the paper, MT-RAG's alphas are not given) ours stands alone. The sets are read from the folder
QUILATE_DATA, else ``../shared/data`` beside the project. ``--markdown`` prints the tables of
``docs/judges.md``. The last line is JSON: how many figures are published, and how many of them are
reproduced.
"""

import argparse
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._published_figures import LLMBAR, SUBSETS, TAU, UNIEVAL
from quilate.stats import (
    Estimate,
    compare_paired,
    estimate,
    kendall,
    krippendorff_alpha,
    pass_hat_k,
    pearson,
    percent_agreement,
    spearman,
)

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("QUILATE_DATA") or ROOT.parent / "shared" / "data")
FILES = (
    "llmbar_judge_outputs", "unieval_topical_chat", "gsm8k_model_solutions", "mtrag_human_eval",
    "tau_airline_trajectories",
)  # fmt: skip


class Figure(NamedTuple):
    """One figure: what was published (None: nowhere printed), ours, and its estimate."""

    data: str
    what: str
    published: str | None
    ours: str
    estimate: Estimate

    @property
    def reproduced(self) -> bool:
        """Whether it was published, and is the same to the last digit."""
        return self.published == self.ours


def rows(name: str) -> list[dict[str, Any]]:
    """A set's rows."""
    with (DATA / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def llmbar() -> Iterator[Figure]:
    """Accuracy and positional agreement of every judge on every subset, in per cent.

    Each pair was judged in both orders. Accuracy is over both. Two replies that named no winner
    count as agreement, as LLMBar's code has it: they are a label of their own here.
    """
    verdicts: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows("llmbar_judge_outputs"):
        subset = row["item"].split("/")[-2]
        verdicts[f"{row['judge']} {row['strategy']}", subset].append(row)
    for line in LLMBAR.split("\n")[1:-1]:
        judge, strategy, *cells = line.split()
        for subset, cell in zip(SUBSETS, cells, strict=True):
            both = verdicts[f"{judge} {strategy}", subset]
            pairs = [
                [row[order] or "none" for order in ("winner_order1", "winner_order2_unswapped")]
                for row in both
            ]
            right = [said == row["gold"] for row, pair in zip(both, pairs, strict=True)
                     for said in pair]  # fmt: skip
            items = [row["item"] for row in both for _ in range(2)]
            found = estimate(right, clusters=items), percent_agreement(pairs)
            for name, printed, one in zip(
                ("accuracy", "agreement"), cell.split("/"), found, strict=True
            ):
                what = f"{judge} {strategy}, {subset}: {name}"
                yield Figure("LLMBar", what, printed, f"{100 * _value(one):.2f}", one)


def unieval() -> Iterator[Figure]:
    """Correlations of UniEval's scores with the mean human score, over 360 responses."""
    responses = rows("unieval_topical_chat")
    for line in UNIEVAL.split("\n")[1:-1]:
        dimension, *printed = line.split()
        predicted = [row["unieval_pred"][dimension] for row in responses]
        human = [row["human"][dimension] for row in responses]
        for figure, text in zip((pearson, spearman, kendall), printed, strict=True):
            found = figure(predicted, human)
            ours = f"{round(_value(found), 6):g}"
            yield Figure("UniEval", f"{dimension}: {figure.__name__}", text, ours, found)


def tau() -> Iterator[Figure]:
    """pass^1 to pass^4 of 50 airline tasks in 4 trials."""
    passed: dict[int, list[bool]] = defaultdict(list)
    for row in rows("tau_airline_trajectories"):
        passed[row["task_id"]].append(row["success"])
    trials, right = [len(one) for one in passed.values()], [sum(one) for one in passed.values()]
    for k, text in enumerate(TAU, start=1):
        found = estimate(pass_hat_k(trials, right, k))
        yield Figure("tau-bench", f"airline, gpt-4o: pass^{k}", text, f"{_value(found):.3f}", found)


def gsm8k() -> Iterator[Figure]:
    """Accuracy of four systems, their answers compared with the gold ones again."""
    questions = rows("gsm8k_model_solutions")
    right = {
        system: [answer(row["systems"][system]["output"]) == number(row["gold"])
                 for row in questions]
        for system in questions[0]["systems"]
    }  # fmt: skip
    for system, values in right.items():
        flags = [row["systems"][system]["is_correct"] for row in questions]
        if flags != values:
            differ = sum(flag != value for flag, value in zip(flags, values, strict=True))
            raise ValueError(f"{system}: {differ} answers are not as their recorded flag says.")
        found = estimate(values)
        ours = f"{100 * _value(found):.2f}"
        yield Figure("GSM8K", f"{system}: accuracy", None, ours, found)
    compared = compare_paired(right["175b_verification"], right["6b_verification"])
    gap = compared.difference
    ours = f"{100 * _value(gap):.2f}"
    yield Figure("GSM8K", "175b_verification − 6b_verification", None, ours, gap)


def answer(output: str) -> float | None:
    """The number at the end of a solution, after its ``A:``."""
    found = re.search(r"A:\s*([^\n]+)\s*$", output)
    return None if found is None else number(found[1])


def number(text: str) -> float | None:
    """A number as GSM8K writes it."""
    found = re.search(r"-?[\d.,]*\d", text)
    return None if found is None else float(found[0].replace(",", ""))


def mtrag() -> Iterator[Figure]:
    """Ordinal alpha of two or three raters on 477 answers, clustered by conversation turn."""
    answers = rows("mtrag_human_eval")
    for dimension in ("faithfulness", "naturalness", "completeness", "appropriateness"):
        ratings = [[int(mark) for mark in row["human"][dimension].values()] for row in answers]
        turns = [row["id"].partition("|")[0] for row in answers]
        found = krippendorff_alpha(ratings, measurement="ordinal", clusters=turns)
        yield Figure("MT-RAG", f"{dimension}: ordinal alpha", None, f"{_value(found):.3f}", found)


def _value(found: Estimate) -> float:
    assert found.value is not None
    return found.value


def figures() -> list[Figure]:
    """All of them."""
    return [*llmbar(), *unieval(), *tau(), *gsm8k(), *mtrag()]


def missing() -> list[str]:
    """The files that are not there."""
    return [f"{name}.jsonl" for name in FILES if not (DATA / f"{name}.jsonl").is_file()]


def interval(found: Figure) -> str:
    """Its interval, in the figure's own units."""
    if found.estimate.interval is None:
        return "—"
    scale = 100.0 if found.data in ("LLMBar", "GSM8K") else 1.0
    ends = (found.estimate.interval.low * scale, found.estimate.interval.high * scale)
    places = 1 if scale > 1.0 else 3
    return f"{ends[0]:.{places}f} to {ends[1]:.{places}f}"


def markdown(found: Sequence[Figure]) -> str:
    """The tables of ``docs/judges.md``: one of every figure but LLMBar's, and one of its cells."""
    lines = ["| set | figure | published | ours | 95 % interval |", "|---|---|---|---|---|"]
    lines += [
        f"| {one.data} | {one.what} | {one.published or 'not printed'} | {one.ours} | "
        f"{interval(one)} |"
        for one in found
        if one.data != "LLMBar"
    ]
    lines += ["", f"| judge | {' | '.join(SUBSETS)} |", "|---|" + "---|" * len(SUBSETS)]
    cells: dict[str, list[str]] = defaultdict(list)
    bars = [one for one in found if one.data == "LLMBar"]
    for accuracy, agreement in zip(bars[::2], bars[1::2], strict=True):
        cells[accuracy.what.partition(",")[0]].append(f"{accuracy.ours}/{agreement.ours}")
    lines += [f"| {judge} | {' | '.join(row)} |" for judge, row in cells.items()]
    return "\n".join(lines)


def main() -> None:
    """Compute, print what differs or the tables, and one line of JSON last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no different: it takes a second")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    if missing():
        print(f"{', '.join(missing())} not in {DATA}: set QUILATE_DATA to the folder of the sets.")
        print(json.dumps({"skipped": "no data"}))
        return
    found = figures()
    print(markdown(found) if options.markdown else report(found))
    published = [one for one in found if one.published is not None]
    print(
        json.dumps(
            {
                "published": len(published),
                "reproduced": sum(one.reproduced for one in published),
                "llmbar_cells": sum(one.data == "LLMBar" for one in found) // 2,
                "measured_only": {
                    f"{one.data} {one.what}": one.ours for one in found if one.published is None
                },
            },
            ensure_ascii=False,
        )
    )


def report(found: Sequence[Figure]) -> str:
    """A line for each set, and for each figure that differs or stands alone."""
    lines = []
    for name in dict.fromkeys(one.data for one in found):
        own = [one for one in found if one.data == name]
        printed = [one for one in own if one.published is not None]
        same = sum(one.reproduced for one in printed)
        lines.append(f"{name}: {len(own)} figures, {len(printed)} published, {same} reproduced")
        lines += [
            f"  {one.what}: {one.ours} ({interval(one)}), published {one.published}"
            for one in own
            if not one.reproduced
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
