"""The step ``augment``: rows that a model writes from others, each with where it comes from."""

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from quilate import registry, sync
from quilate.data.cleaning.options import check_count, check_number, check_text, wrong
from quilate.data.cleaning.within import text_within
from quilate.data.meter import meter
from quilate.data.steps import Add, Change, Row, Verdict
from quilate.errors import ModelError
from quilate.messages import Message
from quilate.models import Model, Request, Sampling
from quilate.prompts import Template
from quilate.prompts.replacing import load
from quilate.registry import nearest
from quilate.retrieval.languages import language_of
from quilate.testsets.words import shared, words_of

PROMPTS = Path(__file__).parent / "prompts"
SHIPPED = ("paraphrase", "question")
"""The prompts that are shipped, in Spanish and English."""

_TAGS = re.compile(r"<(?=\s*/?\s*(?:text|texto)\b)", re.IGNORECASE)
_AROUND = re.compile(r"^<(?:text|texto)>|</(?:text|texto)>$", re.IGNORECASE)
_TELLING = 4  # words from which a text's language shows


@dataclass(frozen=True, slots=True)
class Augment:
    """Adds up to `n` rows after each row, written by a `model` (such as ``llamacpp/model.gguf``,
    made with `options`) from the row's `field`.

    `prompt` is ``paraphrase``, ``question``, or a template file of yours, which is given the text
    as ``text`` and further fields of the row by their names. What the model writes goes into the
    field `into` (`field` unless said; ``question`` for questions) of a copy of the row, with the id
    ``PARENT#aug1`` and, as ``synthetic``, where it comes from: the parent's id, the model, the
    prompt with its SHA-256, the seed, and how often which draft was rejected.

    A draft is rejected when it is ``empty``, ``cut off``, a ``copy`` of the text or of another
    (`most_shared` of their words, or more), in another language, or, asked for a question, ``no
    question``; then the model is asked again,
    `tries` times for each row. Each call has a seed of its own, from `seed` and the row's id.
    Synthetic rows are not written from again. Raises `ModelError` when every call fails.

    >>> from quilate.testing import ScriptedModel
    >>> step = Augment(ScriptedModel("El faro data de 1901."), "paraphrase")
    >>> (verdict,) = step.apply([{"id": "7", "text": "El faro se construyó en 1901."}])
    >>> verdict.rows[0]["id"], verdict.rows[0]["text"], verdict.rows[0]["synthetic"]["from"]
    ('7#aug1', 'El faro data de 1901.', '7')
    """

    model: str | Model
    prompt: str = "paraphrase"
    n: int = 1
    field: str = "text"
    into: str | None = None
    seed: int = 0
    temperature: float = 0.8
    max_tokens: int = 512
    tries: int = 2
    most_shared: float = 0.9
    concurrency: int = 4
    options: Mapping[str, Any] | None = None
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_text("augment", "prompt", self.prompt)
        check_text("augment", "field", self.field)
        if self.into is not None:
            check_text("augment", "into", self.into)
        if self.into == "id":
            wrong("augment", "into", "id", "Name another field.")
        for option in ("n", "tries", "concurrency", "max_tokens"):
            check_count("augment", option, getattr(self, option), low=1)
        check_count("augment", "seed", self.seed)
        check_number("augment", "temperature", self.temperature, high=5)
        check_number("augment", "most_shared", self.most_shared, high=1)
        if isinstance(self.model, str):
            registry.model(self.model, **(self.options or {}))  # that there is such a one
        self._template("en")

    def inputs(self) -> Mapping[str, str]:
        """The prompts, by digest: with others, cached verdicts are not used again."""
        return {f"prompt.{code}": self._template(code).digest for code in ("en", "es")}

    def _template(self, language: str) -> Template:
        if self.prompt in SHIPPED:
            return load(PROMPTS / f"augment_{self.prompt}.{'es' if language == 'es' else 'en'}.md")
        if Path(self.prompt).suffix != ".md":
            remedy = f"{nearest(self.prompt, list(SHIPPED))} Or name a template file, FILE.md."
            wrong("augment", "prompt", self.prompt, remedy)
        return Template.load(self.prompt)

    def reads(self) -> Sequence[str]:
        """The field that is written from."""
        return (self.field,)

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """What is added after each row."""
        # The meter is this thread's, and the work is done on another.
        return sync.run(self._apply(rows, meter("augment", len(rows))))

    async def aapply(self, rows: Sequence[Row]) -> list[Verdict]:
        """`apply` for async code."""
        return await self._apply(rows, meter("augment", len(rows)))

    async def _apply(self, rows: Sequence[Row], row_done: Callable[[], None]) -> list[Verdict]:
        # For all rows of a shard one model: what it loads is loaded once.
        model: Model = registry.model(self.model, **(self.options or {}))
        room = asyncio.Semaphore(self.concurrency)
        written = [_Written(row) for row in rows]
        async with asyncio.TaskGroup() as group:
            for one in written:
                if one.text(self.field).strip() and "synthetic" not in one.row:
                    task = group.create_task(self._write(one, model, room))
                    task.add_done_callback(lambda _: row_done())
                else:
                    row_done()
        failures = [error for one in written for error in one.errors]
        if failures and not any(one.answers for one in written):
            raise failures[0]
        return [self._verdict(one) for one in written]

    async def _write(self, one: "_Written", model: Model, room: asyncio.Semaphore) -> None:
        text = one.text(self.field)
        wanted = _language(one.row) or _looks(text)
        template = self._template(wanted or language_of(text))
        messages = _filled(template, one.row, text)
        for number in range(self.n):
            for attempt in range(self.tries):
                seed = _seed(self.seed, str(one.row.get("id")), number, attempt)
                async with room:
                    said, flaw = await self._said(one, model, messages, seed)
                flaw = flaw or self._flaw(one, said, wanted)
                if flaw is None:
                    one.add(said, seed, template.digest)
                    break
                one.rejected[flaw] += 1

    async def _said(
        self, one: "_Written", model: Model, messages: tuple[Message, ...], seed: int
    ) -> tuple[str, str | None]:
        """What the model writes, and why that is nothing to go on with."""
        takes = model.info.capabilities.has
        sampling = Sampling(
            temperature=self.temperature if takes("temperature") else None,
            seed=seed if takes("seed") else None,
            max_tokens=self.max_tokens if takes("max_tokens") else None,
        )
        # Providers without seeds give their draws apart by the epoch, which caches tell apart too.
        request = Request(messages, sampling=sampling, epoch=seed)
        try:
            response = await model.generate(request)
        except ModelError as error:
            one.errors.append(error)
            return "", "call failed"
        one.answers += 1
        one.model = response.model or model.info.name
        if response.finish_reason == "length":
            return "", "cut off"
        return _AROUND.sub("", response.text.strip()).strip(), None

    def _flaw(self, one: "_Written", said: str, wanted: str | None) -> str | None:
        mine = words_of(said)
        if not mine:
            return "empty"
        if self.prompt == "question" and not said.endswith(("?", "？")):
            return "no question"
        for other in (one.text(self.field), *(text for text, _, _ in one.drafts)):
            theirs = words_of(other)
            if mine == theirs or shared(mine, theirs) >= self.most_shared:
                return "copy"
        if len(mine) >= _TELLING and wanted in ("en", "es") and _looks(said) not in (None, wanted):
            return "other language"
        return None

    def _verdict(self, one: "_Written") -> Verdict:
        if one.drafts:
            made = [self._row(one, number) for number in range(len(one.drafts))]
            return Add(tuple(made), f"{Path(self.prompt).stem} by a model")
        if one.rejected:
            reasons = (f"no synthetic row: {flaw}" for flaw, _ in one.rejected.most_common())
            return Change({}, tuple(reasons))
        return None

    def _row(self, one: "_Written", number: int) -> Row:
        text, seed, prompt = one.drafts[number]
        parent = str(one.row["id"])
        into = self.into or ("question" if self.prompt == "question" else self.field)
        source = {
            "from": parent,
            "model": one.model,
            "prompt": f"{Path(self.prompt).stem} {prompt}",
            "seed": seed,
            "rejected": dict(one.rejected),
        }
        return {**one.row, "id": f"{parent}#aug{number + 1}", into: text, "synthetic": source}


