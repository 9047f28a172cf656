"""What models do beside answering (decide, loglikelihood, count_tokens) passes the layers too."""

import asyncio
import math

import pytest

from quilate import registry
from quilate.decisions import Decision, Question, decide
from quilate.errors import BudgetExceeded, MalformedReply, ReplayMiss, StoreError, Unsupported
from quilate.evals.runner import evaluate, resume
from quilate.evals.suite import Limits, Suite
from quilate.evaluators import Output, Sample
from quilate.middleware import Replayed, Stored, ambient, call_scope, collect, layers
from quilate.middleware.budget import Budget, Budgeted, Spent
from quilate.middleware.cache import SqliteCache
from quilate.middleware.cassette import JsonlCassette, MemoryStore, cassette
from quilate.middleware.limit import Limited
from quilate.models import FREE, Capabilities, Cost, Likelihood, TokenCount, Usage, ask
from quilate.testing import ScriptedModel

YES_NO = Question("Is it so?", ("yes", "no"))
SCORES = [Likelihood(-1.5, 2, False), Likelihood(-math.inf, 1, False)]


class Versatile(ScriptedModel):
    """Decides at a price, scores and counts; every decision is another one."""

    def __init__(self, usd=5.0):
        can = Capabilities.declared("decide", "loglikelihood", "count_tokens")
        super().__init__("ok", name="versatile", capabilities=can)
        self.usd = usd

    async def decide(self, request, questions):
        self.calls += 1
        share = 1 / (1 + self.calls)
        await asyncio.sleep(0)
        return [
            Decision(
                question.id,
                {"yes": share, "no": 1 - share},
                "endpoint",
                usage=Usage(4, 6),
                cost=Cost(self.usd, "exact"),
            )
            for question in questions
        ]

    async def loglikelihood(self, context, continuations):
        self.calls += 1
        await asyncio.sleep(0)
        return SCORES[: len(continuations)]

    async def count_tokens(self, request):
        self.calls += 1
        await asyncio.sleep(0)
        return TokenCount(3, True)


async def everything(model, question=YES_NO):
    return [
        await decide(model, ask("?"), question),
        await model.loglikelihood(ask("?"), ["a", "b"]),
        await model.count_tokens(ask("?")),
    ]


def in_layers(wrap, work):
    async def run():
        with layers(wrap):
            return await work()

    return asyncio.run(run())


@pytest.mark.parametrize("kind", [MemoryStore, SqliteCache, JsonlCassette])
def test_all_are_kept_by_what_they_asked(tmp_path, kind):
    path = tmp_path / "calls"
    store = kind() if kind is MemoryStore else kind(path)
    model = ambient(inner := Versatile())
    first = in_layers(lambda m: Stored(m, store), lambda: everything(model))
    assert (first[1], first[2], inner.calls) == (SCORES, TokenCount(3, True), 3)
    store = store if kind is MemoryStore else kind(path)
    again = in_layers(lambda m: Stored(m, store), lambda: everything(model))
    assert (again, inner.calls) == (first, 3)

    async def others():
        await model.decide(ask("?"), [Question("Is it not?", ("yes", "no"))])
        await model.decide(ask("?"), [YES_NO, YES_NO])
        await model.loglikelihood(ask("?"), ["a"])
        await model.count_tokens(ask("other"))
        await model.generate(ask("?"))

    in_layers(lambda m: Stored(m, store), others)
    assert inner.calls == 8


def test_concurrent_identical_decisions_are_one_call():
    model = Stored(inner := Versatile(), MemoryStore())

    async def run():
        return await asyncio.gather(*(model.decide(ask("?"), [YES_NO]) for _ in range(20)))

    decided = asyncio.run(run())
    assert (inner.calls, decided.count(decided[0])) == (1, 20)


