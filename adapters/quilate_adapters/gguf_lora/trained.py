"""The trained model in transformers: the GGUF base, dequantised, with its PEFT adapter."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.errors import DataError
from quilate_adapters.peft.base import find_base, open_hf_tokenizer, open_in_float32
from quilate_adapters.peft.libraries import library, quiet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Changed:
    """A parameter that an adapter changes: its values in the base (None where the base has none of
    its own) and in the trained model, both float32."""

    name: str
    before: "NDArray[np.float32] | None"
    after: "NDArray[np.float32]"

    @property
    def module(self) -> str:
        """The module whose parameter it is."""
        return self.name.rpartition(".")[0]


def load_base(base: Path) -> Any:
    """The GGUF model in float32, opened as for training; raises `ConfigurationError` where
    transformers cannot read it."""
    return open_in_float32(find_base(str(base))).eval()


def load_tokenizer(base: Path) -> Any:
    """The tokenizer that transformers makes of the GGUF file's."""
    return open_hf_tokenizer(find_base(str(base)))


def load_trained(adapter: Path, base: Path) -> Any:
    """The base with the adapter on it, as a `peft.PeftModel`; raises `DataError` where they do not
    fit together."""
    peft = library("peft")
    model = load_base(base)
    try:
        with quiet():
            trained = peft.PeftModel.from_pretrained(model, str(adapter))
    except (ValueError, KeyError, RuntimeError, TypeError, OSError) as error:
        raise DataError(
            f"PEFT cannot put this adapter on the base: {error}",
            where=str(adapter),
            remedy="Check that the base is the one that it was trained on.",
        ) from error
    return trained.eval()


def changes(trained: Any) -> Iterator[Changed]:
    """Every parameter that the adapter of a `peft.PeftModel` changes, as PEFT itself merges it, one
    at a time; the model stays as it was.

    PEFT's own conversion to LoRA takes no account of DoRA's magnitudes; its merging does.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import ModulesToSaveWrapper, TrainableTokensWrapper

    modules = dict(trained.get_base_model().named_modules())
    for name, module in modules.items():
        if isinstance(module, ModulesToSaveWrapper):
            yield from _replaced(name, module)
        elif isinstance(module, TrainableTokensWrapper):
            before = module.original_module.weight
            after = module.token_adapter.get_merged_weights(module.token_adapter.active_adapters)
            yield Changed(f"{name}.weight", _array(before), _array(after))
        elif isinstance(module, BaseTunerLayer) and not name.endswith(".token_adapter"):
            yield from _merged(name, module)


def _replaced(name: str, wrapper: Any) -> Iterator[Changed]:
    kept = dict(wrapper.original_module.named_parameters())
    for part, after in wrapper.modules_to_save["default"].named_parameters():
        yield Changed(f"{name}.{part}", _array(kept[part]), _array(after))


def _merged(name: str, layer: Any) -> Iterator[Changed]:
    torch = library("torch")
    with torch.no_grad():
        own = dict(layer.get_base_layer().named_parameters(recurse=False))
        before = {part: value.detach().clone() for part, value in own.items()}
        layer.merge(safe_merge=False)
        after = {
            part: _array(value)
            for part, value in layer.get_base_layer().named_parameters(recurse=False)
        }
        for part, value in own.items():
            value.copy_(before[part])
        layer.merged_adapters.clear()
    for part, value in after.items():
        if part == "weight" or (after[part] != _array(before[part])).any():
            yield Changed(f"{name}.{part}", _array(before[part]), value)


def _array(value: Any) -> "NDArray[np.float32]":
    array: NDArray[np.float32] = value.detach().float().cpu().numpy().copy()
    return array
