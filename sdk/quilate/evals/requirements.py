"""Packages that a suite needs: all that are missing are told at once, before the first sample.

An entry point says in the standard way which extras of its distribution it needs:
``lancedb = "quilate_adapters.lancedb:index [lancedb]"``.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate import installation, registry
from quilate.errors import MissingDependency, QuilateError, UnknownName

if TYPE_CHECKING:
    from quilate.evals.suite_spec import SuiteSpec

_KINDS = {
    "models": "models of",
    "embedders": "the embedder",
    "indexes": "the index store",
    "evaluators": "the evaluator",
    "loaders": "documents in",
}

Need = tuple[registry.Group, str]
"""A group of entry points and a name in it."""


class MissingDependencies(MissingDependency):
    """Packages that a suite needs and that are not installed; `packages` maps each to what needs
    it. The remedy is the ``pip install`` line that brings them all."""

    def __init__(self, packages: Mapping[str, str], *, install: str, where: str) -> None:
        named = ", ".join(f"{package} (for {what})" for package, what in packages.items())
        QuilateError.__init__(
            self,
            f"The suite needs packages that are not installed: {named}.",
            where=where,
            remedy=f"Run: {install}",
        )
        self.packages = dict(packages)


def check(spec: "SuiteSpec", path: Path, *, replay: bool = False) -> None:
    """Raise `MissingDependencies` for what `spec`, the suite at `path`, needs and is not there.

    A replay calls no model, so what only models need may be missing then.
    """
    points = metadata.entry_points()
    packages: dict[str, str] = {}
    wanted: dict[str, list[str]] = {}
    for group, name in dict.fromkeys(needs(spec, path.parent)):
        if replay and group == "models":
            continue
        for point in points.select(group=f"quilate.{group}", name=name):
            for extra, package in _missing(point):
                packages.setdefault(package, f"{_KINDS[group]} {name}")
                assert point.dist is not None  # noqa: S101  # `_missing` read it
                wanted.setdefault(point.dist.name, []).append(extra)
    if packages:
        lines = (installation.pip_install(*names, distribution=d) for d, names in wanted.items())
        raise MissingDependencies(packages, install=" && ".join(lines), where=str(path))


def _missing(point: metadata.EntryPoint) -> Iterator[tuple[str, str]]:
    """(extra, package) of what an entry point asks for and is not installed."""
    # Not `point.extras`, which cuts a name with a hyphen in two.
    asked = re.findall(r"[\w.-]+", point.value.partition("[")[2])
    if point.dist is None or not asked:
        return
    known = installation.extras(point.dist)
    for extra in asked:
        for package in known.get(extra, ()):
            if installation.version_of(package) is None:
                yield extra, package


def needs(spec: "SuiteSpec", folder: Path) -> Iterator[Need]:
    """What a suite names, whether it is registered or not."""
    models = [
        part.model or spec.model
        for target in spec.targets.values()
        for part in (target.rag, target.closed_book, target.multiple_choice)
        if part is not None
    ]
    for entry in spec.evaluators:
        for name, options in {entry: None}.items() if isinstance(entry, str) else entry.items():
            yield "evaluators", name
            parameters = _parameters(name)
            models += _asked(parameters, options or {}, spec)
            if "embedder" in parameters:
                embedder = (options or {}).get("embedder") or parameters["embedder"].default
                if isinstance(embedder, str):
                    yield "embedders", embedder.partition("/")[0]
    for model in models:
        if isinstance(model, str):
            yield "models", model.partition("/")[0]
    for index in spec.indexes.values():
        yield "indexes", index.store
        yield "embedders", index.embedder.partition("/")[0]
        if isinstance(index.documents, str):
            yield from (("loaders", suffix) for suffix in _suffixes(folder / index.documents))


def _asked(
    parameters: Mapping[str, inspect.Parameter], options: Mapping[str, Any], spec: "SuiteSpec"
) -> list[Any]:
    """The models that an evaluator asks."""
    own = [options.get("model") or spec.judge or spec.model] if "model" in parameters else []
    several = options.get("models") if "models" in parameters else None
    return [*own, *(several if isinstance(several, list) else ())]


def _parameters(evaluator: str) -> Mapping[str, inspect.Parameter]:
    """What an evaluator may be made with; nothing for one that is not registered."""
    try:
        return inspect.signature(registry.factory("evaluators", evaluator)).parameters
    except UnknownName:
        return {}


def _suffixes(documents: Path) -> list[str]:
    """The kinds of files that would be read, in the order of their names."""
    if documents.is_file():
        return [documents.suffix.lower()]
    below = (path.relative_to(documents) for path in documents.rglob("*.*"))
    return sorted(
        {
            path.suffix.lower()
            for path in below
            if not any(part.startswith(".") for part in path.parts)
        }
    )
