"""The output layer at supervised positions alone.

On CUDA trl does so itself, in a kernel; elsewhere it projects every position of every row, prompts
and padding too, and on a CPU that is a third of a step's time.
"""

from functools import partial
from typing import Any

from quilate_adapters.peft.libraries import library


def score_supervised_alone(model: Any) -> None:
    """Give the model's fused forward (``fused_lm_head=True``, which trl's trainers call) our own
    way, with the same results.

    The hidden states of unlearned positions are taken out before the output layer by a hook, so
    whatever the architecture does to its logits after it is done still.
    """
    plain = partial(type(model).forward, model)

    def forward(*args: Any, fused_lm_head: bool = False, labels: Any = None, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return plain(*args, labels=labels, **kwargs)
        return _fused(model, plain, labels, args, kwargs)

    model.forward = forward


def _fused(model: Any, plain: Any, labels: Any, args: Any, kwargs: Any) -> Any:
    torch = library("torch")
    targets = labels[:, 1:]
    mask = targets != -100
    places = mask.flatten().nonzero().squeeze(1)

    def take(_: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden = inputs[0][:, :-1]
        return (hidden.reshape(-1, hidden.size(-1)).index_select(0, places).unsqueeze(0),)

    hook = model.get_output_embeddings().register_forward_pre_hook(take)
    try:
        logits = plain(*args, **{**kwargs, "use_cache": False}).logits[0].float()
    finally:
        hook.remove()
    chosen = targets.flatten().index_select(0, places)
    log_probs = -torch.nn.functional.cross_entropy(logits, chosen, reduction="none")

    def spread(values: Any) -> Any:
        flat = torch.zeros(mask.numel(), dtype=values.dtype, device=values.device)
        return flat.index_copy(0, places, values).view(mask.shape)

    with torch.no_grad():
        by_token = logits.log_softmax(-1)
        entropy = -(by_token.exp() * by_token).sum(-1)
        top1 = logits.argmax(-1) == chosen
        mean = logits.mean(-1)
    return library("trl.trainer.utils:FusedCausalLMOutput")(
        loss=-log_probs.sum() / max(1, len(places)),
        log_probs=spread(log_probs),
        entropy=spread(entropy),
        mean_logits=spread(mean),
        is_top1=spread(top1),
        label_mask=mask,
    )
