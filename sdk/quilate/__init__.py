"""Quilate: build, measure and improve applications on foundation models, with any provider.

Names load when they are first used, so that ``import quilate`` stays fast.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from quilate.decisions import Decision, Question, decide
    from quilate.errors import QuilateError
    from quilate.evals import Limits, Run, Suite, evaluate, load_suite, open_run, resume
    from quilate.evals.gate import gate
    from quilate.evaluators import Metric, Output, Sample, Score
    from quilate.extraction import Extracted, aextract, extract, json_format
    from quilate.messages import (
        Audio,
        File,
        Image,
        Message,
        Reasoning,
        Text,
        ToolCall,
        ToolResult,
        assistant,
        system,
        user,
    )
    from quilate.middleware.cassette import cassette
    from quilate.middleware.routing import route
    from quilate.models import (
        ChoiceFormat,
        Finished,
        JsonFormat,
        Request,
        Response,
        Sampling,
        TextDelta,
        Tool,
        ask,
    )
    from quilate.prompts import Template
    from quilate.registry import embedder, evaluator, model, reranker, store
    from quilate.reports.comparison import RunComparison, compare
    from quilate.retrieval import Answer, Rag, index, rag
    from quilate.retrievers import Document, Hit, Passage
    from quilate.token_counts import count_tokens

_HOMES = {
    "decisions": ("Decision", "Question", "decide"),
    "errors": ("QuilateError",),
    "evals": ("Limits", "Run", "Suite", "evaluate", "load_suite", "open_run", "resume"),
    "evals.gate": ("gate",),
    "evaluators": ("Metric", "Output", "Sample", "Score"),
    "extraction": ("Extracted", "aextract", "extract", "json_format"),
    "middleware.routing": ("route",),
    "messages": (
        "Audio",
        "File",
        "Image",
        "Message",
        "Reasoning",
        "Text",
        "ToolCall",
        "ToolResult",
        "assistant",
        "system",
        "user",
    ),
    "middleware.cassette": ("cassette",),
    "models": (
        "ChoiceFormat",
        "Finished",
        "JsonFormat",
        "Request",
        "Response",
        "Sampling",
        "TextDelta",
        "Tool",
        "ask",
    ),
    "prompts": ("Template",),
    "retrieval": ("Answer", "Rag", "index", "rag"),
    "registry": ("embedder", "evaluator", "model", "reranker", "store"),
    "reports.comparison": ("RunComparison", "compare"),
    "retrievers": ("Document", "Hit", "Passage"),
    "token_counts": ("count_tokens",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*sorted(_HOME_OF), "__version__"]  # noqa: PLE0604  # names are strings


_ROOMS = frozenset(("errors", "stats", "sync"))


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"quilate.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'quilate' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"quilate.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
