"""In which numbers a device computes."""

from typing import Any

from quilate.errors import ConfigurationError
from quilate.tuning.recipe import TrainingSpec
from quilate_adapters.peft.libraries import library


def device() -> Any:
    """The first CUDA device where there is one, else the CPU."""
    torch = library("torch")
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def name_of(chosen: Any) -> str:
    """``cpu``, or ``cuda`` with the name of the card."""
    if chosen.type == "cuda":
        return f"cuda ({library('torch').cuda.get_device_name(chosen)})"
    return "cpu"


def threads_of(chosen: Any) -> dict[str, int]:
    """How many threads compute on a CPU, as a detail; nothing for another device."""
    return {} if chosen.type == "cuda" else {"threads": int(library("torch").get_num_threads())}


def bf16(training: TrainingSpec, chosen: Any) -> bool:
    """Whether matrices are multiplied in bfloat16 (autocast), the weights staying in float32.

    ``auto`` does so where the processor has instructions for it: with them a step takes about half
    the time, without them several times as long. Raises `ConfigurationError` for a CUDA device that
    has none and is told to.
    """
    torch = library("torch")
    if chosen.type == "cuda":
        native = bool(torch.cuda.is_bf16_supported(including_emulation=False))
        if training.precision == "bf16" and not native:
            raise ConfigurationError(
                f"{name_of(chosen)} has no bfloat16.",
                where="training.precision",
                remedy="Write precision: auto.",
            )
    else:
        native = _cpu_has_bf16()
    return native if training.precision == "auto" else training.precision == "bf16"


def _cpu_has_bf16() -> bool:
    torch = library("torch")
    has: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(has.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))
