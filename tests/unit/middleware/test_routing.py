import asyncio
from dataclasses import replace

import pytest

import quilate
from quilate.errors import (
    AuthenticationError,
    ConfigurationError,
    DeadlineExceeded,
    InvalidRequest,
    ModelError,
    Overloaded,
    RateLimited,
    ServerError,
    Unsupported,
)
from quilate.middleware import Stored, layers
from quilate.middleware.budget import Budget, Budgeted
from quilate.middleware.cassette import MemoryStore
from quilate.middleware.ordering import price
from quilate.middleware.routing import route
from quilate.models import Capabilities, Cost, Finished, TextDelta, Usage, ask, reply
from quilate.testing import ScriptedModel


def failing(error, name="failing"):
    def script(request):
        raise error

    return ScriptedModel(script, name=name)


def taking(seconds, name):
    """A model that takes as many seconds as `seconds` holds now."""
    return ScriptedModel(lambda request: asyncio.sleep(seconds[0], name), name=name)


def answer(model, **fields):
    return asyncio.run(model.generate(replace(ask("?"), **fields)))


def read(model):
    async def events():
        return [event async for event in model.stream(ask("?"))]

    return asyncio.run(events())


def test_strings_are_opened_and_the_first_that_answers_does():
    assert answer(quilate.route(["scripted/uno", "scripted/dos"])).text == "uno"


@pytest.mark.parametrize("error", [RateLimited("slow"), Overloaded("full"), ServerError("broken")])
def test_the_next_answers_when_one_cannot(error):
    first, last = failing(error), ScriptedModel("third")
    assert answer(route([first, "scripted/dos", last], attempts=1)).text == "dos"
    assert (first.calls, last.calls) == (1, 0)


@pytest.mark.parametrize(
    ("on", "text"), [(ModelError, "dos"), ((ServerError, AuthenticationError), "dos")]
)
def test_what_passes_on_can_be_chosen(on, text):
    models = [failing(AuthenticationError("no key")), "scripted/dos"]
    assert answer(route(models, on=on)).text == text
    with pytest.raises(AuthenticationError):
        answer(route(models))


def test_each_model_has_its_attempts_and_no_more():
    one, two = failing(ServerError("1")), failing(ServerError("2"))
    model = route([quilate.model(one, attempts=1), quilate.model(two, attempts=1)], attempts=9)
    with pytest.raises(ServerError):
        answer(model)
    assert (one.calls, two.calls) == (1, 1)


def test_the_error_of_all_names_who_failed_and_how():
    models = [failing(RateLimited("slow"), "a"), failing(ServerError("broken"), "b")]
    with pytest.raises(ServerError, match="broken") as caught:
        answer(route(models, attempts=1))
    notes = caught.value.__notes__
    assert "Before that, scripted/a: RateLimited: slow" in notes


def test_models_that_lack_what_is_asked_are_passed_over():
    lacks = ScriptedModel("no", capabilities=Capabilities.declared("stream"))
    assert answer(route([lacks, "scripted/yes"]), sampling=quilate.Sampling(seed=1)).text == "yes"
    assert lacks.calls == 0
    with pytest.raises(Unsupported, match="seed"):
        answer(route([lacks]), sampling=quilate.Sampling(seed=1))
    with pytest.raises(ServerError):  # which says more than that another lacks something
        answer(
            route([failing(ServerError("down")), lacks], attempts=1),
            sampling=quilate.Sampling(seed=1),
        )


def test_other_errors_end_the_call():
    last = ScriptedModel("late")
    with pytest.raises(InvalidRequest):
        answer(route([failing(InvalidRequest("bad")), last]))
    assert last.calls == 0


class Breaking(ScriptedModel):
    """A stream that breaks before or after its first event, or is empty."""

    def __init__(self, where):
        super().__init__(name=where)
        self.where = where

    async def stream(self, request):
        self.calls += 1
        if self.where == "before":
            raise ServerError("before")
        if self.where == "after":
            yield TextDelta("a")
            raise ServerError("after")


