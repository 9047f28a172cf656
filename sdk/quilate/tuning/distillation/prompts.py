"""Prompts to be answered, in the forms in which people have them, as tasks."""

from collections.abc import Iterable, Sequence

from quilate.errors import DataError
from quilate.evaluators import Sample
from quilate.messages import Message, Text, system, user
from quilate.models import Tool
from quilate.tuning.distillation.values import Task
from quilate.tuning.examples import AnyExample, Example, Judged, Preference
from quilate.tuning.sources.asked import content_key, prompt_of
from quilate.tuning.sources.turns import as_prompt
from quilate.tuning.sources.values import Skipped, Unusable

Prompt = str | Sample | AnyExample | Sequence[Message]
"""A text, messages, a sample (whose references evaluators may use), or an example whose prompt is
answered anew."""


def tasks_of(
    prompts: Iterable[Prompt], *, instruction: str | None = None, hint: str | None = None
) -> tuple[list[Task], list[Skipped]]:
    """The tasks, and what cannot be one: ``empty``, ``no_user_turn``, ``duplicate``…

    `instruction` is a system turn for prompts that have none; it is learned with. `hint` is shown
    to the teacher alone, at the end of its system turn.

    Raises `DataError` where no task is left, or two prompts have one id.

    >>> tasks, skipped = tasks_of(["Why?", "Why?", " "])
    >>> len(tasks), [one.reason for one in skipped]
    (1, ['duplicate', 'empty'])
    """
    if isinstance(prompts, str):
        raise DataError("The prompts are one text.", remedy='Give a list of them: ["…"].')
    tasks: list[Task] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    ids: set[str] = set()
    for number, prompt in enumerate(prompts, 1):
        try:
            task = _task(prompt, instruction, hint)
        except Unusable as why:
            skipped.append(Skipped(_id(prompt, number), why.reason, why.detail))
            continue
        key = content_key(task.prompt) + "\0".join(task.sample.references)
        if key in seen:
            skipped.append(Skipped(task.id, "duplicate", "an earlier prompt is the same"))
            continue
        if task.id in ids:
            raise DataError(
                f"Two prompts have the id '{task.id}'.", remedy="Give each an id of its own."
            )
        seen.add(key)
        ids.add(task.id)
        tasks.append(task)
    if not tasks:
        told = f": {skipped[0].id} is {skipped[0].reason}" if skipped else ""
        raise DataError(f"There is no prompt to answer{told}.", remedy="Give some.")
    return tasks, skipped


def _id(prompt: object, number: int) -> str:
    return str(getattr(prompt, "id", f"prompt-{number}"))


def _task(prompt: Prompt, instruction: str | None, hint: str | None) -> Task:
    tools: tuple[Tool, ...] = ()
    if isinstance(prompt, Sample):
        turns, sample = as_prompt(prompt_of(prompt)), prompt
    else:
        if isinstance(prompt, Example | Preference | Judged):
            turns, tools = as_prompt(prompt.prompt), prompt.tools
        elif isinstance(prompt, str):
            turns = as_prompt((user(prompt),))
        else:
            turns = as_prompt(prompt)
        # By its words, so that it keeps its id whatever comes before it.
        name = str(getattr(prompt, "id", content_key(turns)[:12]))
        single = len(turns) == 1 and len(turns[0].parts) == 1
        sample = Sample(name, turns[0].text if single else turns)
    if instruction and turns[0].role != "system":
        turns = (system(instruction), *turns)
    return Task(sample.id, sample, turns, _hinted(turns, hint), tools)


def _hinted(turns: tuple[Message, ...], hint: str | None) -> tuple[Message, ...]:
    if not hint:
        return turns
    if turns[0].role != "system":
        return (system(hint), *turns)
    return (Message("system", (*turns[0].parts, Text(f"\n\n{hint}"))), *turns[1:])
