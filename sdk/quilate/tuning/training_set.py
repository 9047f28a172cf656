"""A training set with its manifest: what is in it, and that no evaluation sample is, to be checked
again by anybody who has the evaluation samples."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import quilate
from quilate.codec import digest, to_json
from quilate.errors import DataError
from quilate.evaluators import Sample
from quilate.messages import Message
from quilate.models import Tool
from quilate.tuning.examples import AnyExample, Judged, Preference
from quilate.tuning.exclusion import (
    SHORTEST,
    ContaminatedError,
    Match,
    Method,
    find_matches,
)
from quilate.tuning.fingerprints import Fingerprints, fingerprint
from quilate.tuning.manifest import (
    CHECK,
    FORMAT,
    EvaluationRecord,
    Manifest,
    file_sha256,
    read_manifest,
    seal_of,
    sealed,
    with_files,
    write_manifest,
)

__all__ = [
    "EvaluationRecord",
    "EvaluationSets",
    "Manifest",
    "TrainingSet",
    "Verification",
    "ensure_clean",
    "examples_digest",
    "make_training_set",
    "read_manifest",
    "verify",
    "with_files",
    "write_manifest",
]

EvaluationSets = Mapping[str, Sequence[Sample] | str | Path]
"""Evaluation sets by name: samples, or a file of them (JSON Lines or CSV)."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Examples and their manifest."""

    examples: tuple[AnyExample, ...]
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Verification:
    """What checking again gave: where the manifest does not hold (`problems`, in words), and the
    evaluation samples `found` among the examples now."""

    problems: tuple[str, ...]
    found: tuple[Match, ...]

    @property
    def ok(self) -> bool:
        """Whether the manifest holds and nothing was found."""
        return not (self.problems or self.found)


def make_training_set(
    examples: Iterable[AnyExample],
    evaluation: EvaluationSets,
    *,
    method: Method | None = None,
    keep_contaminated: bool = False,
) -> TrainingSet:
    """Take out the examples that hold evaluation samples, and write down that it was done.

    With `keep_contaminated` they stay, and the manifest says so. Raises `DataError` where no
    example is left, for a set without samples, and for a file that cannot be read.

    >>> from quilate.messages import assistant, user
    >>> from quilate.tuning.examples import Example
    >>> given = [Example(text, (user(text),), (assistant("!"),)) for text in ("a", "b")]
    >>> made = make_training_set(given, {"heldout": [Sample("1", "B?")]})
    >>> [one.id for one in made.examples], made.manifest.clean, made.manifest.excluded[0].sample
    (['a'], True, '1')
    """
    method = method or Method()
    given = list(examples)
    records, samples = _evaluation(evaluation)
    matches = find_matches(given, samples, method)
    found = tuple(match for match in matches if match is not None)
    kept = given if keep_contaminated else _without(given, matches)
    if not kept:
        raise DataError(
            f"Of {len(given)} examples none is left: {len(found)} hold evaluation samples.",
            remedy="Train on other data than you evaluate on.",
        )
    manifest = Manifest(
        **_counts(kept),
        evaluation=records,
        method=method,
        excluded=() if keep_contaminated else found,
        found=found if keep_contaminated else (),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        quilate=quilate.__version__,
        check=CHECK,
        format=FORMAT,
    )
    return TrainingSet(tuple(kept), sealed(manifest))


def verify(
    manifest: Manifest,
    examples: Sequence[AnyExample],
    evaluation: EvaluationSets,
    *,
    folder: str | Path | None = None,
) -> Verification:
    """Check a training set again: whether the manifest is of these examples and evaluation sets as
    they are now, was not changed by hand, and whether evaluation samples are among the examples.

    Everything is computed anew from `examples` and `evaluation`; exported files are read where
    `folder` is given. Raises `DataError` for evaluation files that cannot be read.
    """
    records, samples = _evaluation(evaluation)
    matches = find_matches(examples, samples, manifest.method)
    found = tuple(match for match in matches if match is not None)
    problems = [
        *_seal_problems(manifest),
        *_example_problems(manifest, examples),
        *_evaluation_problems(manifest, records),
        *_found_problems(manifest, found),
        *(_file_problems(manifest, Path(folder)) if folder is not None else ()),
    ]
    return Verification(tuple(problems), found)


