"""What a comparison found, as sentences: the same in the terminal, on the page and in JUnit."""

from __future__ import annotations

from quilate.reports import wording
from quilate.reports.calibration import beside_run, with_distrust
from quilate.reports.comparison.people import judge_says
from quilate.reports.comparison.values import Note, Row, RunComparison, Uncompared
from quilate.reports.comparison.words import CompareWords
from quilate.reports.figures import figure as estimate
from quilate.reports.summary import Cell

PARTIAL = 0.95
"""Of the samples that the fuller side has scored; with fewer pairs than that, a row says so."""
MOST_NAMED = 5
"""Metrics in the sentence that says the outcome."""


def outcome(words: CompareWords, found: RunComparison) -> str:
    """The answer in one sentence, naming the metrics that it hangs on, and which of them are given
    by a judge that is not to be trusted."""
    passed = found.outcome == "pass"
    rows = [row for row in found.rows if row.decides and (passed or row.verdict == found.outcome)]
    judges = {row.distrusted.metric: row.distrusted for row in rows if row.distrusted}
    said = with_distrust(words, _outcome(words, found), judges.values())
    worse = [title(row) for row in found.rows if row.people_say == "worse"]
    return f"{said} {words('people_worse', metrics=', '.join(worse))}" if worse else said


def _outcome(words: CompareWords, found: RunComparison) -> str:
    if found.outcome == "pass":
        if not any(row.decides for row in found.rows):
            judged = any(row.distrusted for row in found.rows)
            return words["nothing_trusted" if judged else "nothing_decides"]
        if found.margin is None:
            return words["pass"]
        return words("pass_margin", margin=words.percent(found.margin))
    named = [title(row) for row in found.rows if row.decides and row.verdict == found.outcome]
    if found.outcome == "undecided":
        named += [title(one) for one in found.uncompared if one.decides]
    if len(named) > MOST_NAMED:
        rest = words("and_more", n=words.count(len(named) - MOST_NAMED + 1))
        named = [*named[: MOST_NAMED - 1], rest]
    return words(f"{found.outcome}_outcome", metrics=", ".join(named))


def title(row: Row | Uncompared) -> str:
    """``exact_match (rag)``, or ``exact_match (old → new)``."""
    same = row.target_a == row.target_b
    return f"{row.metric} ({row.target_a if same else f'{row.target_a} → {row.target_b}'})"


def verdict(words: CompareWords, row: Row) -> str:
    """The verdict of a row, and nothing else."""
    margin = exact(words, row.margin or 0.0)
    comparison = row.comparison
    if row.verdict == "undecided" and row.at_risk:
        said = words["v_missing"]
    elif row.verdict == "undecided":
        shown = comparison.verdict == "b better"
        said = words("v_undecided_worse" if shown else "v_undecided", margin=margin)
    elif row.verdict == "no difference shown":
        ties = comparison.ties == comparison.n
        said = words("v_ties", n=words.count(comparison.n)) if ties else words["v_none"]
    elif row.verdict == "worse" and row.margin is not None:
        said = words("v_worse_margin", margin=margin)
    else:
        said = words(f"v_{row.verdict.replace(' ', '_')}", margin=margin)
    if row.distrusted is not None:
        measure, agreement = row.distrusted.measure, estimate(words, row.distrusted.agreement)
        key = "v_distrusted" if row.decides else "v_distrusted_idle"
        return words(key, verdict=said, measure=measure, figure=agreement)
    return said if row.decides else words("v_unmeasured", verdict=said)


def sentence(words: CompareWords, row: Row) -> str:
    """The verdict of a row with what must be known beside it."""
    parts = [verdict(words, row), *_people(words, row), *_open(words, row), *cautions(words, row)]
    return "; ".join(parts)


def _people(words: CompareWords, row: Row) -> list[str]:
    """The difference that people would give, and what they would say where the judge does not."""
    if row.people is None:
        return []
    p = row.people_p
    line = words(
        "people",
        figure=estimate(words, row.people.corrected, sign=True),
        p="—" if p is None else words.p_value(p),
        n=words.count(row.people.n_labelled),
    )
    if row.people_say is None:
        return [line]
    said = {
        "better": words["v_better"],
        "worse": words["v_worse"],
        "no difference shown": words["v_none"],
    }
    people, judge = said[row.people_say], said[judge_says(row.comparison)]
    return [line, words("people_differ", people=people, judge=judge)]


def _open(words: CompareWords, row: Row) -> list[str]:
    """What an open row could have shown, and how much is lacking."""
    lines = []
    if row.verdict == "no difference shown" and row.comparison.ties < row.comparison.n:
        if row.detectable is None:
            return [words["blind"]]
        lines.append(words("seen", detectable=small(words, row.detectable)))
    if row.verdict in ("no difference shown", "undecided") and row.more_samples is not None:
        more = _rounded(row.more_samples)
        key = "out_of_reach" if out_of_reach(more, len(row.samples)) else "more"
        lines.append(words(key, n=words.count(more)))
    return lines


