"""Whether the fields of an answer's JSON are those of the reference."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from quilate.evaluators import Metric, Output, Sample, Score
from quilate_evaluators.options import check_choice, check_number, wrong
from quilate_evaluators.structure.comparing import compare
from quilate_evaluators.structure.fields import COMPARES, Rule, Tally, leaves, paths_above
from quilate_evaluators.structure.reading import EXTRACTS, Extract, NoJson, read, read_answer
from quilate_evaluators.text.matching import NO_REFERENCES

_REFERENCE = "the references hold no JSON"


@dataclass(frozen=True, slots=True)
class JsonMatch:
    """Precision, recall and F1 of the fields of the answer's JSON against the best reference, and
    `json_exact`: every field agrees and none is too many.

    References are JSON texts. A field is a leaf, such as ``items[0].price``. `fields` says how
    some are compared, by path (``items[].price`` for any place): a name (``exact``, ``text``,
    ``number``, ``date``, ``ignore``) or a mapping with ``compare``, ``tolerance``, ``relative``;
    see `Rule`. With `lists` ``unordered`` the elements of arrays are paired so that most agree. An
    answer that is no JSON has no field right. `extract` is as in `JsonValid`.

    >>> from quilate import sync
    >>> sample = Sample("1", "?", references=('{"name": "Ana", "age": 30}',))
    >>> scores = sync.run(JsonMatch().evaluate(sample, Output('{"name": "ANA"}')))
    >>> [(score.metric, round(score.value, 2)) for score in scores]
    [('json_precision', 1.0), ('json_recall', 0.5), ('json_f1', 0.67), ('json_exact', 0.0)]
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    lists: Literal["ordered", "unordered"] = "ordered"
    extract: Extract = "first"
    name: str = "json_match"
    metrics: tuple[Metric, ...] = (
        Metric("json_precision", "Share of the answer's fields that are right."),
        Metric("json_recall", "Share of the reference's fields that the answer has right."),
        Metric("json_f1", "F1 of the answer's fields."),
        Metric("json_exact", "Every field is right and none is too many."),
    )
    needs: frozenset[str] = frozenset({"references"})

    def __post_init__(self) -> None:
        check_choice("json_match", "lists", self.lists, ("ordered", "unordered"))
        check_choice("json_match", "extract", self.extract, EXTRACTS)
        rules(self.fields)

    def misfit(self, samples: Sequence[Sample]) -> str | None:
        """That no reference is JSON, or that a path of `fields` is written otherwise in them."""
        wanted = [each for sample in samples for each in _values(sample.references)]
        if not wanted:
            return "needs references that are JSON, and no sample has one"
        known = {path for each in wanted for leaf, _ in leaves(each) for path in paths_above(leaf)}
        written = {_letters(path): path for path in sorted(known)}
        for path, rule in rules(self.fields).items():
            # A field that these references do not have may be one that answers do, or others.
            near = written.get(_letters(path), path)
            if path not in known and near not in self.fields and rule.compare != "ignore":
                return f"compares the field '{path}', which no reference has; '{near}' they have"
        return None

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """Four scores, with the fields that are wrong explained; unscored without a reference that
        is JSON."""
        if not sample.references:
            return [Score.unscored(metric.name, NO_REFERENCES) for metric in self.metrics]
        wanted = list(_values(sample.references))
        if not wanted:
            return [Score.unscored(metric.name, _REFERENCE) for metric in self.metrics]
        try:
            said = read_answer(output, self.extract)
        except NoJson as error:
            return _scores(Tally(0, 0, 1, (str(error),)))
        options = {"lists": self.lists, "language": sample.language}
        known = rules(self.fields)
        tallies = [compare(said, each, known, **options) for each in wanted]  # type: ignore[arg-type]
        return _scores(max(tallies, key=_f1))


def _values(references: Iterable[str]) -> Iterator[Any]:
    """The references that are JSON."""
    for reference in references:
        with suppress(NoJson):
            yield read(reference, "whole")


def _letters(path: str) -> str:
    """A path without what is easily written otherwise: capitals, ``_``, ``-`` and ``[]``."""
    return re.sub(r"[][_-]", "", path).casefold()


def rules(fields: Any) -> dict[str, Rule]:
    """The rules that the option `fields` states; raises `ConfigurationError`."""
    if not isinstance(fields, Mapping):
        wrong("json_match", "fields", fields, "Write a mapping such as {price: number}.")
    return {str(path): _rule(f"fields: {path}", said) for path, said in fields.items()}


def _rule(option: str, said: Any) -> Rule:
    stated = {"compare": said} if isinstance(said, str) else said
    if not isinstance(stated, Mapping) or set(stated) - {"compare", "tolerance", "relative"}:
        remedy = "Write a name, or a mapping with compare, tolerance, relative."
        wrong("json_match", option, said, remedy)
    check_choice("json_match", option, stated.get("compare", "auto"), COMPARES)
    for key in ("tolerance", "relative"):
        check_number("json_match", f"{option}: {key}", stated.get(key, 0.0))
        if stated.get(key) and stated.get("compare", "auto") not in ("auto", "number"):
            wrong("json_match", f"{option}: {key}", stated[key], "It is for `compare: number`.")
    return Rule(**stated)


def _f1(tally: Tally) -> float:
    return 2 * tally.right / (tally.answered + tally.wanted) if tally.right else 0.0


def _scores(tally: Tally) -> list[Score]:
    wrong_with = "; ".join(tally.wrong) or None
    exact = tally.right == tally.answered == tally.wanted
    values = {
        "json_precision": tally.right / tally.answered if tally.answered else float(exact),
        "json_recall": tally.right / tally.wanted if tally.wanted else float(exact),
        "json_f1": float(exact) if not tally.right else _f1(tally),
        "json_exact": float(exact),
    }
    return [Score.of(name, value, explanation=wrong_with) for name, value in values.items()]
