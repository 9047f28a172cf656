"""What can be known of a suite's models before the first call: that one cannot be called at all, or
that a recording holds no answers of it."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from quilate.errors import ConfigurationError
from quilate.evals.suite import Suite


def check_ready(suite: Suite) -> None:
    """Raise what every call of a model in the suite would raise, where its adapter knows that
    beforehand (`check_ready`): no key, no package. A model that a function calls is not seen; nor
    is any looked at when all answers may be in the cache."""
    if suite.cache:
        return
    for model in _models([*suite.targets.values(), *suite.evaluators]):
        check = getattr(model, "check_ready", None)
        if check is not None:
            check()


def _models(thing: Any) -> Iterator[Any]:
    """The models that a thing is made of."""
    if isinstance(thing, type):
        return
    if hasattr(thing, "generate") and hasattr(thing, "info"):
        yield thing
    elif isinstance(thing, list | tuple):
        for part in thing:
            yield from _models(part)
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from _models(getattr(thing, field.name, None))


def check_recorded(
    run: str, recorded: Mapping[str, Any], called: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    """Raise `ConfigurationError` when the run to be replayed cannot hold an answer of a model that
    is `wanted`: one that is neither in its fingerprint, `recorded`, nor among those it `called`
    (`model_record` by name)."""
    theirs = dict(_named(recorded))
    known = {*theirs, *(record.get("identity") for record in called.values())}
    missing = [name for identity, name in _named(wanted) if identity not in known]
    if missing:
        names = ", ".join(dict.fromkeys(missing))
        theirs_too = ", ".join(dict.fromkeys([*theirs.values(), *called])) or "no model"
        raise ConfigurationError(
            f"The run {run} holds no answers of {names}: it asked {theirs_too}.",
            remedy="Replay with the models of the recorded run, or run without --replay.",
        )


def _named(data: Any) -> Iterator[tuple[str, str]]:
    """(identity, name) of each model in a fingerprint."""
    if isinstance(data, Mapping):
        if {"model", "identity"} <= data.keys():
            yield data["identity"], data["model"]
        data = list(data.values())
    if isinstance(data, list):
        for part in data:
            yield from _named(part)