def out_of_reach(more: int, have: int) -> bool:
    """Whether nobody who has so many samples will get so many more.

    >>> out_of_reach(390_000, 120), out_of_reach(9_000, 120), out_of_reach(50_000, 10_000)
    (True, False, False)
    """
    return more > max(_REACH, 10 * have)


_REACH = 10_000


def cautions(words: CompareWords, row: Row) -> list[str]:
    """What is missing on either side, as far as it bears on the figures."""
    lines = []
    a, b = (cell.coverage for cell in row.cells)
    missing = ", ".join(
        words("missing", n=words.count(covered.missing), side=side)
        for side, covered in (("A", a), ("B", b))
        if covered.missing
    )
    if row.range is not None:
        low, high = (words.number(end, sign=True) for end in row.range)
        key = "undoing" if row.at_risk else "known_range"
        lines.append(words(key, missing=missing, low=low, high=high))
    elif missing:
        lines.append(missing)
    if _partial(row.cells, len(row.samples)):
        counts = {"n": len(row.samples), "a": a.scored, "b": b.scored, "planned": a.planned}
        said = {name: words.count(n) for name, n in counts.items()}
        lines.append(words("partial", **said, why=_why_unscored(words, row.cells)))
    return lines


def _why_unscored(words: CompareWords, cells: tuple[Cell, Cell]) -> str:
    """The commonest reason of each side."""
    reasons = [
        f"; {side}: {words.phrase(reason)} × {words.count(n)}"
        for side, cell in zip("AB", cells, strict=True)
        for reason, n in list(cell.coverage.unscored.items())[:1]
    ]
    return "".join(reasons)


def _partial(cells: tuple[Cell, Cell], pairs: int) -> bool:
    """Whether the pairs are much fewer than the samples that one side has scored."""
    return pairs < PARTIAL * max(cell.estimate.n for cell in cells)


def uncompared(words: CompareWords, one: Uncompared) -> str:
    """Why a metric is not compared."""
    return words("v_uncompared", some=words.some("samples", one.pairs))


def note(words: CompareWords, one: Note) -> str:
    """What of a run is left out."""
    return words(
        f"note_{one.kind}",
        run=one.run,
        n=words.count(one.n),
        total=words.count(one.total),
        samples=words.some("samples", one.n),
    )


def notes(words: CompareWords, found: RunComparison) -> list[str]:
    """What must be known before the verdicts: what is not measured alike, and what is left out."""
    measured = [
        words("note_remeasured", metric=one.metric, evaluator=one.evaluator, differences=one.said())
        for one in found.remeasured
    ]
    return [*measured, *(note(words, one) for one in found.notes)]


def method(words: CompareWords, found: RunComparison) -> str:
    """What means, intervals, p-values and the margin are."""
    clustered = any(row.comparison.difference.clusters is not None for row in found.rows)
    said = words(
        "compare_method",
        level=words.percent(found.level),
        clustered=words["clustered"] if clustered else "",
        correction="Holm" if found.correction == "holm" else "Benjamini–Hochberg",
    )
    if found.margin is None:
        return said
    return f"{said} {words('margin_method', margin=words.percent(found.margin))}"


def p_heading(words: CompareWords, found: RunComparison) -> str:
    """The name of the column of p-values."""
    return words["p_adjusted" if found.correction == "holm" else "p_bh"]


def figure(words: CompareWords, row: Row) -> str:
    """``+0.02 [0.00, +0.03]``: the difference as B − A, with its interval."""
    return wording.figure(words, row.comparison.difference, sign=True)


def changes(words: CompareWords, row: Row) -> tuple[str, str]:
    """How many samples got worse, and how many better."""
    worse, better = row.comparison.losses, row.comparison.wins
    keys = (
        ("now_wrong", "now_right")
        if row.binary and row.comparison.higher_is_better
        else (
            "got_worse",
            "got_better",
        )
    )
    return words(keys[0], n=words.count(worse)), words(keys[1], n=words.count(better))


def exact(words: CompareWords, value: float) -> str:
    """A margin as it was given.

    >>> exact(CompareWords("en"), 0.02), exact(CompareWords("es"), 0.005)
    ('0.02', '0,005')
    """
    decimals = len(f"{value:.6f}".rstrip("0").partition(".")[2])
    return words.number(value, digits=max(decimals, 2))


def small(words: CompareWords, value: float) -> str:
    """A figure with as many decimals as it takes to be told from 0."""
    return words.number(value, digits=2 if value >= 0.095 else 3)


def _rounded(n: int) -> int:
    """Two significant digits: the figure is no better than that.

    >>> _rounded(1234), _rounded(7)
    (1200, 7)
    """
    step = int("1".ljust(len(str(n)) - 1, "0"))
    return -(-n // step) * step if n % step > step // 2 else n // step * step


def judges(words: CompareWords, found: RunComparison) -> list[str]:
    """What people's labels say of the judges of B's rows, where there are any."""
    return beside_run(words, found.b, {row.metric.partition(" ")[0] for row in found.rows})
