"""The steps that a pipeline names: made in any process, and known by an identity.

A step's identity is a digest of its name, options, version, and of whatever files it reads: what
was cached under it holds as long as that is the same.
"""

import dataclasses
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from quilate import registry
from quilate.codec import digest
from quilate.data.steps import Add, Change, DatasetStep, Drop, Row, RowStep, Verdict
from quilate.errors import ConfigurationError, DataError
from quilate.python_code import code_digest
from quilate.python_files import load_object

Step = RowStep | DatasetStep


@dataclass(frozen=True, slots=True)
class Use:
    """One step of a pipeline as it is written: its `name` (registered, or ``FILE.py:NAME``
    relative to `folder`), its `options` as JSON, and its `identity`. `made` is one that Python made
    already."""

    name: str
    options: str
    folder: str
    identity: str = ""
    made: Any = None

    @property
    def step(self) -> Step:
        """The step itself, made once in each process."""
        return as_step(self.made) if self.made is not None else _made(self)

    @property
    def is_dataset_step(self) -> bool:
        """Whether it must have seen every row."""
        return hasattr(self.step, "decide")


def use_of(entry: Any, folder: Path, where: str | None = None) -> Use:
    """The step of a pipeline's entry: a name, a name with options, a step, or a function of a row.

    Raises `ConfigurationError` for a step that nobody registered, and for options that it does not
    take.
    """
    if isinstance(entry, str):
        name, options = entry, {}
    elif isinstance(entry, Mapping):
        name = next(iter(entry))
        options = dict(entry[name] or {})
    else:
        name = getattr(entry, "__name__", type(entry).__name__)
        made = Use(name, _options_of(entry), str(folder), made=entry)
        return dataclasses.replace(made, identity=_identity(made))
    try:
        written = json.dumps(options, sort_keys=True, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"The options of the step '{name}' are no plain values: {error}.", where=where
        ) from None
    use = Use(name, written, str(folder))
    return dataclasses.replace(use, identity=_identity(use))


def _identity(use: Use) -> str:
    step = use.step
    inputs = getattr(step, "inputs", None)
    read = dict(inputs()) if callable(inputs) else {}
    # Where a file lies is not what it says.
    contents = [f"{Path(path).name} {sha}" for path, sha in sorted(read.items())]
    named = use.made if use.made is not None else None
    own = code_digest(step.function if isinstance(step, FunctionStep) else named) or ""
    kind = f"{type(step).__module__}.{type(step).__qualname__}"
    return digest(use.name, kind, use.options, str(step.version), own, *contents)


def _options_of(made: Any) -> str:
    """The fields of a step that Python made, as its options."""
    if not dataclasses.is_dataclass(made) or isinstance(made, type):
        return "{}"
    fields = {one.name: getattr(made, one.name) for one in dataclasses.fields(made)}
    return json.dumps(fields, sort_keys=True, ensure_ascii=False, default=repr)


@lru_cache(maxsize=256)
def _made(use: Use) -> Step:
    folder = Path(use.folder)
    options = _located(json.loads(use.options), folder)
    if ".py:" in use.name:
        thing = load_object(use.name, folder, use.name)
        if inspect.isclass(thing):
            return as_step(_call(thing, use.name, options))
        if options:
            raise ConfigurationError(
                f"'{use.name}' is a function of a row and takes no options.",
                remedy="Write a class with them as fields, and `apply`.",
            )
        return as_step(thing)
    return as_step(_call(registry.factory("steps", use.name), use.name, options))


def _call(make: Callable[..., Any], name: str, options: Mapping[str, Any]) -> Any:
    return registry.call(make, f"The step '{name}'", **options)


def _located(options: Any, folder: Path) -> Any:
    """The options, with the files that lie below the pipeline's folder named from there."""
    if isinstance(options, dict):
        return {name: _located(value, folder) for name, value in options.items()}
    if isinstance(options, list):
        return [_located(value, folder) for value in options]
    if isinstance(options, str) and options and len(options) < 1000 and "\n" not in options:
        file = options.rpartition(".py:")[0] + ".py" if ".py:" in options else options
        if ("." in file or "/" in file) and (folder / file).exists():
            return str((folder / options).absolute())
    return options


def as_step(thing: Any) -> Step:
    """A step, or a function of a row as one; raises `ConfigurationError` for anything else."""
    if hasattr(thing, "apply") or hasattr(thing, "decide"):
        step: Step = thing
        return step
    if callable(thing):
        return FunctionStep(thing)
    raise ConfigurationError(
        f"A {type(thing).__name__} is no step.",
        remedy="Give a step's name, a step, or a function of a row.",
    )


@dataclass(frozen=True, slots=True)
class FunctionStep:
    """A function of a row as a step. It returns True or None (the row stays), False (it goes), a
    text (it goes for that reason), a mapping (the row's new fields), or a verdict.

    >>> step = FunctionStep(lambda row: "too short" if len(row["text"]) < 3 else None)
    >>> list(step.apply([{"id": "1", "text": "a"}]))
    [Drop(reason='too short', detail='')]
    """

    function: Callable[[Row], Any]
    version: ClassVar[int] = 1

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """The function's answer on each row."""
        return [self._verdict(row) for row in rows]

    def _verdict(self, row: Row) -> Verdict:
        name = getattr(self.function, "__name__", "function")
        try:
            said = self.function(row)
        except Exception as error:
            raise DataError(
                f"The step '{name}' failed: {type(error).__name__}: {error}.",
                where=f"row {row.get('id')}",
                remedy="Mend the function; what was finished is kept.",
            ) from error
        if said is None or said is True:
            return None
        if said is False:
            return Drop(name)
        if isinstance(said, str):
            return Drop(said)
        if isinstance(said, Change | Drop | Add):
            return said
        if isinstance(said, Mapping):
            return _difference(row, said, name)
        raise DataError(
            f"The step '{name}' returned a {type(said).__name__}.",
            where=f"row {row.get('id')}",
            remedy="Return True, False, a reason, the row's new fields, or a verdict.",
        )


def _difference(row: Row, said: Mapping[str, Any], name: str) -> Change | None:
    """What a new row changes; a field that it lacks is gone."""
    fields = {key: value for key, value in said.items() if key not in row or row[key] != value}
    fields |= {key: None for key in row if key not in said and key != "id"}
    return Change(fields, (name,)) if fields else None


def segments(uses: Sequence[Use]) -> Iterator[tuple[tuple[Use, ...], Use | None]]:
    """The steps in turns: some row steps, then the dataset step that follows them, if any."""
    rows: list[Use] = []
    for use in uses:
        if use.is_dataset_step:
            yield tuple(rows), use
            rows = []
        else:
            rows.append(use)
    if rows:
        yield tuple(rows), None
