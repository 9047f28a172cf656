"""A small corpus, and a scripted model that drafts from it and checks as it is told."""

import json
import re
from collections.abc import Callable
from typing import Any

from quilate.models import Request
from quilate.testing import ScriptedModel

FAROS = (
    "La Torre de Hércules es un faro romano de La Coruña que se construyó en el siglo I y sigue "
    "en uso como señal para los barcos."
)
FRESNEL = (
    "El ingeniero Agustín Fresnel ideó en 1822 una lente de anillos que los faros como la Torre de "
    "Hércules adoptaron más tarde."
)
BRIDGE = (
    "The Vizcaya Bridge was opened in 1893 by Alberto Palacio as the first transporter bridge of "
    "the world, near Bilbao."
)
PALACIO = (
    "The architect Alberto Palacio studied in Paris with Gustave Eiffel before he designed the "
    "Vizcaya Bridge over the river Nervión."
)
TEXTS = {"faros.md": FAROS, "fresnel.md": FRESNEL, "bridge.md": BRIDGE, "palacio.md": PALACIO}

GOOD = {
    FAROS: ("¿Cuándo se construyó la Torre de Hércules?", "siglo I", "se construyó en el siglo I"),
    FRESNEL: ("¿Quién ideó la lente de anillos de los faros?", "Agustín Fresnel",
              "Agustín Fresnel ideó en 1822 una lente de anillos"),
    BRIDGE: ("When was the Vizcaya Bridge opened?", "1893", "Vizcaya Bridge was opened in 1893"),
    PALACIO: ("Where did Alberto Palacio study architecture?", "Paris",
              "Alberto Palacio studied in Paris"),
}  # fmt: skip
LACKING = {
    FAROS: "¿Cuántos escalones tiene la Torre de Hércules?",
    FRESNEL: "¿En qué ciudad nació el ingeniero Agustín Fresnel?",
    BRIDGE: "How many passengers cross the Vizcaya Bridge each year?",
    PALACIO: "In which year did the architect Alberto Palacio die?",
}
PAIRED = {
    frozenset((FAROS, FRESNEL)): (
        "¿Qué romanos levantaron el faro que adoptó la lente de Fresnel, y en qué siglo?",
        "En el siglo I",
        {FAROS: "un faro romano de La Coruña", FRESNEL: "una lente de anillos"},
    ),
    frozenset((BRIDGE, PALACIO)): (
        "In which city did the man study who opened the first transporter bridge in 1893?",
        "Paris",
        {BRIDGE: "opened in 1893 by Alberto Palacio", PALACIO: "studied in Paris with"},
    ),
}


def texts_of(request: Request) -> list[str]:
    """The passages that a prompt shows."""
    shown = "\n".join(message.text for message in request.messages if message.role == "user")
    return re.findall(r"<(?:passage|pasaje)>\n(.*?)\n</(?:passage|pasaje)>", shown, re.DOTALL)


def kind_of(request: Request) -> str:
    """What the prompt is for, by the fields that it asks for."""
    text = request.messages[-1].text
    if "quote_1" in text:
        return "multi"
    if "missing" in text:
        return "unanswerable"
    if "answerable" in text:
        return "answer"
    return "single" if "quote" in text else "agree"


class Script:
    """Answers as an able model would, but where a test puts another answer in its place."""

    def __init__(self, **instead: Callable[[Request], Any] | Any) -> None:
        self.instead = instead
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Any:
        kind = kind_of(request)
        self.asked.append(kind)
        if kind in self.instead:
            found = self.instead[kind]
            found = found(request) if callable(found) else found
            if found is not NotImplemented:
                return found if hasattr(found, "__await__") else dump(found)
        return dump(getattr(self, f"_{kind}")(texts_of(request), request))

    def _single(self, texts: list[str], _: Request) -> dict[str, Any]:
        question, answer, quote = GOOD[texts[0]]
        return {"question": question, "answer": answer, "quote": quote}

    def _unanswerable(self, texts: list[str], _: Request) -> dict[str, Any]:
        return {"question": LACKING[texts[0]], "missing": "that fact"}

    def _multi(self, texts: list[str], _: Request) -> dict[str, Any]:
        question, answer, quotes = PAIRED[frozenset(texts)]
        first, second = (quotes[text] for text in texts)
        return {"question": question, "answer": answer, "quote_1": first, "quote_2": second}

    def _answer(self, texts: list[str], request: Request) -> dict[str, Any]:
        asked = request.messages[-1].text
        for text, (question, answer, _) in GOOD.items():
            if question in asked and text in texts:
                return {"answerable": True, "answer": answer}
        for pair, (question, answer, _) in PAIRED.items():
            if question in asked and pair <= set(texts):
                return {"answerable": True, "answer": answer}
        return {"answerable": False, "answer": ""}

    def _agree(self, _texts: list[str], _request: Request) -> Any:
        return "no"


def dump(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def scripted(name: str = "able", /, **instead: Any) -> ScriptedModel:
    """A model whose script is a `Script`; a name of its own is an identity of its own."""
    return ScriptedModel(Script(**instead), name=name)
