"""Which layers are adapted, and with what rank: checked against the model's shapes, which need no
weights."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from quilate.errors import ConfigurationError
from quilate.tuning.recipe import LoraSpec
from quilate_adapters.peft.libraries import library, quiet


@dataclass(frozen=True, slots=True)
class Layer:
    """A linear layer's inputs and outputs."""

    inputs: int
    outputs: int


def shapes_of(config: Any) -> Any:
    """The model of a configuration, without memory for its weights."""
    torch, transformers = library("torch"), library("transformers")
    with quiet(), torch.device("meta"):
        return transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def linear_layers(model: Any) -> dict[str, Layer]:
    """The linear layers that an adapter can be added to, by name: all but the output layer."""
    torch = library("torch")
    conv = library("transformers.pytorch_utils:Conv1D")
    output = model.get_output_embeddings()
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not output:
            found[name] = Layer(module.in_features, module.out_features)
        elif isinstance(module, conv):
            found[name] = Layer(*module.weight.shape)
    return found


def targeted(lora: LoraSpec, layers: Mapping[str, Layer]) -> list[str]:
    """The names of the layers that a recipe adapts, in the model's order.

    Raises `ConfigurationError` for a target that no layer has, with the nearest name, and for
    ranks that are larger than a layer.

    >>> layers = {"l.0.self_attn.q_proj": Layer(8, 8), "l.0.mlp.up_proj": Layer(8, 32)}
    >>> targeted(LoraSpec(rank=2, targets="attention"), layers)
    ['l.0.self_attn.q_proj']
    >>> targeted(LoraSpec(rank=2, targets=["q_prj"]), layers)
    Traceback (most recent call last):
    quilate.errors.ConfigurationError: lora.targets: The base has no linear layer 'q_prj'. Did ...
    """
    if lora.targets == "all-linear":
        names = list(layers)
    elif lora.targets == "attention":
        names = [name for name in layers if _is_attention(name)]
        if not names:
            raise ConfigurationError(
                "No layer of this base is called attention.",
                where="lora.targets",
                remedy=f"Name the layers: {_known(layers)}.",
            )
    else:
        for target in lora.targets:
            _check_target(target, layers)
        names = [name for name in layers if any(_ends(name, one) for one in lora.targets)]
    if not names:
        raise ConfigurationError("No layer is adapted.", where="lora.targets", remedy="Name some.")
    _check_patterns(lora, names)
    for name in names:
        _check_rank(rank_of(lora, name), name, layers[name])
    return names


def rank_of(lora: LoraSpec, name: str) -> int:
    """The rank of a layer, by the patterns or the recipe's own."""
    key = next((key for key in lora.rank_pattern if _matches(key, name)), None)
    return lora.rank if key is None else lora.rank_pattern[key]


def trained_parameters(lora: LoraSpec, layers: Mapping[str, Layer], names: Iterable[str]) -> int:
    """How many numbers are trained: rank · (inputs + outputs) of each layer, and with DoRA its
    outputs' magnitudes."""
    return sum(
        rank_of(lora, name) * (layers[name].inputs + layers[name].outputs)
        + (layers[name].outputs if lora.dora else 0)
        for name in names
    )


def lora_config(lora: LoraSpec, names: Sequence[str], base: str) -> Any:
    """PEFT's settings of a recipe's adapter on the layers `names`."""
    return library("peft").LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha or 2 * lora.rank,
        lora_dropout=lora.dropout,
        target_modules=_short(names) if lora.targets == "attention" else lora.targets,
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        rank_pattern=dict(lora.rank_pattern),
        alpha_pattern=dict(lora.alpha_pattern),
        bias="none",
        task_type="CAUSAL_LM",
        base_model_name_or_path=base,
    )


def _short(names: Iterable[str]) -> list[str]:
    """The last two words of the names: the same in each block."""
    return sorted({".".join(name.split(".")[-2:]) for name in names})


def _is_attention(name: str) -> bool:
    return any("attn" in word or "attention" in word for word in name.split("."))


def _ends(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


def _matches(pattern: str, name: str) -> bool:
    """Whether PEFT takes this key of a pattern for the layer: as a pattern of its end."""
    key: str = library("peft.utils.other:get_pattern_key")([pattern], name)
    return key == pattern


def _known(layers: Iterable[str]) -> str:
    return ", ".join(sorted({name.rpartition(".")[2] for name in layers}))


def _check_target(target: str, layers: Mapping[str, Layer]) -> None:
    if any(_ends(name, target) for name in layers):
        return
    if target.rpartition(".")[2] in ("lm_head", "embed_tokens", "wte", "embed_out"):
        raise ConfigurationError(
            f"'{target}' is an embedding or output layer: a LoRA of it cannot go back to GGUF.",
            where="lora.targets",
            remedy=f"Adapt linear layers: {_known(layers)}.",
        )
    ends = {end for name in layers for end in (name, name.rpartition(".")[2])}
    close = difflib.get_close_matches(target, sorted(ends), n=1, cutoff=0.5)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    raise ConfigurationError(
        f"The base has no linear layer '{target}'.",
        where="lora.targets",
        remedy=f"{hint}It has: {_known(layers)}.",
    )


def _check_patterns(lora: LoraSpec, names: Sequence[str]) -> None:
    import re

    for kind in ("rank_pattern", "alpha_pattern"):
        for key in getattr(lora, kind):
            where = f"lora.{kind}"
            try:
                fits = any(map(partial(_matches, key), names))
            except re.error as error:
                raise ConfigurationError(f"'{key}' is no pattern: {error}.", where=where) from None
            if not fits:
                raise ConfigurationError(
                    f"No adapted layer has a name that ends like '{key}'.",
                    where=where,
                    remedy=f"Adapted are: {_known(names)}.",
                )


def _check_rank(rank: int, name: str, layer: Layer) -> None:
    largest = min(layer.inputs, layer.outputs)
    if rank > largest:
        raise ConfigurationError(
            f"The rank {rank} is larger than the layer {name}, which takes {layer.inputs} numbers "
            f"to {layer.outputs}.",
            where="lora.rank",
            remedy=f"Give it at most {largest}.",
        )
