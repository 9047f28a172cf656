"""Where training examples come from: rows, good and corrected outputs of runs, pairs, feedback.

Each function gives a `Gathered`: the examples, each of whose metadata says where it came from,
and what was left out, with the reason. Names load when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quilate.tuning.sources.corrections import corrected, corrected_pairs
    from quilate.tuning.sources.feedback import from_feedback
    from quilate.tuning.sources.pairs import from_pairwise, from_scores
    from quilate.tuning.sources.rows import from_rows
    from quilate.tuning.sources.runs import from_run
    from quilate.tuning.sources.values import Gathered, Skipped

__all__ = [
    "Gathered",
    "Skipped",
    "corrected",
    "corrected_pairs",
    "from_feedback",
    "from_pairwise",
    "from_rows",
    "from_run",
    "from_scores",
]

_HOME_OF = {
    "Gathered": "values",
    "Skipped": "values",
    "corrected": "corrections",
    "corrected_pairs": "corrections",
    "from_feedback": "feedback",
    "from_pairwise": "pairs",
    "from_rows": "rows",
    "from_run": "runs",
    "from_scores": "pairs",
}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'quilate.tuning.sources' has no attribute '{name}'")
    return getattr(importlib.import_module(f"quilate.tuning.sources.{home}"), name)
