"""Local GGUF models in this process, through llama.cpp's low-level bindings.

``quilate.model("llamacpp/smollm2-135m-instruct")`` finds the model of an installed package,
``quilate.model("llamacpp/path/to/model.gguf")`` a file.
"""

from quilate_adapters.llamacpp.adapter import LlamaCpp, model
from quilate_adapters.llamacpp.embedding import LlamaCppEmbedder, embedder
from quilate_adapters.llamacpp.packaged import discover

__all__ = ["LlamaCpp", "LlamaCppEmbedder", "discover", "embedder", "model"]
