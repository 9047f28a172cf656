"""The commands of ``tune`` that are about examples: export, lint, show, distill."""

import json
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quilate.cli.finishing import say
from quilate.cli.options import DEFAULT_STORE, AsJson, Lang, Store
from quilate.cli.testset import MaxTokens, MaxUsd
from quilate.cli.tune_words import command_words, refuse_source
from quilate.errors import DataError

if TYPE_CHECKING:
    from quilate.tuning.distillation import Distilled
    from quilate.tuning.examples import AnyExample
    from quilate.tuning.formats import Exported
    from quilate.tuning.training_set import Manifest


class Keep(StrEnum):
    """Which of the answers that pass are kept."""

    best = "best"
    all = "all"
    pairs = "pairs"


Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A recipe (.yaml), a file of examples or rows, or dataset:NAME[@VERSION].",
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="A packaged model or GGUF file, if not smollm2-135m-instruct; a recipe has its own.",
    ),
]

Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter", metavar="NAME", help="An evaluator that an answer must pass; repeatable."
    ),
]
Temperature = Annotated[float, typer.Option(min=0.0, max=2.0, metavar="T", help="Of the answers.")]
AnswerTokens = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Longer answers are left out.")
]


def _examples(source: str, store: Path) -> "list[AnyExample]":
    """The examples of a recipe, file or dataset; what holds none is told on stderr."""
    from quilate.data.files.rejected import Rejected
    from quilate.tuning.loading import load_examples, load_recipe, read_examples
    from quilate.tuning.recipe import ExamplesSpec

    if _is_recipe(source):
        data = load_examples(load_recipe(source), store)
        found, rejected = [*data.train, *data.heldout], list(data.rejected)
    else:
        _refuse_bare_dataset(source, store)
        rejected: list[Rejected] = []  # type: ignore[no-redef]
        found = read_examples(ExamplesSpec(path=source), Path(), store, rejected)
    for one in rejected[:5]:
        say(f"{one.where}: {one.reason} {one.detail}".rstrip())
    if len(rejected) > 5:
        say(f"… {len(rejected)} rows hold no example")
    return found


def export(
    source: Source,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write (.jsonl).")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="prompt-completion, messages, preference, kto, sharegpt, alpaca, openai or "
            "openai-preference; left out, it goes by what the examples are.",
        ),
    ] = None,
    extras: Annotated[
        bool,
        typer.Option("--extras/--no-extras", help="Keep ids and metadata in columns of their own."),
    ] = True,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Evaluation samples (JSON Lines or CSV) to leave out; repeatable. A recipe's own "
            "suites are used without it.",
        ),
    ] = None,
    checks: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            help="How samples are looked for: exact, ngrams, near (the usual ones), embedding.",
        ),
    ] = None,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Write examples in a format that trainers take.

    Against evaluation samples they are checked first: those that hold one are left out, and
    FILE.manifest.json says what was checked and found.
    """
    from quilate.cli.onward import check_writable
    from quilate.tuning.formats import export as write
    from quilate.tuning.training_set import with_files, write_manifest

    check_writable(out)
    refuse_source(out, source, *(against or ()))
    with command_words():
        examples, manifest = _training_set(source, against or [], checks, store)
    told = write(examples, out, form, extras=extras)
    if manifest is not None:
        # Rows that the format refused are in the set's digest, and not in the file.
        write_manifest(with_files(manifest, out.parent, out.name), _manifest_of(out))
    _tell_export(told, manifest, as_json)


def _manifest_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.manifest.json")


def _tell_export(told: "Exported", manifest: "Manifest | None", as_json: bool) -> None:
    if as_json:
        found = {} if manifest is None else {"checks": manifest.checks}
        typer.echo(json.dumps(asdict(told) | found, ensure_ascii=False, default=str))
        return
    typer.echo(f"{told.path}: {told.rows} ({told.format})")
    if manifest is not None:
        counts = ", ".join(f"{check} {count}" for check, count in manifest.checks.items())
        say(f"left out for evaluation samples: {counts}; {_manifest_of(told.path)}")
    for one in told.refused[:10]:
        say(f"{one.id}: {one.reason} {one.detail}".rstrip())
    if told.refused:
        say(f"{len(told.refused)} examples cannot be held by this format: {dict(told.reasons)}")
        raise typer.Exit(3)


def _training_set(
    source: str, against: list[str], checks: str | None, store: Path
) -> "tuple[list[AnyExample], Manifest | None]":
    """The examples, without those that hold samples where there are any to check against."""
    from quilate.tuning.exclusion import Method
    from quilate.tuning.loading import load_recipe
    from quilate.tuning.preparing import evaluation_sets, method_of
    from quilate.tuning.training_set import EvaluationSets, make_training_set

    examples, method = _examples(source, store), Method()
    sets: EvaluationSets = {file: file for file in against}
    if _is_recipe(source):
        loaded = load_recipe(source)
        method = method_of(loaded.recipe.contamination)
        sets = sets or evaluation_sets(loaded, store)
    if not sets:
        if checks is not None:
            raise typer.BadParameter("name the evaluation samples too", param_hint="--against")
        return examples, None
    if checks is not None:
        named = tuple(name.strip() for name in checks.split(",") if name.strip())
        method = replace(method, checks=named)  # type: ignore[arg-type]  # it is checked there
    made = make_training_set(examples, sets, method=method)
    return list(made.examples), made.manifest


def lint(
    source: Source,
    base: Base = None,
    max_length: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Tokens of an example, if not 1024; a recipe has its own."
        ),
    ] = None,
    store: Store = DEFAULT_STORE,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Look at examples as the model will read them."""
    from quilate import registry
    from quilate.tuning.lint import lint as look
    from quilate.tuning.loading import load_recipe

    if _is_recipe(source):
        _refuse_own(max_length, "--max-length", "training: max_length")
        max_length = load_recipe(source).recipe.training.max_length
    tokenizer = registry.factory("chat_tokenizers", "gguf")(_base_of(source, base))
    with command_words():
        examples = _examples(source, store)
    report = look(examples, tokenizer, max_length=max_length or 1024)
    if as_json:
        typer.echo(json.dumps(report.as_data(), ensure_ascii=False))
        return
    for line in report.summary(lang):
        typer.echo(line)
    for one in report.dropped[:10]:
        say(f"{one.id}: {one.reason} {one.detail}".rstrip())


