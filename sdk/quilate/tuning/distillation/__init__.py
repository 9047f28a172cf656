"""Distillation: a teacher's answers, of which evaluators and judges let the good ones pass.

Names load when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quilate.tuning.distillation.filtering import Filter
    from quilate.tuning.distillation.making import adistill, distill
    from quilate.tuning.distillation.values import Distilled

__all__ = ["Distilled", "Filter", "adistill", "distill"]

_HOME_OF = {
    "Distilled": "values",
    "Filter": "filtering",
    "adistill": "making",
    "distill": "making",
}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'quilate.tuning.distillation' has no attribute '{name}'")
    return getattr(importlib.import_module(f"quilate.tuning.distillation.{home}"), name)
