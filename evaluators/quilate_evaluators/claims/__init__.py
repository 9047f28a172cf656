"""Evaluation claim by claim: texts are split into claims once, entailment is judged once for each
claim and text, and every measure that needs a judgement reads it from there."""
