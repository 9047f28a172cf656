"""Prompt templates with declared variables, a language, a version and a content hash."""

from quilate.prompts.template import Template

__all__ = ["Template"]
