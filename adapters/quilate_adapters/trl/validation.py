"""One step of TRL's own trainers on an exported file, with a tiny model of random weights.

That shows that a file loads, that its rows are taken for what they are, and what is learned of
them. It shows nothing of how good a model would become.
"""

import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quilate.errors import DataError
from quilate.registry import require
from quilate.tuning.formats import detect, export, format_named, from_rows
from quilate.tuning.formats.values import Format
from quilate_adapters.llamacpp.packaged import locate
from quilate_adapters.trl.loading import difference, load, quiet

_TRAINERS: Mapping[str, tuple[str, str]] = {
    "prompt-completion": ("SFTTrainer", "SFTConfig"),
    "messages": ("SFTTrainer", "SFTConfig"),
    "preference": ("DPOTrainer", "DPOConfig"),
    "kto": ("KTOTrainer", "KTOConfig"),
}
_LEARNED: Mapping[str, tuple[str, ...]] = {
    "DPOTrainer": ("chosen_ids", "rejected_ids"),
    "KTOTrainer": ("completion_ids",),
}


@dataclass(frozen=True, slots=True)
class Validation:
    """What a file did in the real libraries.

    `rows` were loaded by `datasets`; `changed` is the first value that it gave back otherwise than
    the file has it (empty: none). `converted`: TRL does not read the format, so the loaded rows
    were read by `quilate.tuning.formats` and given to it as ``prompt-completion`` or
    ``preference``. `trainer` is TRL's class; `tokens` are those of the rows as it tokenised them,
    `learned` those that its loss is on; `loss` is that of the one step, and `moved` says whether
    the weights changed by it.
    """

    path: Path
    format: str
    rows: int
    changed: str
    converted: bool
    trainer: str
    tokens: int
    learned: int
    loss: float
    moved: bool
    texts: tuple[str, ...]
    """What is learned of the first rows, as text (of a preference, the chosen side)."""

    @property
    def passed(self) -> bool:
        """Whether everything is as it should be."""
        return not self.changed and math.isfinite(self.loss) and self.learned > 0 and self.moved


def validate(
    path: str | Path,
    format: str | None = None,
    *,
    tokenizer: str | Path = "smollm2-135m-instruct",
    template: str | None = None,
    max_length: int = 1024,
    options: Mapping[str, Any] | None = None,
) -> Validation:
    """Load a file with `datasets.load_dataset("json")` and train on it for one step with TRL.

    `tokenizer` is a GGUF file or a packaged model's name, `template` another chat template than the
    one in it. `options` go to TRL's configuration, such as ``{"assistant_only_loss": True}``.
    Nothing is downloaded, and nothing is left behind. Raises `DataError` where one of the libraries
    refuses the file, and `MissingDependency` without the extra ``tuning``.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(prefix="quilate-validate-") as made:
        work = Path(made)
        rows = load(path, work / "cache")
        if not len(rows):
            raise DataError("The file has no rows.", where=str(path))
        chosen = format_named(format) if format else detect(dict(rows[0]))
        given, name = rows, chosen.name
        if name not in _TRAINERS:
            given, name = _converted(path, rows, chosen, work)
        trainer = _trainer(name, given, tokenizer, template, max_length, work, options or {}, path)
        loss, moved = _step(trainer, path)
        tokens, learned, texts = _learned(trainer)
        return Validation(
            path=path,
            format=chosen.name,
            rows=len(rows),
            changed=difference(path, rows),
            converted=chosen.name not in _TRAINERS,
            trainer=type(trainer).__name__,
            tokens=tokens,
            learned=learned,
            loss=loss,
            moved=moved,
            texts=texts,
        )


def _converted(path: Path, rows: Any, format: Format, work: Path) -> tuple[Any, str]:
    """The loaded rows in a format that TRL reads."""
    examples, rejected = from_rows(map(dict, rows), format.name, name=path.name)
    if rejected:
        first = rejected[0]
        raise DataError(
            f"{len(rejected)} rows hold no example: {first.detail} ({first.reason}).",
            where=first.where,
        )
    told = export(examples, work / "converted.jsonl")
    return load(told.path, work / "cache"), told.format


def _trainer(
    name: str,
    rows: Any,
    tokenizer: str | Path,
    template: str | None,
    max_length: int,
    work: Path,
    options: Mapping[str, Any],
    path: Path,
) -> Any:
    trl = require("trl", extra="tuning")
    trainer, config = (getattr(trl, one) for one in _TRAINERS[name])
    # KTO estimates its divergence from other rows of the batch: it wants several.
    settings = {
        "output_dir": str(work / "out"),
        "max_steps": 1,
        "per_device_train_batch_size": max(2, min(len(rows), 8)),
        "learning_rate": 1e-3,
        "max_length": max_length,
        "report_to": "none",
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
        **options,
    }
    processing = _tokenizer(tokenizer, template)
    given = {"model": _tiny_model(len(processing))}
    if name in ("preference", "kto"):
        # Otherwise TRL would load the reference from where the model came from: this one is new.
        given["ref_model"] = _tiny_model(len(processing))
    with _refusals(path, trainer.__name__), quiet():
        made = trainer(
            **given, args=config(**settings), train_dataset=rows, processing_class=processing
        )
    made.remove_callback(require("transformers", extra="tuning").PrinterCallback)
    return made


def _tokenizer(name: str | Path, template: str | None) -> Any:
    transformers = require("transformers", extra="tuning")
    file = locate(str(name))
    found = transformers.AutoTokenizer.from_pretrained(
        str(file.parent), gguf_file=file.name, local_files_only=True
    )
    if template is not None:
        found.chat_template = template
    if found.pad_token is None:
        found.pad_token = found.eos_token
    return found


def _tiny_model(vocabulary: int) -> Any:
    """A Llama of two layers and random weights, the same each time."""
    torch = require("torch", extra="tuning")
    transformers = require("transformers", extra="tuning")
    torch.manual_seed(7)
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=4096,
        )
    )


def _step(trainer: Any, path: Path) -> tuple[float, bool]:
    """The loss of one step, and whether the weights changed."""
    before = [one.detach().clone() for one in trainer.model.parameters()]
    with _refusals(path, type(trainer).__name__):
        loss = float(trainer.train().training_loss)
    after = trainer.model.parameters()
    return loss, any(not one.equal(other) for one, other in zip(before, after, strict=True))


def _learned(trainer: Any) -> tuple[int, int, tuple[str, ...]]:
    """Tokens in all, tokens that the loss is on, and the first rows' as text."""
    rows, decode = trainer.train_dataset, trainer.processing_class.decode
    columns = _LEARNED.get(type(trainer).__name__)
    if columns is None:
        tokens = sum(len(row["input_ids"]) for row in rows)
        kept = [[token for token in row["labels"] if token != -100] for row in rows]
        return tokens, sum(map(len, kept)), tuple(decode(ids) for ids in kept[:3])
    learned = sum(len(row[column]) for row in rows for column in columns)
    prompts = sum(len(row["prompt_ids"]) for row in rows)
    texts = tuple(decode(row[columns[0]]) for row in rows.select(range(min(3, len(rows)))))
    return prompts + learned, learned, texts


@contextmanager
def _refusals(path: Path, trainer: str) -> Iterator[None]:
    """While open, whatever TRL raises is a `DataError` that says so."""
    try:
        yield
    except Exception as error:
        raise DataError(
            f"TRL's {trainer} does not take it: {type(error).__name__}: {error!s:.300}.",
            where=str(path),
        ) from None
