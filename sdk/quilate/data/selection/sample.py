"""Samples of a dataset, and mixtures of several sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from quilate.data.selection import keys
from quilate.data.steps import Row, Rows, Sketch, Verdicts
from quilate.errors import ConfigurationError
from quilate.registry import nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Sample:
    """Keeps `n` rows, or a `share` of them, drawn by a hash of their ids and `seed`.

    `by` names a field, such as the source, whose values are drawn from in proportion to `weights`
    (value to weight; what is not named gets none), or else to their rows. The proportions are
    those to the power of one over `temperature`: 1 as they are, more is flatter (Conneau et al.
    2020, arXiv:1911.02116, use a power of 0.3, a temperature of 3.3). Rows are never repeated: a
    value that has too few gives all, and the others make up for it. Without `n` and `share`, as
    many rows are kept as have exactly these proportions. The others are dropped as
    ``not sampled``.

    A row that is drawn for some `n` is drawn for any greater one, too.

    >>> rows = [{"id": str(at), "source": "web" if at < 90 else "books"} for at in range(100)]
    >>> step = Sample(by="source", weights={"web": 1, "books": 1})
    >>> verdicts = step.decide([step.sketch(rows)], rows=rows)
    >>> int((verdicts.dropped < 0).sum())
    20
    """

    n: int | None = None
    share: float | None = None
    by: str | None = None
    weights: Mapping[str, float] | None = None
    temperature: float = 1.0
    seed: int = 0
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.n is not None and self.share is not None:
            raise ConfigurationError("`n` and `share` are both given.", remedy="Leave one out.")
        if self.n is None and self.share is None and self.by is None:
            raise ConfigurationError("Neither `n` nor `share` is given.", remedy="Give one.")
        if self.n is not None:
            keys.check_count(self.n, "option `n`")
        if self.share is not None:
            keys.check_number(self.share, "option `share`", 0.0, 1.0)
        keys.check_number(self.temperature, "option `temperature`", 1e-3)
        if self.by is not None:
            keys.check_field(self.by, "by")
        self._check_weights()

    def _check_weights(self) -> None:
        if self.weights is None:
            return
        if self.by is None:
            raise ConfigurationError(
                "`weights` weigh the values of no field.", remedy="Name it: by: FIELD."
            )
        for value, weight in self.weights.items():
            keys.check_number(weight, f"weight of '{value}'", 0.0, 1e9)
        if not any(self.weights.values()):
            raise ConfigurationError("All `weights` are 0.", remedy="Give one that is more.")

    def sketch(self, rows: Sequence[Row]) -> Sketch:
        """Each row's hash, and its value of `by`."""
        drawn = {"hash": keys.hashes(self.seed, (str(row.get("id")) for row in rows))}
        values = keys.value_keys(rows, self.by) if self.by else ["all"] * len(rows)
        return drawn | dict(keys.coded(values, "by"))

    def decide(self, sketches: Sequence[Sketch], rows: Rows) -> Verdicts:
        """Which rows are kept. Raises `DataError` for a field that no row has, and
        `ConfigurationError` for weights of values that are not there."""
        import numpy as np

        drawn, values = keys.all_of(sketches, "hash"), keys.joined(sketches, "by")
        dropped = np.zeros(len(drawn), np.int16)
        if len(drawn):
            if self.by:
                keys.check_there(values, self.by)
            quotas = self._quotas(values)
            for at, quota in enumerate(quotas.tolist()):
                mine = np.flatnonzero(values.codes == at)
                dropped[mine[np.argsort(drawn[mine], kind="stable")[:quota]]] = -1
        return Verdicts(dropped, ("not sampled",))

    def _quotas(self, values: keys.Values) -> "Ints":
        """How many rows of each value are kept."""
        import numpy as np

        counts = np.bincount(values.codes, minlength=len(values.names))
        wanted = self._proportions(values.names, counts)
        if self.n is None and self.share is None:
            return np.floor(
                wanted * float((counts[wanted > 0] / wanted[wanted > 0]).min()) + _SLACK
            ).astype(np.int64)
        total = self.n if self.n is not None else round(len(values.codes) * float(self.share or 0))
        return shared_out(min(total, int(counts[wanted > 0].sum())), wanted, counts)

    def _proportions(self, names: Sequence[str], counts: "Ints") -> "Floats":
        import numpy as np

        if self.weights is None:
            given = counts.astype(np.float64)
        else:
            for value in self.weights:
                if value not in names:
                    raise ConfigurationError(
                        f"`weights` names '{value}', which no row has in '{self.by}'.",
                        remedy=nearest(value, sorted(names)[:20]),
                    )
            given = np.array([float(self.weights.get(name, 0)) for name in names])
        powers = np.where(given > 0, given, 1.0) ** (1.0 / self.temperature)
        wanted = np.where(given > 0, powers, 0.0)
        result: Floats = wanted / wanted.sum()
        return result


def shared_out(total: int, wanted: "Floats", counts: "Ints") -> "Ints":
    """`total` in the proportions `wanted`, none getting more than its count: what one cannot take
    falls to the others in their proportions.

    >>> import numpy as np
    >>> shared_out(10, np.array([0.5, 0.25, 0.25]), np.array([2, 50, 50])).tolist()
    [2, 4, 4]
    """
    import numpy as np

    quotas = np.zeros(len(counts), np.int64)
    open_to = wanted > 0
    while open_to.any():
        left = total - int(quotas[~open_to].sum())
        ideal = np.where(open_to, wanted, 0.0) / wanted[open_to].sum() * left
        full = open_to & (ideal >= counts - _SLACK)
        if not full.any():
            quotas[open_to] = largest_remainders(ideal[open_to], left)
            return quotas
        quotas[full] = counts[full]
        open_to &= ~full
    return quotas


def largest_remainders(ideal: "Floats", total: int) -> "Ints":
    """Whole numbers near `ideal` ones that sum to `total`.

    >>> import numpy as np
    >>> largest_remainders(np.array([1.6, 1.7, 0.7]), 4).tolist()
    [1, 2, 1]
    """
    import numpy as np

    whole = np.floor(ideal + _SLACK).astype(np.int64)
    left = total - int(whole.sum())
    order = np.lexsort((np.arange(len(ideal)), -np.round(ideal - whole, 9)))
    whole[order[:left]] += 1
    return whole
