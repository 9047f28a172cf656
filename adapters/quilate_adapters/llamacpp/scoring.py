"""Exact log-probabilities of given answers, and the choice among them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from quilate_adapters.llamacpp.engine import Check, Engine
from quilate_adapters.llamacpp.vision import Prompt


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer to score; `ends` adds the probability that the answer ends there."""

    tokens: tuple[int, ...]
    ends: bool = False


@dataclass(slots=True)
class Scored:
    """Natural-log probability of a candidate; whether each of its tokens was the likeliest."""

    logprob: float = 0.0
    greedy: bool = True


def score(
    engine: Engine, prompt: Prompt, candidates: Sequence[Candidate], check: Check
) -> list[Scored]:
    """Score candidates after `prompt`, each shared beginning decoded once.

    Tokens are decoded one by one, as in generation: a candidate's score equals the sum of the
    log-probabilities that generating it would report, and does not depend on the others.
    """
    results = [Scored() for _ in candidates]
    engine.begin(prompt, check)
    # Depth first through the tree of beginnings; an entry is a beginning and who shares it.
    pending: list[tuple[tuple[int, ...], list[int]]] = [((), list(range(len(candidates))))]
    while pending:
        path, sharing = pending.pop()
        if path:
            check()
            _extend(engine, prompt, path, check)
        row = engine.logprobs()
        best = int(row.argmax())
        longer = [i for i in sharing if len(candidates[i].tokens) > len(path)]
        for i in set(sharing).difference(longer):
            results[i].logprob += _log_sum(float(row[token]) for token in engine.end_tokens)
            results[i].greedy &= best in engine.end_tokens
        longer.sort(key=lambda i: candidates[i].tokens[len(path)])
        for token, group in groupby(longer, key=lambda i: candidates[i].tokens[len(path)]):
            members = list(group)
            for i in members:
                results[i].logprob += float(row[token])
                results[i].greedy &= token == best
            deeper = [i for i in members if _goes_on(candidates[i], len(path) + 1)]
            if deeper:
                pending.append(((*path, token), deeper))
    return results


def _goes_on(candidate: Candidate, depth: int) -> bool:
    return candidate.ends or len(candidate.tokens) > depth


def _extend(engine: Engine, prompt: Prompt, path: tuple[int, ...], check: Check) -> None:
    """Bring the engine from wherever it is in the tree to `prompt` + `path`."""
    if engine.rewind(engine.prompt_end + len(path) - 1):
        engine.append(path[-1])
        return
    engine.begin(prompt, check)
    for token in path:
        engine.append(token)


def choice_candidates(engine: Engine, choices: Sequence[str]) -> list[Candidate]:
    """The choices as candidates. The answers "begins with this choice" exclude one another,
    unless one choice begins another ("no", "not sure"): then the shorter one must also end."""
    return [
        Candidate(
            tuple(engine.tokenize(choice)),
            ends=any(other != choice and other.startswith(choice) for other in choices),
        )
        for choice in choices
    ]


def _log_sum(values: Iterable[float]) -> float:
    """The logarithm of the sum of probabilities, from their logarithms."""
    numbers = list(values)
    top = max(numbers)
    return top + math.log(sum(math.exp(number - top) for number in numbers))
