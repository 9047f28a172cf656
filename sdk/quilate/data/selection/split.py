"""Training, validation and test rows: splits that part no group of rows that belong together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from quilate.data.selection import keys
from quilate.data.steps import Row, Rows, Sketch, Verdicts
from quilate.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from quilate.data.duplicates.near import NearDuplicates
    from quilate.data.selection.assigning import Groups

NEAR = "near"
CLUSTER = "cluster"
_USUAL = {"train": 0.8, "validation": 0.1, "test": 0.1}


class Chosen(Sequence[str]):
    """A name for each row, kept as its number: a byte or two a row."""

    def __init__(self, names: Sequence[str], numbers: "NDArray[np.integer[Any]]") -> None:
        import numpy as np

        self._names = names
        self._numbers = np.asarray(numbers, np.uint8 if len(names) <= 256 else np.int64)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self._names[number] for number in self._numbers[at].tolist()]
        return self._names[self._numbers[at]]


@dataclass(frozen=True, slots=True)
class Split:
    """Tells each row its split, in the field `column`.

    `train`, `validation` and `test` are shares (what `train` is not given is what the others
    leave; 0.8, 0.1 and 0.1 where none is), or `shares` are those of any names. Rows with the same
    value of the field `by` (a document, a user) stay together. So do rows of one cluster:
    `clusters` is the field that names it, such as `NearDuplicates` writes, used where there is one;
    or ``near``, and near duplicates are looked for here: texts of `field` with a Jaccard similarity
    of `threshold` or more. With `stratify`, the shares are kept within each value of that field as
    well as whole groups allow.

    Which groups go where is drawn by a hash of `by` (or of the id) and `seed`, not by their order.
    The shares are exact but for what a group cannot be parted for, and rows that are added later
    move few of the others. With ``exact=False`` they move none, unless they join groups, and the
    shares are exact on average only: of 1,000 groups, 0.8 comes out between 0.775 and 0.825 (95%).

    The report counts the rows of each split. Raises `DataError` where there are fewer groups than
    splits.

    >>> rows = [{"id": str(at), "source": f"page {at // 5}"} for at in range(100)]
    >>> step = Split(train=0.7, test=0.3, by="source")
    >>> split = step.decide([step.sketch(rows)], rows=rows).columns["split"]
    >>> split.count("train"), len({(row["source"], s) for row, s in zip(rows, split)})
    (70, 20)
    """

    train: float | None = None
    validation: float | None = None
    test: float | None = None
    shares: Mapping[str, float] | None = None
    by: str | None = None
    clusters: str | None = CLUSTER
    threshold: float = 0.8
    field: str | Sequence[str] = "text"
    stratify: str | None = None
    seed: int = 0
    exact: bool = True
    column: str = "split"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        self.wanted()
        for option in ("by", "clusters", "stratify", "column"):
            if getattr(self, option) is not None or option == "column":
                keys.check_field(getattr(self, option), option)
        if self.clusters == NEAR:
            self._near()

    def wanted(self) -> dict[str, float]:
        """The splits and their shares. Raises `ConfigurationError` unless they make up 1."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        given: dict[str, Any] = {name: one for name, one in named.items() if one is not None}
        if self.shares is not None:
            if given:
                raise ConfigurationError(
                    f"`shares` and `{next(iter(given))}` are both given.", remedy="Leave one out."
                )
            given = dict(self.shares)
        elif not given:
            given = dict(_USUAL)
        for name, share in given.items():
            keys.check_number(share, f"share of '{name}'", 0.0, 1.0)
        if self.shares is None and self.train is None and "train" not in given:
            given = {"train": 1.0 - sum(given.values()), **given}
        if abs(sum(given.values()) - 1.0) > 1e-6 or min(given.values()) < 0:
            raise ConfigurationError(
                "The shares make up " + f"{sum(given.values()):g}, not 1.",
                remedy="Write, for instance, train: 0.8 and test: 0.2.",
            )
        return {name: float(share) for name, share in given.items() if share > 1e-9}

    def _near(self) -> "NearDuplicates":
        from quilate.data.duplicates.near import NearDuplicates

        return NearDuplicates(
            field=self.field, threshold=self.threshold, drop=False, cluster_field=CLUSTER
        )

    def sketch(self, rows: Sequence[Row]) -> Sketch:
        """Each row's hash, group, cluster and stratum; for ``near``, also what finds duplicates."""
        own = [str(row.get("id")) for row in rows]
        by = [keys.value_key(row.get(self.by)) for row in rows] if self.by else own
        drawn = [
            f"{self.by}={one}" if one and self.by else name
            for one, name in zip(by, own, strict=True)
        ]
        sketch: dict[str, Any] = {"hash": keys.hashes(self.seed, drawn)}
        if self.by:
            sketch["by"] = keys.labels(by)
        if self.clusters == NEAR:
            sketch |= {f"near_{name}": one for name, one in self._near().sketch(rows).items()}
        elif self.clusters:
            clusters = [keys.value_key(row.get(self.clusters)) for row in rows]
            sketch["cluster"] = keys.labels(clusters)
        if self.stratify:
            sketch |= keys.coded(keys.value_keys(rows, self.stratify), "stratum")
        return sketch

    def decide(self, sketches: Sequence[Sketch], rows: Rows) -> Verdicts:
        """The column. Raises `DataError` for a field that no row has, and for too few groups."""
        import numpy as np

        from quilate.data.selection import assigning

        wanted = self.wanted()
        names, shares = list(wanted), list(wanted.values())
        dropped = np.full(len(rows), -1, np.int16)
        if not len(dropped):
            return Verdicts(dropped, columns={self.column: []})
        if not self._are_grouped(sketches):
            drawn = keys.all_of(sketches, "hash")
            singles = assigning.of_singles(drawn, shares, exact=self.exact)
            if singles is not None:
                self._check_all(names, np.bincount(singles, minlength=len(names)))
                return Verdicts(dropped, columns={self.column: Chosen(names, singles)})
        groups = self._groups(sketches, rows)
        place = assigning.exact if self.exact else assigning.lasting
        placed = place(groups, shares)
        self._check_all(names, np.bincount(placed, minlength=len(names)))
        return Verdicts(dropped, columns={self.column: Chosen(names, placed[groups.of_row])})

    def _are_grouped(self, sketches: Sequence[Sketch]) -> bool:
        """Whether any row has a group or a stratum, and is not on its own."""
        if self.by or self.stratify or self.clusters not in (None, CLUSTER):
            return True
        return self.clusters is not None and any(
            bool((sketch["cluster"] >= 0).any()) for sketch in sketches
        )

    def _check_all(self, names: Sequence[str], counts: "NDArray[np.int64]") -> None:
        empty = [name for name, count in zip(names, counts.tolist(), strict=True) if not count]
        if empty:
            raise DataError(
                f"No row fell to '{empty[0]}': {int(counts.sum())} groups of rows that stay "
                f"together cannot be parted into {len(names)} splits so.",
                remedy="Give it more rows, other groups (by, clusters), "
                + ("or fewer splits." if self.exact else "or exact: true."),
            )

    def _groups(self, sketches: Sequence[Sketch], rows: Rows) -> "Groups":
        import numpy as np

        from quilate.data.selection.assigning import Groups, connected

        drawn = keys.all_of(sketches, "hash")
        alone = np.arange(len(drawn))
        together = [alone]
        if self.by:
            together.append(self._labels(sketches, "by", self.by))
        if self.clusters == NEAR:
            together.append(self._near_clusters(sketches, rows))
        elif self.clusters:
            named = self.clusters if self.clusters != CLUSTER else None
            together.append(self._labels(sketches, "cluster", named))
        stratum = alone * 0
        if self.stratify:
            values = keys.joined(sketches, "stratum")
            if len(drawn):
                keys.check_there(values, self.stratify)
            stratum = values.codes
        of_row = connected(together)
        least = np.full(int(of_row.max(initial=-1)) + 1, 2**64 - 1, np.uint64)
        np.minimum.at(least, of_row, drawn)
        return Groups(of_row, stratum, least)

    def _labels(
        self, sketches: Sequence[Sketch], name: str, field: str | None
    ) -> "NDArray[np.int64]":
        labels = keys.all_of(sketches, name, "int64")
        if field is not None and len(labels) and (labels < 0).all():
            raise DataError(
                f"No row has the field '{field}', by which rows stay together.",
                remedy="Name a field that the rows have.",
            )
        return labels

    def _near_clusters(self, sketches: Sequence[Sketch], rows: Rows) -> "NDArray[np.int64]":
        import numpy as np

        own = [
            {
                name.removeprefix("near_"): one
                for name, one in sketch.items()
                if name.startswith("near_")
            }
            for sketch in sketches
        ]
        return np.asarray(self._near().decide(own, rows).columns[CLUSTER], np.int64)
