"""Every check in one table, and the probe that runs them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from quilate import registry
from quilate.errors import (
    AuthenticationError,
    ConnectionFailed,
    InvalidRequest,
    ModelError,
    UnknownName,
)
from quilate.probing import answers, faults, formats, parts, sampling, tools
from quilate.probing.report import Finding, Found, Report, unknown
from quilate.probing.session import Session, close

if TYPE_CHECKING:
    from quilate.models import Model
    from quilate.retrievers import Progress


class Check(NamedTuple):
    """A feature, the function that looks for it, and the name `Capabilities` has for it."""

    feature: str
    run: Callable[[Session], Awaitable[Found]]
    capability: str | None = None


CHECKS = (
    Check("generate", answers.generate),
    Check("system message", answers.system_message),
    Check("stream", answers.stream, "stream"),
    Check("max_tokens", sampling.max_tokens, "max_tokens"),
    Check("stop", sampling.stop, "stop"),
    Check("temperature", sampling.temperature, "temperature"),
    Check("top_p", sampling.top_p, "top_p"),
    Check("top_k", sampling.top_k, "top_k"),
    Check("seed", sampling.seed, "seed"),
    Check("logprobs", answers.logprobs, "logprobs"),
    Check("json_schema", formats.json_schema, "json_schema"),
    Check("json_schema bounds", formats.json_schema_bounds, "json_schema"),
    Check("choices", formats.choices, "choices"),
    Check("decide", formats.decide, "decide"),
    Check("tools", tools.tools, "tools"),
    Check("tool_choice required", tools.tool_choice_required, "tool_choice"),
    Check("tool_choice named", tools.tool_choice_named, "tool_choice"),
    Check("tool_choice none", tools.tool_choice_none, "tool_choice"),
    Check("parallel_tool_calls", tools.parallel_tool_calls, "parallel_tool_calls"),
    Check("tool loop", tools.tool_loop, "tools"),
    Check("images", parts.images, "images"),
    Check("audio", parts.audio, "audio"),
    Check("files", parts.files, "files"),
    Check("reasoning", parts.reasoning, "reasoning"),
    Check("cache hints", answers.cache_hints),
    Check("usage", answers.usage),
    Check("cost", answers.cost),
    Check("count_tokens", answers.count_tokens, "count_tokens"),
    Check("loglikelihood", answers.loglikelihood, "loglikelihood"),
    Check("context length error", faults.context_length),
    Check("unknown model error", faults.unknown_model),
    Check("bad key error", faults.bad_key),
)
"""What a probe looks at, in the order of its report."""


async def probe(
    model: "str | Model",
    *,
    only: Sequence[str] = (),
    deadline: float = 60.0,
    include_bad_key: bool = False,
    progress: "Progress | None" = None,
) -> Report:
    """Ask a live model for every feature, and say what it did.

    `model` is a model string, or a model (then what needs another name or key is not tried).
    `only` names features of `CHECKS`; `deadline` is seconds for one call, and four times that for
    one check. `include_bad_key` also sends a wrong key to a hosted provider. A probe makes some 50
    short calls; `Report.cost` says what they took.

    Raises `UnknownName` for a feature that there is none of, and whatever the first call raises:
    a server that is not there, or a key that it refuses, is one error and no report.

    >>> from quilate import sync
    >>> sync.run(probe("scripted/hola", only=["generate"]))["generate"].standing
    'honoured'
    """
    checks = _chosen(only)
    name = model if isinstance(model, str) else None
    opened = registry.model(model, attempts=2)
    session = Session(opened, name=name, deadline=deadline, include_bad_key=include_bad_key)
    began = time.perf_counter()
    if progress is not None:
        progress(0, len(checks), "generate")
    try:
        await session.begin()
        findings = await _run_all(session, checks, progress)
    finally:
        if name is not None:  # opened here, so closed here
            await close(opened)
    info = opened.info
    return Report(
        name or info.name,
        info.identity,
        tuple(findings),
        session.calls,
        session.usage,
        session.cost,
        time.perf_counter() - began,
    )


async def _run_all(
    session: Session, checks: Sequence[Check], progress: "Progress | None"
) -> list[Finding]:
    findings = []
    for number, check in enumerate(checks, 1):
        at = time.perf_counter()
        found = await _look(session, check)
        findings.append(Finding(check.feature, found, check.capability, time.perf_counter() - at))
        if progress is not None:
            progress(number, len(checks), check.feature)
    return findings


def _chosen(only: Sequence[str]) -> list[Check]:
    known = [check.feature for check in CHECKS]
    for feature in only:
        if feature not in known:
            raise UnknownName(
                f"There is no feature '{feature}' to probe.",
                remedy=registry.nearest(feature, known),
            )
    return [check for check in CHECKS if not only or check.feature in only]


async def _look(session: Session, check: Check) -> Found:
    """One check's finding, whatever happens; raises when there is nothing more to ask."""
    limit = 4 * session.deadline
    try:
        async with asyncio.timeout(limit):
            return await check.run(session)
    except AuthenticationError:
        raise
    except ConnectionFailed as error:
        await session.begin()  # the server is still there, or its error ends the probe
        return unknown(_said(error))
    except InvalidRequest as error:
        return Found("rejected", _said(error))
    except ModelError as error:
        return unknown(_said(error))
    except TimeoutError:
        return unknown(f"not finished within {limit:g} s")


def _said(error: ModelError) -> str:
    return f"{error.kind}: {error.what[:160]}"
