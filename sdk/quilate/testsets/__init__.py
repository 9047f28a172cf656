"""Test sets made from a corpus: drafted by a model, checked by a second pass, each question with
its provenance.

Names load when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quilate.testsets.making import amake, make
    from quilate.testsets.sources import read_chunks
    from quilate.testsets.values import Testset

__all__ = ["Testset", "amake", "make", "read_chunks"]

_HOME_OF = {"Testset": "values", "amake": "making", "make": "making", "read_chunks": "sources"}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'quilate.testsets' has no attribute '{name}'")
    return getattr(importlib.import_module(f"quilate.testsets.{home}"), name)
