"""Splitting a text into claims, by one call to the judge's model."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from quilate.errors import MalformedReply
from quilate.models import FREE, Cost, JsonFormat, Model, Request, Response, Sampling, Usage
from quilate_evaluators.judges.prompting import material, messages

if TYPE_CHECKING:
    from quilate.prompts import Template

_MOST_TOKENS = 8192
_LONGEST_CLAIM = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a text says, and the sentence of the text that says it."""

    text: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Split:
    """The claims of a text, each once, or the reason why they cannot be worked with; `failed`
    says that it is no property of the text but a reply that was of no use."""

    claims: tuple[Claim, ...] = ()
    reason: str | None = None
    failed: bool = False
    usage: Usage = Usage()
    cost: Cost = FREE


async def split(
    model: Model, text: str, *, question: str, template: "Template", most: int, whose: str
) -> Split:
    """The claims of `text`, an answer to `question`; `whose` names the text in reasons:
    ``answer`` or ``reference``.

    A text of more than `most` sentences, or one that makes no claims or more than `most`, is not
    cut short: its reason says so. Raises what the model raises, and `MalformedReply` for a reply
    that is no list of claims (after the structured layer has asked once more).
    """
    parts = _sentences(text)
    if len(parts) > most:
        return _too_long(whose)
    shown = [material(part) for part in parts]
    evidence = messages(template, question=material(question), sentences=shown)
    wanted = JsonFormat(_schema(len(parts), most), name="claims")
    request = Request(evidence, sampling=_sampling(model, text), format=wanted)
    response = await model.generate(request)
    claims = _read(response, wanted, parts)
    split = Split(claims, usage=response.usage, cost=response.cost)
    if not claims:
        return replace(split, reason=f"the {whose} makes no claims")
    if len(claims) > most:
        return replace(split, reason=f"the {whose} makes more claims than max_claims")
    return split


def by_sentence(text: str, *, question: str, most: int, whose: str) -> Split:
    """Each sentence of `text` as a claim, with the question before it, since an answer may be a
    bare name.

    >>> by_sentence("Lima.", question="Which city?", most=9, whose="answer").claims[0].text
    'Which city? Lima.'
    """
    parts = _sentences(text)
    if len(parts) > most:
        return _too_long(whose)
    claims = (Claim(f"{question} {part}", part) for part in dict.fromkeys(parts))
    return Split(tuple(claims))


def _sentences(text: str) -> list[str]:
    from quilate.retrieval.sentences import sentences

    return [text[start:end] for start, end in sentences(text)]


def _too_long(whose: str) -> Split:
    return Split(reason=f"the {whose} has more sentences than max_claims")


def _schema(sentences: int, most: int) -> dict[str, Any]:
    """One claim more than the most is let through, so that too many are seen to be too many. The
    sentences are listed, because not every engine holds to the bounds of a number."""
    claim = {
        "type": "object",
        "properties": {
            "sentence": {"type": "integer", "enum": list(range(1, sentences + 1))},
            "claim": {"type": "string", "minLength": 1, "maxLength": _LONGEST_CLAIM},
        },
        "required": ["sentence", "claim"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"claims": {"type": "array", "items": claim, "maxItems": most + 1}},
        "required": ["claims"],
        "additionalProperties": False,
    }


def _sampling(model: Model, text: str) -> Sampling:
    """The likeliest split, with room for about a token for each character of the text."""
    takes = model.info.capabilities.has
    room = takes("max_tokens") and not takes("reasoning")
    return Sampling(
        temperature=0.0 if takes("temperature") else None,
        max_tokens=min(_MOST_TOKENS, 256 + len(text)) if room else None,
    )


def _read(response: Response, wanted: JsonFormat, parts: list[str]) -> tuple[Claim, ...]:
    """The claims of a reply; checked again here, since not every Model stands behind the layer
    that validates."""
    from quilate.middleware.json_schema import parse, violation

    try:
        value = parse(response.text)
        wrong = violation(value, wanted.schema)
    except (ValueError, RecursionError) as problem:
        wrong = f"it is not JSON ({problem})"
    if wrong is not None:
        error = MalformedReply(f"The reply {response.text[:200]!r} is no list of claims: {wrong}.")
        error.usage, error.cost = response.usage, response.cost
        raise error
    found: dict[str, Claim] = {}
    for one in value["claims"]:
        said = " ".join(one["claim"].split())
        if said:
            found.setdefault(said.casefold(), Claim(said, parts[one["sentence"] - 1]))
    return tuple(found.values())
