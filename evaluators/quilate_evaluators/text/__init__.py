"""Answers as text: against references, patterns and numbers, by words, characters and meaning."""

from quilate_evaluators.text.matching import ExactMatch
from quilate_evaluators.text.overlap import TokenF1
from quilate_evaluators.text.words import answer_text, f1, normalize

__all__ = ["ExactMatch", "TokenF1", "answer_text", "f1", "normalize"]
