"""Personal data in answers."""

from quilate.pii import Found, find_pii
from quilate_evaluators.pii.evaluator import PiiLeak

__all__ = ["Found", "PiiLeak", "find_pii"]
