"""What was retrieved: against gold passages, against the reference answer, and for itself."""

from quilate_evaluators.retrieval.ranking import Retrieval

__all__ = ["Retrieval"]
