"""What selections go by: values of a field, and numbers drawn by hash.

A row's number depends on its key and the seed alone, so that rows that come later change nothing
of those that were there.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Hashes = NDArray[np.uint64]

from quilate.data.steps import Row, Sketch
from quilate.errors import ConfigurationError

MISSING = "(missing)"
_SHOWN = 80  # characters of a value in a reason


def hash_of(seed: int, key: str) -> int:
    """A number of 64 bits for a key, another one for another seed.

    >>> hash_of(0, "a") == hash_of(0, "a"), hash_of(0, "a") == hash_of(1, "a")
    (True, False)
    """
    return int.from_bytes(blake2b(f"{seed}:{key}".encode(), digest_size=8).digest(), "big")


def hashes(seed: int, keys: Iterable[str]) -> "Hashes":
    """The numbers of keys."""
    import numpy as np

    return np.array([hash_of(seed, key) for key in keys], np.uint64)


def value_key(value: Any) -> str | None:
    """A field's value as a text by which rows are grouped; None where there is none."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def value_keys(rows: Sequence[Row], name: str) -> list[str]:
    """The values of a field, `MISSING` where a row has none."""
    return [value_key(row.get(name)) or MISSING for row in rows]


def coded(values: Sequence[str], name: str) -> Sketch:
    """Values as a sketch: their distinct texts as UTF-8, and the number of each row's."""
    import numpy as np

    distinct = {value: at for at, value in enumerate(dict.fromkeys(values))}
    texts = [value.encode("utf-8", "surrogatepass") for value in distinct]
    return {
        f"{name}_codes": np.array([distinct[value] for value in values], np.int64),
        f"{name}_bytes": np.frombuffer(b"".join(texts), np.uint8),
        f"{name}_sizes": np.array([len(text) for text in texts], np.int64),
    }


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a field in all rows: their distinct texts, and the number of each row's."""

    names: list[str]
    codes: "Ints"


def joined(sketches: Sequence[Sketch], name: str) -> Values:
    """The values of all shards, from the sketches that `coded` made."""
    import numpy as np

    numbers: dict[str, int] = {}
    codes = [np.zeros(0, np.int64)]
    for sketch in sketches:
        raw, at, own = sketch[f"{name}_bytes"].tobytes(), 0, []
        for size in sketch[f"{name}_sizes"].tolist():
            text = raw[at : at + size].decode("utf-8", "surrogatepass")
            own.append(numbers.setdefault(text, len(numbers)))
            at += size
        codes.append(np.array(own, np.int64)[sketch[f"{name}_codes"]])
    return Values(list(numbers), np.concatenate(codes))


def labels(values: Iterable[str | None]) -> "Ints":
    """A number of 63 bits for each value, the same for the same; -1 for none."""
    import numpy as np

    return np.array([-1 if value is None else hash_of(0, value) >> 1 for value in values], np.int64)


def all_of(sketches: Sequence[Sketch], name: str, kind: str = "uint64") -> "NDArray[Any]":
    """One array of all shards, in order."""
    import numpy as np

    return np.concatenate([np.zeros(0, kind), *(sketch[name] for sketch in sketches)]).astype(kind)


def shown(value: str) -> str:
    """A value as a reason tells it: the beginning of a long one."""
    return value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"


def check_field(name: object, option: str) -> None:
    """Raises `ConfigurationError` for what is no field's name."""
    if not isinstance(name, str) or not name:
        raise ConfigurationError(
            f"`{option}` is {name!r}, no field's name.", remedy=f"Write {option}: FIELD."
        )


def check_number(value: object, option: str, low: float, high: float = float("inf")) -> None:
    """Raises `ConfigurationError` for what is no number from `low` to `high`."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    if not fits:
        upper = "" if high == float("inf") else f" to {high:g}"
        raise ConfigurationError(
            f"The {option} is {value!r}.", remedy=f"Give a number from {low:g}{upper}."
        )


def check_count(value: object, option: str) -> None:
    """Raises `ConfigurationError` for what is no whole number above 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(
            f"The {option} is {value!r}.", remedy="Give a whole number above 0."
        )


def check_there(values: Values, name: str) -> None:
    """Raises `DataError` where no row at all has the field."""
    from quilate.errors import DataError

    if values.names == [MISSING]:
        raise DataError(
            f"No row has the field '{name}'.", remedy="Name a field that the rows have."
        )
