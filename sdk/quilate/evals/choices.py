"""Multiple choice: the options of a sample, and a target that answers by what a model finds
likeliest."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from string import ascii_uppercase
from typing import Any, Literal, cast

from quilate.decisions import Question, decide
from quilate.errors import ConfigurationError, DataError, MalformedReply
from quilate.evaluators import Output, Sample
from quilate.messages import Message, Text, user
from quilate.models import FREE, Likelihood, LikelihoodModel, Model, Request
from quilate.registry import nearest

By = Literal["text", "label"]
Norm = Literal["none", "bytes", "tokens"]
_BY, _NORMS = ("text", "label"), ("none", "bytes", "tokens")
_ASKED = {"en": "Which option is right?", "es": "¿Qué opción es la correcta?"}
_ONLY = {"en": "Answer with the label alone.", "es": "Responde solo con la etiqueta."}


def choices_of(sample: Sample) -> dict[str, str]:
    """The options of a sample by their labels, from ``metadata.choices``: a list, whose labels
    are A, B, C…, or an object of texts by label. Numbers become texts.

    Raises `DataError` with the sample's id where there are none, or none that can be used.

    >>> choices_of(Sample("1", "2 + 2?", metadata={"choices": [3, 4]}))
    {'A': '3', 'B': '4'}
    """
    given = sample.metadata.get("choices")
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, list | tuple) and len(given) <= len(ascii_uppercase):
        pairs = list(zip(ascii_uppercase, given, strict=False))
    else:
        raise _unusable(sample, "has no `choices` in its metadata")
    found = {str(label).strip(): _text(text) for label, text in pairs}
    if len(found) < 2 or not all(found) or not all(found.values()):
        raise _unusable(sample, "has `choices` that are not two texts or more")
    if len({text.casefold() for text in found.values()}) < len(found):
        raise _unusable(sample, "has two `choices` that are the same")
    if len({label.casefold() for label in found}) < len(pairs):
        raise _unusable(sample, "has two `choices` of the same label")
    return found


def _text(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return " ".join(str(value).split()) if number or isinstance(value, str) else ""


def _unusable(sample: Sample, what: str) -> DataError:
    return DataError(
        f"The sample {what}.",
        where=f"sample {sample.id}",
        remedy='Write `"metadata": {"choices": ["…", "…"]}`.',
    )


@dataclass(frozen=True, slots=True)
class ChoiceTarget:
    """A target that answers with one of the sample's options; made by `choice_target`."""

    model: Model
    by: By = "text"
    norm: Norm = "bytes"
    votes: int = 5

    def __post_init__(self) -> None:
        for name, value, known in (("by", self.by, _BY), ("norm", self.norm, _NORMS)):
            if value not in known:
                raise ConfigurationError(
                    f"`{name}` of the multiple choice is {value!r}.",
                    remedy=nearest(str(value), list(known)),
                )
        if type(self.votes) is not int or self.votes < 1:
            raise ConfigurationError(
                f"`votes` of the multiple choice is {self.votes!r}.",
                remedy="Give a whole number above zero, such as 5.",
            )

    async def __call__(self, sample: Sample) -> Output:
        """The text of the likeliest option; the first wins a tie. The output's metadata has its
        label (``choice``), the value of each option (``values``), and what they are (``source``).
        Raises `DataError` for a sample without options, and what the model raises."""
        choices = choices_of(sample)
        if self.model.info.capabilities.has("loglikelihood"):
            return await self._by_likelihood(sample, choices)
        return await self._by_decision(sample, choices)

    async def _by_likelihood(self, sample: Sample, choices: Mapping[str, str]) -> Output:
        whole = self.by == "text"
        messages = _messages(sample) if whole else _listed(sample, choices, _ONLY)
        continuations = list(choices.values() if whole else choices)
        model = cast(LikelihoodModel, self.model)
        found = await model.loglikelihood(Request(messages), continuations)
        scored = [
            self._value(text, likelihood)
            for text, likelihood in zip(continuations, found, strict=True)
        ]
        values = dict(zip(choices, scored, strict=True))
        if not any(math.isfinite(value) for value in scored):
            raise MalformedReply(
                f"The model gives none of the options of sample {sample.id} a probability.",
                remedy="This is a defect of its adapter.",
            )
        finite = {label: value for label, value in values.items() if math.isfinite(value)}
        label = max(finite, key=lambda one: finite[one])
        unit = {"none": "", "bytes": " a byte", "tokens": " a token"}[self.norm]
        noted = {"choice": label, "values": finite, "source": f"log-likelihood{unit}"}
        return Output(choices[label], cost=FREE, metadata=noted)

    def _value(self, continuation: str, likelihood: Likelihood) -> float:
        if self.norm == "none":
            return likelihood.logprob
        if self.norm == "tokens":
            return likelihood.logprob / max(1, likelihood.tokens)
        return likelihood.logprob / len(continuation.encode())

    async def _by_decision(self, sample: Sample, choices: Mapping[str, str]) -> Output:
        question = Question(_ASKED[_language(sample)], tuple(choices), id="multiple_choice")
        request = Request(_listed(sample, choices))
        decision = await decide(self.model, request, question, votes=self.votes)
        noted = {
            "choice": decision.label,
            "values": dict(decision.probabilities),
            "source": decision.source,
        }
        text = choices[decision.label]
        return Output(text, usage=decision.usage, cost=decision.cost, metadata=noted)


