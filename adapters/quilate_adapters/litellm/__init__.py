"""The many providers behind litellm."""

from quilate_adapters.litellm.chat import LiteLLMChat, model

__all__ = ["LiteLLMChat", "model"]
