"""The loop: examples checked, a model trained, converted, compared with its base, and ruled on.

Each stage leaves its result in the loop's folder, and is not done again while what it rests on is
the same: a killed loop goes on where it was. The folder is named by the recipe's name and a digest
of the recipe, its examples and its base, so that another recipe never mixes with this one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate import registry, yaml_places
from quilate.codec import digest, to_data, to_json
from quilate.data.files.writing import whole
from quilate.errors import ConfigurationError, DataError, ModelError
from quilate.evals import runner
from quilate.evals.results import Run
from quilate.evals.suite_file import load_suite
from quilate.evaluators import Sample
from quilate.sync import blocking
from quilate.tuning.deciding import Decision, decide
from quilate.tuning.examples import AnyExample
from quilate.tuning.loading import (
    LoadedRecipe,
    TrainingData,
    as_asked,
    check_kind,
    load_examples,
)
from quilate.tuning.recipe import ParitySpec, Recipe
from quilate.tuning.trainers import (
    Converted,
    Converter,
    Estimate,
    LossPoint,
    Parity,
    Trained,
    Trainer,
)

if TYPE_CHECKING:
    from quilate.evals.suite import Suite
    from quilate.tuning.lint.values import LintReport
    from quilate.tuning.training_set import Manifest

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class LoopResult:
    """What the loop found, and where everything lies."""

    recipe: Recipe
    folder: Path
    examples: int
    heldout: int
    manifest: "Manifest | None"
    trained: Trained
    converted: Converted | None = None
    parity: Parity | None = None
    decision: Decision | None = None
    estimate: Estimate | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.folder / "report.html"


async def aloop(
    loaded: LoadedRecipe,
    *,
    store: str | Path = ".quilate",
    progress: Progress | None = None,
) -> LoopResult:
    """Train by a recipe, bring the adapter back to llama.cpp, and rule on it.

    Raises `ConfigurationError`, `DataError`, and `ContaminatedError` where evaluation samples are
    among the examples (unless the recipe allows it).
    """
    recipe, store = loaded.recipe, Path(store)
    if recipe.decide is None:
        raise ConfigurationError(
            "The recipe says not by which suite the tuned model is judged.",
            where=str(loaded.path),
            remedy="Add `decide: {suite: suite.yaml}`, or train alone: quilate tune train RECIPE",
        )
    base = base_file(recipe, loaded.folder)
    suites = {"task": _suite(loaded, recipe.decide.suite, base, store)}
    if recipe.decide.regression is not None:
        suites["regression"] = _suite(loaded, recipe.decide.regression, base, store)
    _check_metric(recipe.decide.metric, suites["task"], loaded.path)
    samples = {name: tuple(suite.samples) for name, suite in suites.items()}
    result = await _trained(loaded, store, samples, progress)
    result = await _back(result, base, progress)
    assert result.converted is not None  # noqa: S101  # `_back` has set it
    models = {"base": f"llamacpp/{base}", "tuned": f"llamacpp/{base}+{result.converted.file}"}
    runs: dict[str, tuple[Run, Run]] = {}
    for name in suites:
        written = recipe.decide.suite if name == "task" else recipe.decide.regression
        pair = [
            await _measured(
                loaded, str(written), model, f"{name}-{which}", result.folder, store, progress
            )
            for which, model in models.items()
        ]
        runs[name] = (pair[0], pair[1])
    decision = decide(
        recipe.decide,
        runs["task"],
        runs.get("regression"),
        result.parity,
        contaminated=result.manifest is not None and bool(result.manifest.found),
    )
    result = replace(result, decision=decision)
    _keep(result.folder / "decision.json", _decision_data(decision))
    from quilate.reports.tuning import write

    write(result, result.report)
    return result


loop = blocking(aloop)
"""`aloop` for sync code."""


async def atrain(
    loaded: LoadedRecipe,
    *,
    store: str | Path = ".quilate",
    progress: Progress | None = None,
) -> LoopResult:
    """The loop's first part alone: check the examples and train."""
    samples: dict[str, tuple[Sample, ...]] = {}
    spec = loaded.recipe.decide
    if spec is not None:
        base = base_file(loaded.recipe, loaded.folder)
        for name, file in (("task", spec.suite), ("regression", spec.regression)):
            if file is not None:
                samples[name] = tuple(_suite(loaded, file, base, Path(store)).samples)
    return await _trained(loaded, Path(store), samples, progress)


