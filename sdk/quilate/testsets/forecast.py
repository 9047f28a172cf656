"""What a test set takes at least, told before the first call."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from quilate.middleware.ordering import price
from quilate.models import Model, Request, Usage
from quilate.retrieval.tokens import estimate_tokens
from quilate.retrievers import Passage
from quilate.testsets.checking import Checker
from quilate.testsets.corpus import Corpus
from quilate.testsets.drafting import draft_request
from quilate.testsets.planning import Queue
from quilate.testsets.values import Draft, Kind, Task

_LOOKED_AT = 40  # tasks of a kind whose prompts are counted; the others are taken to be like them
_DRAFTED, _ANSWERED = 100, 30  # tokens of a reply, without a model's thoughts
_ASKED = 15  # words of a question that nobody has drafted yet


@dataclass(frozen=True, slots=True)
class Forecast:
    """What `wanted` questions take at least, if every draft is taken: model calls, estimated
    tokens, and US dollars; None where a price is not known. A kind that the passages cannot give is
    not among them. Rejected drafts come on top, and the judgements of answers of other words; what
    an earlier go has paid for comes off."""

    wanted: int
    passages: int
    calls: int
    usage: Usage
    usd: float | None


def foresee(
    corpus: Corpus,
    order: Sequence[Passage],
    wanted: Mapping[Kind, int],
    model: Model,
    checker: Checker,
) -> Forecast:
    """The forecast, from the prompts as they will be. Asks no model."""
    questions, calls, tokens_in, tokens_out, usd = 0, 0.0, 0.0, 0.0, 0.0
    for kind, count in wanted.items():
        tasks = Queue(kind, corpus, order).take(min(count, _LOOKED_AT))
        questions += count if tasks else 0
        for task in tasks:
            for asked, request, output in _calls(task, model, checker):
                used = Usage(sum(estimate_tokens(one.text) for one in request.messages), output)
                scale = count / len(tasks)
                calls += scale
                tokens_in += scale * used.input_tokens
                tokens_out += scale * used.output_tokens
                usd += scale * price(asked.info, used)
    usage = Usage(round(tokens_in), round(tokens_out))
    known = usd if math.isfinite(usd) else None
    return Forecast(questions, len(corpus), round(calls), usage, known)


def _calls(task: Task, model: Model, checker: Checker) -> Iterator[tuple[Model, Request, int]]:
    """The calls that a task takes whose draft is taken, and how long their replies may be."""
    yield model, draft_request(task, model, (), seed=0, temperature=0.0), _DRAFTED
    draft = Draft(task, " ".join(task.passages[0].text.split()[:_ASKED]))
    for passages in checker.looked_in(draft):
        yield checker.model, checker.request(draft, passages), _ANSWERED
