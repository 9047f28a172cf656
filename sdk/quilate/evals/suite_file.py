"""Suites from YAML files: the format, its errors with file and line, and the Suite they make."""

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from quilate import registry, yaml_places
from quilate.errors import ConfigurationError, QuilateError
from quilate.evals import reducers, requirements
from quilate.evals.choices import choice_target
from quilate.evals.plan import check_fit
from quilate.evals.resources import SuiteIndex
from quilate.evals.samples import read_samples, sample_files
from quilate.evals.suite import Limits, Suite
from quilate.evals.suite_spec import IndexSpec, PythonSpec, SamplingSpec, SuiteSpec, TargetSpec
from quilate.evaluators import Evaluator, Sample
from quilate.models import Model, Sampling
from quilate.python_files import load_object
from quilate.yaml_places import Place


def load_suite(
    path: str | Path,
    *,
    model: str | None = None,
    judge: str | None = None,
    limit: int | None = None,
    store: str | Path = ".quilate",
    replay: bool = False,
) -> Suite:
    """Read a suite file and build what it names; no model is loaded and no index built yet.

    `model`, `judge` and `limit` override the file's; a path in them is relative to the working
    directory, one in the file to the file. For a `replay`, packages that only models need may be
    missing. Raises `ConfigurationError` or `DataError` that names file, line and remedy, and
    `MissingDependencies` that names every package that is missing.
    """
    path = Path(path)
    model, judge = (name and _located(name, Path()) for name in (model, judge))
    if model is not None and judge is None:
        judge = model
    spec, source, places = _read(path)
    changes = {
        key: value for key, value in (("model", model), ("judge", judge)) if value is not None
    }
    if limit is not None:
        changes["samples"] = spec.samples.model_copy(update={"limit": limit})  # type: ignore[assignment]
    overrides = {"model": model, "judge": judge, "limit": limit}
    spec = spec.model_copy(update=changes)
    requirements.check(spec, path, replay=replay)
    given = {key: value for key, value in overrides.items() if value is not None}
    # What stands in the place of the file's has no line in it.
    lines = {
        place: line for place, line in places.items() if place not in {(key,) for key in given}
    }
    return _Builder(path, spec, Path(store), lines).suite(source, given)


def _located(name: str, folder: Path) -> str:
    """A model's string, its file named by the whole path where it lies below `folder`: so that
    it is found again from another working directory."""
    provider, _, file = name.partition("/")
    there = file.endswith(".gguf") and (folder / file).is_file()
    return f"{provider}/{(folder / file).resolve()}" if there else name


def _read(path: Path) -> tuple[SuiteSpec, Mapping[str, Any], Mapping[Place, int]]:
    data, places = yaml_places.load(path)
    try:
        return SuiteSpec.model_validate(data), data, places
    except ValidationError as error:
        raise yaml_places.explain(error, SuiteSpec, path, places) from None


# Options of evaluators that may name a file, relative to the suite.
_FILES = ("prompt", "split_prompt", "relevance_prompt", "examples")
_IN_A_FILE = ".py:"
# What every evaluator has, also where its class lets it be given.
_PROTOCOL = ("name", "metrics", "needs")