def choice_target(
    model: str | Model, *, by: By = "text", norm: Norm = "bytes", votes: int = 5
) -> ChoiceTarget:
    """A target that answers a sample with the one of its ``metadata.choices`` to which `model`
    gives the highest log-likelihood.

    With `by` ``text`` the model is shown the question alone and each option's text is scored as
    the answer (Brown et al. 2020, arXiv:2005.14165, §2.4). Long texts have low likelihoods, so
    `norm` divides them by their ``bytes`` in UTF-8 (``acc_norm`` of lm-evaluation-harness), by
    their ``tokens`` (Brown et al.), or by nothing (``none``: ``acc``). With ``label`` the options
    are listed after the question and their labels are scored, as for MMLU (Hendrycks et al. 2021,
    arXiv:2009.03300).

    A model without log-likelihoods is shown the listed options and decides
    (`quilate.decisions.decide`), from `votes` samples where it has nothing better. Raises
    `ConfigurationError` for an option that is not one of these.

    >>> from quilate import sync
    >>> from quilate.testing import ScriptedModel
    >>> sample = Sample("1", "2 + 2?", metadata={"choices": ["3", "4"]})
    >>> sync.run(choice_target(ScriptedModel("B"))(sample)).text
    '4'
    """
    from quilate import registry
    from quilate.middleware.ambient import ambient

    opened = registry.model(model) if isinstance(model, str) else ambient(model)
    return ChoiceTarget(opened, by, norm, votes)


def _language(sample: Sample) -> str:
    from quilate.retrieval.languages import language_of

    return "es" if (sample.language or language_of(sample.question)).startswith("es") else "en"


def _messages(sample: Sample) -> tuple[Message, ...]:
    return (user(sample.input),) if isinstance(sample.input, str) else sample.input


def _listed(
    sample: Sample, choices: Mapping[str, str], closing: Mapping[str, str] | None = None
) -> tuple[Message, ...]:
    """The sample's messages with the options after the last."""
    lines = [f"{label}) {text}" for label, text in choices.items()]
    if closing is not None:
        lines.append(closing[_language(sample)])
    listed = "\n".join(lines)
    *before, last = _messages(sample) or (user(""),)
    if last.role != "user":
        return (*before, last, user(listed))
    return (*before, replace(last, parts=(*last.parts, Text(f"\n{listed}"))))
