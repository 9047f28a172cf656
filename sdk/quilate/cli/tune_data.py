"""The commands of ``tune`` that are about examples: export, lint, show, distill."""

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quilate.cli.finishing import say
from quilate.cli.options import DEFAULT_STORE, AsJson, Lang, Store
from quilate.cli.testset import MaxTokens, MaxUsd

if TYPE_CHECKING:
    from quilate.tuning.examples import AnyExample
    from quilate.tuning.sources import Gathered


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
    str, typer.Option(metavar="MODEL", help="A packaged model or GGUF file; a recipe has its own.")
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

    if source.endswith((".yaml", ".yml")):
        data = load_examples(load_recipe(source), store)
        found, rejected = [*data.train, *data.heldout], list(data.rejected)
    else:
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
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Write examples in a format that trainers take."""
    from quilate.cli.onward import check_writable
    from quilate.tuning.formats import export as write

    check_writable(out)
    told = write(_examples(source, store), out, form, extras=extras)
    if as_json:
        typer.echo(json.dumps(asdict(told), ensure_ascii=False, default=str))
        return
    typer.echo(f"{out}: {told.rows} ({told.format})")
    for one in told.refused[:10]:
        say(f"{one.id}: {one.reason} {one.detail}".rstrip())
    if told.refused:
        say(f"{len(told.refused)} examples cannot be held by this format: {dict(told.reasons)}")
        raise typer.Exit(3)


def lint(
    source: Source,
    base: Base = "smollm2-135m-instruct",
    max_length: Annotated[
        int, typer.Option(min=1, metavar="N", help="Tokens of an example.")
    ] = 1024,
    store: Store = DEFAULT_STORE,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Look at examples as the model will read them."""
    from quilate import registry
    from quilate.tuning.lint import lint as look
    from quilate.tuning.loading import load_recipe
    from quilate.tuning.loop import base_file, base_file_of

    if source.endswith((".yaml", ".yml")):
        loaded = load_recipe(source)
        model, max_length = (
            base_file(loaded.recipe, loaded.folder),
            (loaded.recipe.training.max_length),
        )
    else:
        model = base_file_of(base, Path())
    tokenizer = registry.factory("chat_tokenizers", "gguf")(model)
    report = look(_examples(source, store), tokenizer, max_length=max_length)
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
    base: Base = "smollm2-135m-instruct",
    store: Store = DEFAULT_STORE,
) -> None:
    """Show examples in the chat template, the learned part marked."""
    import sys

    from quilate import registry
    from quilate.tuning.examples import Example
    from quilate.tuning.loop import base_file_of
    from quilate.tuning.templates import render

    template = registry.factory("chat_tokenizers", "gguf")(base_file_of(base, Path())).template
    shown = [one for one in _examples(source, store) if isinstance(one, Example)][:n]
    for example in shown:
        typer.echo(f"# {example.id}")
        typer.echo(render(example, template).to_text(color=sys.stdout.isatty()))


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
    from quilate.cli.onward import check_writable
    from quilate.cli.progress import show_progress
    from quilate.evals.samples import read_samples
    from quilate.tuning.distillation import distill as make
    from quilate.tuning.formats import export as write

    check_writable(out)
    with show_progress(quiet=as_json) as progress:
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


class What(StrEnum):
    """What is made of a run or of feedback."""

    good = "good"
    corrected = "corrected"
    pairs = "pairs"
    feedback = "feedback"


def collect(
    source: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's id or latest; with feedback, a file.")
    ],
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The examples to write (.jsonl).")],
    what: Annotated[
        What,
        typer.Option(
            help="good: outputs that pass; corrected: the others, with their reference; pairs: "
            "what `pairwise` preferred, or with --metric and --margin what scores differ; "
            "feedback: rows with a thumb, a rating, or chosen and rejected."
        ),
    ] = What.good,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="The metric that says.")
    ] = None,
    at_least: Annotated[
        float | None, typer.Option(metavar="X", help="What passes; left out: the best value.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(metavar="X", help="How much two outputs of a pair differ.")
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="NAME", help="One target alone.")] = None,
    good_from: Annotated[
        float | None, typer.Option(metavar="X", help="Ratings from here on are good.")
    ] = None,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Make training examples of a run's outputs, or of feedback.

    Samples of a suite that is to judge the tuned model must not be trained on: training refuses.
    """
    from collections import Counter

    from quilate.cli.onward import check_writable
    from quilate.tuning.formats import export as write

    check_writable(out)
    found = _gathered(source, what, metric, at_least, margin, target, good_from, store)
    told = write(list(found), out)
    skipped = Counter(one.reason for one in found.skipped)
    if as_json:
        typer.echo(json.dumps({"rows": told.rows, "skipped": skipped, "format": told.format}))
        return
    left = ", ".join(f"{reason} {n}" for reason, n in skipped.most_common())
    typer.echo(f"{out}: {told.rows} ({told.format})" + (f"; left out: {left}" if left else ""))


def _gathered(
    source: str,
    what: What,
    metric: str | None,
    at_least: float | None,
    margin: float | None,
    target: str | None,
    good_from: float | None,
    store: Path,
) -> "Gathered[Any]":
    from quilate import evals
    from quilate.data.files import Rejected, read_rows
    from quilate.tuning import sources

    if what is What.feedback:
        rows = [row for row in read_rows(source) if not isinstance(row, Rejected)]
        return sources.from_feedback(rows, good_from=good_from, name=Path(source).name)
    run = evals.open_run(source, store=store)
    if what is What.pairs:
        if metric is None or margin is None:
            return sources.from_pairwise(run, target=target)
        return sources.from_scores(run, metric=metric, margin=margin, target=target)
    if metric is None:
        raise typer.BadParameter(
            f"name the metric that says: {', '.join(run.metrics)}", param_hint="--metric"
        )
    if what is What.corrected:
        return sources.corrected(run, metric=metric, at_least=at_least, target=target)
    return sources.from_run(run, metric=metric, at_least=at_least, target=target)
