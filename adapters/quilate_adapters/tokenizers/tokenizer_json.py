"""Hugging Face's ``tokenizer.json``, through the package tokenizers."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.data.tokens.tokenizer import BYTES, TEXT, UNKNOWN
from quilate.errors import DataError
from quilate.registry import require
from quilate_adapters.tokenizers.bytes_of_tokens import from_letters, kind_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FALLBACK = re.compile(r"<0x[0-9A-F]{2}>")
_REMEDY = "Give a tokenizer.json, or the model's folder that holds one."


class JsonTokenizer:
    """A tokenizer of the package tokenizers. Its truncation and padding, which many files carry,
    are switched off: they would make every text as long as the others."""

    def __init__(self, inner: Any, name: str) -> None:
        self.name = name
        self._inner = inner
        inner.no_truncation()
        inner.no_padding()
        inner.encode_special_tokens = True
        self.around: int = inner.num_special_tokens_to_add(False)
        self.kinds = _kinds(json.loads(inner.to_str()), inner)

    def encode(self, texts: Sequence[str]) -> "list[NDArray[np.int32]]":
        """The ids of each text."""
        import numpy as np

        found = self._inner.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.asarray(one.ids, np.int32) for one in found]


def open_file(path: str) -> JsonTokenizer:
    """The tokenizer of a file, or of the folder that holds its ``tokenizer.json``.

    Raises `MissingDependency` without tokenizers, and `DataError` for a file that is not there or
    is none.
    """
    package = require("tokenizers", extra="tokens")
    file = Path(path).expanduser()
    if file.is_dir():
        file = file / "tokenizer.json"
    if not file.is_file():
        raise DataError("There is no such tokenizer file.", where=str(file), remedy=_REMEDY)
    try:
        inner = package.Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises nothing narrower
        raise DataError(
            f"This is no tokenizer file: {error}.", where=str(file), remedy=_REMEDY
        ) from None
    parts = file.resolve().parts
    named = parts[-3:-1] if parts[-1] == "tokenizer.json" else parts[-1:]
    # A report shows the name: the model's folder, and not those of who made it.
    return JsonTokenizer(inner, "hf/" + "/".join(named))


def _kinds(data: Mapping[str, Any], inner: Any) -> "NDArray[np.uint8]":
    import numpy as np

    vocabulary: dict[str, int] = inner.get_vocab(with_added_tokens=True)
    model = data["model"]
    kinds = np.full(max(vocabulary.values(), default=-1) + 1, TEXT, np.uint8)
    added = {token["id"] for token in data.get("added_tokens") or ()}
    byte_level = '"ByteLevel"' in json.dumps([data.get("pre_tokenizer"), data.get("decoder")])
    for token, number in vocabulary.items():
        if _FALLBACK.fullmatch(token):
            kinds[number] = BYTES if model.get("byte_fallback") else TEXT
        elif byte_level and number not in added:
            raw = from_letters(token)
            kinds[number] = TEXT if raw is None else kind_of(raw)
    unknown = model.get("unk_id")
    if unknown is None:
        unknown = vocabulary.get(model.get("unk_token"))
    if unknown is not None:
        kinds[unknown] = UNKNOWN
    return kinds
