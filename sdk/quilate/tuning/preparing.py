"""What comes before a training: examples read, linted, and checked against the suites."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate import registry, yaml_places
from quilate.errors import ConfigurationError, DataError
from quilate.evals.suite_file import load_suite
from quilate.evaluators import Sample
from quilate.tuning.examples import AnyExample
from quilate.tuning.loading import (
    LoadedRecipe,
    TrainingData,
    as_asked,
    check_kind,
    load_examples,
)
from quilate.tuning.recipe import ContaminationSpec, Recipe
from quilate.tuning.trainers import Estimate, Trainer

if TYPE_CHECKING:
    from quilate.evals.suite import Suite
    from quilate.tuning.exclusion import Method
    from quilate.tuning.lint.values import ChatTokenizer, LintReport
    from quilate.tuning.templates import Rendered
    from quilate.tuning.training_set import Manifest


@dataclass(frozen=True, slots=True)
class DryRun:
    """All that is known of a training before it: its examples, linted and checked (`manifest` is
    None where the recipe names no suite), one of them in the model's chat template with what is
    learned marked (empty for a base that is no GGUF file), and what the training will need."""

    data: TrainingData
    lint: "LintReport | None"
    manifest: "Manifest | None"
    shown: str
    estimate: Estimate

    def as_data(self) -> dict[str, Any]:
        """All of it as JSON values; of the examples, how many there are."""
        return asdict(self.estimate) | {
            "fits": self.estimate.fits,
            "examples": len(self.data.train),
            "heldout": len(self.data.heldout),
            "rejected": [asdict(one) for one in self.data.rejected],
            "lint": None if self.lint is None else self.lint.as_data(),
            "checks": None if self.manifest is None else self.manifest.checks,
            "found": [] if self.manifest is None else [asdict(one) for one in self.manifest.found],
            "shown": self.shown,
        }


def dry_run(loaded: LoadedRecipe, *, store: str | Path = ".quilate", color: bool = False) -> DryRun:
    """Do everything that needs no training. Evaluation samples among the examples are told in the
    manifest and not refused. Raises what a training does otherwise, but for want of memory."""
    samples = suite_samples(loaded, store)
    data, linted = checked_examples(loaded, store)
    data, manifest = without_samples(loaded, data, samples)
    shown = ""
    if linted is not None:
        shown = shown_example(data.train[0], base_file(loaded.recipe, loaded.folder), color=color)
    found = trainer_of(loaded.recipe).estimate(absolute(loaded), data.train, data.heldout)
    return DryRun(data, linted, manifest, shown, found)


_SIDES = {
    "es": {"chosen": "elegida", "rejected": "rechazada", "good": "buena", "bad": "mala"},
}


def shown_example(example: AnyExample, base: Path, *, color: bool = False, lang: str = "en") -> str:
    """An example as text in the chat template of a GGUF base, what is learned marked: of a
    preference both sides, one after the other; of a judged completion with its verdict."""
    from quilate.tuning.templates import render, sides

    tokenizer = registry.factory("chat_tokenizers", "gguf")(base)
    shown = []
    for name, one in sides(example):
        rendered = _up_to_stop(render(one, tokenizer.template), tokenizer)
        text = rendered.to_text(color=color)
        title = _SIDES.get(lang, {}).get(name, name)
        shown.append(f"## {title}\n{text}" if name else text)
    return "\n".join(shown)


def _up_to_stop(rendered: "Rendered", tokenizer: "ChatTokenizer") -> "Rendered":
    """Without the white space that a template writes after a stop token: ours does not learn it."""
    spans = []
    for start, end in rendered.spans:
        said = rendered.text[start:end].rstrip()
        tokens = tokenizer.encode(said) if said else []
        stops = bool(tokens) and tokens[-1] in tokenizer.stop_tokens
        spans.append((start, start + len(said) if stops else end))
    return replace(rendered, spans=tuple(spans))


def suite_samples(
    loaded: LoadedRecipe, store: str | Path = ".quilate"
) -> dict[str, tuple[Sample, ...]]:
    """The samples of the recipe's suites, which must not be trained on; none where it names none.

    Raises `ConfigurationError` for suites that cannot decide.
    """
    spec, found = loaded.recipe.decide, dict[str, tuple[Sample, ...]]()
    if spec is None:
        return found
    base = base_file(loaded.recipe, loaded.folder)
    for name, file in (("task", spec.suite), ("regression", spec.regression)):
        if file is not None:
            suite = suite_of(loaded, file, base, Path(store))
            if name == "task":
                _check_metric(spec.metric, suite, loaded.path)
            found[name] = tuple(suite.samples)
    return found


def suite_of(loaded: LoadedRecipe, file: str, base: Path, store: Path, model: str = "") -> "Suite":
    """A suite with the model under test in the place of its own. Its judges stay who they are, and
    where it names none the base is: a tuned model does not judge itself."""
    path = loaded.folder / file
    written, places = yaml_places.load(path)
    _refuse_other_models(written, places, path)
    untuned = f"llamacpp/{base}"
    judge = written.get("judge") or written.get("model") or untuned
    return load_suite(path, model=model or untuned, judge=judge, store=store)


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
    names = [one.name for evaluator in suite.evaluators for one in evaluator.metrics]
    known = [*names, *(f"{name} {reducer}" for name in names for reducer in suite.reducers)]
    if metric is not None and metric not in known:
        raise ConfigurationError(
            f"The suite '{suite.name}' has no metric '{metric}', which is to decide.",
            where=str(path),
            remedy=registry.nearest(metric, known),
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


def without_samples(
    loaded: LoadedRecipe, data: TrainingData, samples: Mapping[str, Sequence[Sample]]
) -> "tuple[TrainingData, Manifest | None]":
    """The check that no evaluation sample is among the examples: those that hold one are left out
    where the recipe says so. None where there are no samples to check against."""
    if not samples:
        return data, None
    from quilate.tuning.training_set import make_training_set

    sets = _with_asked(loaded, samples)
    made = make_training_set(
        (*data.train, *data.heldout),
        sets,
        method=method_of(loaded.recipe.contamination),
        keep_contaminated=loaded.recipe.contamination.action == "refuse",
    )
    kept = set(map(id, made.examples))
    left = [tuple(one for one in part if id(one) in kept) for part in (data.train, data.heldout)]
    if not all(left):
        raise DataError(
            "Without those that hold evaluation samples, no example is left to train on, or none "
            "to hold out.",
            where=str(loaded.path),
            remedy="Train on other data than you evaluate on.",
        )
    return replace(data, train=left[0], heldout=left[1]), made.manifest


def evaluation_sets(
    loaded: LoadedRecipe, store: str | Path = ".quilate"
) -> dict[str, tuple[Sample, ...]]:
    """The samples of the recipe's suites, and these as its prompt templates ask them."""
    return _with_asked(loaded, suite_samples(loaded, store))


def _with_asked(
    loaded: LoadedRecipe, samples: Mapping[str, Sequence[Sample]]
) -> dict[str, tuple[Sample, ...]]:
    sets = {name: tuple(some) for name, some in samples.items()}
    asked = {f"{name}, as asked": tuple(as_asked(loaded, some)) for name, some in sets.items()}
    return sets | {name: some for name, some in asked.items() if some}


def method_of(spec: ContaminationSpec) -> "Method":
    """How a recipe wants evaluation samples to be looked for."""
    from quilate.tuning.exclusion import Method

    return Method(
        checks=spec.checks,
        threshold={str(check): limit for check, limit in spec.threshold.items()},
        embedder=spec.embedder,
        other_numbers=spec.other_numbers,
    )


def trainer_of(recipe: Recipe) -> Trainer:
    """The trainer that a recipe names."""
    made: Trainer = registry.factory("trainers", recipe.trainer)()
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


def absolute(loaded: LoadedRecipe) -> Recipe:
    """The recipe with its base named from anywhere."""
    beside = loaded.folder / loaded.recipe.base
    if beside.exists():
        return loaded.recipe.model_copy(update={"base": str(beside.resolve())})
    return loaded.recipe