def ensure_clean(
    examples: Sequence[AnyExample],
    evaluation: EvaluationSets,
    *,
    manifest: Manifest | None = None,
    method: Method | None = None,
    folder: str | Path | None = None,
    allow_contaminated: bool = False,
) -> Verification:
    """What is done before training: check the examples, and the manifest where there is one.

    Raises `ContaminatedError` where evaluation samples are among the examples, unless allowed, and
    `DataError` where the manifest does not hold.
    """
    if manifest is None:
        manifest = make_training_set(
            examples, evaluation, method=method, keep_contaminated=True
        ).manifest
        verified = Verification((), manifest.found)
    else:
        verified = verify(manifest, examples, evaluation, folder=folder)
    if verified.found and not allow_contaminated:
        raise _contaminated(verified.found, len(examples))
    if verified.problems:
        raise DataError(
            f"The manifest does not hold: {'; '.join(verified.problems)}.",
            remedy="Make the training set again.",
        )
    return verified


_REMEDY = (
    "Take them out (`contamination: {action: exclude}` in the recipe, or "
    "quilate.tuning.exclusion.exclude), or allow it (allow_contaminated): the figures of that "
    "evaluation then say nothing."
)


def refuse_found(manifest: Manifest) -> None:
    """Raise `ContaminatedError` where evaluation samples are in the set of a manifest."""
    if manifest.found:
        raise _contaminated(manifest.found, manifest.examples)


def _contaminated(found: Sequence[Match], examples: int) -> ContaminatedError:
    shown = ", ".join(
        f"{one.id} holds {one.sample} of {one.evaluation} ({one.check})" for one in found[:3]
    )
    more = f", and {len(found) - 3} more" if len(found) > 3 else ""
    return ContaminatedError(
        f"Evaluation samples are in {len(found)} of {examples} examples: {shown}{more}.",
        remedy=_REMEDY,
    )


def examples_digest(examples: Iterable[AnyExample]) -> str:
    """A SHA-256, as hex, of what is trained on, in its order: kinds, turns, tools and verdicts. Ids
    and metadata are no part of it, because not every format of files holds them."""
    return digest(*(part for one in examples for part in _content(one)))


def _content(example: AnyExample) -> tuple[bytes, ...]:
    if isinstance(example, Preference):
        turns: tuple[tuple[Message, ...], ...] = (example.prompt, example.chosen, example.rejected)
        kind = b"preference"
    else:
        turns = (example.prompt, example.completion)
        good = isinstance(example, Judged) and example.good
        kind = b"judged %d" % good if isinstance(example, Judged) else b"supervised"
    parts = (to_json(one, tuple[Message, ...]) for one in turns)
    return (kind, *parts, to_json(example.tools, tuple[Tool, ...]))


def _counts(examples: Sequence[AnyExample]) -> dict[str, Any]:
    kinds = Counter(_content(one)[0].decode().partition(" ")[0] for one in examples)
    return {
        "examples": len(examples),
        "kinds": dict(sorted(kinds.items())),
        "sources": dict(sorted(Counter(map(_source, examples)).items())),
        "digest": examples_digest(examples),
    }


def _source(example: AnyExample) -> str:
    source = example.metadata.get("source")
    kind = source.get("kind") if isinstance(source, Mapping) else None
    return str(kind) if kind is not None else "unknown"


def _without(examples: Sequence[AnyExample], matches: Sequence[Match | None]) -> list[AnyExample]:
    return [one for one, match in zip(examples, matches, strict=True) if match is None]


def _evaluation(
    evaluation: EvaluationSets,
) -> tuple[tuple[EvaluationRecord, ...], dict[str, list[Sample]]]:
    if not evaluation:
        raise DataError(
            "There is no evaluation set to check against.",
            remedy='Give {"NAME": SAMPLES OR FILE} of every suite that is to judge the model.',
        )
    records, samples = [], {}
    for name, given in evaluation.items():
        sha256, samples[name] = _samples(name, given)
        records.append(_record(fingerprint(samples[name], name=name), sha256))
    return tuple(records), samples


