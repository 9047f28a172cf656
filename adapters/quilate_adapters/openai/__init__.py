"""OpenAI's Chat Completions, and every server that speaks them (`base_url`)."""

from quilate_adapters.openai.chat import OpenAIChat, model
from quilate_adapters.openai.endpoint import OFFICIAL, Endpoint

__all__ = ["OFFICIAL", "Endpoint", "OpenAIChat", "model"]