class _Builder:
    """Turns one validated file into a Suite; every error it raises names the place in it."""

    def __init__(
        self, path: Path, spec: SuiteSpec, store: Path, places: Mapping[Place, int]
    ) -> None:
        self.path, self.folder, self.spec, self.store = path, path.parent, spec, store
        self.places = places
        self.models: dict[str, Model] = {}

    def where(self, *place: str | int) -> str:
        """The file and, where it is known, the line of a key or list entry."""
        line = self.places.get(place)
        return str(self.path) if line is None else f"{self.path}:{line}"

    @contextmanager
    def at(self, *place: str | int, before: bool = False) -> Iterator[None]:
        """What is raised inside came of this place: an error that names none names it; with
        `before`, one that names another (a model's file) names this one first."""
        try:
            yield
        except QuilateError as error:
            here = self.where(*place)
            if error.where is None:
                error.where = here
            elif before:
                error.where = f"{here}: {error.where}"
            raise

    def suite(self, source: Mapping[str, Any], overrides: Mapping[str, Any]) -> Suite:
        samples = self._samples()
        evaluators = [self._evaluator(n, entry) for n, entry in enumerate(self.spec.evaluators)]
        self._check_metrics(evaluators)
        for number, evaluator in enumerate(evaluators):
            check_fit(evaluator, samples, self.where("evaluators", number))
        indexes = {name: self._index(name, spec) for name, spec in self.spec.indexes.items()}
        targets = {
            name: self._target(name, spec, indexes) for name, spec in self.spec.targets.items()
        }
        return Suite(
            name=self.spec.name,
            samples=samples,
            targets=targets,
            evaluators=evaluators,
            epochs=self.spec.epochs,
            reducers=self._reducers(),
            seed=self.spec.seed,
            concurrency=self.spec.concurrency,
            cache=self.spec.cache,
            limits=Limits(**self.spec.limits.model_dump()),
            resources=indexes,
            path=self.path.resolve(),
            source=source,
            overrides=overrides,
        )

    def _samples(self) -> list[Sample]:
        spec = self.spec.samples
        files: list[Path] = []
        for number, name in enumerate(spec.files):
            with self.at("samples", "files", number):
                files += sample_files(name, self.folder)
        with self.at("samples", "fields"):
            return read_samples(files, fields=spec.fields, limit=spec.limit, seed=self.spec.seed)

    def _reducers(self) -> tuple[str, ...]:
        names = self.spec.reducers
        for number, name in enumerate(names):
            reducers.parse(name, epochs=self.spec.epochs, where=self.where("reducers", number))
        reducers.check(names, self.spec.epochs, where=self.where("reducers"))
        return tuple(names)

    def _index(self, name: str, spec: IndexSpec) -> SuiteIndex:
        place = ("indexes", name)
        with self.at(*place, "store"):
            registry.factory("indexes", spec.store)
        with self.at(*place, "embedder"):
            registry.factory("embedders", spec.embedder.partition("/")[0])
        source: Any
        if isinstance(spec.documents, PythonSpec):
            where = self.where(*place, "documents", "python")
            source = load_object(spec.documents.python, self.folder, where)
        else:
            source = self.folder / spec.documents
            if not source.exists():
                raise ConfigurationError(
                    f"The documents of the index '{name}' are not there: {source}.",
                    where=self.where(*place, "documents"),
                    remedy="Paths are relative to the suite file; correct `documents`.",
                )
        return SuiteIndex(
            name,
            source,
            path=self.store / "indexes" / f"{self.spec.name}-{name}",
            store=spec.store,
            embedder=spec.embedder,
            mode=spec.mode,
            chunk_tokens=spec.chunk_tokens,
        )

    def _model(
        self, wanted_by: str, own: str | None, *place: str | int, judge: bool = False
    ) -> Model:
        """The model that a target or judge names at `place`, else the suite's."""
        named: list[tuple[str | None, Place]] = [(own, place), (self.spec.model, ("model",))]
        if judge:
            named.insert(1, (self.spec.judge, ("judge",)))
        name, place = next(((name, at) for name, at in named if name), ("", place[:2]))
        if not name:
            raise ConfigurationError(
                f"{wanted_by} names no model, and the suite has no default.",
                where=self.where(*place),
                remedy="Add `model: PROVIDER/NAME` at the top of the suite, or pass --model.",
            )
        name = _located(name, self.folder)
        if name not in self.models:
            with self.at(*place, before=True):
                self.models[name] = self._opened(name, *place)
        return self.models[name]

    def _opened(self, name: str, *place: str | int) -> Model:
        """The model of a string. The module of a function that cannot be imported may lie beside
        the suite, as a target's file does."""
        provider, _, reference = name.partition("/")
        module, _, function = reference.partition(":")
        beside = provider == "function" and module.isidentifier()
        file = self.folder / f"{module}.py"
        if not beside or not file.is_file() or find_spec(module) is not None:
            return registry.model(name)
        thing = load_object(f"{file.name}:{function}", self.folder, self.where(*place))
        # By the name that it has when imported: the same in every place.
        if hasattr(thing, "generate"):
            return registry.model(thing)
        return registry.model(thing, name=f"{module}.{function}")

    def _target(self, name: str, spec: TargetSpec, indexes: Mapping[str, SuiteIndex]) -> Any:
        from quilate import retrieval

        if spec.python is not None:
            return load_object(spec.python, self.folder, self.where("targets", name, "python"))
        if spec.http is not None:
            with self.at("targets", name, "http", before=True):
                return registry.factory("targets", "http")(**spec.http.model_dump())
        if (choice := spec.multiple_choice) is not None:
            at = ("targets", name, "multiple_choice", "model")
            model = self._model(f"The target '{name}'", choice.model, *at)
            return choice_target(model, by=choice.by, norm=choice.norm, votes=choice.votes)
        part = spec.rag or spec.closed_book
        assert part is not None  # noqa: S101  # the validator saw to it
        place = ("targets", name, "rag" if spec.rag else "closed_book")
        options: dict[str, Any] = {
            "model": self._model(f"The target '{name}'", part.model, *place, "model"),
            "sampling": _sampling(part.sampling),
        }
        if part.prompt is not None:
            options["prompt"] = self._prompt(name, part.prompt, *place, "prompt")
        if spec.closed_book is not None:
            return retrieval.closed_book(**options)
        assert spec.rag is not None  # noqa: S101
        if spec.rag.index not in indexes:
            raise ConfigurationError(
                f"The target '{name}' retrieves from '{spec.rag.index}', which is not defined.",
                where=self.where(*place, "index"),
                remedy=registry.nearest(spec.rag.index, list(indexes)),
            )
        index = indexes[spec.rag.index]
        return retrieval.rag(index, k=spec.rag.k, context_tokens=spec.rag.context_tokens, **options)

    def _prompt(self, target: str, name: str, *place: str | int) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise ConfigurationError(
                f"The prompt of the target '{target}' is not there: {path}.",
                where=self.where(*place),
                remedy="Paths are relative to the suite file.",
            )
        return path

    def _evaluator(
        self, number: int, entry: str | Mapping[str, Mapping[str, Any] | None]
    ) -> Evaluator:
        place = ("evaluators", number)
        if isinstance(entry, str):
            name, options = entry, {}
        elif len(entry) == 1:
            name = next(iter(entry))
            options = dict(entry[name] or {})
        else:
            raise ConfigurationError(
                f"An entry of `evaluators` holds {len(entry)} names: {', '.join(entry)}.",
                where=self.where(*place),
                remedy="Start each evaluator on a line of its own with '- '.",
            )
        with self.at(*place):
            own = _IN_A_FILE in name
            kind = load_object(name, self.folder, self.where(*place)) if own else name
            known = inspect.signature(registry.evaluator_factory(kind)).parameters
            self._check_options(name, options, known, *place, name)
            if "model" in known:
                if not isinstance(options.get("model"), str | None):
                    raise ConfigurationError(
                        f"`model` of the evaluator '{name}' is {options['model']!r}.",
                        where=self.where(*place, name, "model"),
                        remedy="Write PROVIDER/NAME.",
                    )
                options["model"] = self._model(
                    f"The evaluator '{name}'",
                    options.get("model"),
                    *place,
                    name,
                    "model",
                    judge=True,
                )
            if "models" in known and "models" in options:
                options["models"] = self._models(name, options["models"], *place, name, "models")
            if "store" in known:
                options.setdefault("store", self.store)
            options = _files_found(options, self.folder)
        with self.at(*place, before=True):  # a prompt that is not there names itself
            return registry.evaluator(kind, **options)

    def _models(self, evaluator: str, names: Any, *place: str | int) -> list[Model]:
        """The models that an evaluator names in a list."""
        whose = f"The evaluator '{evaluator}'"
        if not isinstance(names, list) or not all(isinstance(one, str) and one for one in names):
            raise ConfigurationError(
                f"`models` of the evaluator '{evaluator}' is {names!r}.",
                where=self.where(*place),
                remedy="Write a list of PROVIDER/NAME.",
            )
        return [self._model(whose, one, *place, number) for number, one in enumerate(names)]

    def _check_options(
        self,
        name: str,
        options: Mapping[str, Any],
        known: Mapping[str, inspect.Parameter],
        *place: str | int,
    ) -> None:
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
            return
        settable = [*(option for option in known if option not in _PROTOCOL), "name"]
        for option in options:
            if option not in settable:
                raise ConfigurationError(
                    f"The evaluator '{name}' has no option '{option}'.",
                    where=self.where(*place, option),
                    remedy=registry.nearest(option, settable),
                )

    def _check_metrics(self, evaluators: list[Evaluator]) -> None:
        """A metric belongs to one evaluator; the second that gives it is named with its line."""
        first: dict[str, int] = {}
        for number, evaluator in enumerate(evaluators):
            for metric in evaluator.metrics:
                if first.setdefault(metric.name, number) == number:
                    continue
                raise ConfigurationError(
                    f"The metric '{metric.name}' is given by two evaluators: "
                    f"'{evaluators[first[metric.name]].name}' and '{evaluator.name}'.",
                    where=self.where("evaluators", number),
                    remedy="Leave one out, or give it a `name:`, which its metrics then take.",
                )


def _files_found(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The options, also those of an evaluator inside another, with the files that stand below
    `folder` named from there."""
    found = dict(options)
    for option, value in options.items():
        if isinstance(value, dict):
            found[option] = _files_found(value, folder)
        elif option in _FILES and isinstance(value, str) and (folder / value).is_file():
            found[option] = str(folder / value)
    return found


def _sampling(spec: SamplingSpec) -> Sampling:
    settings = spec.model_dump()
    settings["stop"] = tuple(settings["stop"])
    return dataclasses.replace(Sampling(), **settings)
