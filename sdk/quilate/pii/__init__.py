"""Personal data in texts: where it stands and of what kind."""

from quilate.pii.finding import KINDS, Found, canonical, find_pii

__all__ = ["KINDS", "Found", "canonical", "find_pii"]
