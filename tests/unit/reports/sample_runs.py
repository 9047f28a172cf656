"""Runs as a RAG suite leaves them, made without a model: for the tests of the reports.

Everything is drawn from a seed. Texts are Spanish and English; a few samples are hostile.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from quilate.decisions import Decision
from quilate.evals.results import Call, Failure, Item, Run
from quilate.evaluators import Citation, Metric, Output, Sample, Score
from quilate.messages import system, user
from quilate.models import FREE, ChoiceFormat, Request, Sampling, Timing, Usage, reply
from quilate.retrievers import Hit, Passage

TARGETS = ("closed book", "RAG k=1", "RAG k=4")
METRICS = (
    Metric("recall@4", "share of the gold passages among the first four"),
    Metric("mrr", "one over the rank of the first gold passage"),
    Metric("exact_match", "the answer is a reference, SQuAD rules"),
    Metric("token_f1", "words shared with the best reference, SQuAD rules"),
    Metric("citation_validity", "share of citations found verbatim in their passage"),
    Metric("abstention", "abstained exactly when the question has no answer"),
    Metric("groundedness", "is the answer supported by the context?", judged=True),
)
LABELS = ("supported", "partly", "unsupported")
HOSTILE = {
    1: "</script><img src=x onerror=\"document.title='owned'\"> {{7*7}} ${7*7} <b>negrita</b>",
    2: "<!--<script>document.title='owned'</script> \u202eIZQUIERDA\u202c مرحبا بالعالم "
    "\u2028\u2029\x00\x07",
    3: "palabra " * 12_500 + "FINAL",
}
PAIRS = (
    ("es", "¿Qué función devuelve la ruta sin su última parte?", "os.path.dirname"),
    ("en", "Which function splits a string into a list with shell-like syntax?", "shlex.split"),
    ("es", "¿Cómo se lee un archivo CSV como diccionarios?", "csv.DictReader"),
    ("en", "How do I get the n largest elements of an iterable?", "heapq.nlargest"),
    ("es", "¿Con qué se mide el tiempo transcurrido sin saltos del reloj?", "time.monotonic"),
    ("en", "What compares two directory trees?", "filecmp.dircmp"),
    ("es", "¿Qué clase cuenta los elementos repetidos?", "collections.Counter"),
    ("en", "Which module reads ZIP archives?", "zipfile"),
)


def make_run(
    samples: int = 40,
    *,
    targets: tuple[str, ...] = TARGETS,
    epochs: int = 1,
    seed: int = 0,
    judge: str = "weak",
    hostile: bool = True,
    unfinished: int = 0,
) -> Run:
    """A run of `samples` × `targets` × `epochs`. `judge` is ``weak`` (noise) or ``good``."""
    draw = random.Random(seed)
    asked = {sample.id: sample for sample in map(_sample, range(samples))}
    calls: dict[str, Call] = {}
    items: list[Item] = []
    for number, sample in enumerate(asked.values()):
        for place, target in enumerate(targets):
            for epoch in range(epochs):
                strength = (0.15, 0.5, 0.7)[place % 3]
                item = _item(number, sample, target, epoch, strength, draw, judge, calls, hostile)
                items.append(item)
    planned = len(items)
    return Run(
        id="20261122-193004-7f3a",
        name="python_docs",
        created="2026-11-22T19:30:04+00:00",
        status="stopped" if unfinished else "finished",
        targets=targets,
        metrics={metric.name: metric for metric in METRICS},
        samples=asked,
        items=items[: planned - unfinished],
        planned=planned,
        provenance={
            "seed": seed,
            "suite_hash": "3f9a1c0e5d7b",
            "dataset_hash": "b1946ac92492",
            "packages": {"quilate": "0.1.0", "lancedb": "0.40.0"},
            "models": {"smollm2-135m-instruct": {"sha256": "9f" * 32, "provider": "llamacpp"}},
        },
        load_call=calls.get,
    )


def _sample(number: int) -> Sample:
    language, question, answer = PAIRS[number % len(PAIRS)]
    answerable = number % 10 != 9
    return Sample(
        id=f"{language}-{number:04d}",
        input=f"{question} ({number})",
        references=(answer, f"{answer}()") if answerable else (),
        gold=(f"python:{answer}",) if answerable else (),
        answerable=answerable,
        group=f"{answer.split('.')[0]} {number // 24}",
        language=language,
        metadata={"module": answer.split(".")[0]},
    )


def _item(
    number: int,
    sample: Sample,
    target: str,
    epoch: int,
    strength: float,
    draw: random.Random,
    judge: str,
    calls: dict[str, Call],
    hostile: bool,
) -> Item:
    if number % 17 == 5 and target == "RAG k=4":
        failure = Failure("timeout", "No answer within 30 s from llamacpp.", retryable=True)
        return Item(target, sample.id, epoch, failure=failure, seconds=30.0)
    right = draw.random() < strength
    hits = None if target == "closed book" else _hits(sample, 4 if target == "RAG k=4" else 1, draw)
    text, citations = _answer(number, sample, hits, right, hostile)
    abstained = draw.random() < (0.6 if sample.answerable is False else 0.08)
    if abstained:
        text, citations, right = "No lo sé: el contexto no lo dice.", (), False
    usage = Usage(180 + 160 * len(hits or ()), 24 + draw.randrange(30))
    output = Output(text, hits, hits, citations, abstained, usage, FREE)
    key = f"call-{target}-{sample.id}-{epoch}"
    calls[key] = _call(key, sample, text, hits, usage)
    scores, judged = _scores(sample, output, right, draw, judge)
    judge_keys: Mapping[str, tuple[str, ...]] = {}
    if judged is not None:
        judge_key = f"judge-{target}-{sample.id}-{epoch}"
        calls[judge_key] = _judge_call(judge_key, sample, text, judged)
        judge_keys = {"groundedness": (judge_key,)}
    seconds = 1.0 + len(hits or ()) * 0.4 + draw.random()
    return Item(target, sample.id, epoch, output, scores, None, (key,), judge_keys, seconds)


def _hits(sample: Sample, k: int, draw: random.Random) -> tuple[Hit, ...]:
    names = [answer for _, _, answer in PAIRS]
    gold = sample.gold[0].removeprefix("python:") if sample.gold else None
    order = draw.sample([name for name in names if name != gold], k)
    if gold and draw.random() < 0.9:
        order[draw.randrange(k)] = gold
    return tuple(
        Hit(_passage(name), 0.031 - 0.002 * rank, {"vector": rank + 1, "text": 2 * rank + 1})
        for rank, name in enumerate(order)
    )


def _passage(name: str) -> Passage:
    text = (
        f"{name}(...)\n\nDevuelve lo que su nombre dice. {name} is part of the standard library: "
        "it takes its arguments in order, raises ValueError for a bad one, and keeps what it was "
        "given unchanged. Véase también la guía «cómo hacerlo» del módulo."
    )
    return Passage(f"python:{name}", text, f"python:{name.split('.')[0]}", 0, len(text), name)


def _answer(
    number: int, sample: Sample, hits: tuple[Hit, ...] | None, right: bool, hostile: bool
) -> tuple[str, tuple[Citation, ...]]:
    if hostile and number in HOSTILE:
        return HOSTILE[number], ()
    name = sample.references[0] if right and sample.references else "itertools.chain"
    if not hits:
        return f"Se usa {name}.", ()
    passage, quote = hits[0].passage, "keeps what it was given unchanged"
    text = f'Se usa {name}: "{quote}" [1]. Más en «otro sitio» [7].'
    start, second = text.index("[1]"), text.index("[7]")
    found = passage.text.index(quote)
    return text, (
        Citation("[1]", start, start + 3, passage.id, quote, "verified", found, found + len(quote)),
        Citation("[7]", second, second + 3, None, "otro sitio", "no_such_passage"),
    )


def _scores(
    sample: Sample, output: Output, right: bool, draw: random.Random, judge: str
) -> tuple[tuple[Score, ...], Decision | None]:
    scores: list[Score] = []
    hits = output.hits
    if hits is None or not sample.gold:
        why = "the target retrieves nothing" if hits is None else "the sample has no gold passages"
        scores += [Score.unscored(name, why) for name in ("recall@4", "mrr")]
    else:
        ranks = [rank for rank, hit in enumerate(hits, 1) if hit.passage.id in sample.gold]
        scores += [Score.of("recall@4", bool(ranks)), Score.of("mrr", 1 / ranks[0] if ranks else 0)]
    if sample.references:
        scores.append(Score.of("exact_match", right and draw.random() < 0.7))
        scores.append(Score.of("token_f1", draw.uniform(0.5, 1) if right else draw.uniform(0, 0.4)))
    else:
        why = "the sample has no reference answer"
        scores += [Score.unscored(name, why) for name in ("exact_match", "token_f1")]
    if output.citations:
        share = sum(one.status == "verified" for one in output.citations) / len(output.citations)
        evidence = tuple(one.quote or "" for one in output.citations)
        scores.append(
            Score.of("citation_validity", share, explanation="1 of 2 stands", evidence=evidence)
        )
    else:
        scores.append(Score.unscored("citation_validity", "the answer cites nothing"))
    scores.append(Score.of("abstention", output.abstained == (sample.answerable is False)))
    if not output.context:
        scores.append(Score.unscored("groundedness", "the target showed the model no context"))
        return tuple(scores), None
    if draw.random() < 0.04:
        scores.append(Score.error("groundedness", "MalformedReply: the judge answered nonsense"))
        return tuple(scores), None
    decision = _decision(right if judge == "good" else draw.random() < 0.5, draw)
    value = decision.expected({"supported": 1.0, "partly": 0.5, "unsupported": 0.0})
    usage = Usage(240, 2)
    scores.append(Score.of("groundedness", value, decision=decision, usage=usage, cost=FREE))
    return tuple(scores), decision


def _decision(supported: bool, draw: random.Random) -> Decision:
    high = draw.uniform(0.5, 0.9)
    middle = (1 - high) * draw.uniform(0.3, 0.8)
    shares = (high, middle, 1 - high - middle)
    ordered = shares if supported else shares[::-1]
    probabilities = dict(zip(LABELS, ordered, strict=True))
    label = max(probabilities, key=lambda name: probabilities[name])
    return Decision("Is it supported?", probabilities, "logprobs", reply=label, mass=0.94)


def _call(key: str, sample: Sample, text: str, hits: tuple[Hit, ...] | None, usage: Usage) -> Call:
    context = "\n\n".join(f"[{n}] {hit.passage.text}" for n, hit in enumerate(hits or (), 1))
    request = Request(
        (
            system("Answer from the context alone. Cite passages as [1]."),
            user(f"{context}\n\nQuestion: {sample.question}"),
        ),
        sampling=Sampling(temperature=0.0, seed=0, max_tokens=96),
    )
    response = reply(text, usage=usage, cost=FREE, timing=Timing(1.2, 0.3))
    return Call(key, "llamacpp/smollm2-135m-instruct", request, response)


def _judge_call(key: str, sample: Sample, text: str, decision: Decision) -> Call:
    request = Request(
        (user(f"Question: {sample.question}\nAnswer: {text[:400]}\nIs it supported?"),),
        format=ChoiceFormat(LABELS),
    )
    response = reply(decision.reply, usage=Usage(240, 2), cost=FREE)
    return Call(key, "llamacpp/smollm2-135m-instruct", request, response)


def with_target_name(run: Run, old: str, new: str) -> Run:
    """The run with one of its targets renamed."""
    return replace(
        run,
        targets=tuple(new if name == old else name for name in run.targets),
        items=[replace(item, target=new) if item.target == old else item for item in run.items],
    )
