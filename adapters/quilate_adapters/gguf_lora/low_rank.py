"""Updates of full rank (DoRA, LoKr, LoHa, …) as LoRA layers, and what that leaves out."""

from typing import TYPE_CHECKING, Any

from quilate.errors import DataError
from quilate_adapters.gguf_lora.folder import MERGE, Adapter, Layer
from quilate_adapters.gguf_lora.trained import changes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def factorised(
    delta: "NDArray[np.float32]", *, tolerance: float, max_rank: int
) -> "tuple[NDArray[np.float32], NDArray[np.float32], float]":
    """The nearest product of two matrices to `delta` (Eckart and Young 1936): A of shape (rank,
    inputs), B of shape (outputs, rank), and the relative residual in the Frobenius norm.

    The rank is the least with a residual of at most `tolerance`, and never more than `max_rank`.

    >>> import numpy as np
    >>> a, b, residual = factorised(np.outer([1, 2], [3, 4, 5.0]), tolerance=0.01, max_rank=2)
    >>> a.shape, b.shape, residual < 1e-6
    ((1, 3), (2, 1), True)
    """
    import numpy as np

    wide = delta.astype(np.float64)
    size = float(np.linalg.norm(wide))
    outputs, inputs = wide.shape
    if size == 0:
        return np.zeros((1, inputs), np.float32), np.zeros((outputs, 1), np.float32), 0.0
    # The smaller Gram matrix: several times as fast as the singular values themselves, and its
    # squared condition does not matter for directions that are kept.
    on_rows = outputs <= inputs
    squares, vectors = np.linalg.eigh(wide @ wide.T if on_rows else wide.T @ wide)
    left = np.maximum(squares[::-1], 0)
    left_out = np.sqrt(np.maximum(1 - np.cumsum(left) / left.sum(), 0))
    rank = min(int(np.argmax(left_out <= tolerance)) + 1, max_rank, len(left))
    kept = vectors[:, ::-1][:, :rank]
    a, b = (kept.T @ wide, kept) if on_rows else (kept.T, wide @ kept)
    residual = float(np.linalg.norm(wide - b @ a)) / size
    return a.astype(np.float32), b.astype(np.float32), residual


def low_rank_layers(
    adapter: Adapter, trained: Any, *, tolerance: float, max_rank: int
) -> tuple[list[Layer], dict[str, float]]:
    """What an adapter (on its base: a `peft.PeftModel`) changes as LoRA layers of scale 1, and the
    relative residual of each by name. Raises `DataError` where it changes more than the weights of
    linear layers."""
    layers, residuals = [], {}
    for change in changes(trained):
        if change.before is None or not change.name.endswith(".weight") or change.after.ndim != 2:
            raise DataError(
                f"A GGUF LoRA cannot hold this adapter: it changes {change.name}.",
                where=str(adapter.folder),
                remedy=MERGE,
            )
        a, b, residual = factorised(
            change.after - change.before, tolerance=tolerance, max_rank=max_rank
        )
        layers.append(Layer(change.module, a, b, 1.0))
        residuals[change.module] = residual
    return layers, residuals
