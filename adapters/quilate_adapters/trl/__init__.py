"""Exported training files, tried in TRL itself: loaded, and trained on for one step."""

from quilate_adapters.trl.validation import Validation, validate

__all__ = ["Validation", "validate"]
