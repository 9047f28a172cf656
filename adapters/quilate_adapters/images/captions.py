"""The step ``image_captions``: images that open, with captions that say something."""

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from quilate.data.cleaning.hooks import hook, hook_file
from quilate.data.cleaning.options import check_count, check_number, check_text, set_texts, wrong
from quilate.data.cleaning.within import text_within
from quilate.data.quality.words import some
from quilate.data.steps import Drop, Row, Verdict
from quilate.errors import DataError
from quilate_adapters.images.opening import Limits, Refused, opened, place_of, places_of

_FILE_NAME = re.compile(r"[\w\s().\-/\\]*\.(?:jpe?g|png|gif|webp|bmp|tiff?|heic|avif|svg)", re.I)
_NUMBERED = re.compile(
    r"(?:img|dsc[fn]?|image|imagen|photo|foto|picture|untitled|sin[ _]t[ií]tulo|screenshot"
    r"|captura(?:[ _]de[ _]pantalla)?|scan|p|whatsapp[ _]image)?[\W_]*\d*[\d\W_]*",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class ImageCaptions:
    """Keeps the rows whose image opens and is whole, and whose caption says something.

    `image` is the field with the path (relative ones in `folder`), `caption` the one with the text.
    Images have at least `min_side` pixels on each side, at most `max_pixels` in all, which is
    checked before anything is decoded, and at most `max_bytes`. A caption has `min_words` words to
    `max_words`, is no file name and no number of a camera's; with `languages` it is in one of them
    (by py3langid; a caption whose language is less sure than `min_confidence` passes).

    `similarity` is a function of yours in a file (``FILE.py:NAME``) which is given the image's path
    and the caption and gives a number; rows below `min_similarity` are dropped.
    """

    image: str = "image"
    caption: str = "caption"
    min_side: int = 16
    max_pixels: int = 100_000_000
    max_bytes: int = 100_000_000
    min_words: int = 1
    max_words: int | None = None
    languages: str | Sequence[str] | None = None
    min_confidence: float = 0.5
    similarity: str | Callable[[str, str], float] | None = None
    min_similarity: float = 0.0
    folder: str = "."
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        name = "image_captions"
        for option in ("image", "caption", "folder"):
            check_text(name, option, getattr(self, option))
        for option in ("min_side", "max_pixels", "max_bytes", "min_words"):
            check_count(name, option, getattr(self, option))
        if self.max_words is not None:
            check_count(name, "max_words", self.max_words, low=self.min_words)
        check_number(name, "min_confidence", self.min_confidence, high=1)
        check_number(name, "min_similarity", self.min_similarity, low=-math.inf)
        if self.languages is not None:
            set_texts(self, name, "languages")
            self._check_languages()
        if self.similarity is not None:
            hook(self.similarity, f"the step '{name}'")

    def _check_languages(self) -> None:
        from quilate_adapters.language import known_languages

        for code in self.languages or ():
            if code not in known_languages():
                wrong("image_captions", "languages", code, "Write ISO 639 codes: es, en.")

    def inputs(self) -> Mapping[str, str]:
        """The file of the similarity, with its SHA-256."""
        file = hook_file(self.similarity)
        return {file: hashlib.sha256(Path(file).read_bytes()).hexdigest()} if file else {}

    def reads(self) -> Sequence[str]:
        """The field with the image's path, and that with its caption."""
        return (self.image, self.caption)

    def named_files(self, rows: Sequence[Row]) -> list[Path]:
        """The images."""
        return places_of(rows, self.image, self.folder)

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """Rows with a flaw are dropped for the first: of the caption, which costs nothing, then of
        the image. Raises `MissingDependency` without Pillow."""
        return [self._verdict(row) for row in rows]

    def _verdict(self, row: Row) -> Verdict:
        said = text_within(row, self.caption).strip()
        return self._of_caption(said) or self._of_image(row) or self._of_both(row, said)

    def _of_caption(self, said: str) -> Drop | None:
        if not said:
            return Drop("caption empty")
        if _FILE_NAME.fullmatch(said) or _NUMBERED.fullmatch(said):
            return Drop("caption is a file name", said[:80])
        words = len(_WORD.findall(said))
        if words < self.min_words:
            return Drop("caption too short", some(words, "words"))
        if self.max_words is not None and words > self.max_words:
            return Drop("caption too long", some(words, "words"))
        return self._of_language(said)

    def _of_language(self, said: str) -> Drop | None:
        if self.languages is None:
            return None
        from quilate_adapters.language import identify

        found, confidence = identify(said)
        if found in self.languages or confidence < self.min_confidence:
            return None
        return Drop(f"caption language {found}", f"{confidence:.3f}")

    def _of_image(self, row: Row) -> Drop | None:
        path = place_of(row.get(self.image), self.folder)
        if path is None:
            return Drop("no image")
        found = opened(path, Limits(self.max_pixels, self.max_bytes))
        if isinstance(found, Refused):
            return Drop(found.reason, found.detail)
        width, height = found.info["size"]
        if min(width, height) < self.min_side:
            return Drop("image too small", f"{width}×{height}")
        return None

    def _of_both(self, row: Row, said: str) -> Drop | None:
        if self.similarity is None:
            return None
        path = place_of(row.get(self.image), self.folder)
        score: Any = hook(self.similarity, "the step 'image_captions'")(str(path), said)
        score = score.item() if hasattr(score, "item") else score
        if not isinstance(score, int | float) or not math.isfinite(score):
            raise DataError(
                f"The similarity of the step 'image_captions' gave {score!r}.",
                where=f"row {row.get('id')}",
                remedy="Let it return a finite number.",
            )
        if score < self.min_similarity:
            return Drop("caption does not fit", f"similarity {score:.3f}")
        return None
