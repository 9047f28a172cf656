"""What a request asks, done with an engine: free text, JSON, or a choice."""

import json
import math
import random
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise

from quilate.errors import ContextLengthExceeded, InvalidRequest, MalformedReply, Unsupported
from quilate.models import (
    FREE,
    ChoiceFormat,
    Request,
    Response,
    Sampling,
    Timing,
    TokenLogprob,
    Usage,
    reply,
)
from quilate_adapters.llamacpp.engine import Check, Engine
from quilate_adapters.llamacpp.generation import Emit, Generated, Plan, generate, token_logprob
from quilate_adapters.llamacpp.prompt import check_parts, encode
from quilate_adapters.llamacpp.sampler import check_sampling
from quilate_adapters.llamacpp.scoring import Candidate, choice_candidates, score
from quilate_adapters.llamacpp.vision import Prompt

DEFAULT_MAX_TOKENS = 256


def check_request(request: Request, *, images: bool = False) -> None:
    """Raise for what a local model cannot do, before any work; with `images`, for images that it
    cannot read, else for any."""
    check_sampling(request.sampling)
    check_parts(request.messages, images=images)
    if request.tools:
        raise Unsupported(
            "Local models take no tools.",
            provider="llamacpp",
            remedy="Leave `tools` out, or use a model of another provider.",
        )
    unknown = set(request.extra) - {"min_p"}
    if unknown:
        raise Unsupported(
            f"Local models do not know {', '.join(sorted(unknown))} in `extra`.",
            provider="llamacpp",
            remedy="The one setting there is min_p.",
        )
    min_p = request.extra.get("min_p", 0.0)
    if not isinstance(min_p, int | float) or not 0 <= min_p < 1 or (request.logprobs or 0) < 0:
        raise InvalidRequest(
            f"min_p={min_p!r} or logprobs={request.logprobs!r} is out of range.",
            provider="llamacpp",
            remedy="Take 0 ≤ min_p < 1, and 0 or more log-probabilities.",
        )
    if isinstance(request.format, ChoiceFormat):
        choices = request.format.choices
        if not choices or "" in choices or len(set(choices)) < len(choices):
            raise InvalidRequest(
                f"The choices {choices!r} are empty or not distinct.",
                provider="llamacpp",
                remedy="Give one or more different, non-empty strings.",
            )


def answer(request: Request, emit: Emit, started: float, engine: Engine, check: Check) -> Response:
    """Answer a checked request that arrived at `started` (of `time.perf_counter`)."""
    prompt = prompt_tokens(engine, request)
    if isinstance(request.format, ChoiceFormat):
        return _choose(request, request.format.choices, prompt, emit, started, engine, check)
    wanted, limit = request.format, request.sampling.max_tokens or DEFAULT_MAX_TOKENS
    plan = Plan(
        request.sampling,
        limit=min(limit, engine.settings.n_ctx - len(prompt)),
        top=request.logprobs,
        min_p=float(request.extra.get("min_p", 0.0)),
        constraint=engine.grammars.constraint(wanted.schema) if wanted else None,
    )
    generated = generate(engine, prompt, plan, check, emit)
    if wanted is not None:
        _check_json(generated, plan.limit)
    return reply(
        generated.text,
        finish_reason=generated.finish_reason,
        usage=Usage(len(prompt), generated.tokens),
        cost=FREE,
        logprobs=generated.logprobs,
        timing=_timing(started, generated.first_token_at),
        route=None if wanted is None else "grammar",
    )


def prompt_tokens(engine: Engine, request: Request) -> Prompt:
    """The prompt of the request's messages; raises `ContextLengthExceeded` when they leave no
    room for an answer."""
    prompt = encode(engine, request.messages)
    _check_room(engine, len(prompt) + 1)
    return prompt


def check_candidates(engine: Engine, prompt: Prompt, candidates: Sequence[Candidate]) -> None:
    """Raise `ContextLengthExceeded` unless every candidate fits behind the prompt."""
    longest = max((len(candidate.tokens) for candidate in candidates), default=0)
    _check_room(engine, len(prompt) + longest)


def _check_room(engine: Engine, needed: int) -> None:
    limit = engine.settings.n_ctx
    if needed > limit:
        raise ContextLengthExceeded(
            f"The prompt with at least one token of answer takes {needed:,} tokens, and the "
            f"context holds {limit:,}.",
            provider="llamacpp",
            remedy="Shorten the prompt (fewer or smaller passages or images), or open the model "
            f"with n_ctx={needed} or more.",
        )


def _check_json(generated: Generated, limit: int) -> None:
    try:
        json.loads(generated.text)
    except ValueError as error:
        raise MalformedReply(
            f"The answer was cut off after {limit} tokens and is not whole JSON ({error})."
            if generated.finish_reason == "length"
            else f"The answer is not JSON ({error}).",
            provider="llamacpp",
            remedy="Raise max_tokens, or bound the schema's strings, arrays and numbers "
            "(maxLength, maxItems, minimum and maximum).",
        ) from error


def _choose(
    request: Request,
    choices: Sequence[str],
    prompt: Prompt,
    emit: Emit,
    started: float,
    engine: Engine,
    check: Check,
) -> Response:
    candidates = choice_candidates(engine, choices)
    check_candidates(engine, prompt, candidates)
    scored = score(engine, prompt, candidates, check)
    logprobs = {choice: s.logprob for choice, s in zip(choices, scored, strict=True)}
    chosen = pick(logprobs, request.sampling)
    tokens = candidates[list(choices).index(chosen)].tokens
    emit(chosen)
    return reply(
        chosen,
        usage=Usage(len(prompt), len(tokens)),
        cost=FREE,
        logprobs=_trace(engine, prompt, tokens, request.logprobs, check),
        choice_logprobs=logprobs,
        timing=_timing(started, time.perf_counter()),
        route="native",
    )


def pick(logprobs: Mapping[str, float], sampling: Sampling) -> str:
    """The likeliest choice (the first of equals), or with a temperature one drawn at random.

    Decoding greedily token by token could walk into a choice that is unlikely as a whole.

    >>> pick({"yes": -0.1, "no": -2.3}, Sampling())
    'yes'
    """
    if not sampling.temperature:
        return max(logprobs, key=lambda choice: logprobs[choice])
    top = max(logprobs.values())
    weights = [math.exp((value - top) / sampling.temperature) for value in logprobs.values()]
    draw = random.Random(sampling.seed)  # noqa: S311  # sampling, not cryptography
    return draw.choices(list(logprobs), weights)[0]


def _trace(
    engine: Engine, prompt: Prompt, tokens: Sequence[int], top: int | None, check: Check
) -> tuple[TokenLogprob, ...] | None:
    """The log-probabilities along a given answer, where the request asked for them."""
    if top is None:
        return None
    engine.begin(prompt, check)
    trace = [token_logprob(engine, tokens[0], top)]
    for previous, token in pairwise(tokens):
        engine.append(previous)
        trace.append(token_logprob(engine, token, top))
    return tuple(trace)


def _timing(started: float, first_token_at: float | None) -> Timing:
    first = None if first_token_at is None else first_token_at - started
    return Timing(time.perf_counter() - started, first)
