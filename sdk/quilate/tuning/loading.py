"""A recipe from its file, and the examples that it names."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from quilate import yaml_places
from quilate.codec import digest, to_data, to_json
from quilate.data.files.reading import read_rows
from quilate.data.files.rejected import Rejected
from quilate.data.steps import Row
from quilate.data.stores import Dataset
from quilate.errors import ConfigurationError, DataError
from quilate.evaluators import Sample
from quilate.tuning.examples import AnyExample, Example, Judged, Preference
from quilate.tuning.recipe import ExamplesSpec, Recipe

# By one of these a row is of a training format; rows of others have an input and an output.
_FORMAT_KEYS = frozenset(
    ("messages", "prompt", "conversations", "instruction", "chosen", "preferred_output")
)


@dataclass(frozen=True, slots=True)
class LoadedRecipe:
    """A recipe and the file that it came from; its paths begin at the file's folder."""

    recipe: Recipe
    path: Path

    @property
    def folder(self) -> Path:
        """Where relative paths begin."""
        return self.path.parent


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The examples of a recipe: those to train on, those held out, and the rows that hold none."""

    train: tuple[AnyExample, ...]
    heldout: tuple[AnyExample, ...]
    rejected: tuple[Rejected, ...]


def load_recipe(path: str | Path) -> LoadedRecipe:
    """Read a recipe file; nothing is loaded yet.

    Raises `ConfigurationError` that names file, line and remedy.
    """
    path = Path(path)
    data, places = yaml_places.load(path, "recipe")
    try:
        loaded = LoadedRecipe(Recipe.model_validate(data), path)
    except ValidationError as error:
        raise yaml_places.explain(error, Recipe, path, places, "recipe") from None
    _check_prompts(loaded, places)
    return loaded


def _check_prompts(loaded: LoadedRecipe, places: Mapping[yaml_places.Place, int]) -> None:
    """Raise `ConfigurationError` for a prompt template that is not there, with its line."""
    data = loaded.recipe.data
    train = data.train if isinstance(data.train, list) else [data.train]
    written: list[tuple[yaml_places.Place, object]] = [(("data", "heldout"), data.heldout)]
    for number, source in enumerate(train):
        several = (number,) if isinstance(data.train, list) else ()
        written.append((("data", "train", *several), source))
    for place, named in written:
        prompt = named.prompt if isinstance(named, ExamplesSpec) else None
        if prompt is not None and not (loaded.folder / prompt).is_file():
            raise ConfigurationError(
                f"There is no prompt template '{prompt}'.",
                where=f"{loaded.path}:{places.get((*place, 'prompt'), 1)}",
                remedy="Correct `prompt:`; its path is relative to the recipe: "
                f"{(loaded.folder / prompt).absolute()}",
            )


def load_examples(loaded: LoadedRecipe, store: str | Path = ".quilate") -> TrainingData:
    """The examples that a recipe names. A share that is held out is drawn by the recipe's seed, so
    that equal prompts are never parted. Raises `DataError`."""
    data = loaded.recipe.data
    rejected: list[Rejected] = []
    train = [
        example
        for spec in data.sources
        for example in read_examples(spec, loaded.folder, Path(store), rejected)
    ]
    train = _with_own_ids(train)
    if isinstance(data.heldout, float):
        return TrainingData(
            *_parted(train, data.heldout, loaded.recipe.training.seed), tuple(rejected)
        )
    spec = data.heldout
    if isinstance(spec, str):
        spec = ExamplesSpec(path=spec)
    heldout = _with_own_ids(read_examples(spec, loaded.folder, Path(store), rejected))
    shared = {example.prompt for example in train} & {example.prompt for example in heldout}
    if shared:
        told = next(one.id for one in heldout if one.prompt in shared)
        raise DataError(
            f"{len(shared)} prompts are among the examples to train on and those held out, such as "
            f"that of '{told}': a held-out loss would say nothing.",
            where=str(loaded.path),
            remedy="Take them out of one of the two, or hold out a share: `heldout: 0.1`.",
        )
    return TrainingData(tuple(train), tuple(heldout), tuple(rejected))


def as_asked(loaded: LoadedRecipe, samples: Sequence[Sample]) -> list[Sample]:
    """Evaluation samples as the recipe's prompt templates ask them: a short question inside a
    template is else not seen to be the same."""
    from quilate.prompts import Template

    found = []
    prompts = {spec.prompt for spec in loaded.recipe.data.sources if spec.prompt is not None}
    for prompt in sorted(prompts):
        template = Template.load(loaded.folder / prompt)
        for sample in samples:
            turns = template.render(question=sample.question)
            asked = "\n".join(turn.text for turn in turns if turn.role != "system")
            found.append(replace(sample, id=f"{sample.id}", input=asked))
    return found


def read_examples(
    spec: ExamplesSpec, folder: Path, store: Path, rejected: list[Rejected]
) -> list[AnyExample]:
    """The examples of one file or dataset; what is none goes to `rejected`."""
    path = _path(spec, folder, store, rejected)
    first = next((row for row in read_rows(path) if not isinstance(row, Rejected)), {})
    if spec.format is not None and spec.prompt is not None:
        raise ConfigurationError(
            f"`prompt` is for rows with an input, and {spec.path} is of the format {spec.format}.",
            remedy="Leave one of the two out.",
        )
    if spec.format is None and (spec.prompt is not None or not _FORMAT_KEYS & set(first)):
        return _from_rows(path, spec, folder, rejected)
    from quilate.tuning.formats import read

    loaded = read(path, spec.format, fields=spec.fields or None)
    rejected += loaded.rejected
    return list(loaded.examples)


def _path(spec: ExamplesSpec, folder: Path, store: Path, rejected: list[Rejected]) -> Path:
    """The file of the rows that are meant: the one named, or a copy of some of its rows."""
    from quilate.data.files.writing import write_json_lines
    from quilate.data.stores import open_dataset

    cache = store / "data" / ".cache" / "exports"
    if spec.path.startswith("dataset:"):
        dataset = open_dataset(spec.path, store)
        if not spec.where:
            _refuse_split(dataset)
        file, rows = cache / f"{dataset.name}-{dataset.version}.jsonl", dataset.rows()
    elif spec.where:
        source = folder / spec.path
        file, rows = cache / f"{source.name}.jsonl", _plain_rows(source, rejected)
    else:
        return folder / spec.path
    if spec.where:
        file = file.with_stem(f"{file.stem}-{digest(spec.path, to_json(spec.where))[:10]}")
        rows = _chosen(rows, spec)
    write_json_lines(rows, file)
    return file


def _refuse_split(dataset: Dataset) -> None:
    """Raise `ConfigurationError` for a dataset in splits: one of them is meant, not all."""
    steps = dataset.manifest.get("steps", [])
    splits = [one.get("options", {}).get("column", "split") for one in steps
              if one.get("step") == "split"]  # fmt: skip
    column = next((name for name in (*splits, "split") if name in dataset.manifest["fields"]), None)
    if column is not None:
        raise ConfigurationError(
            f"The dataset '{dataset.name}' is in splits (field '{column}'): rows to be tested on "
            "would be trained on.",
            remedy="Say which in a recipe: "
            f"`train: {{path: dataset:{dataset.name}, where: {{{column}: train}}}}`",
        )


def _plain_rows(file: Path, rejected: list[Rejected]) -> Iterator[Row]:
    for row in read_rows(file):
        if isinstance(row, Rejected):
            rejected.append(row)
        else:
            yield row


def _chosen(rows: Iterable[Row], spec: ExamplesSpec) -> Iterator[Row]:
    """The rows whose columns have the values asked for. Raises `DataError` where none has."""
    wanted = {
        name: value if isinstance(value, list) else [value] for name, value in spec.where.items()
    }
    seen: dict[str, Counter[str]] = {name: Counter() for name in wanted}
    found = False
    for row in rows:
        for name in wanted:
            seen[name][str(row.get(name))] += 1
        if all(row.get(name) in values for name, values in wanted.items()):
            found = True
            yield row
    if not found:
        told = "; ".join(
            f"{name}: {', '.join(value for value, _ in counts.most_common(5))}"
            for name, counts in seen.items()
        )
        raise DataError(
            f"No row is where {to_json(spec.where).decode()}. There are {told or 'no rows'}.",
            where=spec.path,
            remedy="Correct `where:` in the recipe.",
        )


def _from_rows(
    path: Path, spec: ExamplesSpec, folder: Path, rejected: list[Rejected]
) -> list[AnyExample]:
    from quilate.tuning.sources import from_rows

    # Fields of `read_rows` rename columns before ours are looked for.
    rows: list[Mapping[str, Any]] = []
    for row in read_rows(path, fields=spec.fields):
        if isinstance(row, Rejected):
            rejected.append(row)
        else:
            rows.append(row)
    if spec.prompt is not None:
        rows = list(_asked(rows, spec.prompt, folder))
    found = from_rows(rows, name=path.name)
    rejected += [Rejected(one.id, one.reason, one.detail) for one in found.skipped]
    return list(found)


def _asked(
    rows: Sequence[Mapping[str, Any]], prompt: str, folder: Path
) -> Iterator[Mapping[str, Any]]:
    """The rows with their inputs put into a prompt template, as a suite does."""
    from quilate.prompts import Template

    template = Template.load(folder / prompt)
    for row in rows:
        asked = row.get("input", row.get("question"))
        if not isinstance(asked, str):
            if row.get("prompt") is not None:
                raise ConfigurationError(
                    f"The row {row.get('id')} has a prompt of its own, and `prompt: {prompt}` "
                    "would go unused.",
                    remedy="Leave `prompt:` out, or name the row's text `input`.",
                )
            yield row
            continue
        try:
            turns = template.render(question=asked)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"The template cannot be filled: {error.what}",
                where=f"{folder / prompt}",
                remedy="It may use {{ question }} alone.",
            ) from None
        left = {key: value for key, value in row.items() if key not in ("input", "question")}
        yield {**left, "prompt": [{"role": turn.role, "content": turn.text} for turn in turns]}


def _with_own_ids(examples: Sequence[AnyExample]) -> list[AnyExample]:
    """The examples, those with an id that an earlier one has under another."""
    counts: Counter[str] = Counter()
    taken = {example.id for example in examples}
    own = []
    for example in examples:
        counts[example.id] += 1
        name = example.id
        while counts[example.id] > 1 and name in taken:
            name = f"{example.id}#{counts[example.id]}"
            if name in taken:
                counts[example.id] += 1
        taken.add(name)
        own.append(example if name == example.id else replace(example, id=name))
    return own


def _parted(
    examples: Sequence[AnyExample], share: float, seed: int
) -> tuple[tuple[AnyExample, ...], tuple[AnyExample, ...]]:
    """What is trained on and what is held out. Whole prompts are drawn in the order of their
    digests, so that adding examples moves few of the others."""
    by: dict[str, list[AnyExample]] = {}
    for example in examples:
        asked = json.dumps([to_data(turn) for turn in example.prompt], sort_keys=True)
        by.setdefault(digest(str(seed), asked), []).append(example)
    if len(by) < 2:
        raise DataError(
            f"There are {len(examples)} examples of {len(by)} prompts: nothing can be held out.",
            remedy="Give more examples, or a file of its own as `data: {heldout: FILE}`.",
        )
    wanted = max(1, round(share * len(examples)))
    held: set[str] = set()
    count = 0
    for key in sorted(by):
        if count >= wanted or len(held) == len(by) - 1:
            break
        held.add(key)
        count += len(by[key])
    heldout = {example.id for key in held for example in by[key]}
    return (
        tuple(one for one in examples if one.id not in heldout),
        tuple(one for one in examples if one.id in heldout),
    )


def check_kind(method: str, examples: Sequence[AnyExample]) -> None:
    """Raise `ConfigurationError` where a method is given examples of another kind."""
    wanted = Preference if method == "dpo" else Example
    kinds = {Preference: "preference", Judged: "judged", Example: "supervised"}
    for example in examples:
        if isinstance(example, wanted):
            continue
        given = kinds[type(example)]
        raise ConfigurationError(
            f"The method {method} does not train on {given} examples ('{example.id}').",
            remedy="dpo takes chosen and rejected completions, sft a completion.",
        )
