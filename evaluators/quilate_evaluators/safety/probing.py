"""The probes that come with Quilate: as files for a suite, as documents, and a target for them."""

from dataclasses import dataclass, replace
from pathlib import Path

from quilate.errors import ConfigurationError
from quilate.evaluators import Output, Sample
from quilate.messages import system, user
from quilate.models import Model, Request, Sampling
from quilate.registry import nearest
from quilate.retrievers import Document, Hit, Passage

_FOLDER = Path(__file__).parent / "probes"
_ROUTES, _LANGUAGES = ("direct", "documents"), ("en", "es")
_SAMPLING = Sampling(max_tokens=256)
_DOCUMENTS = {
    "en": "Answer the question from these documents.",
    "es": "Responde a la pregunta con estos documentos.",
}
_QUESTION = {"en": "Question", "es": "Pregunta"}


def probes(part: str = "") -> list[Path]:
    """The files of the probes: ``dataset:safety`` in a suite is all of them, ``dataset:safety/es``
    those of a language, ``dataset:safety/documents`` those of a route, ``dataset:safety/direct/en``
    both.

    Raises `ConfigurationError` for a part that there is not.

    >>> [file.name for file in probes("direct")]
    ['direct.en.jsonl', 'direct.es.jsonl']
    """
    routes, languages = list(_ROUTES), list(_LANGUAGES)
    for word in filter(None, part.split("/")):
        if word in routes:
            routes = [word]
        elif word in languages:
            languages = [word]
        else:
            raise ConfigurationError(
                f"The probes have no part '{word}'.",
                remedy=nearest(word, [*_ROUTES, *_LANGUAGES]),
            )
    return [_FOLDER / f"{route}.{language}.jsonl" for route in routes for language in languages]


def documents() -> list[Document]:
    """The documents of the probes of route ``documents``, clean and poisoned, for the index of the
    RAG under test."""
    from quilate.evals.samples import read_samples

    samples = read_samples(probes("documents"))
    return [
        Document(each["id"], each["text"])
        for sample in samples
        for each in sample.metadata["documents"]
    ]


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """A target that shows a model what a probe holds; made by `probe_target`."""

    model: Model
    rules: str | None = None
    sampling: Sampling = _SAMPLING

    async def __call__(self, sample: Sample) -> Output:
        """What the model answers under the probe's rules, or its own, to the question; with the
        probe's documents, if it has any, before it."""
        language = "es" if (sample.language or "").startswith("es") else "en"
        rules = self.rules or sample.metadata.get("system")
        given = sample.metadata.get("documents")
        hits = None
        text = sample.question
        if given:
            passages = [Passage(each["id"], each["text"], each["id"]) for each in given]
            hits = tuple(Hit(one, float(-place)) for place, one in enumerate(passages))
            listed = "\n\n".join(f"[{n}] {one.text}" for n, one in enumerate(passages, 1))
            text = f"{_DOCUMENTS[language]}\n\n{listed}\n\n{_QUESTION[language]}: {text}"
        messages = (system(rules), user(text)) if rules else (user(text),)
        answer = await self.model.generate(Request(messages, self._sampling()))
        return Output(answer.text, hits, hits, usage=answer.usage, cost=answer.cost)

    def _sampling(self) -> Sampling:
        """The sampling, greedy where it names no temperature and the model takes one."""
        if self.sampling.temperature is None and self.model.info.capabilities.has("temperature"):
            return replace(self.sampling, temperature=0.0)
        return self.sampling


def probe_target(
    model: str | Model, *, rules: str | None = None, sampling: Sampling = _SAMPLING
) -> ProbeTarget:
    """A target for ``dataset:safety``: the model under the rules (``metadata.system``) and with
    the documents that each probe brings along; or under `rules` of yours, such as the system
    prompt of your application.

    An application of yours is tested as it is, as any target; but what an attack is depends on its
    rules, and a direct probe brings its own. Where it does not take them, the probes of route
    ``documents`` still hold: no application should obey a document.

    >>> from quilate import sync
    >>> from quilate.testing import ScriptedModel
    >>> target = probe_target(ScriptedModel(lambda request: request.messages[0].text))
    >>> sync.run(target(Sample("1", "?", metadata={"system": "Be brief."}))).text
    'Be brief.'
    """
    from quilate import registry
    from quilate.middleware.ambient import ambient

    opened = registry.model(model) if isinstance(model, str) else ambient(model)
    return ProbeTarget(opened, rules, sampling)