def test_journal_notes_and_cache_are_passed_in_turn():
    journal, cache = MemoryStore(), MemoryStore()
    model = Stored(Stored(inner := Versatile(), cache), journal, role="journal")

    async def run(scope):
        with call_scope(scope), collect() as notes:
            await everything(model)
        return [note.source for note in notes]

    assert [asyncio.run(run(scope)) for scope in ("a", "b", "a")] == [
        ["live"] * 3,
        ["cache"] * 3,
        ["journal"] * 3,
    ]
    assert inner.calls == 3


def test_a_cassette_answers_them_and_never_calls_the_model(tmp_path):
    path = tmp_path / "calls.jsonl"
    model = ambient(inner := Versatile())
    with cassette(path):
        first = asyncio.run(everything(model))
    with cassette(path, record=False):
        assert asyncio.run(everything(model)) == first
        for call in (
            lambda: model.decide(ask("?"), [Question("Is it not?", ("yes", "no"))]),
            lambda: model.loglikelihood(ask("?"), ["c"]),
            lambda: model.count_tokens(ask("??")),
        ):
            with pytest.raises(ReplayMiss, match="no answer of scripted/versatile to this call of"):
                asyncio.run(call())
    assert inner.calls == 3


def test_what_a_cassette_keeps_of_a_decision_can_be_read_and_holds_no_secret(tmp_path):
    path, secret = tmp_path / "calls.jsonl", "sk-abcdefghijklmnop1234"

    class Leaking(Versatile):
        async def decide(self, request, questions):
            said = f'the password: {secret}"'
            return [Decision("decision", {"yes": 1.0}, "endpoint", reply=said)]

    asked = [Question(f"Is {secret} so?", ("yes", "no"))]
    model = Leaking()
    asyncio.run(Stored(model, JsonlCassette(path)).decide(ask("?"), asked))
    assert secret not in path.read_text() and "Is [redacted] so?" in path.read_text()
    (decision,) = asyncio.run(Replayed(model, JsonlCassette(path)).decide(ask("?"), asked))
    assert decision.probabilities == {"yes": 1.0}


def test_models_without_them_say_so_in_layers_too():
    model = ambient(ScriptedModel("x"))
    for work in (model.count_tokens, lambda r: model.decide(r, [YES_NO])):
        with pytest.raises(Unsupported):
            in_layers(lambda m: Stored(m, MemoryStore()), lambda work=work: work(ask("?")))
        with pytest.raises(Unsupported):
            asyncio.run(work(ask("?")))


def test_an_answer_that_is_none_is_not_kept():
    class Wrong(Versatile):
        async def decide(self, request, questions):
            return [{"yes": 1.0}]

    store = MemoryStore()
    with pytest.warns(UserWarning, match="serializ"), pytest.raises(MalformedReply, match="decide"):
        asyncio.run(Stored(Wrong(), store).decide(ask("?"), [YES_NO]))
    assert store._responses == {}


def test_what_is_kept_in_place_of_an_answer_is_a_store_error(tmp_path):
    path = tmp_path / "calls.jsonl"
    asyncio.run(Stored(Versatile(), JsonlCassette(path)).count_tokens(ask("?")))
    path.write_text(path.read_text().replace('"answers"', '"other"'))
    with pytest.raises(StoreError, match="no answer to count_tokens"):
        asyncio.run(Replayed(Versatile(), JsonlCassette(path)).count_tokens(ask("?")))


def test_decisions_are_paid_from_the_budget():
    budget = Budget(usd=0.01)
    model = ambient(inner := Versatile())

    async def five():
        calls = (decide(model, ask(str(n)), YES_NO) for n in range(5))
        return await asyncio.gather(*calls, return_exceptions=True)

    results = in_layers(lambda m: Budgeted(m, budget), five)
    assert [isinstance(result, BudgetExceeded) for result in results] == [False] + [True] * 4
    assert (budget.spent, inner.calls) == (Spent(5.0, 10, 1), 1)


