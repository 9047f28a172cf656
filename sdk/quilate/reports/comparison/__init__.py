"""Two runs compared: which is better, by how much, how sure, and on which samples they differ."""

from quilate.reports.comparison.comparing import compare
from quilate.reports.comparison.values import Flip, Row, RunComparison, Uncompared

__all__ = ["Flip", "Row", "RunComparison", "Uncompared", "compare"]
