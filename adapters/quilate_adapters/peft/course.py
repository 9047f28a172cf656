"""How a training goes: its losses so far, the best weights, and when it has gone far enough."""

import math
import time
from pathlib import Path
from typing import Any

from quilate.errors import DataError
from quilate.tuning.trainers import LossPoint, Watch
from quilate_adapters.peft.checkpoints import BEST, Checkpoint, mark_whole
from quilate_adapters.peft.folder import append_loss, rewrite_losses
from quilate_adapters.peft.libraries import library
from quilate_adapters.peft.plan import Plan


class Course:
    """Follows a training from `begun` (a checkpoint, or None) on: notes each loss in its folder,
    tells `watch`, and keeps a copy of the adapter at the least held-out loss."""

    def __init__(
        self, plan: Plan, folder: Path, begun: Checkpoint | None, watch: Watch | None
    ) -> None:
        self.plan, self.folder = plan, folder
        self.losses = list(begun.losses) if begun else []
        self.best: dict[str, Any] | None = None
        self._watch = watch
        self._before = begun.seconds if begun else 0.0
        self._since = time.monotonic()
        if begun and (begun.folder / BEST).is_file():
            load = library("safetensors.torch:load_file")
            self.best = load(begun.folder / BEST)
        rewrite_losses(folder, self.losses)

    @property
    def seconds(self) -> float:
        """How long it took, with the time before a resume."""
        return self._before + time.monotonic() - self._since

    @property
    def best_point(self) -> LossPoint | None:
        """The least held-out loss, the first of equal ones."""
        heldout = [point for point in self.losses if point.heldout]
        return min(heldout, key=lambda point: point.loss, default=None)

    @property
    def exhausted(self) -> bool:
        """Whether the held-out loss has not become less for as often as the recipe has patience."""
        patience = self.plan.recipe.training.patience
        best = self.best_point
        if patience is None or best is None:
            return False
        return sum(point.heldout and point.step > best.step for point in self.losses) >= patience

    def note(self, point: LossPoint) -> None:
        """Take in a loss. Raises `DataError` for one that is no number."""
        if not math.isfinite(point.loss):
            raise DataError(
                f"The {'held-out ' if point.heldout else ''}loss at step {point.step} is "
                f"{point.loss}: the training diverged.",
                where=str(self.folder),
                remedy="Choose a smaller learning_rate, or precision: fp32.",
            )
        self.losses.append(point)
        append_loss(self.folder, point)
        if self._watch is not None:
            self._watch(point.step, self.plan.steps, point)

    def keep_if_best(self, model: Any) -> None:
        """Copy the adapter's weights where the last held-out loss is the best."""
        best, last = self.best_point, self.losses[-1]
        if best is last:
            state = library("peft").get_peft_model_state_dict(model, save_embedding_layers=False)
            self.best = {
                name: tensor.detach().to("cpu", copy=True).contiguous()
                for name, tensor in state.items()
            }

    def saved(self, place: Path, step: int) -> None:
        """Complete a checkpoint that trl has written."""
        if self.best is not None:
            library("safetensors.torch:save_file")(self.best, place / BEST)
        best = self.best_point
        mark_whole(
            Checkpoint(place, step, tuple(self.losses), self.seconds, best.step if best else None)
        )


def callback(course: Course, model_of: Any) -> Any:
    """The callback by which a trainer of transformers is steered along `course`."""
    plan = course.plan

    class Steer(library("transformers").TrainerCallback):  # type: ignore[misc]
        """Decides what is done after each step."""

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            step = state.global_step
            last = step >= plan.steps
            control.should_log = True
            heldout = model_of.eval_dataset is not None
            control.should_evaluate = heldout and (last or step % plan.evaluate_every == 0)
            control.should_save = not last and step % plan.save_every == 0
            return control

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            for key, heldout in (("loss", False), ("eval_loss", True)):
                if logs and key in logs:
                    course.note(LossPoint(state.global_step, float(logs[key]), heldout))

        def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            course.keep_if_best(model_of.model)
            control.should_training_stop = control.should_training_stop or course.exhausted
            return control

    return Steer()
