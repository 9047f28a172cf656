"""The commands ``tune …``: export, lint, train, convert, decide."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quilate.cli import tune_collect, tune_data
from quilate.cli.finishing import say
from quilate.cli.options import DEFAULT_STORE, AsJson, Html, Lang, Store

if TYPE_CHECKING:
    from quilate.tuning.loading import LoadedRecipe
    from quilate.tuning.loop import Foreseen, LoopResult
    from quilate.tuning.trainers import Estimate

app = typer.Typer(help="Fine-tune a model on this machine, and rule on it.", no_args_is_help=True)

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe (YAML).")]
Dry = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Train nothing: load, lint and check the examples, show one, say what it takes.",
    ),
]
LOOP_CODES = "Exit codes: 0 ship, 6 do not ship, 1 an error, 130 Ctrl-C (the same command goes on)."


@app.command(epilog=LOOP_CODES)
def loop(
    recipe: RecipeFile,
    dry_run: Dry = False,
    html: Html = None,
    store: Store = DEFAULT_STORE,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Train, convert, evaluate, and say whether to ship.

    Each stage is kept: after Ctrl-C or a crash the same command goes on where it was.
    """
    from quilate.cli.onward import check_writable, same_goes_on
    from quilate.cli.progress import show_progress
    from quilate.reports.tuning import left_out_lines, usage_lines, verdict_lines, write
    from quilate.tuning.loading import load_recipe
    from quilate.tuning.loop import check_decides
    from quilate.tuning.loop import loop as run_loop

    check_writable(html)
    loaded = load_recipe(recipe)
    if dry_run:
        check_decides(loaded)
        _show_dry_run(loaded, store, lang, as_json)
        return
    with same_goes_on(), show_progress(quiet=as_json) as progress:
        result = run_loop(loaded, store=store, progress=progress, foreseen=_foreseen(lang, as_json))
    page = write(result, html or result.report, lang=lang)
    decision = result.decision
    if as_json:
        typer.echo(json.dumps(_told(result), ensure_ascii=False, default=str))
    else:
        for line in (*verdict_lines(result, lang), *usage_lines(result, lang)):
            typer.echo(line)
        for line in left_out_lines(result, lang):
            say(line)
        say(f"{page.resolve()}")
    if decision is not None and decision.ruling != "ship":
        raise typer.Exit(6)


def _told(result: "LoopResult") -> dict[str, Any]:
    decision, trained = result.decision, result.trained
    return {
        "ruling": None if decision is None else decision.ruling,
        "reasons": [] if decision is None else list(decision.reasons),
        "folder": str(result.folder),
        "adapter": None if result.converted is None else str(result.converted.file),
        "examples": result.examples,
        "heldout": result.heldout,
        "steps": trained.steps,
        "best_step": trained.best_step,
        "seconds": trained.seconds,
        "parity": None if result.parity is None else asdict(result.parity),
        "task": None if decision is None else decision.task.to_data(),
        "regression": None
        if decision is None or decision.regression is None
        else decision.regression.to_data(),
        "smallest_losses": []
        if decision is None
        else [asdict(one) for one in decision.smallest_losses],
        "left_out": [asdict(one) for one in result.left_out],
        "already_trained": result.already,
    }


