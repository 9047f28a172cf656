"""The options of the evaluator of claims, checked."""

from typing import Any

from quilate_evaluators.claims.measures import MEASURES
from quilate_evaluators.judges.prompting import LANGUAGES
from quilate_evaluators.options import check_choice, wrong


def checked_measures(evaluator: str, given: Any) -> tuple[str, ...]:
    """The names of measures, each once, in the order in which they are reported.

    >>> checked_measures("claims", ["claim_recall", "faithfulness"])
    ('faithfulness', 'claim_recall')
    """
    names = list(MEASURES) if given == "all" else [given] if isinstance(given, str) else given
    known = f"Write all, or a list of: {', '.join(MEASURES)}."
    if not isinstance(names, list | tuple) or not names:
        wrong(evaluator, "measures", given, known)
    for name in names:
        if not isinstance(name, str) or name not in MEASURES:
            wrong(evaluator, "measures", name, known)
    return tuple(name for name in MEASURES if name in names)


def checked_most(evaluator: str, given: Any) -> None:
    """That the most claims of a text are a whole number from 1 to 500."""
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= 500:
        wrong(evaluator, "max_claims", given, "Give a whole number from 1 to 500.")


def checked_language(evaluator: str, given: Any) -> None:
    """That the language is one that there are prompts in, or left to the sample."""
    if given is not None:
        check_choice(evaluator, "language", given, LANGUAGES)
