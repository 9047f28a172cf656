"""Training formats: examples to the files that trainers take, and back, without loss."""

from quilate.tuning.formats.exporting import export
from quilate.tuning.formats.fingerprints import fingerprint
from quilate.tuning.formats.importing import from_rows, read
from quilate.tuning.formats.registry import FORMATS, default_format, detect, format_named
from quilate.tuning.formats.turns import split_turns
from quilate.tuning.formats.values import Exported, Format, Loaded, NotCarried, Refused

__all__ = [
    "FORMATS",
    "Exported",
    "Format",
    "Loaded",
    "NotCarried",
    "Refused",
    "default_format",
    "detect",
    "export",
    "fingerprint",
    "format_named",
    "from_rows",
    "read",
    "split_turns",
]
