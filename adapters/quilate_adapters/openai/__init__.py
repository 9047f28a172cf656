"""OpenAI's Chat Completions and Responses, and every server that speaks them (`base_url`)."""

from quilate_adapters.openai.chat import OpenAIChat
from quilate_adapters.openai.connection import OFFICIAL
from quilate_adapters.openai.embeddings import OpenAIEmbedder, embedder
from quilate_adapters.openai.opening import model
from quilate_adapters.openai.responses import OpenAIResponses

__all__ = [
    "OFFICIAL",
    "OpenAIChat",
    "OpenAIEmbedder",
    "OpenAIResponses",
    "embedder",
    "model",
]
