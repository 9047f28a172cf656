"""A stored run to label: two targets, a scripted judge, hostile texts, failures, no scores."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import quilate
from quilate import Sample
from quilate.evals import Run
from quilate.evaluators import Citation, Metric, Output, Score
from quilate.messages import File, Image, Message, Reasoning, Text, ToolCall, ToolResult
from quilate.retrievers import Hit, Passage

HOSTILE = (
    "</script><img src=x onerror=\"document.title='owned'\"> {{7*7}} <b>negrita</b> [1]",
    "<!--<script>document.title='owned'</script> \u202eIZQUIERDA\u202c \u2028\u2029 [1]",
)
PASSAGE = 'La biblioteca abre a las 9.30. <i onclick="alert(1)">¿Y los lunes?</i> También.'
QUOTE = "abre a las 9.30"


@dataclass(frozen=True)
class Judge:
    """A judge that scores all but one, and a metric of no judge before it."""

    name: str = "judge"
    metrics: tuple[Metric, ...] = (
        Metric("short", "The answer is short."),
        Metric("grounded", "The judge: <b>passages</b> support the answer.", judged=True),
    )
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """SECRET is what a labeller must not see."""
        judged = Score.of("grounded", 0.25, explanation="SECRET opinion")
        if sample.id == "unscored":
            judged = Score.unscored("grounded", "the answer abstains")
        return [Score.of("short", 1.0), judged]


async def rag(sample: Sample) -> Output:
    if sample.id == "failed":
        raise ValueError("no")
    number = int(sample.id) if sample.id.isdigit() else 9
    text = HOSTILE[number] if number < len(HOSTILE) else f"A las 9.30 ñ [1] de {sample.id}"
    hit = Hit(Passage("doc#0", PASSAGE, "doc", title="Horario <u>"), 1.0)
    start, at = text.index("[1]"), PASSAGE.index(QUOTE)
    cited = Citation("[1]", start, start + 3, "doc#0", QUOTE, "verified", at, at + len(QUOTE))
    return Output(text, (hit, hit), (hit,), (cited,))


async def plain(sample: Sample) -> Output:
    if sample.id == "failed":
        raise ValueError("no")
    return Output("" if sample.id == "3" else f"No lo sé, {sample.id}.")


def make_store(store: Path, ids: Sequence[str] = ("0", "1", "2", "3", "failed", "unscored")) -> Run:
    """A store with one run."""
    samples = [
        Sample(one, f"¿Cuándo abre <b>{one}</b>?", (f"REFERENCE {one}",), language="es")
        for one in ids
    ]
    targets = {"SECRET-rag": rag, "SECRET-plain": plain}
    suite = quilate.Suite("library", samples, targets, [Judge()])
    return quilate.evaluate(suite, store=store)


DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Erk"
    "Jggg=="
)


def pictured_store(store: Path) -> Run:
    """A store with one run, of a conversation with parts of all kinds and a long answer."""

    async def long(sample: Sample) -> Output:
        return Output("long " * 80_000)

    called = ToolCall("1", "look", {"at": "ñ"})
    turns = (
        Message("assistant", (Reasoning("SECRET thought"), called)),
        Message("tool", (ToolResult("1", "it saw 7"),)),
        Message(
            "user",
            (
                Text("What is this?"),
                Image(DOT),
                Image(b"<svg onload='alert(1)'/>", media_type="image/svg+xml"),
                Image(url="http://elsewhere.example/x.png"),
                File(b"%PDF", name="a.pdf"),
            ),
        ),
    )
    suite = quilate.Suite("pictures", [Sample("0", turns)], {"long": long}, [Judge()])
    return quilate.evaluate(suite, store=store)
