"""Label quality: rows whose labels are probably wrong, found by confident learning."""

from quilate.data.label_quality.step import LabelQuality

__all__ = ["LabelQuality"]
