"""What `decide`, `loglikelihood` and `count_tokens` answer, as responses: so the layers of a run
keep and count these calls as they do those of `generate`."""

import json
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any, Literal

from quilate.codec import from_data, to_data, to_json
from quilate.errors import InvalidRequest, MalformedReply, StoreError
from quilate.messages import Message, ToolCall
from quilate.models import FREE, Cost, Likelihood, Response, TokenCount, Usage

Method = Literal["decide", "loglikelihood", "count_tokens"]


def _kinds(method: Method) -> tuple[Any, Any]:
    """The types of what is asked beside the request, and of what is answered."""
    from quilate.decisions import Decision, Question

    match method:
        case "decide":
            return list[Question], list[Decision]
        case "loglikelihood":
            return list[str], list[Likelihood]
        case "count_tokens":
            return list[None], list[TokenCount]


def asked_json(method: Method, asked: Sequence[Any]) -> bytes:
    """The questions or continuations as JSON, for the key of a call."""
    from pydantic_core import PydanticSerializationError

    try:
        return to_json(list(asked), _kinds(method)[0])
    except PydanticSerializationError as error:
        raise InvalidRequest(f"What {method} is asked is not JSON: {error}.") from None


def as_response(method: Method, asked: Sequence[Any], values: Sequence[Any]) -> Response:
    """The values in the arguments of a tool call, where a store redacts and a person reads them,
    beside what was asked; with the decisions' usage and cost. The other methods bear no bill.

    >>> as_response("count_tokens", (), [TokenCount(3, True)]).tool_calls[0].arguments
    {'asked': [], 'answers': [{'tokens': 3, 'exact': True}]}
    """
    kind = _kinds(method)
    try:
        # JSON has no infinity, but the logarithm of nothing is one: as a string it comes back.
        answers = json.loads(json.dumps(to_data(list(values), kind[1])), parse_constant=str)
        read = from_data(kind[1], answers)
    except (ValueError, TypeError) as error:
        raise MalformedReply(
            f"The answer to {method} is not what it should be: {error}.",
            remedy="This is a defect of the model's adapter.",
        ) from None
    arguments = {"asked": to_data(list(asked), kind[0]), "answers": answers}
    usage, cost = bill(read) if method == "decide" else (Usage(), FREE)
    return Response(
        Message("assistant", (ToolCall("", method, arguments),)), usage=usage, cost=cost
    )


def values_of(method: Method, response: Response) -> list[Any]:
    """The values that `as_response` put into a response."""
    try:
        values: list[Any] = from_data(
            _kinds(method)[1], response.tool_calls[0].arguments["answers"]
        )
    except (LookupError, ValueError) as error:
        raise StoreError(f"What is kept is no answer to {method} ({error}).") from None
    return values


def bill(decisions: Sequence[Any]) -> tuple[Usage, Cost]:
    """Usage and cost of decisions together."""
    if not decisions:
        return Usage(), FREE
    costs = (decision.cost for decision in decisions)
    return sum((decision.usage for decision in decisions), Usage()), reduce(add, costs)