class _Written:
    """What a model has written from one row so far."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.drafts: list[tuple[str, int, str]] = []
        self.rejected: Counter[str] = Counter()
        self.errors: list[ModelError] = []
        self.answers = 0
        self.model = ""

    def text(self, field: str) -> str:
        return text_within(self.row, field)

    def add(self, text: str, seed: int, prompt: str) -> None:
        self.drafts.append((text, seed, prompt))


def _language(row: Row) -> str | None:
    """The language that the row says it is in."""
    said = row.get("language")
    return said[:2].lower() if isinstance(said, str) and said not in ("", "und") else None


def _looks(text: str) -> str | None:
    """``es`` or ``en``, where a text looks like one of them more than by a word or two."""
    hinted = {language_of(f"{text} {hint}") for hint in ("de la", "of the")}
    return hinted.pop() if len(hinted) == 1 else None


def _filled(template: Template, row: Row, text: str) -> tuple[Message, ...]:
    """The prompt for a row; what stands in the row cannot leave its tags."""
    values = {name: text_within(row, name) for name in template.variables}
    if "text" in template.variables:
        values["text"] = text
    return template.render(**{name: _TAGS.sub("< ", value) for name, value in values.items()})


def _seed(seed: int, name: str, number: int, attempt: int) -> int:
    """A seed of one call: the same in whatever order and process rows are worked on."""
    told = f"{seed}|{name}|{number}|{attempt}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(told).digest()[:4], "big") >> 1
