"""trl's trainers with what a training on one machine needs: whole checkpoints of the adapter alone,
held-out losses over tokens, and nothing sent or printed."""

import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from quilate.errors import StoreError
from quilate_adapters.peft.folder import unwritable
from quilate_adapters.peft.libraries import library
from quilate_adapters.peft.tokenising import IGNORED


@lru_cache(maxsize=2)
def trainer_class(method: Literal["sft", "dpo"]) -> Any:
    """The trainer of a method in trl, with our own ways mixed in."""
    parent = library("trl:SFTTrainer" if method == "sft" else "trl:DPOTrainer")

    class Ours(_Ways, parent):  # type: ignore[misc,valid-type]
        by_tokens = method == "sft"

    return Ours


class _Ways:
    """What is done otherwise than trl does it. `saved` is called with the folder of a checkpoint
    that is written, before it is marked as whole."""

    saved: Callable[[Path], None]
    by_tokens: bool
    # What transformers' trainer has:
    args: Any
    model: Any
    state: Any
    control: Any
    callback_handler: Any
    get_eval_dataloader: Any
    compute_loss: Any
    compute_loss_context_manager: Any
    log: Any
    _prepare_inputs: Any

    def _send_telemetry(self) -> None:
        """Nothing is sent."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """An adapter's own notes are in training.json."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset  # it is tokenised

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        # Without the pickled arguments and the tokenizer; and no hub is asked for embeddings.
        self.model.save_pretrained(
            output_dir or self.args.output_dir, state_dict=state_dict, save_embedding_layers=False
        )

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        place = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        shutil.rmtree(place, ignore_errors=True)
        try:
            super()._save_checkpoint(model, trial)  # type: ignore[misc]
            self.saved(place)
        except StoreError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        except _unwritten() as error:
            shutil.rmtree(place, ignore_errors=True)
            raise unwritable(place, error) from None

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The held-out loss: the mean over tokens (SFT) or pairs (DPO), not over batches."""
        total, count = 0.0, 0
        self.model.eval()
        with library("torch").no_grad():
            for batch in self.get_eval_dataloader():
                inputs = self._prepare_inputs(batch)
                weight = self._weight(inputs)
                with self.compute_loss_context_manager():
                    total += float(self.compute_loss(self.model, inputs)) * weight
                count += weight
        metrics = {"eval_loss": total / count}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        self.model.train()
        return metrics

    def _weight(self, inputs: Any) -> int:
        if self.by_tokens:
            return int((inputs["labels"][:, 1:] != IGNORED).sum())
        return len(inputs["input_ids"]) // 2


def _unwritten() -> tuple[type[Exception], ...]:
    """What torch and safetensors raise when a file cannot be written."""
    return (OSError, RuntimeError, library("safetensors:SafetensorError"))
