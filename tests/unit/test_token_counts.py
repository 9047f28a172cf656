"""Counts of tokens, and estimates that say that they are."""

from quilate import count_tokens
from quilate.messages import Image, Message, Text, ToolCall, ToolResult, user
from quilate.middleware import standard
from quilate.models import Capabilities, Request, TokenCount, Tool, ask
from quilate.sync import run
from quilate.testing import ScriptedModel


class Counting(ScriptedModel):
    async def count_tokens(self, request):
        return TokenCount(7, exact=True)


def test_the_models_own_count_is_taken_through_all_wrappers():
    model = standard(Counting(capabilities=Capabilities.declared("count_tokens")))
    assert run(count_tokens(model, ask("uno dos tres"))) == TokenCount(7, exact=True)


def test_an_estimate_says_so_and_grows_with_everything_that_is_sent():
    model = standard(ScriptedModel())
    requests = [
        ask("uno"),
        ask("uno dos tres"),
        Request((user("uno dos tres"),), tools=(Tool("look", "Looks.", {"type": "object"}),)),
        Request(
            (
                user("uno dos tres"),
                Message("assistant", (ToolCall("1", "look", {"at": "the wide sea"}),)),
                Message("tool", (ToolResult("1", "It is wide, and blue, and cold."),)),
            ),
            tools=(Tool("look", "Looks.", {"type": "object"}),),
        ),
        Request((Message("user", (Text("uno"), Image(b"x"))),)),
    ]
    counts = [run(count_tokens(model, request)) for request in requests]
    assert not any(count.exact for count in counts)
    sizes = [count.tokens for count in counts]
    assert sizes == sorted(set(sizes))
