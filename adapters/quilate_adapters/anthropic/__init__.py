"""Anthropic's Messages API, and every server that speaks it (`base_url`)."""

from quilate_adapters.anthropic.model import AnthropicMessages, model

__all__ = ["AnthropicMessages", "model"]