train = blocking(atrain)
"""`atrain` for sync code."""


def estimate(loaded: LoadedRecipe, *, store: str | Path = ".quilate") -> Estimate:
    """What a training would take; trains nothing."""
    data, _ = checked_examples(loaded, store)
    return trainer_of(loaded.recipe).estimate(_absolute(loaded), data.train)


def trainer_of(recipe: Recipe) -> Trainer:
    """The trainer that a recipe names."""
    made: Trainer = registry.factory("trainers", recipe.trainer)()
    return made


def converter_of(kind: str = "gguf") -> Converter:
    """The converter registered as `kind`."""
    made: Converter = registry.factory("converters", kind)()
    return made


def base_file(recipe: Recipe, folder: Path) -> Path:
    """The GGUF file of a recipe's base; raises `ConfigurationError` for one that is none."""
    return base_file_of(recipe.base, folder)


def base_file_of(base: str, folder: Path) -> Path:
    """The GGUF file of a packaged model, or of a path that may begin at `folder`."""
    beside = folder / base
    if beside.is_dir():
        raise ConfigurationError(
            f"The base '{base}' is a folder of weights; llama.cpp serves a GGUF file.",
            remedy="Name the GGUF file, which can be trained on too; or train alone, then merge.",
        )
    info = registry.model(f"llamacpp/{beside if beside.is_file() else base}").info
    return Path(str(info.details["file"]))


def _base_digest(loaded: LoadedRecipe) -> str:
    if (loaded.folder / loaded.recipe.base).is_dir():
        return ""
    file = base_file(loaded.recipe, loaded.folder)
    return registry.model(f"llamacpp/{file}").info.sha256 or ""


def _absolute(loaded: LoadedRecipe) -> Recipe:
    """The recipe with its base named from anywhere."""
    beside = loaded.folder / loaded.recipe.base
    if beside.exists():
        return loaded.recipe.model_copy(update={"base": str(beside.resolve())})
    return loaded.recipe


def _suite(loaded: LoadedRecipe, file: str, base: Path, store: Path, model: str = "") -> "Suite":
    """A suite with the model under test in the place of its own. Its judges stay who they are: a
    tuned model does not judge itself."""
    path = loaded.folder / file
    written, places = yaml_places.load(path)
    _refuse_other_models(written, places, path)
    judge = written.get("judge") or written.get("model")
    return load_suite(path, model=model or f"llamacpp/{base}", judge=judge, store=store)


def _refuse_other_models(
    written: Mapping[str, Any], places: Mapping[yaml_places.Place, int], path: Path
) -> None:
    """Raise `ConfigurationError` for a target that the tuned model would not be asked through: it
    would be compared with itself, and no loss ever be seen."""
    targets = written.get("targets")
    for name, target in targets.items() if isinstance(targets, dict) else ():
        (kind, options), *_ = target.items() if isinstance(target, dict) and target else [("", {})]
        own = options.get("model") if isinstance(options, dict) else None
        if kind in ("python", "http") or own is not None:
            line = places.get(("targets", name), 1)
            raise ConfigurationError(
                f"The target '{name}' {'names a model of its own' if own else f'is {kind}'}, so "
                "that the tuned model would not be asked through it.",
                where=f"{path}:{line}",
                remedy="Leave `model:` out of it; the loop puts base and tuned model in its place.",
            )


def _check_metric(metric: str | None, suite: "Suite", path: Path) -> None:
    known = [one.name for evaluator in suite.evaluators for one in evaluator.metrics]
    if metric is not None and metric not in known:
        raise ConfigurationError(
            f"The suite '{suite.name}' has no metric '{metric}', which is to decide.",
            where=str(path),
            remedy=registry.nearest(metric, known),
        )


