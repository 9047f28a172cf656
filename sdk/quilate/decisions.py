"""Decisions: judgements as distributions over declared labels, with their source named."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, cast

from quilate.errors import ConfigurationError, MalformedReply, ModelError
from quilate.labels import named_label
from quilate.messages import Message, Text, user
from quilate.middleware.structured import total
from quilate.models import ChoiceFormat, Cost, Model, Request, Response, Usage

DecisionSource = Literal["endpoint", "logprobs", "votes"]

_DEFECT = "This is a defect of its adapter."
_SHOWN = 500  # characters of each vote that a decision, or an error, repeats
_ROUNDING = 1e-3  # of logarithms: in single precision that of 1 may come out above 0


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be decided. `values` gives labels a number, for an expected score.

    >>> Question("Is it supported?", ("supported", "unsupported")).labels
    ('supported', 'unsupported')
    """

    text: str
    labels: tuple[str, ...]
    values: Mapping[str, float] = field(default_factory=dict)
    id: str = "decision"


@dataclass(frozen=True, slots=True)
class Decision:
    """A distribution over the labels of a question.

    `source` says where the probabilities come from: a provider's decision endpoint, label
    log-probabilities, or the shares of k sampled votes. `reply` is the label that the model
    itself wrote. `mass` is the probability that the model gave to all declared labels together
    before they were normalised: near zero, the model wanted to say something else.
    """

    question: str
    probabilities: Mapping[str, float]
    source: DecisionSource
    reply: str = ""
    mass: float | None = None
    usage: Usage = Usage()
    cost: Cost = Cost()

    @property
    def label(self) -> str:
        """The likeliest label; the first declared wins a tie."""
        return max(self.probabilities, key=lambda label: self.probabilities[label])

    def expected(self, values: Mapping[str, float]) -> float:
        """The mean of `values` under the distribution, never outside of them.

        >>> Decision("q", {"yes": 0.75, "no": 0.25}, "votes").expected({"yes": 1, "no": 0})
        0.75
        """
        mean = sum(share * values[label] for label, share in self.probabilities.items())
        of_these = [values[label] for label in self.probabilities]
        return min(max(mean, min(of_these)), max(of_these))


class DecisionModel(Protocol):
    """A model with capability ``decide``."""

    async def decide(self, request: Request, questions: Sequence[Question]) -> list[Decision]:
        """One decision a question, in order."""
        ...


async def decide(model: Model, request: Request, question: Question, *, votes: int = 5) -> Decision:
    """Put `question` to any model, by the best means that it has.

    The provider's own decisions first (capability ``decide``), then whole-label log-probabilities
    (``choice_logprobs``), then those of the label's first token (``logprobs``, when no two labels
    begin alike), then the shares of `votes` sampled answers. The temperature is 0 for
    log-probabilities and 1 for votes, and a seed is another for each vote; a model that takes no
    temperature is sampled at its own. The question's text and its labels are added to the last
    user message. A model none of whose answers names a label has given a `MalformedReply`, and so
    has one whose probabilities are no distribution over the labels.
    """
    if len(set(question.labels)) < 2:
        raise ConfigurationError(
            f"The question '{question.id}' has labels {question.labels}.",
            remedy="A decision needs two different labels or more.",
        )
    if votes < 1:
        raise ConfigurationError(f"votes is {votes!r}.", remedy="It is a whole number, 1 or more.")
    can = model.info.capabilities.has
    paid: list[Response | ModelError] = []
    if can("decide"):
        return _of_endpoint(question, await cast(DecisionModel, model).decide(request, [question]))
    asked = replace(_with_question(request, question), format=_format(model, question))
    if can("choice_logprobs"):
        return _from_choices(question, await model.generate(_at(0.0, model, asked)))
    if can("logprobs"):
        response = await model.generate(replace(_at(0.0, model, asked), format=None, logprobs=20))
        decision = _from_first_token(question, response)
        if decision is not None:
            return decision
        paid.append(response)
    return await _from_votes(model, asked, question, votes, paid)


def _with_question(request: Request, question: Question) -> Request:
    text = f"{question.text}\n({' / '.join(question.labels)})"
    *before, last = request.messages or (user(""),)
    if last.role != "user":
        return replace(request, messages=(*before, last, user(text)))
    joined = f"{last.text}\n\n{text}".lstrip()
    others = tuple(part for part in last.parts if not isinstance(part, Text))
    return replace(request, messages=(*before, Message("user", (*others, Text(joined)))))


def _format(model: Model, question: Question) -> ChoiceFormat | None:
    """The labels as the only answers, where the model can be held to them; else its free reply,
    which may say more than the label."""
    can = model.info.capabilities.has
    forced = can("choices") or can("json_schema") or (can("tools") and can("tool_choice"))
    return ChoiceFormat(question.labels) if forced else None


def _at(temperature: float, model: Model, request: Request) -> Request:
    """The request at a temperature, where the model takes one, with room for a label and the JSON
    around it, unless it says itself how much."""
    takes, sampling = model.info.capabilities.has, request.sampling
    if takes("temperature"):
        sampling = replace(sampling, temperature=temperature)
    if sampling.max_tokens is None and takes("max_tokens") and not takes("reasoning"):
        sampling = replace(sampling, max_tokens=32)
    return replace(request, sampling=sampling)