@app.command()
def train(
    recipe: RecipeFile,
    dry_run: Dry = False,
    store: Store = DEFAULT_STORE,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Train an adapter by a recipe; go on if it was killed."""
    from quilate.cli.onward import same_goes_on
    from quilate.cli.progress import show_progress
    from quilate.reports.tuning import left_out_lines, trained_line
    from quilate.tuning import loop as tuning
    from quilate.tuning.loading import load_recipe

    loaded = load_recipe(recipe)
    if dry_run:
        _show_dry_run(loaded, store, lang, as_json)
        return
    with same_goes_on(), show_progress(quiet=as_json) as progress:
        result = tuning.train(
            loaded, store=store, progress=progress, foreseen=_foreseen(lang, as_json)
        )
    if as_json:
        typer.echo(json.dumps(_told(result), ensure_ascii=False, default=str))
        return
    typer.echo(trained_line(result, lang))
    for line in left_out_lines(result, lang):
        say(line)


def _foreseen(lang: str | None, quiet: bool) -> "Foreseen | None":
    """Says what a training will need; None when `quiet`."""
    from quilate.reports.dry_run import estimate_lines

    def told(estimate: "Estimate") -> None:
        for line in estimate_lines(estimate, lang):
            say(line)

    return None if quiet else told


def _show_dry_run(loaded: "LoadedRecipe", store: Path, lang: str | None, as_json: bool) -> None:
    """Print all that is known before a training; fail where the training would be refused."""
    import sys

    from quilate.reports.dry_run import dry_run_lines
    from quilate.tuning.preparing import dry_run
    from quilate.tuning.training_set import refuse_found

    found = dry_run(loaded, store=store, color=sys.stdout.isatty() and not as_json)
    if as_json:
        typer.echo(json.dumps(found.as_data(), ensure_ascii=False, default=str))
    else:
        for line in dry_run_lines(found, lang):
            typer.echo(line)
    if found.manifest is not None and not loaded.recipe.allow_contaminated:
        refuse_found(found.manifest)
    if not found.estimate.fits:
        raise typer.Exit(1)


@app.command()
def convert(
    adapter: Annotated[Path, typer.Argument(metavar="ADAPTER", help="The PEFT adapter's folder.")],
    base: Annotated[str, typer.Argument(metavar="BASE", help="The GGUF base, a file or name.")],
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The GGUF LoRA to write.")],
    prompts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Held-out examples, for the parity certificate."),
    ] = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Turn a PEFT adapter into a GGUF LoRA.

    With --prompts it is certified that llama.cpp serves what was trained.
    """
    from quilate.reports.tuning import parity_lines
    from quilate.tuning.formats import read
    from quilate.tuning.loop import converter_of
    from quilate.tuning.preparing import base_file_of
    from quilate.tuning.recipe import ParitySpec

    spec = ParitySpec()
    # A file that is missing is told of before the slow part.
    examples = [] if prompts is None else list(read(prompts).examples)[: spec.prompts]
    converter, file = converter_of(), base_file_of(base, Path())
    made = converter.convert(adapter, file, out)
    parity = None
    if prompts is not None:
        parity = converter.parity(adapter, file, out, examples, spec)
    if as_json:
        told = asdict(made) | ({} if parity is None else {"parity": asdict(parity)})
        typer.echo(json.dumps(told, ensure_ascii=False, default=str))
    else:
        lost = f", residual up to {max(made.residual.values()):.2%}" if made.residual else ""
        typer.echo(f"{out}: {made.modules} modules, rank {made.rank}{lost}")
        for line in [] if parity is None else parity_lines(parity, spec, lang):
            typer.echo(line)
    if parity is not None and not parity.passed:
        raise typer.Exit(6)


@app.command()
def merge(
    adapter: Annotated[Path, typer.Argument(metavar="ADAPTER", help="The PEFT adapter's folder.")],
    base: Annotated[str, typer.Argument(metavar="BASE", help="The GGUF base, a file or name.")],
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The GGUF model to write, as F16.")],
) -> None:
    """Merge an adapter into its base, as a GGUF model.

    For adapters that no GGUF LoRA can hold.
    """
    from quilate.tuning.loop import converter_of
    from quilate.tuning.preparing import base_file_of

    made = converter_of().merge(adapter, base_file_of(base, Path()), out)
    typer.echo(f"{made}: {made.stat().st_size / 1e6:.0f} MB")


@app.command()
def quantize(
    source: Annotated[Path, typer.Argument(metavar="MODEL", help="A GGUF model as F16 or F32.")],
    to: Annotated[str, typer.Option(metavar="KIND,…", help="The types to write.")] = "Q8_0,Q4_K_M",
    compare: Annotated[
        Path | None,
        typer.Option(metavar="SUITE", help="Run this suite with each, and compare by sample."),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Loss of a metric's range that does not matter."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the models go, if not beside MODEL.")
    ] = None,
    store: Store = DEFAULT_STORE,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Write smaller models, and say what each costs.

    With --compare: size, speed, and the quality lost on a suite, paired by sample.
    """
    from quilate.cli.progress import show_progress
    from quilate.tuning.loop import converter_of
    from quilate.tuning.quantizing import compare_levels, level_files

    if margin is not None and compare is None:
        raise typer.BadParameter("--margin is of what --compare finds: give a suite too.")
    folder, kinds = out or source.parent, [kind.strip() for kind in to.split(",") if kind.strip()]
    converter = converter_of()
    if compare is None:
        for kind, file in level_files(source, kinds, folder, converter).items():
            made = converter.quantize(source, file, kind)
            typer.echo(f"{made}: {made.stat().st_size / 1e6:.0f} MB")
        return
    with show_progress(quiet=as_json) as progress:
        levels = compare_levels(
            source,
            kinds,
            compare,
            folder,
            converter=converter,
            margin=margin,
            store=store,
            progress=progress,
        )
    if as_json:
        from quilate.reports.quantizing import as_data

        typer.echo(json.dumps([as_data(level) for level in levels], ensure_ascii=False))
        return
    from rich.console import Console

    from quilate.reports.quantizing import level_table

    Console().print(level_table(levels, lang))


app.command()(tune_data.export)
app.command()(tune_data.lint)
app.command()(tune_data.show)
app.command()(tune_data.distill)
app.command()(tune_collect.collect)
