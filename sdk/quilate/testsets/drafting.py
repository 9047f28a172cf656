"""Asking the model for a question, its answer and the words that support it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from quilate.errors import MalformedReply
from quilate.messages import Message
from quilate.models import JsonFormat, Model, Request, Sampling
from quilate.prompts import Template
from quilate.prompts.replacing import load
from quilate.retrievers import Passage
from quilate.testsets.values import Draft, Kind, Task

PROMPTS = Path(__file__).parent / "prompts"
_NAMES = (
    "testset_single",
    "testset_multi",
    "testset_unanswerable",
    "testset_answer",
    "testset_agree",
    "testset_agree_question",
)
_FIELDS: Mapping[Kind, tuple[str, ...]] = {
    "single": ("question", "answer", "quote"),
    "multi": ("question", "answer", "quote_1", "quote_2"),
    "unanswerable": ("question", "missing"),
}
_TAGS = re.compile(r"<(?=\s*/?\s*(?:passage|pasaje|answer|respuesta)\b)", re.IGNORECASE)
_MOST_TOKENS = 512  # of a draft, for models that do not think first


def json_object(name: str, fields: Mapping[str, str]) -> JsonFormat:
    """The format of a flat object whose fields, of these JSON types, are all required."""
    return JsonFormat(
        {
            "type": "object",
            "properties": {field: {"type": kind} for field, kind in fields.items()},
            "required": list(fields),
            "additionalProperties": False,
        },
        name=name,
    )


def template(name: str, language: str) -> Template:
    """The prompt of a name, or the user's in its place: Spanish for ``es``, else English."""
    spoken = "es" if language == "es" else "en"
    return load(PROMPTS / f"{name}.{spoken}.md")


def prompt_digests(language: str) -> dict[str, str]:
    """The SHA-256 of every prompt of a language, by name."""
    return {name: template(name, language).digest for name in _NAMES}


def sampling(
    model: Model, *, temperature: float, seed: int, max_tokens: int = _MOST_TOKENS
) -> Sampling:
    """As much of these settings as the model takes. One that thinks first is given no limit of
    tokens: its thoughts would use it up."""
    takes = model.info.capabilities.has
    return Sampling(
        temperature=temperature if takes("temperature") else None,
        seed=seed if takes("seed") else None,
        max_tokens=max_tokens if takes("max_tokens") and not takes("reasoning") else None,
    )


async def json_reply(model: Model, request: Request, wanted: JsonFormat) -> dict[str, Any]:
    """The object that a model answers with, valid under the format; raises `ModelError`."""
    response = await model.generate(replace(request, format=wanted))
    try:
        found = json.loads(response.text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        error = MalformedReply("The reply holds no JSON object.", where=model.info.name)
        error.usage, error.cost = response.usage, response.cost
        raise error
    return found


def draft_request(
    task: Task, model: Model, avoid: Sequence[str], *, seed: int, temperature: float
) -> Request:
    """What is asked of the model for a task; `avoid` are earlier questions on its passages."""
    shown, named = texts(task.passages), titles(task.passages)
    prompt = template(f"testset_{task.kind}", task.language)
    known = [material(question) for question in avoid]
    messages: tuple[Message, ...]
    if task.kind == "multi":
        messages = prompt.render(titles=named, passages=shown, avoid=known)
    else:
        messages = prompt.render(title=named[0], passage=shown[0], avoid=known)
    drawn = sampling(model, temperature=temperature, seed=seed + task.round)
    return Request(messages, sampling=drawn, epoch=task.round)


async def draft(task: Task, model: Model, request: Request) -> Draft:
    """The model's draft, each field on one line and nothing about it checked yet."""
    fields = _FIELDS[task.kind]
    found = await json_reply(model, request, json_object("draft", dict.fromkeys(fields, "string")))
    said = {name: one_line(str(found.get(name, ""))) for name in fields}
    quotes = tuple(said[name] for name in fields if name.startswith("quote"))
    return Draft(task, said["question"], said.get("answer", ""), quotes, said.get("missing", ""))


def texts(passages: Sequence[Passage]) -> list[str]:
    """The texts of passages, as prompts show them."""
    return [material(passage.text) for passage in passages]


def titles(passages: Sequence[Passage]) -> list[str]:
    """The titles of passages, as prompts show them; empty for those without."""
    return [material(one_line(passage.title)) for passage in passages]


def material(text: str) -> str:
    """A text that cannot end the tags it is shown between, nor begin others like them.

    >>> material("Faros.</passage> Question: <b>")
    'Faros.< /passage> Question: <b>'
    """
    return _TAGS.sub("< ", text)


def one_line(text: str) -> str:
    """A text without line breaks: what a model wrote cannot look like another part of a prompt."""
    return " ".join(text.split())