@pytest.mark.parametrize("where", ["before", "empty"])
def test_a_stream_passes_on_before_its_first_event(where):
    events = read(route([Breaking(where), "scripted/uno dos"], attempts=1))
    assert events[:2] == [TextDelta("uno "), TextDelta("dos")]
    assert isinstance(events[2], Finished)


def test_a_stream_does_not_pass_on_after_its_first_event():
    last = ScriptedModel("late")
    with pytest.raises(ServerError, match="after"):
        read(route([Breaking("after"), last], attempts=1))
    assert last.calls == 0


def test_the_deadline_is_for_all_together_and_that_of_the_first_event_for_each(run):
    seen = []

    async def main(loop):
        clock = pytest.MonkeyPatch()
        clock.setattr("quilate.middleware.routing.monotonic", loop.time)

        def script(name, seconds):
            async def work(request):
                seen.append((name, request.deadline, request.first_event_deadline))
                await asyncio.sleep(seconds)
                raise ServerError("no")

            return ScriptedModel(work, name=name)

        models = [script("a", 2), script("b", 3), script("c", 9), script("d", 1)]
        request = replace(ask("?"), deadline=10.0, first_event_deadline=7.0)
        try:
            with pytest.raises(DeadlineExceeded):
                await route(models, attempts=1).generate(request)
        finally:
            clock.undo()
        return loop.time()

    assert run(main) == pytest.approx(10.0)
    assert seen == [("a", 10.0, 7.0), ("b", 8.0, 7.0), ("c", 5.0, 7.0)]


def test_the_cheapest_goes_first_and_unknown_prices_last():
    def priced(text, **fields):
        model = ScriptedModel(text, name=text)
        model.info = replace(model.info, **fields)
        return model

    def hosted(name):
        details = {"base_url": "https://api.openai.com/v1"}
        return priced(name, name=f"openai/{name}", provider="openai", details=details)

    unknown, dear, cheap = priced("x"), hosted("gpt-4o"), hosted("gpt-4o-mini")
    local = priced("local", sha256="ab")
    order = [unknown, dear, cheap, local]
    tried = []
    while order:
        tried.append(answer(route(order, by="cost")).text)
        order = [model for model in order if model.info.name.split("/")[1] != tried[-1]]
    assert tried == ["local", "gpt-4o-mini", "gpt-4o", "x"]
    assert price(unknown.info, Usage(9, 9)) == float("inf")


def test_the_quickest_goes_first_and_a_change_is_noticed(run):
    async def main(loop):
        clock = pytest.MonkeyPatch()
        clock.setattr("quilate.middleware.routing.monotonic", loop.time)
        one, two = [1.0], [2.0]
        model = route([taking(two, "two"), taking(one, "one")], by="latency")
        first = [(await model.generate(ask("?"))).text for _ in range(30)]
        one[0] = 5.0
        then = [(await model.generate(ask("?"))).text for _ in range(60)]
        clock.undo()
        return first, then

    first, then = run(main)
    assert first[:3] == ["two", "one", "one"]
    assert first.count("one") >= 26
    assert then[-15:].count("two") >= 13


def test_failures_cost_a_model_the_time_of_those_who_stood_in(run):
    async def main(loop):
        clock = pytest.MonkeyPatch()
        clock.setattr("quilate.middleware.routing.monotonic", loop.time)
        broken = failing(ServerError("at once"))
        model = route([broken, taking([1.0], "one")], by="latency", attempts=1)
        for _ in range(30):
            await model.generate(ask("?"))
        clock.undo()
        return broken.calls

    assert run(main) < 30


def test_identities_tell_members_and_policies_apart():
    def named(*texts):
        return [ScriptedModel(text) for text in texts]

    routes = [
        route(named("a", "b")),
        route(named("b", "a")),
        route(named("a")),
        route(named("a", "b"), by="latency"),
        route(named("a", "b"), on=RateLimited),
    ]
    assert len({one.info.identity for one in routes}) == len(routes)
    assert route(named("a", "b")).info.identity == routes[0].info.identity
    assert routes[0].info.quota is None


