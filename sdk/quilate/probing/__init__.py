"""What a live model really does: each feature honoured, rejected, silently ignored, or unknown."""

from quilate.probing.report import Finding, Found, Report, Standing, capabilities
from quilate.probing.running import CHECKS, Check, probe

__all__ = ["CHECKS", "Check", "Finding", "Found", "Report", "Standing", "capabilities", "probe"]