async def _trained(
    loaded: LoadedRecipe,
    store: Path,
    samples: Mapping[str, Sequence[Sample]],
    progress: Progress | None,
) -> LoopResult:
    import anyio

    from quilate.tuning.training_set import examples_digest

    recipe = _absolute(loaded)
    data, linted = checked_examples(loaded, store)
    manifest = _checked(loaded, data, samples)
    # What the weights depend on: a changed suite, or other limits of parity, train nothing anew.
    trained_by = {"decide": None, "parity": ParitySpec(), "allow_contaminated": False}
    mark = digest(
        to_json(recipe.model_copy(update=trained_by)),
        _base_digest(loaded),
        examples_digest(data.train),
        examples_digest(data.heldout),
    )
    folder = store / "tuning" / f"{recipe.name}-{mark[:10]}"
    folder.mkdir(parents=True, exist_ok=True)
    notes = (*_write_data(folder, loaded, data, manifest), *_write_lint(folder, linted))
    trainer = trainer_of(recipe)
    foreseen = await anyio.to_thread.run_sync(lambda: trainer.estimate(recipe, data.train))

    def watch(done: int, total: int, point: LossPoint | None) -> None:
        if progress is not None:
            progress(done, total, "train")

    trained = await anyio.to_thread.run_sync(
        lambda: trainer.train(recipe, data.train, data.heldout, folder / "training", watch=watch)
    )
    return LoopResult(
        recipe=recipe,
        folder=folder,
        examples=len(data.train),
        heldout=len(data.heldout),
        manifest=manifest,
        trained=trained,
        estimate=foreseen,
        notes=notes,
    )


def checked_examples(
    loaded: LoadedRecipe, store: str | Path = ".quilate"
) -> "tuple[TrainingData, LintReport | None]":
    """The examples of a recipe without those from which nothing good can be learned, and what the
    lint says; it needs a GGUF base, whose tokenizer and template it looks through.

    Raises `DataError` where no example is left, and `ConfigurationError` for examples of another
    kind than the method takes.
    """
    from quilate.tuning.lint import lint

    recipe, data = loaded.recipe, load_examples(loaded, store)
    check_kind(recipe.method, (*data.train, *data.heldout))
    if (loaded.folder / recipe.base).is_dir():
        return data, None
    tokenizer = registry.factory("chat_tokenizers", "gguf")(base_file(recipe, loaded.folder))
    reports = [
        lint(examples, tokenizer, max_length=recipe.training.max_length)
        for examples in (data.train, data.heldout)
    ]
    kept = [
        report.kept(examples)
        for report, examples in zip(reports, (data.train, data.heldout), strict=True)
    ]
    if not all(kept):
        raise DataError(
            "No example is left to train on, or none to hold out: "
            + ", ".join(f"{one.id} {one.reason}" for one in reports[0].dropped[:3]),
            where=str(loaded.path),
            remedy="See why: quilate tune lint RECIPE",
        )
    return replace(data, train=kept[0], heldout=kept[1]), reports[0]


def _write_lint(folder: Path, report: "LintReport | None") -> tuple[str, ...]:
    if report is None:
        return ()
    _keep(folder / "lint.json", report.as_data())
    if not report.dropped:
        return ()
    return (f"{len(report.dropped)} examples were left out: {folder / 'lint.json'}",)


def _checked(
    loaded: LoadedRecipe, data: TrainingData, samples: Mapping[str, Sequence[Sample]]
) -> "Manifest | None":
    """The check that no evaluation sample is among the examples."""
    if not samples:
        return None
    from quilate.tuning.training_set import make_training_set, refuse_found

    everything = (*data.train, *data.heldout)
    sets = {name: samples[name] for name in samples}
    for name in samples:
        if asked := as_asked(loaded, samples[name]):
            sets[f"{name}, as asked"] = tuple(asked)
    manifest = make_training_set(everything, sets, keep_contaminated=True).manifest
    if not loaded.recipe.allow_contaminated:
        refuse_found(manifest)
    return manifest


