"""LLM judges: a rubric, a comparison of two answers, a jury of several models."""

from quilate_evaluators.judges.pairwise import Preference, acompare_answers, compare_answers
from quilate_evaluators.judges.steps import awrite_steps, write_steps

__all__ = ["Preference", "acompare_answers", "awrite_steps", "compare_answers", "write_steps"]
