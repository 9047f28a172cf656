"""What is needed to repeat a run: versions, hashes, seeds, and who every part was."""

import dataclasses
import importlib.metadata
import inspect
import math
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import quilate
from quilate.codec import digest, to_json
from quilate.evals.reducers import DEFAULT
from quilate.evals.scoring import FunctionEvaluator
from quilate.evaluators import Evaluator, Renamed
from quilate.middleware.cassette import redacted
from quilate.models import ModelInfo
from quilate.python_code import code_digest
from quilate.python_files import file_name
from quilate.retrievers import RerankerInfo

if TYPE_CHECKING:
    from quilate.evals.plan import Plan
    from quilate.evals.suite import Suite

_PLAIN = (str, int, float, bool, type(None))


async def describe(thing: Any) -> Any:
    """What a target or evaluator is, as plain data that changes when its answers could.

    In this order: what its own ``provenance`` says (a mapping, or a method, sync or async, that
    gives one), a model's identity, a dataclass's fields, else the name of its class or function.
    The code of a function is not part of it: a run may be resumed after a bug in it was mended.
    `quilate.python_code.code_digest` has that.

    >>> from quilate import sync
    >>> sync.run(describe(str.upper))
    {'function': 'builtins.str.upper'}
    """
    if isinstance(thing, float) and not math.isfinite(thing):
        return str(float(thing))  # JSON has no such number
    if isinstance(thing, _PLAIN):
        return thing
    if isinstance(thing, Mapping):
        return {str(key): await describe(value) for key, value in thing.items()}
    if isinstance(thing, set | frozenset):
        return sorted([await describe(value) for value in thing], key=str)
    if isinstance(thing, list | tuple):
        return [await describe(value) for value in thing]
    if isinstance(thing, bytes):
        return digest(thing)
    if isinstance(thing, Path):
        return str(thing)
    said = getattr(thing, "provenance", None)
    if (callable(said) or isinstance(said, Mapping)) and not isinstance(thing, type):
        said = said() if callable(said) else said
        return await describe(await said if inspect.isawaitable(said) else said)
    return await _describe_object(thing)


async def _describe_object(thing: Any) -> Any:
    info = getattr(thing, "info", None)
    if isinstance(info, RerankerInfo):
        return {"reranker": info.name, "identity": info.identity}
    if isinstance(info, ModelInfo):
        return {"model": info.name, "identity": info.identity}
    if inspect.isroutine(thing) or isinstance(thing, type):
        return {"function": f"{_module(thing)}.{thing.__qualname__}"}
    name = f"{_module(type(thing))}.{type(thing).__qualname__}"
    if dataclasses.is_dataclass(thing):
        # What two are not compared by does not make one another thing.
        fields = {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing) if f.compare}
        return {"class": name, **{key: await describe(value) for key, value in fields.items()}}
    return {"class": name}


def _module(routine: Any) -> str:
    home = getattr(routine, "__objclass__", routine)
    return file_name(str(getattr(home, "__module__", None) or type(routine).__module__))


def model_record(info: ModelInfo) -> dict[str, Any]:
    """What a run keeps of a model that it called."""
    record = {"identity": info.identity, "sha256": info.sha256, "details": dict(info.details)}
    kept: dict[str, Any] = redacted({key: value for key, value in record.items() if value})
    return kept


def run_provenance(suite: "Suite", plan: "Plan", replay: str | None) -> dict[str, Any]:
    """Everything about a run that is known before its first call."""
    found = {
        "quilate": quilate.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
        "suite": {
            "path": str(suite.path) if suite.path else None,
            "sha256": digest(to_json(dict(suite.source), Any)) if suite.source else None,
            "source": dict(suite.source),
            "overrides": dict(suite.overrides),
            "concurrency": suite.concurrency,
            "limits": {k: v for k, v in dataclasses.asdict(suite.limits).items() if v is not None},
        },
        "dataset_sha256": plan.fingerprint["samples"],
        "plan_sha256": digest(to_json(dict(plan.fingerprint), Any)),
        "targets": plan.fingerprint["targets"],
        "code": {n: sha for n, one in suite.targets.items() if (sha := code_digest(one))},
        "evaluators": plan.fingerprint["evaluators"],
        "evaluator_code": evaluator_code(suite),
        "resources": plan.fingerprint["resources"],
        "epochs": suite.epochs,
        "reducers": None if tuple(suite.reducers) == DEFAULT else list(suite.reducers),
        "seed": suite.seed,
        "git": git_commit(suite.path.parent) if suite.path else None,
        "replay": replay,
    }
    kept: dict[str, Any] = redacted({k: v for k, v in found.items() if v not in (None, {}, [])})
    return kept


def evaluator_code(suite: "Suite") -> dict[str, str]:
    """Digests of the code of those evaluators that are an author's own, by number and name."""
    parts = map(_authors_part, suite.evaluators)
    found = zip(suite.evaluators, map(code_digest, parts), strict=True)
    return {f"{n} {one.name}": sha for n, (one, sha) in enumerate(found) if sha}


def _authors_part(evaluator: Evaluator) -> Any:
    """What of an evaluator an author wrote, without what Quilate put around it."""
    if isinstance(evaluator, Renamed):
        return _authors_part(evaluator.evaluator)
    return evaluator.function if isinstance(evaluator, FunctionEvaluator) else evaluator


def package_versions() -> dict[str, str]:
    """Versions of the installed packages that Quilate or its extras ask for."""
    found = {}
    for requirement in importlib.metadata.requires("quilate") or ():
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        if name != "quilate":
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
    return dict(sorted(found.items()))


def git_commit(folder: Path) -> str | None:
    """The commit that a folder's work tree is at, with ``+`` when it was changed since."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty=+"]
    command += ["--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
