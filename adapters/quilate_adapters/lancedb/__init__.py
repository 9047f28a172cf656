"""LanceDB as an `Index`: passages on disk, searched by vector, by words, or by both."""

from quilate_adapters.lancedb.store import index

__all__ = ["index"]