def _of_endpoint(question: Question, decided: Sequence[Decision]) -> Decision:
    """The one decision that an endpoint gave, once it is known to be a distribution: shares that
    were rounded are made to sum to 1."""
    if len(decided) != 1:
        raise _malformed(f"There are {len(decided)} decisions on one question.", _DEFECT, [])
    (given,) = decided
    wrong = _flaw(question, given)
    if wrong is not None:
        what = f"The decision on '{question.id}' is no distribution over its labels: {wrong}."
        error = MalformedReply(what, remedy="Ask again, or use another model as the judge.")
        if given.usage != Usage() or given.cost != Cost():
            error.usage, error.cost = given.usage, given.cost
        raise error
    whole = math.fsum(given.probabilities.values())
    shares = {label: max(given.probabilities[label], 0.0) / whole for label in question.labels}
    return replace(given, probabilities=shares)


def _flaw(question: Question, given: Decision) -> str | None:
    """What is wrong with an endpoint's decision. Rounding is not: a hundredth in all."""
    found = given.probabilities
    if given.question != question.id:
        return f"it answers {given.question!r}"
    if set(found) != set(question.labels):
        return f"it is over {', '.join(map(repr, found)) or 'nothing'}"
    shares = [*found.values(), *(() if given.mass is None else (given.mass,))]
    for share in shares:
        if not _is_number(share) or not -1e-9 <= share <= 1.0 + 1e-6:  # so NaN is none either
            return f"{share!r} is no probability"
    whole = math.fsum(found.values())
    return None if abs(whole - 1.0) <= 0.01 else f"its shares sum to {whole:.4g}"


def _from_choices(question: Question, response: Response) -> Decision:
    found = response.choice_logprobs
    if found is None or set(found) != set(question.labels):
        what = f"The model declares choice_logprobs but gave none for {question.labels}."
        raise _malformed(what, _DEFECT, [response])
    _check_logs(question, found.values(), response)
    return _decision(question, found, response)


def _check_logs(question: Question, logs: Iterable[float], response: Response) -> None:
    """Raise `MalformedReply` unless they are logarithms of probabilities, one of them possible."""
    known = list(logs)
    wrong = [log for log in known if not _is_number(log) or not log <= _ROUNDING]  # NaN is wrong
    if wrong or not any(math.exp(min(log, 0.0)) for log in known):
        what = f"The log-probabilities of '{question.id}' are none: {known[:8]}."
        raise _malformed(what, "Ask again, or use another model as the judge.", [response])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _from_first_token(question: Question, response: Response) -> Decision | None:
    """The distribution over labels from the first token's alternatives; None where they do not
    tell the labels apart or none of them begins a label."""
    if not response.logprobs or _share_beginning(question.labels):
        return None
    first = response.logprobs[0]
    shown = first.top or ((first.token, first.logprob),)
    _check_logs(question, [logprob for _, logprob in shown], response)
    mass = dict.fromkeys(question.labels, 0.0)
    for token, logprob in shown:
        start = token.strip().casefold()
        for label in question.labels:
            if start and label.casefold().startswith(start):
                mass[label] += math.exp(logprob)
    if not any(mass.values()):
        return None
    # A label outside the alternatives shown is less likely than the last of them.
    floor = min(logprob for _, logprob in first.top) if first.top else -20.0
    logs = {label: math.log(share) if share else floor for label, share in mass.items()}
    return _decision(question, logs, response)


def _share_beginning(labels: Sequence[str]) -> bool:
    starts = [label.casefold()[:1] for label in labels]
    return len(set(starts)) < len(starts)


def _decision(question: Question, logs: Mapping[str, float], response: Response) -> Decision:
    top = max(logs.values())
    weights = {label: math.exp(logs[label] - top) for label in question.labels}
    total = sum(weights.values())
    return Decision(
        question=question.id,
        probabilities={label: weight / total for label, weight in weights.items()},
        source="logprobs",
        reply=response.text,
        mass=min(1.0, total * math.exp(top)),
        usage=response.usage,
        cost=response.cost,
    )


async def _from_votes(
    model: Model,
    asked: Request,
    question: Question,
    votes: int,
    paid: list[Response | ModelError],
) -> Decision:
    """The shares of the answers; what they cost comes to what is `paid` already."""
    counts = dict.fromkeys(question.labels, 0)
    replies = []
    for vote in range(votes):
        try:
            response = await model.generate(_draw(asked.epoch * votes + vote, model, asked))
        except MalformedReply as error:
            paid.append(error)
            replies.append(str(error))
            continue
        except ModelError as error:
            if any(one.usage is not None for one in paid):
                error.usage, error.cost = total((*paid, error))
            raise
        paid.append(response)
        replies.append(response.text[:_SHOWN])
        label = named_label(response.text, question.labels)
        if label is not None:
            counts[label] += 1
    valid = sum(counts.values())
    if not valid:
        raise _malformed(
            f"None of {votes} replies names one of {question.labels}; the first: {replies[0]!r}.",
            "Use a model that can constrain its answer, or reword the question.",
            paid,
        )
    shares = {label: count / valid for label, count in counts.items()}
    return Decision(question.id, shares, "votes", " | ".join(replies), valid / votes, *total(paid))


def _draw(number: int, model: Model, asked: Request) -> Request:
    """The request as another draw: to the provider by its seed, where it has one, and to caches
    and cassettes by its epoch, though the words are the same."""
    drawn = replace(_at(1.0, model, asked), epoch=number)
    seed = drawn.sampling.seed
    if seed is None:
        return drawn
    return replace(drawn, sampling=replace(drawn.sampling, seed=seed + number))


def _malformed(what: str, remedy: str, paid: Sequence[Response | ModelError]) -> MalformedReply:
    error = MalformedReply(what, remedy=remedy)
    if any(one.usage is not None for one in paid):
        error.usage, error.cost = total(paid)
    return error
