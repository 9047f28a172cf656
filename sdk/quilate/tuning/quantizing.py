"""What each quantisation of a model costs: its size, its speed, and its loss on a suite, paired."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quilate import yaml_places
from quilate.errors import ConfigurationError
from quilate.evals import runner
from quilate.evals.suite_file import load_suite
from quilate.sync import blocking
from quilate.tuning.trainers import Converter

if TYPE_CHECKING:
    from quilate.evals.results import Run
    from quilate.reports.comparison.values import RunComparison

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Level:
    """One quantisation: its file and size; output tokens a second of its run; mean KL divergence
    in nats a token from the whole model and the share of equal likeliest tokens, both on the
    suite's inputs; and its run compared with the whole model's. The whole model itself has no
    `kl`, `top1` and `comparison`."""

    kind: str
    file: Path
    bytes: int
    tokens_per_second: float
    run: str
    kl: float | None = None
    top1: float | None = None
    comparison: "RunComparison | None" = None


def level_files(
    source: Path, kinds: Sequence[str], folder: Path, converter: Converter
) -> dict[str, Path]:
    """The file in `folder` of each of the `kinds` of a GGUF model. Raises `ConfigurationError` for
    none, and all that `Converter.quantize` would raise of any of them: before the first is written.
    """
    if not kinds:
        raise ConfigurationError("No quantisation is named.", remedy="Name some, such as Q8_0.")
    stem = source.stem.removesuffix(".F16")
    files = {kind: folder / f"{stem}.{kind}.gguf" for kind in kinds}
    for kind, file in files.items():
        converter.check_quantize(source, file, kind)
    return files


async def acompare_levels(
    source: Path,
    kinds: Sequence[str],
    suite: Path,
    folder: Path,
    *,
    converter: Converter,
    margin: float | None = None,
    store: str | Path = ".quilate",
    progress: Progress | None = None,
) -> list[Level]:
    """Quantise the GGUF model `source` (F16, BF16 or F32) to each of `kinds` in `folder`, and run a
    suite with each; the first level is `source` itself.

    With a `margin` (a share of each metric's range) a level is asked whether it is shown to lose
    less. Raises `ConfigurationError` for a kind that is not known.
    """
    import anyio

    from quilate.reports.comparison import compare

    files = level_files(source, kinds, folder, converter)
    whole = await _run(source, suite, Path(store), progress)
    levels = [_level("source", source, whole)]
    texts = [sample.question for sample in whole.samples.values() if sample.question.strip()][:64]
    for kind, file in files.items():
        made = await anyio.to_thread.run_sync(converter.quantize, source, file, kind)
        kl, top1 = await anyio.to_thread.run_sync(converter.divergence, source, made, texts)
        run = await _run(made, suite, Path(store), progress)
        found = compare(whole, run, margin=margin)
        levels.append(_level(kind, made, run, kl, top1, found))
    return levels


compare_levels = blocking(acompare_levels)
"""`acompare_levels` for sync code."""


async def _run(model: Path, suite: Path, store: Path, progress: Progress | None) -> "Run":
    written, _ = yaml_places.load(suite)
    judge = written.get("judge") or written.get("model")
    loaded = load_suite(suite, model=f"llamacpp/{model.resolve()}", judge=judge, store=store)

    def told(done: int, total: int, what: str) -> None:
        if progress is not None:
            progress(done, total, f"evaluate {model.name}")

    return await runner.evaluate(loaded, store=store, progress=told)


def _level(
    kind: str,
    file: Path,
    run: "Run",
    kl: float | None = None,
    top1: float | None = None,
    comparison: "RunComparison | None" = None,
) -> Level:
    outputs = [item.output for item in run.items if item.output is not None]
    tokens = sum(output.usage.output_tokens or 0 for output in outputs)
    seconds = sum(item.seconds for item in run.items) or 1e-9
    size = file.stat().st_size
    return Level(kind, file, size, tokens / seconds, run.id, kl, top1, comparison)
