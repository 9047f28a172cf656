"""Datasets in Lance tables: versions, tags, rows read where they lie."""

from quilate_adapters.lance.store import store

__all__ = ["store"]
