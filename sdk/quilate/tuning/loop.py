"""The loop: examples checked, a model trained, converted, compared with its base, and ruled on.

Each stage leaves its result in the loop's folder, and is not done again while what it rests on is
the same: a killed loop goes on where it was. The folder is named by the recipe's name and a digest
of the recipe, its examples and its base, so that another recipe never mixes with this one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from quilate import registry
from quilate.codec import digest, from_data, to_data, to_json
from quilate.data.files.writing import whole
from quilate.errors import ConfigurationError, DataError, ModelError, StoreError
from quilate.evals import runner
from quilate.evals.results import Run
from quilate.evaluators import Sample
from quilate.sync import blocking, stoppable
from quilate.tuning.deciding import Decision, decide
from quilate.tuning.examples import AnyExample
from quilate.tuning.loading import LoadedRecipe, TrainingData
from quilate.tuning.preparing import (
    absolute,
    base_file,
    checked_examples,
    suite_of,
    suite_samples,
    trainer_of,
    without_samples,
)
from quilate.tuning.recipe import ContaminationSpec, DecideSpec, ParitySpec, Recipe
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
    from quilate.tuning.lint.values import LintReport
    from quilate.tuning.training_set import Manifest

Progress = Callable[[int, int, str], None]
Foreseen = Callable[[Estimate], None]
"""Told what a training will need, before it starts."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """`n` rows or examples that were not trained on, why, and the `file` that names them."""

    reason: Literal["lint", "evaluation samples", "no example"]
    n: int
    file: Path


@dataclass(frozen=True, slots=True)
class LoopResult:
    """What the loop found, and where everything lies. `already` says that the training had been
    finished before, and nothing was trained anew."""

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
    left_out: tuple[LeftOut, ...] = ()
    already: bool = False

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.folder / "report.html"


async def aloop(
    loaded: LoadedRecipe,
    *,
    store: str | Path = ".quilate",
    progress: Progress | None = None,
    foreseen: Foreseen | None = None,
) -> LoopResult:
    """Train by a recipe, bring the adapter back to llama.cpp, and rule on it.

    Raises `ConfigurationError`, `DataError`, and `ContaminatedError` where evaluation samples are
    among the examples (unless the recipe allows it).
    """
    recipe, store = loaded.recipe, Path(store)
    decided = check_decides(loaded)
    base = base_file(recipe, loaded.folder)
    suites = suite_samples(loaded, store)
    result = await _trained(loaded, store, suites, progress, foreseen)
    result = await _back(result, base, progress)
    assert result.converted is not None  # noqa: S101  # `_back` has set it
    models = {"base": f"llamacpp/{base}", "tuned": f"llamacpp/{base}+{result.converted.file}"}
    runs: dict[str, tuple[Run, Run]] = {}
    for name in suites:
        written = decided.suite if name == "task" else decided.regression
        pair = [
            await _measured(
                loaded, str(written), model, f"{name}-{which}", result.folder, store, progress
            )
            for which, model in models.items()
        ]
        runs[name] = (pair[0], pair[1])
    decision = decide(
        decided,
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


def check_decides(loaded: LoadedRecipe) -> DecideSpec:
    """The suites that decide; raises `ConfigurationError` for a recipe without any."""
    if loaded.recipe.decide is None:
        raise ConfigurationError(
            "The recipe says not by which suite the tuned model is judged.",
            where=str(loaded.path),
            remedy="Add `decide: {suite: suite.yaml}`, or train alone: quilate tune train RECIPE",
        )
    return loaded.recipe.decide


async def atrain(
    loaded: LoadedRecipe,
    *,
    store: str | Path = ".quilate",
    progress: Progress | None = None,
    foreseen: Foreseen | None = None,
) -> LoopResult:
    """The loop's first part alone: check the examples and train. Raises what `aloop` does."""
    samples = suite_samples(loaded, store)
    return await _trained(loaded, Path(store), samples, progress, foreseen)


train = blocking(atrain)
"""`atrain` for sync code."""


def converter_of(kind: str = "gguf") -> Converter:
    """The converter registered as `kind`."""
    made: Converter = registry.factory("converters", kind)()
    return made


def _base_digest(loaded: LoadedRecipe) -> str:
    if (loaded.folder / loaded.recipe.base).is_dir():
        return ""
    file = base_file(loaded.recipe, loaded.folder)
    return registry.model(f"llamacpp/{file}").info.sha256 or ""


