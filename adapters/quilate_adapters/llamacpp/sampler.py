"""llama.cpp's sampler chains: how the next token is drawn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from quilate.errors import InvalidRequest
from quilate.models import Sampling
from quilate_adapters.llamacpp.engine import Engine

_RANDOM_SEED = 0xFFFFFFFF


@contextmanager
def sampler(engine: Engine, sampling: Sampling, min_p: float) -> Iterator[Any]:
    """A sampler chain, freed at the end. Greedy unless a temperature above 0 is asked for."""
    lib = engine.lib
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    try:
        for link in _draw(lib, sampling, min_p):
            lib.llama_sampler_chain_add(chain, link)
        yield chain
    finally:
        lib.llama_sampler_free(chain)


def _draw(lib: Any, sampling: Sampling, min_p: float) -> Iterator[Any]:
    if not sampling.temperature:
        yield lib.llama_sampler_init_greedy()
        return
    if sampling.top_k is not None:
        yield lib.llama_sampler_init_top_k(sampling.top_k)
    if sampling.top_p is not None:
        yield lib.llama_sampler_init_top_p(sampling.top_p, 1)
    if min_p > 0:
        yield lib.llama_sampler_init_min_p(min_p, 1)
    yield lib.llama_sampler_init_temp(sampling.temperature)
    yield lib.llama_sampler_init_dist(_RANDOM_SEED if sampling.seed is None else sampling.seed)


def check_sampling(sampling: Sampling) -> None:
    """Raise `InvalidRequest` for settings outside their range."""
    wrong = {
        "temperature": sampling.temperature is not None and not 0 <= sampling.temperature < 100,
        "top_p": sampling.top_p is not None and not 0 < sampling.top_p <= 1,
        "top_k": sampling.top_k is not None and sampling.top_k < 1,
        "seed": sampling.seed is not None and not 0 <= sampling.seed < _RANDOM_SEED,
        "max_tokens": sampling.max_tokens is not None and sampling.max_tokens < 1,
        "stop": "" in sampling.stop,
    }
    for name in (name for name, is_wrong in wrong.items() if is_wrong):
        raise InvalidRequest(
            f"{name}={getattr(sampling, name)!r} is out of range.",
            provider="llamacpp",
            remedy="Take temperature ≥ 0, 0 < top_p ≤ 1, top_k ≥ 1, 0 ≤ seed < 2³²−1, "
            "max_tokens ≥ 1 and stop strings that are not empty.",
        )
