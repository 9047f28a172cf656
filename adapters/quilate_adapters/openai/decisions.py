"""OpenAI's decisions endpoint: probabilities for the labels of many questions in one call."""

from collections.abc import Mapping, Sequence
from typing import Any

from quilate.decisions import Decision, Question
from quilate.errors import ContentRefused
from quilate.models import Cost, Request, Usage
from quilate.providers import estimate, malformed
from quilate_adapters.openai import responses_request
from quilate_adapters.openai.connection import Connection
from quilate_adapters.openai.faults import reading
from quilate_adapters.openai.settings import unsupported

_MAX_QUESTIONS, _MAX_LABELS = 400, 255


async def decide(
    wire: Connection, request: Request, questions: Sequence[Question]
) -> list[Decision]:
    """One decision a question, in order, each a choice among its labels.

    The request's messages are the evidence; its sampling has no meaning here. Usage and cost stand
    in the first decision of each call. A question that the model declines is a `ContentRefused`.
    """
    decisions: list[Decision] = []
    for start in range(0, len(questions), _MAX_QUESTIONS):
        some = questions[start : start + _MAX_QUESTIONS]
        reply = await wire.post("/decisions", _body(wire, request, some))
        with reading(wire.at, reply.headers):
            decisions += _read(wire, some, reply.body)
    return decisions


def _body(wire: Connection, request: Request, questions: Sequence[Question]) -> dict[str, Any]:
    for question in questions:
        if not 2 <= len(question.labels) <= _MAX_LABELS:
            raise unsupported(
                wire.at,
                f"the {len(question.labels)} labels of the question '{question.id}'",
                f"The decisions endpoint takes 2 to {_MAX_LABELS}.",
            )
    evidence = responses_request.items(wire.at, request.messages)
    return {
        "model": wire.at.name,
        "input": [item for item in evidence if item["type"] != "reasoning"],
        "questions": [
            {
                "type": "choice",
                "name": question.id,
                "instructions": question.text,
                "choices": [{"value": label} for label in question.labels],
            }
            for question in questions
        ],
        **request.extra,
    }


def _read(
    wire: Connection, questions: Sequence[Question], reply: Mapping[str, Any]
) -> list[Decision]:
    answers = reply["answers"]
    if len(answers) != len(questions):
        raise malformed(wire.at, f"There are {len(answers)} answers to {len(questions)} questions.")
    counted = reply.get("usage") or {}
    usage = Usage(
        int(counted.get("input_tokens") or 0),
        int(counted.get("output_tokens") or 0),
        int((counted.get("input_tokens_details") or {}).get("cached_tokens") or 0),
        int((counted.get("output_tokens_details") or {}).get("reasoning_tokens") or 0),
    )
    cost = estimate(wire.at, reply.get("model"), usage)
    decisions = []
    for question, answer in zip(questions, answers, strict=True):
        decisions.append(_decision(wire, question, answer, usage, cost))
        usage, cost = Usage(), Cost(0.0, "exact")
    return decisions


def _decision(
    wire: Connection, question: Question, answer: Mapping[str, Any], usage: Usage, cost: Cost
) -> Decision:
    if answer["type"] == "refusal":
        raise ContentRefused(
            f"The model declined the question '{question.id}'.",
            provider=wire.at.provider,
            where=wire.at.where,
        )
    found = {entry["value"]: float(entry["probability"]) for entry in answer["probabilities"]}
    if set(found) != set(question.labels) or not sum(found.values()) > 0:
        raise malformed(
            wire.at, f"The answer to '{question.id}' is not a distribution over its labels."
        )
    total = sum(found.values())
    return Decision(
        question.id,
        {label: found[label] / total for label in question.labels},
        "endpoint",
        reply=str(answer["choice"]),
        usage=usage,
        cost=cost,
    )
