"""What decontamination finds: which row holds which evaluation sample, and how that was seen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Method = Literal["exact", "ngrams", "near", "embedding"]
METHODS: tuple[Method, ...] = ("exact", "ngrams", "near", "embedding")


@dataclass(frozen=True, slots=True)
class Match:
    """The row `id` holds the text of `sample` in the evaluation file `file`.

    `similarity` is 1 for ``exact``, the share of the sample's n-grams for ``ngrams``, the Jaccard
    similarity for ``near``, the cosine for ``embedding``. `overlap` is the row's text in question.
    With `other_numbers` the row says the same with other numbers, as two problems made by one
    template do. `samples` counts the samples that have the same text, this one included.
    """

    id: str
    file: str
    sample: str
    method: Method
    similarity: float
    overlap: str
    other_numbers: bool = False
    samples: int = 1

    @property
    def reason(self) -> str:
        """In constant words, as reports count it."""
        numbers = ", other numbers" if self.other_numbers else ""
        return f"contaminated: {self.method}{numbers}"

    @property
    def detail(self) -> str:
        """In a sentence.

        >>> Match("7", "gsm8k.jsonl", "q1", "ngrams", 0.75, "how many eggs").detail
        "ngrams 0.75 with sample 'q1' of gsm8k.jsonl: “how many eggs”"
        """
        numbers = ", with other numbers" if self.other_numbers else ""
        more = f" (and {self.samples - 1} more of that text)" if self.samples > 1 else ""
        whose = f" of {self.file}" if self.file else ""
        return (
            f"{self.method} {self.similarity:.2f}{numbers} with sample '{self.sample}'{whose}{more}"
            f": “{self.overlap}”"
        )

    def as_data(self) -> dict[str, Any]:
        """As JSON values, for the field of a flagged row."""
        return {
            "method": self.method,
            "similarity": round(self.similarity, 4),
            "other_numbers": self.other_numbers,
            "file": self.file,
            "sample": self.sample,
            "overlap": self.overlap,
        }


def ranked(matches: Iterable[Match]) -> list[Match]:
    """The matches of one row, the plainest first: by method, then by similarity; those with other
    numbers last."""
    return sorted(
        matches,
        key=lambda one: (
            one.other_numbers,
            METHODS.index(one.method),
            -one.similarity,
            one.file,
            one.sample,
        ),
    )


def told(matches: Iterable[Match]) -> str:
    """The details of one row's matches in short: the first, and how many more there are."""
    all_of_them = ranked(matches)
    more = len(all_of_them) - 1
    return all_of_them[0].detail + (f"; and {more} more" if more else "")


def check_thresholds(given: float | Mapping[str, float] | None) -> dict[str, float]:
    """Thresholds by method; a single number is that of all but ``exact``.

    Raises `ConfigurationError` for a method that is none, and for what is no share.
    """
    from quilate.errors import ConfigurationError
    from quilate.registry import nearest

    named: Mapping[str, float | None] = (
        given if isinstance(given, Mapping) else dict.fromkeys(METHODS[1:], given)
    )
    found: dict[str, float] = {}
    for method, value in named.items():
        if method not in METHODS[1:]:
            raise ConfigurationError(
                f"`threshold` names '{method}', which has none.",
                remedy=nearest(method, list(METHODS[1:])),
            )
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            raise ConfigurationError(
                f"The threshold of {method} is {value!r}.", remedy="Give a number above 0, up to 1."
            )
        found[method] = float(value)
    return found
