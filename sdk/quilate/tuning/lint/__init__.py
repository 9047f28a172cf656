"""Lint before training: what is wrong with examples, as the model will read them."""

from quilate.tuning.lint.linting import CHECKS, lint
from quilate.tuning.lint.values import ChatTokenizer, Finding, LintReport, Packed

__all__ = ["CHECKS", "ChatTokenizer", "Finding", "LintReport", "Packed", "lint"]
