"""``quilate ask``: an answer as it comes, then its sources."""

import json
import sys
from pathlib import Path

from quilate import registry, sync
from quilate.codec import to_data
from quilate.models import Finished, TextDelta, ask
from quilate.reports.visible import visible


def ask_model(question: str, model: str, *, max_tokens: int | None, as_json: bool) -> None:
    """Stream a model's answer to a bare question."""
    target = registry.model(model)
    response = None
    temperature = 0.0 if target.info.capabilities.has("temperature") else None
    request = ask(question, temperature=temperature, max_tokens=max_tokens)
    for event in sync.iterate(target.stream(request)):
        if isinstance(event, TextDelta) and not as_json:
            _write(visible(event.text))
        elif isinstance(event, Finished):
            response = event.response
    if as_json:
        _write(json.dumps(to_data(response), ensure_ascii=False))
    _write("\n")


def ask_documents(
    question: str,
    documents: Path,
    model: str,
    *,
    k: int,
    max_tokens: int | None,
    embedder: str,
    store: Path,
    as_json: bool,
) -> None:
    """Stream an answer from documents, then list the passages it was given."""
    from quilate.cli.progress import show_progress
    from quilate.models import Sampling
    from quilate.retrieval import Answer, index, rag
    from quilate.retrieval.answering import DEFAULT
    from quilate.retrieval.indexing import default_path

    with show_progress(quiet=as_json) as progress:
        path = default_path(documents, store)
        built = index(documents, embedder=embedder, path=path, progress=progress)
    answer = None
    sampling = DEFAULT if max_tokens is None else Sampling(max_tokens=max_tokens)
    for event in rag(built, model=model, k=k, sampling=sampling).stream(question):
        if isinstance(event, TextDelta) and not as_json:
            _write(visible(event.text))
        elif isinstance(event, Answer):
            answer = event
    if answer is None:
        return
    if as_json:
        _write(json.dumps(to_data(answer), ensure_ascii=False) + "\n")
        return
    _write("\n\n")
    for number, hit in enumerate(answer.context, 1):
        _write(visible(f"[{number}] {hit.passage.title or hit.passage.document_id}\n"))
    for citation in answer.citations:
        _write(visible(f"    {citation.marker}: {citation.status}\n"))


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
