"""What a model was really asked for an output of a run, and what it answered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from quilate.evals.results import Call, Item, Run
from quilate.evaluators import Sample
from quilate.messages import Message, Reasoning, assistant, user
from quilate.models import Tool
from quilate.tuning.sources.values import Unusable


@dataclass(frozen=True, slots=True)
class Exchange:
    """A prompt and the completion that it got. `prompt_from` says whether the prompt is the
    ``journal``'s or the ``sample``'s input; `completion_from` whether the completion is the model's
    ``reply`` or the target's ``output``, which made something else of it. `model` is None where no
    call is known. `truncated` says that the reply was cut at its token limit."""

    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    prompt_from: str = "sample"
    completion_from: str = "output"
    model: str | None = None
    call: str | None = None
    truncated: bool = False

    @property
    def provenance(self) -> dict[str, Any]:
        """Where both came from, for an example's metadata."""
        found = {
            "prompt_from": self.prompt_from,
            "completion_from": self.completion_from,
            "model": self.model,
            "call": self.call,
        }
        return {key: value for key, value in found.items() if value is not None}

    def check_whole(self) -> None:
        """Raise `Unusable` for a completion that was cut: one who learns it learns to stop in the
        middle."""
        if self.truncated:
            raise Unusable("truncated", "the reply was cut at its token limit")


def exchange(run: Run, item: Item) -> Exchange:
    """The prompt and completion behind an item with an output.

    The prompt is what the journal holds of the call that gave the output; of a loop with tools, it
    reaches to the user's last turn, and what follows is the completion. Where several calls made
    the output and none has its text, the prompt is the sample's input. Reasoning is left out.

    Raises `Unusable` for an output without text or tool calls.
    """
    text = item.output.text if item.output is not None else ""
    calls = [call for key in item.calls if (call := run.call(key)) is not None]
    same = [call for call in calls if call.response.text.strip() == text.strip()]
    if same:
        found = _of_call(same[-1])
        if found is not None:
            return found
    if not text.strip():
        raise Unusable("empty", "the output has no text")
    if len(calls) == 1:
        asked = _of_call(calls[0])
        if asked is not None and len(asked.completion) == 1:
            # The target made something else of the reply; that is what was scored, and is learned.
            return replace(asked, completion=(assistant(text),), completion_from="output")
    model = calls[-1].model if calls else None
    return Exchange(prompt_of(run.samples[item.sample_id]), (assistant(text),), model=model)


def prompt_of(sample: Sample) -> tuple[Message, ...]:
    """A sample's input as messages."""
    return (user(sample.input),) if isinstance(sample.input, str) else tuple(sample.input)


def _of_call(call: Call) -> Exchange | None:
    """A call's own messages, parted after the user's last turn; None where they cannot be."""
    asked = call.request.messages
    last = max((at for at, turn in enumerate(asked) if turn.role == "user"), default=None)
    if last is None or asked[-1].role == "assistant":  # a reply that was begun for the model
        return None
    whole = tuple(map(_without_reasoning, (*asked[last + 1 :], call.response.message)))
    kept = tuple(turn for turn in whole if turn.parts)
    said = any(turn.text.strip() or turn.tool_calls for turn in kept[-1:])
    if not said or kept[0].role != "assistant":
        return None
    return Exchange(
        asked[: last + 1],
        kept,
        call.request.tools,
        "journal",
        "reply",
        call.model,
        call.key,
        truncated=call.response.finish_reason == "length",
    )


def _without_reasoning(turn: Message) -> Message:
    return Message(turn.role, tuple(one for one in turn.parts if not isinstance(one, Reasoning)))


def content_key(*messages: Sequence[Message]) -> str:
    """A digest of turns, by which two examples are the same."""
    from quilate.codec import digest, to_json

    return digest(*(to_json(tuple(one), tuple[Message, ...]) for one in messages))
