"""The decoding loop: from a prompt's tokens to an answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quilate.models import FinishReason, Sampling, TokenLogprob
from quilate_adapters.llamacpp.engine import Check, Engine
from quilate_adapters.llamacpp.grammar import Constraint
from quilate_adapters.llamacpp.sampler import sampler
from quilate_adapters.llamacpp.transcript import Transcript
from quilate_adapters.llamacpp.vision import Prompt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Emit = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Generated:
    """An answer. `tokens` counts what was generated, without the token that ends the turn."""

    text: str
    finish_reason: FinishReason
    tokens: int
    logprobs: tuple[TokenLogprob, ...] | None
    first_token_at: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How to decode: at most `limit` tokens; `top` alternatives a token, None for no
    log-probabilities."""

    sampling: Sampling
    limit: int
    top: int | None = None
    min_p: float = 0.0
    constraint: Constraint | None = None


def generate(engine: Engine, prompt: Prompt, plan: Plan, check: Check, emit: Emit) -> Generated:
    """Decode until the turn ends, a stop string appears, or the limit is reached. `emit` gets
    the text as it becomes certain."""
    answer = Transcript(plan.sampling.stop)
    logprobs: list[tuple[int, TokenLogprob]] = []
    reason: FinishReason = "length"
    count, first_at = 0, None
    engine.begin(prompt, check)
    with sampler(engine, plan.sampling, plan.min_p) as chain:
        while True:
            check()
            token = _draw(engine, chain, plan.constraint)
            first_at = first_at or time.perf_counter()
            if token in engine.end_tokens:
                reason = "stop"
                break
            if plan.top is not None:
                logprobs.append((answer.seen, token_logprob(engine, token, plan.top)))
            count += 1
            _send(answer.feed(engine.piece(token)), emit)
            is_whole = plan.constraint is not None and plan.constraint.accept(token)
            if answer.stopped or is_whole:
                reason = "stop"
                break
            if count == plan.limit:
                break
            engine.append(token)
    _send(answer.finish(), emit)
    # Tokens of a stop string are no part of the answer.
    kept = tuple(entry for at, entry in logprobs if not answer.stopped or at < len(answer.text))
    return Generated(answer.text, reason, count, kept if plan.top is not None else None, first_at)


def _draw(engine: Engine, chain: Any, constraint: Constraint | None) -> int:
    if constraint is None:
        return engine.sample(chain)
    return engine.sample_among(chain, constraint.allowed())


def _send(text: str, emit: Emit) -> None:
    if text:
        emit(text)


def token_logprob(engine: Engine, token: int, top: int) -> TokenLogprob:
    """The log-probability of `token` as the next one, with the `top` likeliest alternatives.

    They are the model's own: neither temperature nor grammar changes them.
    """
    row = engine.logprobs()
    alternatives = tuple(
        (engine.piece(int(other)).decode("utf-8", "replace"), float(row[other]))
        for other in _likeliest(row, top)
    )
    text = engine.piece(token).decode("utf-8", "replace")
    return TokenLogprob(text, float(row[token]), alternatives)


def _likeliest(row: "NDArray[np.float64]", count: int) -> "NDArray[np.intp]":
    """Indices of the `count` largest, largest first; ties by index, so that they are stable."""
    import numpy as np

    if count == 0:
        return np.empty(0, dtype=np.intp)
    found = np.argpartition(-row, min(count, len(row) - 1))[:count]
    order: NDArray[np.intp] = found[np.lexsort((found, -row[found]))]
    return order