async def _trained(
    loaded: LoadedRecipe,
    store: Path,
    samples: Mapping[str, Sequence[Sample]],
    progress: Progress | None,
    foreseen: Foreseen | None,
) -> LoopResult:
    import anyio

    from quilate.tuning.training_set import examples_digest, refuse_found

    recipe = absolute(loaded)
    data, linted = checked_examples(loaded, store)
    data, manifest = without_samples(loaded, data, samples)
    if manifest is not None and not recipe.allow_contaminated:
        refuse_found(manifest)
    # What the weights depend on: a changed suite, or other limits of parity, train nothing anew.
    trained_by = {
        "decide": None,
        "parity": ParitySpec(),
        "contamination": ContaminationSpec(),
        "allow_contaminated": False,
    }
    mark = digest(
        to_json(recipe.model_copy(update=trained_by)),
        _base_digest(loaded),
        examples_digest(data.train),
        examples_digest(data.heldout),
    )
    folder = store / "tuning" / f"{recipe.name}-{mark[:10]}"
    _make(folder)
    left_out = (*_write_data(folder, loaded, data, manifest), *_write_lint(folder, linted))
    trainer = trainer_of(recipe)
    estimate = await anyio.to_thread.run_sync(
        lambda: _estimated(folder / "estimate.json", trainer, recipe, data, foreseen)
    )

    taken: list[int] = []

    def work(check: Callable[[], None]) -> Trained:
        def watch(done: int, total: int, point: LossPoint | None) -> None:
            check()
            taken.append(done)
            if progress is not None:
                progress(done, total, "train")

        return trainer.train(recipe, data.train, data.heldout, folder / "training", watch=watch)

    trained = await stoppable(work)
    return LoopResult(
        recipe=recipe,
        folder=folder,
        examples=len(data.train),
        heldout=len(data.heldout),
        manifest=manifest,
        trained=trained,
        estimate=estimate,
        left_out=left_out,
        already=not taken,
    )


def _estimated(
    file: Path, trainer: Trainer, recipe: Recipe, data: TrainingData, foreseen: Foreseen | None
) -> Estimate:
    """What the training will need, told before it starts the first time."""
    if file.exists():
        return from_data(Estimate, json.loads(file.read_bytes()))
    found = trainer.estimate(recipe, data.train, data.heldout)
    if foreseen is not None:
        foreseen(found)
    if found.fits:  # else memory may be freed before the next try
        _keep(file, to_data(found))
    return found


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder cannot be made: {error.strerror}.",
            where=str(folder),
            remedy="Check the space on the disk and who may write there, or give another --store.",
        ) from None


def _write_lint(folder: Path, report: "LintReport | None") -> tuple[LeftOut, ...]:
    if report is None:
        return ()
    _keep(folder / "lint.json", report.as_data())
    if not report.dropped:
        return ()
    return (LeftOut("lint", len(report.dropped), folder / "lint.json"),)


def _write_data(
    folder: Path, loaded: LoadedRecipe, data: TrainingData, manifest: "Manifest | None"
) -> list[LeftOut]:
    """The examples as they are trained on, the recipe and the manifest, beside the training."""
    from quilate.tuning.formats import export
    from quilate.tuning.training_set import with_files, write_manifest

    left_out = []
    kind = "preference" if loaded.recipe.method == "dpo" else "prompt-completion"
    for name, examples in (("train", data.train), ("heldout", data.heldout)):
        export(examples, folder / f"{name}.jsonl", kind)
    with whole(folder / "recipe.yaml") as stream:
        stream.write(loaded.path.read_bytes())
    if manifest is not None:
        told = with_files(manifest, folder, "train.jsonl", "heldout.jsonl")
        write_manifest(told, folder / "training_set.json")
        if manifest.excluded:
            file = folder / "training_set.json"
            left_out.append(LeftOut("evaluation samples", len(manifest.excluded), file))
    if data.rejected:
        with whole(folder / "rejected.jsonl") as stream:
            for one in data.rejected:
                stream.write(json.dumps(asdict(one), ensure_ascii=False).encode() + b"\n")
        left_out.append(LeftOut("no example", len(data.rejected), folder / "rejected.jsonl"))
    return left_out


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
    suite = suite_of(loaded, file, base, store, model)
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
        "smallest_losses": [asdict(one) for one in decision.smallest_losses],
    }


def _keep(file: Path, data: Mapping[str, Any]) -> None:
    with whole(file) as stream:
        stream.write(json.dumps(data, ensure_ascii=False, indent=1, default=str).encode())
