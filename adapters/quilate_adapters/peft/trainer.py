"""The trainer that recipes call ``peft``: LoRA by supervised examples or preferences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quilate.tuning.examples import AnyExample
from quilate.tuning.recipe import Recipe
from quilate.tuning.trainers import Estimate, Trained, Watch


def trainer() -> "PeftTrainer":
    """The trainer; nothing is loaded until it is used.

    >>> trainer()
    PeftTrainer()
    """
    return PeftTrainer()


@dataclass(frozen=True, slots=True)
class PeftTrainer:
    """Low-rank adapters (Hu et al. 2021) of a GGUF base or a folder of safetensors, through
    transformers, peft and trl, on the CPU or the first CUDA device."""

    def estimate(
        self, recipe: Recipe, examples: Sequence[AnyExample], heldout: Sequence[AnyExample] = ()
    ) -> Estimate:
        """Steps, peak memory and time, reckoned in seconds without loading the weights: the time
        from steps of a few blocks of the same shapes; None where that cannot be.

        Raises `ModelFileError` for a base that is not there, `ConfigurationError` for targets or
        ranks that it lacks, for a tokenizer that is not llama.cpp's and for examples of another
        kind than the method's, `DataError` for no examples, and `MissingDependency`.
        """
        from quilate_adapters.peft.estimate import estimate
        from quilate_adapters.peft.plan import plan
        from quilate_adapters.peft.timing import seconds_of

        made = plan(recipe, examples)
        found, recompute = estimate(made)
        if not found.fits:
            return found
        seconds = seconds_of(made, len(heldout), recompute=recompute, free=found.free_bytes)
        return replace(found, seconds=seconds)

    def train(
        self,
        recipe: Recipe,
        examples: Sequence[AnyExample],
        heldout: Sequence[AnyExample],
        folder: Path,
        *,
        watch: Watch | None = None,
    ) -> Trained:
        """Train into `folder`: ``adapter/`` (PEFT), ``training.json``, ``losses.jsonl``.

        Called again on the folder of a killed training, it goes on from the last whole checkpoint,
        to the very weights of one that was not killed (on a CPU; a GPU sums in no fixed order). A
        folder that is finished gives its result at once. The weights kept are those at the least
        held-out loss, the last ones without held-out examples. The losses of DPO are nats a pair.

        Raises what `estimate` does, `ConfigurationError` for a training that does not fit into
        memory and for a folder of another one, `StoreError` where the disk is full (the last
        checkpoint stays) or another process trains in the folder, and `DataError` where the loss
        diverges.
        """
        from quilate_adapters.peft import folder as folders
        from quilate_adapters.peft.base import find_base

        folder = Path(folder)
        base = find_base(recipe.base)
        mine = folders.fingerprint(recipe, base.sha256, examples, heldout)
        with folders.occupied(folder):
            if (folder / folders.STARTED).is_file():
                folders.start(folder, mine, {})
                done = folders.finished(folder)
                if done is not None:
                    return done
            return _train(recipe, examples, heldout, folder, mine, watch)


def _train(
    recipe: Recipe,
    examples: Sequence[AnyExample],
    heldout: Sequence[AnyExample],
    folder: Path,
    mine: dict[str, str],
    watch: Watch | None,
) -> Trained:
    from quilate_adapters.peft import folder as folders
    from quilate_adapters.peft.estimate import estimate, refuse_what_does_not_fit
    from quilate_adapters.peft.plan import limit, plan
    from quilate_adapters.peft.tokenising import tokenise
    from quilate_adapters.peft.training import run

    made = plan(recipe, examples)
    held = None
    if heldout:
        held = tokenise(
            heldout,
            made.tokenizer,
            recipe.method,
            max_length=limit(recipe.training, made.config),
            what="held-out examples",
        )
    found, recompute = estimate(made)
    refuse_what_does_not_fit(found, made)
    # What was chosen by the memory that was free at the start holds for the whole training.
    choices = folders.start(folder, mine, {"recompute": recompute})
    return run(made, held, folder, recompute=bool(choices["recompute"]), watch=watch)