def show(
    source: Source,
    n: Annotated[int, typer.Option("-n", min=1, metavar="N", help="Examples.")] = 1,
    base: Base = None,
    store: Store = DEFAULT_STORE,
    lang: Lang = None,
) -> None:
    """Show examples in the chat template, the learned part marked.

    Of preferences both sides are shown, of judged completions their verdict.
    """
    import sys

    from quilate.reports.strings import language
    from quilate.tuning.preparing import shown_example

    model = _base_of(source, base)
    with command_words():
        examples = _examples(source, store)
    for example in examples[:n]:
        typer.echo(f"# {example.id}")
        typer.echo(shown_example(example, model, color=sys.stdout.isatty(), lang=language(lang)))
    if not examples:
        say("There are no examples.")


def _refuse_bare_dataset(source: str, store: Path) -> None:
    """Raise `DataError` for no file but the name of a dataset."""
    from quilate.data.stores import dataset_store

    if not Path(source).exists() and source.partition("@")[0] in dataset_store(store).names():
        raise DataError(
            f"There is no file '{source}', but a dataset.", remedy=f"Write dataset:{source}"
        )


def _is_recipe(source: str) -> bool:
    return source.endswith((".yaml", ".yml"))


def _refuse_own(given: object, option: str, key: str) -> None:
    """Raise for an option that says again what the recipe says."""
    if given is not None:
        raise typer.BadParameter(
            f"the recipe says it: `{key}:`; change it there", param_hint=option
        )


def _base_of(source: str, base: str | None) -> Path:
    """The GGUF base of a recipe, or else the one that was named."""
    from quilate.tuning.loading import load_recipe
    from quilate.tuning.preparing import base_file, base_file_of

    if not _is_recipe(source):
        return base_file_of(base or "smollm2-135m-instruct", Path())
    _refuse_own(base, "--base", "base")
    loaded = load_recipe(source)
    return base_file(loaded.recipe, loaded.folder)


def distill(
    source: Source,
    teacher: Annotated[str, typer.Option(metavar="PROVIDER/NAME", help="The model that answers.")],
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The examples to write (.jsonl).")],
    evaluator: Filters = None,
    candidates: Annotated[int, typer.Option(min=1, metavar="K", help="Answers a prompt.")] = 4,
    keep: Annotated[Keep, typer.Option(help="best, all that pass, or best and worst.")] = Keep.best,
    temperature: Temperature = 0.8,
    answer_tokens: AnswerTokens = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the draws.")] = 0,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Let a model answer prompts; keep the answers that pass.

    SOURCE holds samples (`id`, `input`, `references`) in JSON Lines or CSV. The same command goes
    on with what was stopped.
    """
    from quilate.cli.onward import check_writable, same_goes_on
    from quilate.cli.progress import show_progress
    from quilate.evals.samples import read_samples
    from quilate.tuning.distillation import distill as make
    from quilate.tuning.formats import export as write

    check_writable(out)
    refuse_source(out, source)
    with same_goes_on(), show_progress(quiet=as_json) as progress:
        made = make(
            read_samples([Path(source)]),
            teacher=teacher,
            journal=out.with_suffix(".journal.sqlite"),
            filters=evaluator or (),
            candidates=candidates,
            keep=keep.value,
            temperature=temperature,
            answer_tokens=answer_tokens,
            seed=seed,
            max_usd=max_usd,
            max_tokens=max_tokens,
            store=store,
            progress=progress,
        )
    if made.examples:
        write(made.examples, out)
    typer.echo(
        json.dumps({"examples": len(made.examples), "reasons": dict(made.reasons)})
        if as_json
        else made.summary()
    )
    if made.stopped is not None:
        raise typer.Exit(4)
    if not made.examples:
        say(_nothing_kept(made, out))
        raise typer.Exit(3)


def _nothing_kept(made: "Distilled", out: Path) -> str:
    """What is said where no answer gives an example: the commonest reason, with a case of it."""
    told = "no answer was better than another of its prompt"
    for reason, count in list(made.reasons.items())[:1]:
        detail = next((one.detail for one in made.rejected if one.reason == reason), "")
        told = f"{count} of {made.prompts * made.candidates} answers were left out as {reason}"
        told += f" ({detail})" if detail else ""
    return f"No example was made, and {out} was not written: {told}."
