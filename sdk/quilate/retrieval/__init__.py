"""Retrieval-augmented generation: load, chunk, index, retrieve, pack, answer with citations."""

from quilate.retrieval.abstention import abstained
from quilate.retrieval.answering import Answer, Rag, closed_book, rag
from quilate.retrieval.citations import cite
from quilate.retrieval.indexing import RagIndex, aindex, index
from quilate.retrieval.loaders import load
from quilate.retrieval.packing import pack
from quilate.retrieval.reranking import Reranked
from quilate.retrieval.tokens import estimate_tokens

__all__ = [
    "Answer",
    "Rag",
    "RagIndex",
    "Reranked",
    "abstained",
    "aindex",
    "cite",
    "closed_book",
    "estimate_tokens",
    "index",
    "load",
    "pack",
    "rag",
]
