"""The comparison of two runs as one HTML file, with their answers side by side.

What models wrote is data: the figures are rendered with autoescape on, the samples are JSON that
the page's script inserts as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quilate.evals.results import Item, Run
from quilate.evaluators import Sample, Score
from quilate.reports import wording as figures
from quilate.reports.comparison import wording
from quilate.reports.comparison.values import RunComparison
from quilate.reports.comparison.words import CompareWords
from quilate.reports.pages import render_page, write_whole
from quilate.reports.payload import as_json, kept
from quilate.reports.strings import language


def write(found: RunComparison, path: str | Path, *, lang: str | None = None) -> Path:
    """Write the page to `path` and return it; folders that are missing are made. The file is there
    whole or not at all. Raises StoreError where it cannot be written."""
    return write_whole(Path(path), page_of(found, lang=lang))


def page_of(found: RunComparison, *, lang: str | None = None) -> str:
    """The page that `write` writes."""
    words = CompareWords(language(lang))
    samples = [found.a.samples[key] for key in found.samples]
    return render_page(
        "compare.html.j2",
        styles=("report.css", "compare.css"),
        scripts=("page.js", "compare.js"),
        found=found,
        words=words,
        figures=figures,
        wording=wording,
        differences=[(one.setting, _shown(one.a), _shown(one.b)) for one in found.differences],
        languages=sorted({sample.language for sample in samples if sample.language}),
        data=as_json(_payload(found, words, samples)),
    )


def _shown(value: Any) -> str:
    if value is None:
        return "—"
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def _payload(found: RunComparison, words: CompareWords, samples: list[Sample]) -> dict[str, Any]:
    """What the samples' part of the page shows."""
    pairs = list(dict.fromkeys((row.target_a, row.target_b) for row in _rows(found)))
    values: dict[str, list[tuple[int, float, float]]] = {}
    for number, row in enumerate(found.rows):
        for key, a, b in zip(row.samples, row.before, row.after, strict=True):
            values.setdefault(key, []).append((number, round(a, 6), round(b, 6)))
    left = _answers(found.a, {a: n for n, (a, _) in enumerate(pairs)}, words)
    right = _answers(found.b, {b: n for n, (_, b) in enumerate(pairs)}, words)
    return {
        "words": words.all(),
        "lang": words.lang,
        "pairs": pairs,
        "rows": [
            kept(
                title=wording.title(row),
                pair=pairs.index((row.target_a, row.target_b)),
                lower=not row.comparison.higher_is_better,
            )
            for row in found.rows
        ],
        "samples": [
            kept(
                id=sample.id,
                question=sample.question,
                references=list(sample.references),
                group=sample.group,
                language=sample.language,
                values=values.get(sample.id, []),
                a=left.get(sample.id, []),
                b=right.get(sample.id, []),
            )
            for sample in samples
        ],
    }


def _rows(found: RunComparison) -> list[Any]:
    return [*found.rows, *found.uncompared]


def _answers(
    run: Run, pairs: Mapping[str, int], words: CompareWords
) -> dict[str, list[dict[str, Any]]]:
    """The items of the compared targets, by sample."""
    found: dict[str, list[dict[str, Any]]] = {}
    for item in run.items:
        if item.target in pairs:
            found.setdefault(item.sample_id, []).append(_item(item, pairs[item.target], words))
    return found


def _item(item: Item, pair: int, words: CompareWords) -> dict[str, Any]:
    failure = item.failure
    return kept(
        pair=pair,
        epoch=item.epoch,
        seconds=round(item.seconds, 3),
        failure=f"{failure.kind}: {failure.message}" if failure else None,
        text=item.output.text if item.output else None,
        answered=item.output is not None,
        abstained=item.output.abstained if item.output else None,
        scores=[_score(score, words) for score in item.scores],
    )


def _score(score: Score, words: CompareWords) -> dict[str, Any]:
    return kept(
        metric=score.metric,
        value=None if score.value is None else round(score.value, 6),
        error=score.status == "error",
        reason=score.reason and words.phrase(score.reason),
        explanation=score.explanation,
    )
