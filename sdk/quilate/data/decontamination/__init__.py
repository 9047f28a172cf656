"""Decontamination: evaluation samples that stand in training data are found, and taken out."""

from quilate.data.decontamination.checking import check, fingerprint, fingerprints
from quilate.data.decontamination.evaluation import EvaluationText, read_texts
from quilate.data.decontamination.matches import Match, Method
from quilate.data.decontamination.words import normal_text

__all__ = [
    "EvaluationText",
    "Match",
    "Method",
    "check",
    "fingerprint",
    "fingerprints",
    "normal_text",
    "read_texts",
]
