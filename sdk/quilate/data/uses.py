"""The steps that a pipeline names: made in any process, and known by an identity.

A step's identity is a digest of its name, options, version, and of whatever files it reads: what
was cached under it holds as long as that is the same.
"""

import dataclasses
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from quilate import registry
from quilate.codec import digest
from quilate.data.functions import FunctionStep
from quilate.data.identity import made_digest, python_sources
from quilate.data.steps import DatasetStep, RowStep
from quilate.errors import ConfigurationError, DataError
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
    def reads(self) -> tuple[str, ...]:
        """The fields without which it could do nothing to a row, where it tells them."""
        reads = getattr(self.step, "reads", None)
        return tuple(reads()) if callable(reads) else ()

    @property
    def is_own(self) -> bool:
        """Whether it is the user's own code, and none that is registered."""
        return self.made is not None or ".py:" in self.name

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
        return dataclasses.replace(made, identity=identity_of(made))
    try:
        written = json.dumps(options, sort_keys=True, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"The options of the step '{name}' are no plain values: {error}.", where=where
        ) from None
    use = Use(name, written, str(folder))
    return dataclasses.replace(use, identity=identity_of(use))


def identity_of(use: Use) -> str:
    """What a step's verdicts depend on, as it is now."""
    step = use.step
    inputs = getattr(step, "inputs", None)
    read = dict(inputs()) if callable(inputs) else {}
    for file in _python_files(use):
        read |= python_sources(file)
    # Where a file lies is not what it says.
    contents = [f"{Path(path).name} {sha}" for path, sha in sorted(read.items())]
    made = "" if use.made is None else made_digest(use.made)
    kind = f"{type(step).__module__}.{type(step).__qualname__}" if not _own(use) else ""
    version = str(getattr(step, "version", 0))
    return digest(use.name, kind, use.options, version, made, *contents)


def check_unchanged(use: Use) -> None:
    """Raise `DataError` where the Python files of a step are not those that its pipeline was made
    with: their verdicts would be kept as the others'."""
    if _own(use) and identity_of(use) != use.identity:
        raise DataError(
            f"The code of the step '{use.name}' changed while the pipeline was running.",
            where=use.name,
            remedy="Run it again; what was finished before is kept.",
        )


def _own(use: Use) -> bool:
    return use.made is None and ".py:" in use.name + use.options


def _python_files(use: Use) -> Iterator[Path]:
    """The Python files that a step's name and options name."""
    if use.made is not None:
        return
    for text in (use.name, *_texts(json.loads(use.options))):
        file, found, _ = text.rpartition(".py:")
        if found:
            yield Path(use.folder) / f"{file}.py"


def _texts(options: Any) -> Iterator[str]:
    if isinstance(options, str):
        yield options
    elif isinstance(options, dict | list):
        for one in options.values() if isinstance(options, dict) else options:
            yield from _texts(one)


def _options_of(made: Any) -> str:
    """The fields of a step that Python made, as its options are told."""
    if not dataclasses.is_dataclass(made) or isinstance(made, type):
        return "{}"
    fields = {one.name: getattr(made, one.name) for one in dataclasses.fields(made)}
    return json.dumps(fields, sort_keys=True, ensure_ascii=False, default=_shown)


def _shown(value: Any) -> str:
    return f"<{type(value).__name__}>"


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
    return _beside(as_step(_call(registry.factory("steps", use.name), use.name, options)), folder)


def _call(make: Callable[..., Any], name: str, options: Mapping[str, Any]) -> Any:
    return registry.call(make, f"The step '{name}'", **options)


_PATHS = ("against", "scorer", "similarity", "prompt", "words", "examples")
"""Options that may name files, which are looked for beside the pipeline."""


def _located(options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The options, with the files that lie beside the pipeline named from there."""
    return {
        name: _found(value, folder) if name in _PATHS else value for name, value in options.items()
    }


def _found(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_found(one, folder) for one in value]
    if not isinstance(value, str) or not value or len(value) > 1000 or "\n" in value:
        return value
    file = value.rpartition(".py:")[0] + ".py" if ".py:" in value else value
    known = ("." in file or "/" in file) and (folder / file).exists()
    return str((folder / value).absolute()) if known else value


def _beside(step: Step, folder: Path) -> Step:
    """The step, the files that rows name for it looked for beside the pipeline."""
    own: Any = step
    if not isinstance(getattr(own, "folder", None), str) or not hasattr(
        own, "__dataclass_fields__"
    ):
        return step
    placed: Step = dataclasses.replace(own, folder=str((folder / own.folder).absolute()))
    return placed


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
