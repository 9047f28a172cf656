"""The parity certificate: how near the served model is to the trained one.

The trained model is the GGUF base dequantised by transformers, with its PEFT adapter; the served
one is llama.cpp's base with the GGUF LoRA. Both are given the same held-out prompts with their
answers, token by token (teacher forcing), and their predictions compared. llama.cpp computes with
quantised weights and activations, so that the two differ without any adapter too: the same is
measured of the base, and only what goes beyond that noise counts.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.errors import DataError
from quilate.registry import require
from quilate.tuning.examples import AnyExample
from quilate.tuning.recipe import ParitySpec
from quilate.tuning.trainers import Parity
from quilate_adapters.gguf_lora.base import read_base
from quilate_adapters.gguf_lora.divergence import Divergence, log_softmax
from quilate_adapters.gguf_lora.folder import read_adapter
from quilate_adapters.gguf_lora.prompts import CONTEXT, Tokens, tokens_of
from quilate_adapters.gguf_lora.trained import load_tokenizer, load_trained
from quilate_adapters.gguf_lora.writing import appearing
from quilate_adapters.llamacpp.engine import Engine, Settings
from quilate_adapters.llamacpp.gguf import inspect
from quilate_adapters.llamacpp.lora import Lora, read_lora
from quilate_adapters.llamacpp.native import version_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GREEDY = 64
"""Tokens of the greedy answers that are compared, at most."""
_LEAST, _BASE_TOP1 = 5, 0.8
_LONGER = 16  # tokens by which a greedy answer may be longer than the one that was to be learned


@dataclass(slots=True)
class _Found:
    """What was measured, in all and by prompt."""

    tuned: Divergence = field(default_factory=Divergence)
    base: Divergence = field(default_factory=Divergence)
    greedy_same: int = 0
    by_prompt: list[dict[str, Any]] = field(default_factory=list)


def parity(
    adapter: Path, base: Path, file: Path, prompts: Sequence[AnyExample], spec: ParitySpec
) -> Parity:
    """Compare the trained model (`adapter` on `base`) with the served one (`base` and `file`) on
    the first ``spec.prompts`` of `prompts`, and write the certificate beside `file`.

    It passes when the mean KL divergence exceeds the base's by at most ``spec.max_kl``, and the
    likeliest token is the same at ``spec.min_top1`` of the share of positions at which it is for
    the base: where the base itself agrees at 96%, a `min_top1` of 0.95 asks for 91.2%. Greedy
    answers are compared up to 64 tokens, and up to 16 more than the example's answer has; they
    decide nothing. Raises `DataError` for prompts that
    cannot be compared, and where the two sides' tokens differ.
    """
    onto = read_base(base)
    lora = read_lora(file, 1.0, onto.architecture)
    tokenizer = load_tokenizer(base)
    settings = Settings(min(CONTEXT, inspect(base).context_length or CONTEXT) + GREEDY)
    with closing(Engine(base, settings)) as engine:
        engine.use(lora)  # before the slow part: a wrong adapter is refused here
        wanted = [tokens_of(example, tokenizer, engine) for example in prompts[: spec.prompts]]
        tokens = [one for one in wanted if one is not None]
        if not tokens:
            raise DataError(
                "There is no held-out prompt to compare on: none, or all are too long or write out "
                "control tokens.",
                remedy=f"Give examples of at most {CONTEXT:,} tokens with their completions.",
            )
        trained = load_trained(adapter, base)
        found = _measure(trained, engine, lora, tokens)
    result = _judged(found, spec)
    kept = {"adapter": read_adapter(adapter).sha256, "base": onto.sha256, "file": lora.sha256}
    _write(certificate_of(file), result, spec, found, tokens, kept, left_out=wanted.count(None))
    return result


def certificate_of(file: Path) -> Path:
    """Where the certificate of an adapter is.

    >>> certificate_of(Path("runs/adapter.gguf")).name
    'adapter.parity.json'
    """
    # No other suffix is taken away: `sums.v1` and `sums.v2` are certified each in its own file.
    return file.with_name(file.name.removesuffix(".gguf") + ".parity.json")


def _measure(trained: Any, engine: Engine, lora: Lora, prompts: Sequence[Tokens]) -> _Found:
    found = _Found()
    for prompt in prompts:
        tuned, base = Divergence(), Divergence()
        learned = _expected(trained, prompt.prompt, prompt.completion)
        engine.use(lora)
        for row, its in zip(learned, _served(engine, prompt), strict=True):
            tuned.add(log_softmax(row), its)
        same = _greedy_same(trained, engine, prompt)
        del learned
        known = _expected(trained, prompt.prompt, prompt.completion, adapted=False)
        engine.use(None)
        for row, its in zip(known, _served(engine, prompt), strict=True):
            base.add(log_softmax(row), its)
        found.tuned.extend(tuned)
        found.base.extend(base)
        found.greedy_same += same
        found.by_prompt.append(
            {"id": prompt.id, "positions": tuned.positions, "kl": tuned.kl, "top1": tuned.top1,
             "base_kl": base.kl, "base_top1": base.top1, "greedy_same": same}
        )  # fmt: skip
    return found


def _expected(
    trained: Any, prompt: Sequence[int], answer: Sequence[int], *, adapted: bool = True
) -> "NDArray[np.float32]":
    """The trained model's logits before each token of the answer: (tokens, vocabulary)."""
    torch = require("torch", extra="tuning")
    with torch.no_grad(), nullcontext() if adapted else trained.disable_adapter():
        ids = torch.tensor([[*prompt, *answer]], device=trained.device)
        logits = trained(input_ids=ids, logits_to_keep=len(answer) + 1, use_cache=False).logits
    rows: NDArray[np.float32] = logits[0, :-1].float().cpu().numpy()
    return rows


