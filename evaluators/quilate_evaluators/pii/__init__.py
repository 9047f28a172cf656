"""Personal data in answers."""

from quilate_evaluators.pii.evaluator import PiiLeak
from quilate_evaluators.pii.finding import Found, find_pii

__all__ = ["Found", "PiiLeak", "find_pii"]