def _write_data(
    folder: Path, loaded: LoadedRecipe, data: TrainingData, manifest: "Manifest | None"
) -> tuple[str, ...]:
    """The examples as they are trained on, the recipe and the manifest, beside the training."""
    from quilate.tuning.formats import export
    from quilate.tuning.training_set import with_files, write_manifest

    kind = "preference" if loaded.recipe.method == "dpo" else "prompt-completion"
    for name, examples in (("train", data.train), ("heldout", data.heldout)):
        export(examples, folder / f"{name}.jsonl", kind)
    with whole(folder / "recipe.yaml") as stream:
        stream.write(loaded.path.read_bytes())
    if manifest is not None:
        told = with_files(manifest, folder, "train.jsonl", "heldout.jsonl")
        write_manifest(told, folder / "training_set.json")
    if not data.rejected:
        return ()
    with whole(folder / "rejected.jsonl") as stream:
        for one in data.rejected:
            stream.write(json.dumps(asdict(one), ensure_ascii=False).encode() + b"\n")
    return (f"{len(data.rejected)} rows held no example: {folder / 'rejected.jsonl'}",)


async def _back(result: LoopResult, base: Path, progress: Progress | None) -> LoopResult:
    """The trained adapter as GGUF, with its certificate."""
    import anyio

    converter, file = converter_of(), result.folder / "adapter.gguf"
    if progress is not None:
        progress(0, 2, "convert")
    converted = await anyio.to_thread.run_sync(
        lambda: converter.convert(result.trained.adapter, base, file)
    )
    kept = result.folder / "parity.json"
    parity = _kept_parity(kept, converted.sha256, result.recipe)
    if parity is None:
        if progress is not None:
            progress(1, 2, "convert")
        prompts = heldout_of(result.folder)[: result.recipe.parity.prompts]
        parity = await anyio.to_thread.run_sync(
            lambda: converter.parity(
                result.trained.adapter, base, file, prompts, result.recipe.parity
            )
        )
        spec = result.recipe.parity.model_dump()
        _keep(kept, {"adapter": converted.sha256, "spec": spec, "parity": to_data(parity)})
    if progress is not None:
        progress(2, 2, "convert")
    return replace(result, converted=converted, parity=parity)


def heldout_of(folder: Path) -> list[AnyExample]:
    """The held-out examples of a loop's folder."""
    from quilate.tuning.formats import read

    return list(read(folder / "heldout.jsonl").examples)


def _kept_parity(file: Path, adapter: str, recipe: Recipe) -> Parity | None:
    from quilate.codec import from_data

    if not file.exists():
        return None
    kept = json.loads(file.read_bytes())
    if kept["adapter"] != adapter or kept["spec"] != recipe.parity.model_dump():
        return None
    return from_data(Parity, kept["parity"])


async def _measured(
    loaded: LoadedRecipe,
    file: str,
    model: str,
    name: str,
    folder: Path,
    store: Path,
    progress: Progress | None,
) -> Run:
    """A finished run of a suite by a model: the one of before, gone on with, or a new one."""
    base = base_file(loaded.recipe, loaded.folder)
    suite = _suite(loaded, file, base, store, model)
    noted = folder / f"run-{name}.json"

    def told(done: int, total: int, what: str) -> None:
        if progress is not None:
            progress(done, total, f"evaluate {name}")

    run: Run | None = None
    if noted.exists():
        wanted = json.loads(noted.read_bytes())["run"]
        try:
            run = await runner.resume(wanted, suite, store=store, progress=told)
        except (ConfigurationError, DataError, ModelError):
            run = None  # the suite, or the adapter, is not what it was
    if run is None:
        new = runner.new_run_id(f"{loaded.recipe.name}-{name}")
        _keep(noted, {"run": new, "model": model})
        run = await runner.evaluate(suite, store=store, run_id=new, progress=told)
    if run.status != "finished":
        raise DataError(
            f"The run {run.id} stopped: {run.reason}", remedy="Give the same command to go on."
        )
    return run


def _decision_data(decision: Decision) -> dict[str, Any]:
    return {
        "ruling": decision.ruling,
        "reasons": list(decision.reasons),
        "metric": decision.metric,
        "task": decision.task.to_data(),
        "regression": None if decision.regression is None else decision.regression.to_data(),
    }


def _keep(file: Path, data: Mapping[str, Any]) -> None:
    with whole(file) as stream:
        stream.write(json.dumps(data, ensure_ascii=False, indent=1, default=str).encode())
