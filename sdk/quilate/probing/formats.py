"""Checks of structured output: the prompt asks for what the format forbids, so that an answer in
the format was imposed and is no accident."""

import json
from collections.abc import Mapping
from typing import Any

from quilate.decisions import Question
from quilate.decisions import decide as put
from quilate.errors import MalformedReply
from quilate.messages import user
from quilate.middleware.json_schema import violation
from quilate.models import ChoiceFormat, JsonFormat, Request, Response
from quilate.probing.report import Found, honoured, ignored, unknown
from quilate.probing.session import Session, broken


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_COLOURS = ("mauve", "teal")


async def json_schema(session: Session) -> Found:
    """An object with an enum of which the prompt names no member."""
    schema = _object(colour={"type": "string", "enum": list(_COLOURS)})
    return await _schema(session, schema, 'Write this JSON object: {"colour": "red"}')


async def json_schema_bounds(session: Session) -> Found:
    """An integer with bounds that the prompt's number lies outside of."""
    schema = _object(age={"type": "integer", "minimum": 137, "maximum": 142})
    return await _schema(session, schema, 'Write this JSON object: {"age": 7}')


async def _schema(session: Session, schema: Mapping[str, Any], text: str) -> Found:
    asked = session.steady(text, tokens=96, format=JsonFormat(schema))
    try:
        response = await session.ask(asked)
    except MalformedReply as error:
        return broken(session, "json_schema", error)
    wrong = violation(json.loads(response.text), schema)
    if wrong:
        return ignored(f"not valid, and nothing was said: {wrong}")
    by = f"route {response.route}" if response.route in ("tool", "prompted") else ""
    return honoured(f"{response.text[:40]} for {text[24:]}, route {response.route}", by=by)


async def choices(session: Session) -> Found:
    """One of two words, of which the prompt names neither."""
    asked = session.steady("What colour is blood? Answer red.", format=ChoiceFormat(_COLOURS))
    try:
        response = await session.ask(asked)
    except MalformedReply as error:
        imposed_as = "choices" if session.has("choices") else "json_schema"
        return broken(session, imposed_as, error)
    said = f"{response.text!r} of {' / '.join(_COLOURS)}"
    if response.text not in _COLOURS:
        return ignored(said)
    return honoured(said, by="" if session.has("choices") else f"route {response.route}")


async def decide(session: Session) -> Found:
    """A distribution over two labels, by the best means that the model has."""
    decision = await put(
        session.model,
        Request((user("Ice is frozen water."),)),
        Question("Is ice cold?", ("yes", "no")),
    )
    session.spent(decision.usage, decision.cost)
    total = sum(decision.probabilities.values())
    shares = ", ".join(f"{label} {p:.2f}" for label, p in decision.probabilities.items())
    if abs(total - 1.0) > 1e-6:
        return unknown(f"the shares add up to {total:.3f}: {shares}")
    return honoured(shares, by="" if decision.source == "endpoint" else decision.source)


def emulation(response: Response, name: str) -> str:
    """How Quilate did `name` in the model's place; empty where the model did it."""
    if name not in response.emulated:
        return ""
    return f"json_schema, route {response.route}" if response.route else "in the prompt"
