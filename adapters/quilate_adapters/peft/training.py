"""A training from its plan to the adapter on disk, or on from its last checkpoint."""

import shutil
from pathlib import Path
from typing import Any

from quilate.tuning.trainers import Trained, Watch
from quilate_adapters.peft.base import open_model
from quilate_adapters.peft.checkpoints import Checkpoint, delete_all, last_whole
from quilate_adapters.peft.course import Course, callback
from quilate_adapters.peft.folder import ADAPTER, finish, unwritable
from quilate_adapters.peft.head import score_supervised_alone
from quilate_adapters.peft.libraries import library, quiet
from quilate_adapters.peft.plan import Plan
from quilate_adapters.peft.precision import name_of, threads_of
from quilate_adapters.peft.tokenising import Row, Rows
from quilate_adapters.peft.trl_trainers import trainer_class

_SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


def run(
    plan: Plan, heldout: Rows | None, folder: Path, *, recompute: bool, watch: Watch | None
) -> Trained:
    """Train, on from the last whole checkpoint where there is one, and write the adapter.

    With `recompute` activations are computed again on the way back instead of kept. Raises
    `StoreError` where a checkpoint or the adapter cannot be written, `DataError` where the loss is
    no number any more.
    """
    begun = last_whole(folder)
    with quiet():
        course = Course(plan, folder, begun, watch)
        model = open_model(plan.base, nf4=plan.recipe.training.quantize_base == "nf4")
        trainer = _trainer(plan, model, heldout, folder, recompute)
        trainer.add_callback(callback(course, trainer))
        trainer.saved = lambda place: course.saved(place, trainer.state.global_step)
        _train(trainer, course, begun)
        steps = max((point.step for point in course.losses), default=trainer.state.global_step)
        _write_adapter(trainer.model, course, folder)
    best = course.best_point
    trained = Trained(
        adapter=folder / ADAPTER,
        base=plan.recipe.base,
        steps=steps,
        best_step=best.step if best else steps,
        stopped="done" if steps >= plan.steps else "patience",
        losses=tuple(course.losses),
        supervised_tokens=sum(row.supervised for row in plan.rows.kept),
        seconds=course.seconds,
        device=name_of(plan.device),
        details=_details(plan, heldout, recompute),
    )
    finish(folder, trained)
    delete_all(folder)
    return trained


def _train(trainer: Any, course: Course, begun: Checkpoint | None) -> None:
    if begun is not None and course.exhausted:
        return  # it was killed between its last checkpoint and its end
    trainer.train(resume_from_checkpoint=str(begun.folder) if begun else None)


def _trainer(plan: Plan, model: Any, heldout: Rows | None, folder: Path, recompute: bool) -> Any:
    method = plan.recipe.method
    hf = plan.tokenizer.hf
    if hf.pad_token is None:
        hf.pad_token = hf.eos_token
    made = trainer_class(method)(
        model=model,
        args=_arguments(plan, folder, recompute),
        train_dataset=_dataset(plan.rows),
        eval_dataset=_dataset(heldout) if heldout else None,
        processing_class=hf,
        peft_config=plan.adapter(),
    )
    made.remove_callback(library("transformers").PrinterCallback)
    if plan.device.type != "cuda":
        score_supervised_alone(made.model.get_base_model())
    return made


def _arguments(plan: Plan, folder: Path, recompute: bool) -> Any:
    training = plan.recipe.training
    dpo = plan.recipe.method == "dpo"
    own = (
        # trl switches dropout off for DPO; a recipe that asks for it is meant.
        {"beta": training.beta, "disable_dropout": plan.recipe.lora.dropout == 0}
        if dpo
        else {"dataset_kwargs": {"skip_prepare_dataset": True}}
    )
    made = library("trl:DPOConfig" if dpo else "trl:SFTConfig")(
        output_dir=str(folder),
        per_device_train_batch_size=training.batch_size,
        per_device_eval_batch_size=training.batch_size,
        gradient_accumulation_steps=training.accumulate,
        max_steps=plan.steps,
        learning_rate=training.learning_rate,
        lr_scheduler_type=_SCHEDULES[training.schedule],
        warmup_steps=training.warmup,
        weight_decay=training.weight_decay,
        max_length=None,
        bf16=plan.bf16,
        use_cpu=plan.device.type == "cpu",
        seed=training.seed,
        data_seed=training.seed,
        gradient_checkpointing=recompute,
        gradient_checkpointing_kwargs={"use_reentrant": False} if recompute else None,
        router_aux_loss_coef=0.0,
        # The course decides after each step what is done.
        logging_strategy="no",
        eval_strategy="no",
        save_strategy="no",
        logging_nan_inf_filter=False,
        dataloader_pin_memory=plan.device.type == "cuda",
        disable_tqdm=True,
        report_to="none",
        **own,
    )
    if made.n_gpu > 1:
        made._n_gpu = 1  # one process, one device: trl refuses the old DataParallel
    return made


def _dataset(rows: Rows) -> Any:
    names = ["prompt_ids", "chosen_ids", "rejected_ids"]
    if isinstance(rows.kept[0], Row):
        names = ["input_ids", "labels"]
    columns = {name: [getattr(row, name) for row in rows.kept] for name in names}
    return library("datasets").Dataset.from_dict(columns)


def _write_adapter(model: Any, course: Course, folder: Path) -> None:
    """The adapter with its best weights, whole or not at all."""
    part = folder / f"{ADAPTER}.part"
    shutil.rmtree(part, ignore_errors=True)
    if course.best is not None:
        library("peft").set_peft_model_state_dict(model, course.best)
    try:
        model.save_pretrained(str(part), save_embedding_layers=False)
        (part / "README.md").unlink(missing_ok=True)  # a form to fill in
        shutil.rmtree(folder / ADAPTER, ignore_errors=True)
        part.replace(folder / ADAPTER)
    except (OSError, library("safetensors:SafetensorError")) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise unwritable(folder / ADAPTER, error) from None


def _details(plan: Plan, heldout: Rows | None, recompute: bool) -> dict[str, Any]:
    from importlib.metadata import version

    dropped = [*plan.rows.dropped, *(heldout.dropped if heldout else ())]
    return {
        **threads_of(plan.device),
        "method": plan.recipe.method,
        "rows": len(plan.rows.kept),
        "heldout_rows": len(heldout.kept) if heldout else 0,
        "dropped": [{"id": one.id, "reason": one.reason} for one in dropped],
        "tokens": sum(row.length for row in plan.rows.kept),
        "longest": plan.rows.longest,
        "trained_parameters": plan.parameters,
        "layers": len(plan.layers),
        "precision": "bf16" if plan.bf16 else "fp32",
        "quantize_base": plan.recipe.training.quantize_base,
        "recomputed_activations": recompute,
        "base_sha256": plan.base.sha256,
        "tokenizer": plan.tokenizer.engine,
        "seed": plan.recipe.training.seed,
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "trl")},
    }
