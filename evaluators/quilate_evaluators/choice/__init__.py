"""Multiple choice: which option an answer names, and whether it is the right one."""

from quilate_evaluators.choice.evaluator import MultipleChoice
from quilate_evaluators.choice.replies import Named, named

__all__ = ["MultipleChoice", "Named", "named"]