def test_scores_and_counts_are_refused_when_time_or_money_is_over():
    now, inner = [0.0], Versatile(usd=0.5)
    budget = Budget(usd=1.0, seconds=10, clock=lambda: now[0])
    model = Budgeted(inner, budget)

    async def unbilled():
        await model.loglikelihood(ask("?"), ["a"])
        await model.count_tokens(ask("?"))

    asyncio.run(unbilled())
    # They show no price: the first call that has one still goes alone.
    assert (budget.spent, budget._price_is_known) == (Spent(), False)
    asyncio.run(model.decide(ask("?"), [YES_NO, YES_NO]))
    for call in (
        lambda: model.loglikelihood(ask("?"), ["a"]),
        lambda: model.count_tokens(ask("?")),
    ):
        with pytest.raises(BudgetExceeded, match="does not hold another call"):
            asyncio.run(call())
    model.budget, now[0] = Budget(seconds=10, clock=lambda: now[0] - 10), 20.0
    model.budget._started = 0.0
    for call in (
        lambda: model.loglikelihood(ask("?"), ["a"]),
        lambda: model.count_tokens(ask("?")),
    ):
        with pytest.raises(BudgetExceeded, match="seconds"):
            asyncio.run(call())
    assert inner.calls == 3


def test_all_of_them_take_their_turn():
    running = peak = 0

    class Watched(Versatile):
        async def count_tokens(self, request):
            nonlocal running, peak
            running += 1
            peak = max(peak, running)
            counted = await super().count_tokens(request)
            running -= 1
            return counted

        async def decide(self, request, questions):
            await self.count_tokens(request)
            return await super().decide(request, questions)

        async def loglikelihood(self, context, continuations):
            await self.count_tokens(context)
            return await super().loglikelihood(context, continuations)

    async def run():
        model = Limited(Watched(), concurrency=1)
        await asyncio.gather(*(everything(model) for _ in range(5)))

    asyncio.run(run())
    assert peak == 1


class Asking:
    """A target that decides, scores and counts."""

    def __init__(self, model):
        self.model = model

    async def __call__(self, sample):
        question = Question(sample.question, ("yes", "no"))
        return Output(repr(await everything(self.model, question)))


def suite_of(inner, **fields):
    samples = [Sample(f"s{n}", f"q{n}") for n in range(3)]
    return Suite("demo", samples, {"t": Asking(ambient(inner))}, [], **fields)


def test_a_run_keeps_them_and_its_replay_makes_no_call(tmp_path):
    suite = suite_of(inner := Versatile(), epochs=2)
    run = asyncio.run(evaluate(suite, store=tmp_path))
    texts = [item.output.text for item in run.items]
    # Every epoch is a draw of its own.
    assert (inner.calls, len(set(texts)), [len(item.calls) for item in run.items]) == (
        18,
        6,
        [3] * 6,
    )
    replayed = asyncio.run(evaluate(suite, store=tmp_path, replay=run.id))
    assert [item.output.text for item in replayed.items] == texts
    assert inner.calls == 18


def test_a_budget_stops_a_run_of_decisions_and_resume_knows_what_was_spent(tmp_path):
    suite = suite_of(inner := Versatile(usd=0.5), concurrency=1, limits=Limits(usd=1.0))
    run = asyncio.run(evaluate(suite, store=tmp_path))
    assert (run.status, inner.calls, len(run.items)) == ("stopped", 4, 1)
    again = asyncio.run(resume(run.id, suite, store=tmp_path))
    assert (again.status, inner.calls) == ("stopped", 4)
    assert "spent 1.0000 USD and 20 tokens in 2 calls" in again.reason


def test_they_cost_what_their_decisions_say():
    from quilate.middleware.values import as_response

    decided = asyncio.run(Versatile(0.25).decide(ask("?"), [YES_NO, YES_NO]))
    response = as_response("decide", [YES_NO, YES_NO], decided)
    assert (response.usage, response.cost) == (Usage(8, 12), Cost(0.5, "exact"))
    assert as_response("decide", [], []).cost == FREE


def test_models_by_name_pass_the_layers():
    with pytest.raises(ReplayMiss), layers(lambda m: Replayed(m, MemoryStore())):
        asyncio.run(registry.model("scripted/x").count_tokens(ask("?")))
