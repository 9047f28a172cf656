"""Data cards: what a dataset holds, where it comes from, and what was done to it."""

from quilate.data.card.making import make_card
from quilate.data.card.values import Card

__all__ = ["Card", "make_card"]
