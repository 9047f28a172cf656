"""Any HTTP endpoint as a Target: a deployed application in any language."""

from quilate_adapters.http.target import HttpTarget, target

__all__ = ["HttpTarget", "target"]