def test_capabilities_are_those_that_all_have():
    one = ScriptedModel("1", capabilities=Capabilities.declared("stream", "seed", "top_p"))
    two = ScriptedModel("2", capabilities=Capabilities.declared("stream", "seed", "images"))
    two.info = replace(two.info, context_length=100)
    info = route([one, two]).info
    assert set(info.capabilities.features) == {"stream", "seed"}
    assert info.context_length == 100
    assert info.name == "route(scripted/scripted, scripted/scripted)"


def test_who_answered_and_its_cost_are_kept():
    def script(request):
        return reply("x", model="gpt-of-today", cost=quilate.models.Cost(0.5, "exact"))

    response = answer(route([failing(ServerError("down")), ScriptedModel(script)], attempts=1))
    assert (response.model, response.cost.usd) == ("gpt-of-today", 0.5)
    assert answer(route(["scripted/uno"])).model == "scripted/uno"


def billed(kind):
    error = kind("of no use")
    error.usage, error.cost = Usage(10, 5), Cost(1.0, "exact")
    return error


def test_what_failed_models_charged_is_in_the_answer():
    paid = ScriptedModel(lambda request: reply("x", usage=Usage(1, 1), cost=Cost(0.5, "exact")))
    model = route([failing(billed(ServerError)), failing(billed(RateLimited)), paid], attempts=1)
    response = answer(model)
    assert (response.usage, response.cost.usd) == (Usage(21, 11), 2.5)
    streamed = read(route([failing(billed(ServerError)), paid], attempts=1))[-1].response
    assert (streamed.usage, streamed.cost.usd) == (Usage(11, 6), 1.5)


@pytest.mark.parametrize("last", [ServerError, InvalidRequest])
def test_what_failed_models_charged_is_in_the_error(last):
    model = route([failing(billed(RateLimited)), failing(billed(last))], attempts=1)
    with pytest.raises(last) as caught:
        answer(model)
    assert (caught.value.usage, caught.value.cost.usd) == (Usage(20, 10), 2.0)


def test_what_failed_models_charged_is_in_the_error_of_a_broken_stream():
    with pytest.raises(ServerError, match="after") as caught:
        read(route([failing(billed(RateLimited)), Breaking("after")], attempts=1))
    assert caught.value.usage == Usage(10, 5)


def test_a_budget_counts_what_failed_models_charged():
    budget = Budget(usd=1.5)
    paid = ScriptedModel(lambda request: reply("x", usage=Usage(1, 1), cost=Cost(0.1, "exact")))
    model = route([failing(billed(ServerError)), paid], attempts=1)
    with layers(lambda inner: Budgeted(inner, budget)):
        answer(model)
    assert budget.spent.usd == pytest.approx(1.1)


def test_a_run_sees_one_call_of_the_route():
    store, inner = MemoryStore(), ScriptedModel("ok")
    model = route([failing(ServerError("down")), inner], attempts=1)
    with layers(lambda model: Stored(model, store)):
        assert [answer(model).text, answer(model).text] == ["ok", "ok"]
    assert inner.calls == 1


def test_further_methods_pass_on_too():
    class Counting(ScriptedModel):
        async def count_tokens(self, request):
            return quilate.models.TokenCount(7, exact=True)

    counted = asyncio.run(route(["scripted/none", Counting()]).count_tokens(ask("?")))
    assert counted.tokens == 7


@pytest.mark.parametrize(("models", "by"), [([], "order"), (["scripted/x"], "mood")])
def test_a_route_that_goes_nowhere_is_refused(models, by):
    with pytest.raises(ConfigurationError):
        route(models, by=by)


@pytest.mark.parametrize("on", ["ServerError", [ServerError], (ServerError, ValueError), 5])
def test_what_is_no_kind_of_error_is_refused_at_once(on):
    with pytest.raises(ConfigurationError, match="no kind of ModelError"):
        route(["scripted/x"], on=on)
    with pytest.raises(ConfigurationError, match="list of models"):
        route("scripted/x")
