"""Quilate's requests as the body of a Messages call."""

from collections.abc import Mapping
from typing import Any

from quilate.errors import InvalidRequest, Unsupported
from quilate.models import JsonFormat, Request, Tool
from quilate.providers import Endpoint
from quilate_adapters.anthropic.blocks import conversation
from quilate_adapters.anthropic.profiles import Profile
from quilate_adapters.anthropic.schemas import expressible

Body = dict[str, Any]

BUDGETS: Mapping[str, int] = {"low": 2048, "medium": 8192, "high": 24_576}
"""Tokens to think with, for models that are asked by a budget."""
_LEAST_BUDGET = 1024


def body(at: Endpoint, profile: Profile, request: Request, default_max_tokens: int) -> Body:
    """What is posted; raises `Unsupported` for what the model cannot be asked."""
    system, turns = conversation(
        at,
        request.messages,
        cache_prefix=request.cache_prefix if profile.claude else 0,
        unsigned=not profile.claude,
    )
    sent: Body = {"model": at.name, "messages": turns}
    if system:
        sent["system"] = system
    if request.sampling.stop:
        sent["stop_sequences"] = list(request.sampling.stop)
    sent.update(_sampling(at, profile, request))
    sent.update(_tools(at, profile, request))
    sent["max_tokens"] = request.sampling.max_tokens or default_max_tokens
    _set_thinking(at, profile, request, sent)
    _set_format(at, profile, request, sent)
    for name, value in request.extra.items():
        ours = sent.get(name)
        both = isinstance(ours, dict) and isinstance(value, Mapping)
        sent[name] = {**ours, **value} if both else value  # type: ignore[dict-item]
    return sent


_COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config")


def counted(sent: Body) -> Body:
    """The part of a body that ``count_tokens`` takes."""
    return {name: sent[name] for name in _COUNTED if name in sent}


def _sampling(at: Endpoint, profile: Profile, request: Request) -> Body:
    sent: Body = {}
    for name in ("temperature", "top_p", "top_k", "seed"):
        value = getattr(request.sampling, name)
        if value is not None:
            _require(at, profile, name)
            sent[name] = value
    if request.logprobs is not None:
        _require(at, profile, "logprobs")
    return sent


def _tools(at: Endpoint, profile: Profile, request: Request) -> Body:
    if not request.tools:
        return {}
    _require(at, profile, "tools")
    tools = [_tool(tool) for tool in request.tools]
    if request.cache_prefix and profile.claude:
        tools[-1]["cache_control"] = {"type": "ephemeral"}
    choice = _choice(request.tool_choice)
    if choice["type"] in ("any", "tool"):
        _require(at, profile, "tool_choice")
        if profile.thinking == "budget" and request.reasoning not in (None, "none"):
            raise Unsupported(
                "This model takes no forced tool call while it thinks.",
                provider=at.provider,
                where=at.where,
                remedy="Ask tool_choice='auto', or leave `reasoning` out.",
            )
    if request.parallel_tool_calls is False and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    plain = choice == {"type": "auto"} and request.tool_choice is None
    return {"tools": tools} if plain else {"tools": tools, "tool_choice": choice}


def _tool(tool: Tool) -> Body:
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, "input_schema": dict(tool.parameters)}


def _choice(choice: str | None) -> Body:
    if choice in (None, "auto", "none"):
        return {"type": choice or "auto"}
    return {"type": "any"} if choice == "required" else {"type": "tool", "name": choice}


def _set_thinking(at: Endpoint, profile: Profile, request: Request, sent: Body) -> None:
    effort = request.reasoning
    if effort is None:
        return
    _require(at, profile, "reasoning")
    if effort == "none":
        if profile.off is None:
            raise Unsupported(
                "This model always thinks.",
                provider=at.provider,
                where=at.where,
                remedy="Ask for reasoning='low', or use a model whose thinking can be turned off.",
            )
        if profile.off:
            sent["thinking"] = dict(profile.off)
    elif profile.thinking == "adaptive":
        sent["thinking"] = {"type": "adaptive"}
        sent["output_config"] = {"effort": effort}
    else:
        sent["thinking"] = {"type": "enabled", "budget_tokens": _budget(at, request, sent)}


def _budget(at: Endpoint, request: Request, sent: Body) -> int:
    """Tokens to think with. They count towards max_tokens: a limit that was asked for is shared
    with the answer, half and half at most; our own is raised by them."""
    wanted = BUDGETS[request.reasoning or "low"]
    if request.sampling.max_tokens is None:
        sent["max_tokens"] += wanted
        return wanted
    budget: int = min(wanted, sent["max_tokens"] // 2)
    if budget < _LEAST_BUDGET:
        raise InvalidRequest(
            f"max_tokens is {sent['max_tokens']}, which leaves no room to think.",
            provider=at.provider,
            where=at.where,
            remedy=f"Allow {2 * _LEAST_BUDGET} or more, or leave `reasoning` out.",
        )
    return budget


def _set_format(at: Endpoint, profile: Profile, request: Request, sent: Body) -> None:
    if request.format is None:
        return
    if not isinstance(request.format, JsonFormat):
        _require(at, profile, "choices")
        return
    _require(at, profile, "json_schema")
    config = sent.setdefault("output_config", {})
    config["format"] = {"type": "json_schema", "schema": expressible(request.format.schema)}


def _require(at: Endpoint, profile: Profile, feature: str) -> None:
    """Nothing goes out that would be ignored without a word."""
    if feature not in profile.features:
        raise Unsupported(
            f"This model does not take {feature}.",
            provider=at.provider,
            where=at.where,
            remedy="Leave it out. A server that is known to take it is opened with "
            f"capabilities=['{feature}'].",
        )
