"""For tests: scripted models, and in `quilate.testing.contract` the conformance kit of adapters
(which needs pytest; nothing here does)."""

from quilate.testing.scripted import ScriptedModel, scripted

__all__ = ["ScriptedModel", "scripted"]
