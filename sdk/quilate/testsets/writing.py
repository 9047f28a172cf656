"""A test set as files: the questions as the suite reads samples, and what was rejected."""

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from quilate.codec import digest, to_data
from quilate.errors import ConfigurationError, StoreError
from quilate.evaluators import Sample
from quilate.models import ModelInfo
from quilate.testsets.drafting import prompt_digests
from quilate.testsets.journal import Journal
from quilate.testsets.sources import document_of
from quilate.testsets.values import Checked, Outcome


def sample_of(
    checked: Checked, *, model: ModelInfo, checker: ModelInfo, seed: int, temperature: float
) -> Sample:
    """The sample of a draft that stood all checks, with its provenance in the metadata."""
    draft = checked.draft
    task = draft.task
    answerable = task.kind != "unanswerable"
    prompts = prompt_digests(task.language)
    used = [f"testset_{task.kind}", "testset_answer", "testset_agree", "testset_agree_question"]
    provenance: dict[str, Any] = {
        "passages": [
            {
                "id": one.id,
                "document": document_of(one),
                "start": one.start,
                "end": one.end,
                "sha256": digest(one.text),
            }
            for one in task.passages
        ],
        "quotes": list(checked.quotes),
        "spans": [list(span) for span in checked.spans],
        "model": model.name,
        "checker": checker.name,
        "model_identity": model.identity,
        "checker_identity": checker.identity,
        "prompts": {name: prompts[name] for name in (used if answerable else used[:2])},
        "seed": seed + task.round,
        "temperature": temperature,
        "checks": list(checked.checks),
        **checked.evidence,
    }
    return Sample(
        id=f"{task.kind}-{digest(task.language, draft.question)[:12]}",
        input=draft.question,
        references=(draft.answer,) if answerable else (),
        gold=tuple(one.id for one in task.passages) if answerable else (),
        answerable=answerable,
        group=document_of(task.passages[0]),
        language=task.language,
        metadata={"kind": task.kind, "provenance": provenance},
    )


def rejected_row(outcome: Outcome) -> dict[str, Any]:
    """What is kept of a draft that was not taken."""
    task, draft, rejection = outcome.task, outcome.draft, outcome.rejection
    row: dict[str, Any] = {
        "kind": task.kind,
        "reason": rejection.reason if rejection else "",
        "detail": rejection.detail if rejection else "",
        "passages": [passage.id for passage in task.passages],
        "language": task.language,
        "round": task.round,
    }
    if draft is not None:
        row |= {"question": draft.question, "answer": draft.answer, "quotes": list(draft.quotes)}
    return row


def beside(out: Path, what: str) -> Path:
    """``questions.jsonl`` and ``rejected`` give ``questions.rejected.jsonl``."""
    stem = out.name.removesuffix(".jsonl")
    return out.with_name(f"{stem}.{what}.jsonl")


def check_out(out: Path) -> None:
    """Raise `ConfigurationError` for a place that no test set can be written to."""
    if out.suffix != ".jsonl":
        raise ConfigurationError(
            "A test set is written as JSON Lines.",
            where=str(out),
            remedy=f"Name it {out.with_suffix('.jsonl').name}.",
        )
    if out.is_dir():
        raise ConfigurationError("This is a folder.", where=str(out), remedy="Name a file in it.")


def lines_of(out: Path) -> int:
    """How many questions a test set has; 0 where there is none."""
    return out.read_bytes().count(b"\n") if out.exists() else 0


def check_ours(out: Path, journal: Journal | None) -> None:
    """Raise `ConfigurationError` where writing would destroy what is not ours, or was edited."""
    rejected, written = beside(out, "rejected"), journal.written if journal else set()
    if (journal is None or journal.fresh) and rejected.exists():
        raise ConfigurationError(
            "There is such a file already, and it would be overwritten.",
            where=str(rejected),
            remedy="Move it away, or choose another --out.",
        )
    if not out.exists() or _digest(out.read_bytes()) in written:
        return
    raise ConfigurationError(
        "The test set was edited since it was written, and would be overwritten."
        if written
        else "There is such a file already, and it would be overwritten.",
        where=str(out),
        remedy=f"Choose another --out; --avoid {out.name} keeps its questions from coming twice.",
    )


def write(out: Path, samples: Sequence[Sample], outcomes: Iterable[Outcome], log: Journal) -> None:
    """Write both files, each whole or not at all. Without samples there is no test set: an earlier
    one of ours goes. Raises `StoreError`."""
    rows = [{"id": one.id, **_row(one)} for one in samples]
    body = _lines(rows)
    try:
        if rows:
            log.will_write(_digest(body))
            _replace(out, body)
        elif out.exists():
            out.unlink()
        told = _lines(map(rejected_row, outcomes))
        log.will_write(_digest(told))
        _replace(beside(out, "rejected"), told)
    except OSError as error:
        raise StoreError(
            f"The test set cannot be written: {error.strerror}.",
            where=str(out),
            remedy="Make room, and give the same command again: what was done is kept.",
        ) from None


def _row(sample: Sample) -> dict[str, Any]:
    row = dict(to_data(sample))
    row["answerable"] = sample.answerable  # also where it is false
    return row


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    # Half characters can only come from a rejected draft; they are written as escapes.
    found = []
    for row in rows:
        text = json.dumps(row, ensure_ascii=False)
        try:
            text.encode()
        except UnicodeEncodeError:
            text = json.dumps(row)
        found.append(text + "\n")
    return "".join(found).encode()


def _digest(data: bytes) -> str:
    return digest(data)


def _replace(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:  # on a full disk, half a draft would take the room that is wanted
        with suppress(OSError):
            draft.unlink()
        raise
