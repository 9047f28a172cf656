# ruff: noqa: S101, D102  # tests are named by what they show
"""Structured output, choices, log-probabilities, decisions and likelihoods."""

import math
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from quilate.decisions import Question, decide
from quilate.errors import MalformedReply, Unsupported
from quilate.middleware.ambient import Ambient
from quilate.middleware.json_schema import parse, violation
from quilate.models import ChoiceFormat, JsonFormat, Response, TextDelta, TokenLogprob
from quilate.sync import run
from quilate.testing.contract.base import (
    Kit,
    answer,
    answer_or_error,
    asking,
    has,
    streamed,
    with_sampling,
)


class Trip(BaseModel):
    """What the tests of structured output ask for: bounded, so that a small model ends it."""

    model_config = ConfigDict(extra="forbid")
    city: Literal["Lima", "Quito"]
    days: int = Field(ge=1, le=9)


SCHEMA = Trip.model_json_schema()
CHOICES = ("yes", "no")
PLAN = "Plan a trip to Lima for three days, as JSON with city and days."


class FormatTests(Kit):
    """An answer has the form that was asked for, or there is an error."""

    def test_json_is_valid_and_its_route_is_told(self, opened: Ambient) -> None:
        request = asking(opened, PLAN, max_tokens=64, format=JsonFormat(SCHEMA, name="trip"))
        allowed = () if has(opened, "json_schema") else (MalformedReply,)
        response = answer_or_error(opened, request, *allowed)
        if response is None:
            return
        assert violation(parse(response.text), SCHEMA) is None
        assert Trip.model_validate_json(response.text).days in range(1, 10)
        native = {"native", "grammar"}
        others = {"tool", "prompted"}
        assert response.route in (native if has(opened, "json_schema") else others)

    def test_streamed_json_is_valid(self, opened: Ambient) -> None:
        request = asking(opened, PLAN, max_tokens=64, format=JsonFormat(SCHEMA, name="trip"))
        try:
            deltas, response = streamed(opened, request)
        except MalformedReply:
            assert not has(opened, "json_schema")
            return
        assert "".join(d.text for d in deltas if isinstance(d, TextDelta)) == response.text
        assert violation(parse(response.text), SCHEMA) is None

    def test_a_choice_is_one_of_them(self, opened: Ambient) -> None:
        request = asking(opened, "Is it wet?", max_tokens=40, format=ChoiceFormat(CHOICES))
        sure = has(opened, "choices") or has(opened, "json_schema")
        response = answer_or_error(opened, request, *(() if sure else (MalformedReply,)))
        if response is None:
            return
        assert response.text in CHOICES
        if has(opened, "choice_logprobs"):
            assert response.choice_logprobs is not None
            assert set(response.choice_logprobs) == set(CHOICES)
            logprobs = response.choice_logprobs.values()
            assert all(logprob <= 1e-6 for logprob in logprobs)
            assert sum(map(math.exp, logprobs)) <= 1 + 1e-3

    @pytest.mark.parametrize("top", [0, 2])
    def test_log_probabilities(self, opened: Ambient, is_language_model: bool, top: int) -> None:
        request = asking(opened, max_tokens=8, logprobs=top)
        if not has(opened, "logprobs"):
            with pytest.raises(Unsupported, match="logprobs"):
                answer(opened, request)
            return
        for response in (answer(opened, request), streamed(opened, request)[1]):
            self._check_logprobs(response, top, is_language_model)
            if top and has(opened, "temperature"):
                self._check_greedy(response)

    def _check_logprobs(self, response: Response, top: int, is_language_model: bool) -> None:
        assert response.logprobs is not None
        assert "".join(entry.token for entry in response.logprobs) == response.text
        for entry in response.logprobs:
            self._check_entry(entry, top)
        assert len(response.logprobs) <= response.usage.output_tokens
        if is_language_model and len(response.logprobs) > 2:
            given = {entry.logprob for entry in response.logprobs}
            assert len(given) > 1, "no model is equally sure of all its tokens"

    def _check_entry(self, entry: TokenLogprob, top: int) -> None:
        assert entry.logprob <= 1e-6
        assert len(entry.top) == top
        logprobs = [logprob for _, logprob in entry.top]
        assert logprobs == sorted(logprobs, reverse=True)
        assert sum(math.exp(logprob) for logprob in logprobs) <= 1 + 1e-3

    def _check_greedy(self, response: Response) -> None:
        """At temperature 0 the token that was drawn is the likeliest."""
        for entry in response.logprobs or ():
            token, logprob = entry.top[0]
            assert math.isclose(entry.logprob, logprob, abs_tol=1e-3)
            assert token == entry.token or math.isclose(entry.top[1][1], logprob, abs_tol=1e-3)

    def test_a_decision_names_its_source(self, opened: Ambient) -> None:
        question = Question("Is water wet?", CHOICES)
        try:
            decision = run(decide(opened, asking(opened, "Think of the sea."), question, votes=2))
        except MalformedReply:
            means = ("decide", "choice_logprobs", "choices")
            assert not any(has(opened, name) for name in means)
            return
        assert set(decision.probabilities) == set(CHOICES)
        assert math.isclose(sum(decision.probabilities.values()), 1, abs_tol=1e-6)
        if has(opened, "decide"):
            assert decision.source == "endpoint"
        elif has(opened, "choice_logprobs"):
            assert decision.source == "logprobs"
        else:
            assert decision.source in (
                {"logprobs", "votes"} if has(opened, "logprobs") else {"votes"}
            )

    def test_likelihoods(self, opened: Ambient) -> None:
        context = with_sampling(asking(opened, "The capital of France is"), max_tokens=None)
        scoring = opened.loglikelihood(context, ["Paris", "Paris, on the Seine", "xq"])
        if not has(opened, "loglikelihood"):
            with pytest.raises(Unsupported, match="loglikelihood"):
                run(scoring)
            return
        short, long, odd = run(scoring)
        assert all(found.logprob <= 0 and found.tokens > 0 for found in (short, long, odd))
        assert long.logprob < short.logprob
        assert odd.logprob < short.logprob
        assert long.tokens > short.tokens

    def test_tokens_are_counted(self, opened: Ambient) -> None:
        request = asking(opened, max_tokens=4)
        counting = opened.count_tokens(request)
        if not has(opened, "count_tokens"):
            with pytest.raises(Unsupported, match="count_tokens"):
                run(counting)
            return
        counted, used = run(counting), answer(opened, request).usage.input_tokens
        assert counted.tokens > 0
        if counted.exact:
            assert counted.tokens == used