def _samples(name: str, given: Sequence[Sample] | str | Path) -> tuple[str | None, list[Sample]]:
    if isinstance(given, str | Path):
        return file_sha256(Path(given)), _read(Path(given))
    samples = list(given)
    if not samples:
        raise DataError(
            f"The evaluation set '{name}' has no samples.", remedy="Give those of the suite."
        )
    return None, samples


def _read(file: Path) -> list[Sample]:
    """The samples of a suite's file; of another, such as a benchmark's questions, the text of the
    usual column of each row. Raises `DataError` for a row without one."""
    from quilate.data.decontamination.evaluation import read_texts
    from quilate.data.files import Rejected, read_rows
    from quilate.evals.samples import read_samples

    rows = [row for row in read_rows(file) if not isinstance(row, Rejected)]
    if not rows or any("input" in row for row in rows):
        return read_samples([file])
    return [Sample(one.id, one.text) for one in read_texts([file])]


def _record(made: Fingerprints, sha256: str | None) -> EvaluationRecord:
    words = [one.words for one in made.samples]
    return EvaluationRecord(
        name=made.name,
        samples=len(made.samples),
        fingerprints=made.digest,
        prompts={one.sample: one.prompt for one in made.samples},
        sha256=sha256,
        whole_only=sum(0 < count < SHORTEST for count in words),
        empty=sum(not count for count in words),
    )


def _seal_problems(manifest: Manifest) -> list[str]:
    problems = []
    if manifest.seal != seal_of(manifest):
        problems.append("it was changed after it was made")
    if manifest.check != CHECK:
        problems.append(f"it was made by version {manifest.check} of the check, this is {CHECK}")
    return problems


def _example_problems(manifest: Manifest, examples: Sequence[AnyExample]) -> list[str]:
    if manifest.examples != len(examples):
        return [f"it is of {manifest.examples} examples, and there are {len(examples)}"]
    if manifest.digest != examples_digest(examples):
        return ["the examples are others than those that it was made of"]
    return []


def _evaluation_problems(manifest: Manifest, now: Sequence[EvaluationRecord]) -> list[str]:
    kept = {one.name: one for one in manifest.evaluation}
    here = {one.name: one for one in now}
    problems = [f"it was not checked against {name}" for name in sorted(here.keys() - kept.keys())]
    problems += [
        f"{name}, which it was checked against, is not given" for name in kept.keys() - here
    ]
    for name in sorted(kept.keys() & here.keys()):
        old, new = kept[name], here[name]
        if old.fingerprints != new.fingerprints or dict(old.prompts) != dict(new.prompts):
            changed = dict(old.prompts).items() ^ dict(new.prompts).items()
            ids = sorted({sample for sample, _ in changed})
            which = f" ({', '.join(ids[:3])}{', …' if len(ids) > 3 else ''})" if ids else ""
            problems.append(f"the samples of {name} have changed since{which}")
        elif old.sha256 != new.sha256 and None not in (old.sha256, new.sha256):
            problems.append(f"the file of {name} has changed since, though not in what is compared")
    return problems


def _found_problems(manifest: Manifest, found: Sequence[Match]) -> list[str]:
    # By what was found: a format of files may not keep the examples' ids.
    before = Counter((one.evaluation, one.sample) for one in manifest.found)
    now = Counter((one.evaluation, one.sample) for one in found)
    if before == now:
        return []
    return [f"it tells of {before.total()} evaluation samples among them, and {now.total()} are"]


def _file_problems(manifest: Manifest, folder: Path) -> list[str]:
    problems = []
    for name, known in manifest.files.items():
        try:
            same = file_sha256(folder / name) == known
        except DataError as error:
            problems.append(f"{name}: {error.what.rstrip('.')}")
        else:
            problems += [] if same else [f"the file {name} has changed since"]
    return problems
