"""Checks of plain answers: text, streams, usage, cost, log-probabilities, likelihoods."""

import itertools
from dataclasses import replace
from typing import cast

from quilate.errors import MalformedReply
from quilate.messages import system
from quilate.models import LikelihoodModel, ReasoningDelta, TextDelta, TokenCounter, ask
from quilate.probing.report import Found, honoured, ignored, unknown
from quilate.probing.session import Session, broken, joined

_LIST = "List the days of the week, one a line."
_LONG = 40
"""Characters that are several tokens of any model. The tokens themselves do not tell: those of
hidden thoughts are counted among them, and never streamed."""
_NO_TEXT = "no text came that could have log-probabilities"


async def generate(session: Session) -> Found:
    """There is an answer."""
    response = await session.ask(session.steady("Say hello."))
    said = f"{response.text[:30]!r} in {response.timing.total_s:.2f} s, by {response.model}"
    return honoured(said) if response.text.strip() else unknown(f"an empty answer: {said}")


async def system_message(session: Session) -> Found:
    """The system message is obeyed, or at least counted among what the model reads."""
    word = "zebra"
    order = f"Whatever the user says, answer with the one word {word} and nothing else."
    asked = session.steady("Hello!")
    told = await session.ask(replace(asked, messages=(system(order), *asked.messages)))
    if word in told.text.casefold():
        return honoured(f"obeyed: {told.text[:30]!r}")
    # Not against a request without one: chat templates may have a system message of their own.
    other = await session.ask(replace(asked, messages=(system("Hi."), *asked.messages)))
    few, many = other.usage.input_tokens, told.usage.input_tokens
    said = f"{few} input tokens with a short one, {many} with a longer one"
    if few and many >= few + 10:
        return honoured(f"read, not obeyed: {said}")
    if few and told.text.strip() and told.text == other.text:
        return ignored(f"{said}, and the same answer")
    return unknown(f"not obeyed: {told.text[:30]!r}")


async def stream(session: Session) -> Found:
    """Deltas come one by one and join to the final text, which is `generate`'s."""
    asked = session.steady(_LIST)
    deltas, final = await session.listen(asked)
    pieces = [delta for delta in deltas if isinstance(delta, TextDelta | ReasoningDelta)]
    if joined(deltas) != final.text:
        return ignored(f"the deltas do not join to the final text {final.text[:40]!r}")
    first = final.timing.first_token_s
    when = "at an untold time" if first is None else f"after {first:.2f} s"
    said = f"{len(pieces)} pieces, the first {when} of {final.timing.total_s:.2f} s"
    if len(pieces) < 2:
        if len(final.text) > _LONG:
            return ignored(f"the whole answer came at once: {said}")
        return unknown(f"{len(final.text)} characters are too few to come in pieces: {said}")
    same = (await session.ask(asked)).text == final.text
    return honoured(f"{said}; {'equal to' if same else 'not the words of'} generate's")


async def usage(session: Session) -> Found:
    """Tokens are counted, and more of them for a longer prompt."""
    short = (await session.ask(session.steady("Say hello."))).usage
    long = (await session.ask(session.steady("Say hello. " * 20))).usage
    said = f"{short.input_tokens} input tokens, {long.input_tokens} for a prompt 20 times as long"
    if not short.input_tokens or not short.output_tokens:
        return unknown("the endpoint counts none")
    return honoured(said) if long.input_tokens > short.input_tokens + 19 else unknown(said)


async def cost(session: Session) -> Found:
    """The price is known."""
    found = (await session.ask(session.steady("Say hello."))).cost
    if found.usd is None or found.basis == "unknown":
        return unknown("no price is known for this endpoint and model")
    return honoured(f"${found.usd:.6f} a short call, {found.basis}")


async def count_tokens(session: Session) -> Found:
    """Counted before the call as the call itself counts."""
    asked = session.steady("How many tokens are these words?")
    counted = await cast(TokenCounter, session.model).count_tokens(asked)
    used = (await session.ask(asked)).usage.input_tokens
    said = f"{counted.tokens} {'exact' if counted.exact else 'estimated'}; the call used {used}"
    if not used:
        return unknown(said)
    right = counted.tokens == used if counted.exact else used / 2 <= counted.tokens <= 2 * used
    return honoured(said) if right else unknown(said)


async def logprobs(session: Session) -> Found:
    """Present, at most 0, the alternatives in order, and the likeliest one chosen."""
    wanted = 3
    asked = session.steady(_LIST, tokens=24, logprobs=wanted)
    try:
        response = await session.ask(asked)
    except MalformedReply as error:
        plain = await session.ask(replace(asked, logprobs=None))
        return broken(session, "logprobs", error) if plain.text.strip() else unknown(_NO_TEXT)
    tokens = response.logprobs or ()
    if not tokens and not response.text.strip():
        return unknown(_NO_TEXT)
    if not tokens:
        return ignored("none came, and nothing was said")
    if any(one.logprob > 1e-6 for one in tokens):
        return ignored("some are above 0, which no logarithm of a probability is")
    ordered = all(a[1] >= b[1] - 1e-6 for one in tokens for a, b in itertools.pairwise(one.top))
    few = min(len(one.top) for one in tokens)
    if not ordered or few < wanted:
        return unknown(f"{few} alternatives where {wanted} were asked for, ordered: {ordered}")
    chosen = sum(one.token == one.top[0][0] for one in tokens) / len(tokens)
    said = f"{len(tokens)} tokens, {wanted} alternatives each, the likeliest chosen in {chosen:.0%}"
    if "temperature" in session.settings and chosen < 0.5:
        return unknown(f"{said} at temperature 0")
    return honoured(said)


async def loglikelihood(session: Session) -> Found:
    """A right continuation is likelier than nonsense."""
    right, wrong = await cast(LikelihoodModel, session.model).loglikelihood(
        ask("What is the capital of France?"), ["The capital of France is Paris.", "Zxq vv jkwp 7"]
    )
    a, b = right.logprob / max(right.tokens, 1), wrong.logprob / max(wrong.tokens, 1)
    said = f"{a:.2f} nats a token for a right answer, {b:.2f} for nonsense"
    return honoured(said) if b < a <= 0.0 else unknown(said)


async def cache_hints(session: Session) -> Found:
    """The second of two calls with one long beginning reads it from the provider's cache."""
    room = (session.model.info.context_length or 8192) // 2
    rules = " ".join(f"Rule {n}: be brief." for n in range(min(300, room // 10)))
    asked = session.steady("Say hello.", tokens=16, cache_prefix=1)
    asked = replace(asked, messages=(system(rules), *asked.messages))
    first, second = await session.ask(asked), await session.ask(asked)
    said = (
        f"{first.usage.cached_tokens}, then {second.usage.cached_tokens} of "
        f"{second.usage.input_tokens} input tokens from the cache"
    )
    if second.usage.cached_tokens:
        return honoured(said)
    return unknown(f"{said}: the hint was taken, and no effect is reported")