def _served(engine: Engine, prompt: Tokens) -> "Iterator[NDArray[np.float64]]":
    """The served model's log-probabilities before each token of the answer, computed as when it
    generates: one token at a time."""
    engine.begin(prompt.prompt, _go_on)
    for token in prompt.completion[:-1]:
        yield engine.logprobs()
        engine.append(token)
    yield engine.logprobs()


def _greedy_same(trained: Any, engine: Engine, prompt: Tokens) -> bool:
    """Whether both models' greedy answers are the same: if each token of the served one is the
    likeliest in the trained model too, then so are all of its own."""
    engine.begin(prompt.prompt, _go_on)
    answer: list[int] = []
    while len(answer) < min(GREEDY, len(prompt.completion) + _LONGER):
        token = int(engine.logprobs().argmax())
        answer.append(token)
        if token in engine.end_tokens:
            break
        engine.append(token)
    rows = _expected(trained, prompt.prompt, answer)
    return bool((rows.argmax(axis=-1) == answer).all())


def _judged(found: _Found, spec: ParitySpec) -> Parity:
    tuned, base = found.tuned, found.base
    beyond, least = tuned.kl - base.kl, spec.min_top1 * base.top1
    reasons = []
    if base.positions < _LEAST:
        reasons.append(f"{base.positions} positions say too little; at least {_LEAST} are asked.")
    if not base.top1 >= _BASE_TOP1:
        reasons.append(
            f"Without the adapter, the two sides agree at {base.top1:.1%} of the positions: the "
            "base that was trained on is not the one that is served."
        )
    if not beyond <= spec.max_kl:
        reasons.append(
            f"The KL divergence is {tuned.kl:.4f} nats a token, {beyond:.4f} more than the base's "
            f"own noise of {base.kl:.4f}; at most {spec.max_kl:g} more is allowed."
        )
    if not tuned.top1 >= least:
        reasons.append(
            f"The likeliest token is the same at {tuned.top1:.1%} of {tuned.positions} positions; "
            f"at least {least:.1%} is asked ({spec.min_top1:.0%} of the base's {base.top1:.1%})."
        )
    return Parity(
        positions=tuned.positions,
        prompts=len(found.by_prompt),
        kl=tuned.kl,
        top1=tuned.top1,
        base_kl=base.kl,
        base_top1=base.top1,
        greedy_same=found.greedy_same,
        passed=not reasons,
        reasons=tuple(reasons),
    )


def _write(
    path: Path,
    result: Parity,
    spec: ParitySpec,
    found: _Found,
    tokens: Sequence[Tokens],
    sha256: dict[str, str],
    *,
    left_out: int,
) -> None:
    used = json.dumps([[one.id, one.prompt, one.completion] for one in tokens]).encode()
    certificate = {
        "format": "quilate.parity/1",
        **asdict(result),
        "spec": spec.model_dump(),
        "sha256": {**sha256, "prompts": hashlib.sha256(used).hexdigest()},
        "left_out": left_out,
        "versions": {
            name: version_of(name) for name in ("llama-cpp-python", "transformers", "peft", "torch")
        },
        "by_prompt": found.by_prompt,
    }
    with appearing(path) as draft:
        text = json.dumps(certificate, ensure_ascii=False, indent=1, allow_nan=False)
        draft.write_text(text + "\n", encoding="utf-8")


def _go_on() -> None:
    """Nobody stops the work."""
