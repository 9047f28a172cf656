"""The answers that a pairwise judge compares with: references, metadata, or those of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quilate.codec import digest
from quilate.errors import ConfigurationError, StoreError
from quilate.evaluators import Sample
from quilate.messages import Message
from quilate_evaluators.options import no_metadata

REMEDY = "Write `references`, `metadata.KEY` or `run:RUN/TARGET`."


@dataclass(frozen=True, slots=True)
class Baseline:
    """Where the other answer of a sample comes from: ``references``, ``metadata`` with its `key`,
    or the recorded `answers` of a run, by sample id, to what was `asked` there."""

    kind: str
    key: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, str | tuple[Message, ...]] = field(default_factory=dict)

    def of(self, sample: Sample) -> str | None:
        """The other answer, or None for a sample that has none."""
        if self.kind == "references":
            return sample.references[0] if sample.references else None
        found: Any = sample.metadata.get(self.key)
        if self.kind == "run":  # an id may have been given to another question since
            same = self.asked.get(sample.id) == sample.input
            found = self.answers.get(sample.id) if same else None
        return found if isinstance(found, str) and found.strip() else None

    def misfit(self, samples: Sequence[Sample]) -> str | None:
        """That no sample has another answer, as what follows the judge's name."""
        if any(self.of(sample) is not None for sample in samples):
            return None
        if self.kind == "metadata":
            no_text = f"needs texts in `metadata.{self.key}`, and no sample has one there"
            return no_metadata(samples, self.key) or no_text
        if self.kind == "run":
            return f"compares with {self.key}, which has an answer to none of these questions"
        return "needs `references` with something in them, which no sample has"

    def provenance(self) -> dict[str, Any]:
        """Its source, and for a run a digest of its answers."""
        said = {"kind": self.kind, "key": self.key}
        if self.kind == "run":
            said["answers"] = digest(*(part for pair in self.answers.items() for part in pair))
        return said


def baseline(against: Any, store: str | Path) -> Baseline:
    """The baseline that an option names; reads the run at once, so that it cannot change.

    Raises `ConfigurationError` for an unknown kind, a run that cannot be named for good
    (``latest``) or is not there, and a target that the run has not.
    """
    if not isinstance(against, str):
        raise _wrong(against, REMEDY)
    if against == "references":
        return Baseline("references")
    kind, mark, rest = against.partition("." if against.startswith("metadata") else ":")
    if kind == "metadata" and mark and rest:
        return Baseline("metadata", rest)
    if kind != "run" or not rest.strip("/"):
        raise _wrong(against, REMEDY)
    name, _, target = rest.partition("/")
    return _of_run(name.strip(), target, Path(store))


def _of_run(name: str, target: str, store: Path) -> Baseline:
    from quilate.evals import open_run
    from quilate.registry import nearest

    if name.startswith("latest"):
        raise _wrong(f"run:{name}", "Name the run by its id: the latest is soon another one.")
    try:
        run = open_run(name, store=store)
    except StoreError as error:
        raise _wrong(f"run:{name}", str(error)) from None
    if not target and len(run.targets) == 1:
        target = run.targets[0]
    if target not in run.targets:
        missing = f"the run has no target '{target}'" if target else "the run has several targets"
        raise _wrong(
            f"run:{name}/{target}".rstrip("/"),
            f"{missing[0].upper()}{missing[1:]}. {nearest(target, list(run.targets))}",
        )
    answers = {
        item.sample_id: item.output.text
        for item in run.items
        if item.target == target and item.epoch == 0 and item.output is not None
    }
    asked = {sample: run.samples[sample].input for sample in answers}
    return Baseline("run", f"{run.id}/{target}", answers, asked)


def _wrong(against: Any, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"`against` of the evaluator 'pairwise' is {against!r}.", remedy=remedy
    )
