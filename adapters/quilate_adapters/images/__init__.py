"""Steps for images with captions: near duplicates by perceptual hash, and checks of both."""

from quilate_adapters.images.captions import ImageCaptions
from quilate_adapters.images.duplicates import NearDuplicateImages

__all__ = ["ImageCaptions", "NearDuplicateImages"]
