"""Checks of the sampling settings: does each have the effect that it must have?

A setting that narrows (temperature 0, a tiny top_p, top_k 1, one seed) must make free answers
equal, where they differ without it. Servers that batch are not exactly deterministic: their
answers part late, at near ties. So a setting is called ignored only when all the narrowed answers
differ from each other, and part as early as the free ones do; for a setting that works, that takes
several near ties in the first words of each answer, which is rarer than one in a thousand probes.

Free answers that are all equal prove nothing alone: a model may be sure of its words. They count
against the temperature only when the model's own log-probabilities make them next to impossible.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

from quilate.errors import InvalidRequest, MalformedReply
from quilate.messages import user
from quilate.models import Request, Sampling
from quilate.probing.report import Found, honoured, ignored, unknown
from quilate.probing.session import DRAWN_TOKENS, DRAWS, HOT, HOTTEST, Session

_COUNT = "Count from 1 to 100 in digits, separated by spaces."
_LIMIT = 16
_SLACK = 2  # tokens that a server may count for the end of the turn
_NOTHING = f"no text came within {DRAWN_TOKENS} tokens"
_IMPOSSIBLE = 1e-9  # far off, for servers cut the unlikely words off by settings of their own


async def temperature(session: Session) -> Found:
    """0 makes answers equal, a high one makes them differ."""
    if "temperature" not in session.settings:
        await session.ask(Request((user("Say hello."),), sampling=Sampling(temperature=0.0)))
    hot = await session.hot()
    if not any(hot):
        return unknown(_NOTHING)
    if alike(hot) == 1.0:
        hot = await _hottest(session) or hot
    if alike(hot) == 1.0:
        return await _unvaried(session, f"{_drawn(hot)} at temperature {HOT:g} and above are equal")
    cold = await session.draws(temperature=0.0)
    return narrowed(cold, hot, "temperature 0")


async def _hottest(session: Session) -> tuple[str, ...]:
    """Free answers as hot as any provider has them; none where this one refuses it."""
    try:
        return await session.draws(temperature=HOTTEST, seeds=session.seeds(1))
    except InvalidRequest:
        return ()


async def _unvaried(session: Session, said: str) -> Found:
    """What free answers that are all equal mean: a model that is sure of its words, or a
    temperature without effect."""
    chance = await _chance_of_equal(session)
    if chance < _IMPOSSIBLE:
        return ignored(f"{said}, which by its log-probabilities has a chance of {chance:.0e}")
    return unknown(f"{said}: the model may be sure of its words")


async def _chance_of_equal(session: Session) -> float:
    """How likely free answers at `HOT` are to be all equal, by the model's own log-probabilities;
    1 where it gives none."""
    if not session.has("logprobs"):
        return 1.0
    try:
        response = await session.ask(session.free(logprobs=1))
    except (InvalidRequest, MalformedReply):
        return 1.0
    return math.exp((DRAWS - 1) * sum(one.logprob for one in response.logprobs or ()))


async def top_p(session: Session) -> Found:
    """A tiny one leaves one token to draw from."""
    return await _narrowing(session, "top_p 0.001", top_p=0.001)


async def top_k(session: Session) -> Found:
    """1 leaves one token to draw from."""
    return await _narrowing(session, "top_k 1", top_k=1)


async def seed(session: Session) -> Found:
    """One seed draws one answer, others draw others."""
    same = await session.draws(seeds=(7,) * DRAWS)
    return narrowed(same, await session.hot(), "one seed")


async def _narrowing(session: Session, what: str, **setting: float) -> Found:
    drawn = await session.draws(seeds=session.seeds(11), **setting)
    return narrowed(drawn, await session.hot(), what)


def narrowed(narrow: Sequence[str], free: Sequence[str], what: str) -> Found:
    """Whether a setting narrowed the answers.

    >>> narrowed(["a cat"] * 3, ["a cat", "the dog", "my bird"], "top_k 1").standing
    'honoured'
    >>> narrowed(["red", "a cat", "my dog"], ["a cat", "the dog", "my bird"], "seed").standing
    'silently ignored'
    """
    if not any(narrow) or not any(free):
        return unknown(_NOTHING)
    shares = (
        f"{_drawn(narrow)} with {what}: {len(set(narrow))} different; "
        f"without: {len(set(free))} of {len(free)}"
    )
    if alike(free) == 1.0:
        return unknown(f"{shares}, so nothing is to be seen")
    if alike(narrow) == 1.0:
        return honoured(shares)
    parted = f"{shares}; equal beginnings {alike(narrow):.0%} against {alike(free):.0%}"
    if len(set(narrow)) == len(narrow) and alike(narrow) <= alike(free) + 0.15:
        return ignored(parted)
    return unknown(f"{parted}: it has an effect, but not an exact one")


def alike(texts: Sequence[str]) -> float:
    """The share of two texts that they begin with in common, on average over pairs; 1 when all
    are equal.

    >>> alike(["abcd", "abxy"])
    0.5
    """
    pairs = list(itertools.combinations(texts, 2))
    return sum(_common(*pair) for pair in pairs) / len(pairs)


def _common(a: str, b: str) -> float:
    if a == b:
        return 1.0
    equal = itertools.takewhile(lambda letters: letters[0] == letters[1], zip(a, b, strict=False))
    return sum(1 for _ in equal) / max(len(a), len(b))


def _drawn(texts: Sequence[str]) -> str:
    return f"{len(texts)} answers of {DRAWN_TOKENS} tokens"


async def max_tokens(session: Session) -> Found:
    """The answer is cut at the limit, and says so."""
    asked = session.steady(_COUNT)
    asked = replace(asked, sampling=replace(asked.sampling, max_tokens=_LIMIT))
    response = await session.ask(asked)
    tokens = response.usage.output_tokens
    said = f"limit {_LIMIT}: {tokens or 'uncounted'} tokens, finish {response.finish_reason}"
    if tokens > _LIMIT + _SLACK or len(response.text) > 20 * _LIMIT:
        return ignored(said)
    if response.finish_reason == "length":
        return honoured(said)
    return unknown(said)


async def stop(session: Session) -> Found:
    """The answer ends before a string that it is known to come to."""
    free = (await session.ask(session.steady(_COUNT))).text
    middle = free[len(free) // 4 : len(free) // 2].split()
    if not middle:
        return unknown(f"the answer {free[:40]!r} is too short to stop")
    word = max(middle, key=len)
    asked = session.steady(_COUNT)
    response = await session.ask(replace(asked, sampling=replace(asked.sampling, stop=(word,))))
    said = f"stop {word!r}: {len(free)} characters without, {len(response.text)} with"
    if not response.text.strip():  # the word was not among the first
        return unknown(said)
    if word not in response.text:
        return honoured(said) if len(response.text) < len(free) else unknown(said)
    if response.text.endswith(word) and response.text.count(word) == 1:
        return unknown(f"{said}, the stop string among them")
    return ignored(said)
