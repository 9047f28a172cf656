"""Training examples from rows and from feedback."""

import math

import pytest

from quilate.errors import ConfigurationError, DataError
from quilate.messages import assistant, system, user
from quilate.tuning.examples import Judged, Preference
from quilate.tuning.sources import from_feedback, from_rows


def texts(turns):
    return [(turn.role, turn.text) for turn in turns]


def test_rows_under_the_names_that_people_use():
    rows = [
        {"prompt": "a", "completion": "1"},
        {"question": "b", "answer": "2", "topic": "x"},
        {"input": "c", "output": 3, "system": "Sé breve."},
    ]
    found = from_rows(rows, name="demo", system="Be brief.")
    assert [texts(one.prompt) for one in found] == [
        [("system", "Be brief."), ("user", "a")],
        [("system", "Be brief."), ("user", "b")],
        [("system", "Sé breve."), ("user", "c")],
    ]
    assert [texts(one.completion) for one in found] == [[("assistant", n)] for n in "123"]
    assert [one.id for one in found] == ["demo-1", "demo-2", "demo-3"]
    assert found[1].metadata == {
        "source": {"kind": "rows", "name": "demo", "row": 2},
        "fields": {"topic": "x"},
    }


def test_turns_and_mapped_columns():
    row = {
        "id": 7,
        "history": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": "a"},
            {"role": "user", "content": "v"},
        ],
        "gold": "w",
        "answer": "not this",
    }
    fields = {"prompt": "history", "completion": "gold"}
    (one,) = from_rows([row], fields=fields, system="unused")
    assert one.id == "7"
    assert texts(one.prompt) == [("system", "s"), ("user", "u"), ("assistant", "a"), ("user", "v")]
    assert texts(one.completion) == [("assistant", "w")]
    assert one.metadata["fields"] == {"answer": "not this"}


def test_each_row_without_an_example_is_told_with_its_reason():
    rows = [
        {"id": "good", "prompt": "a", "completion": "b"},
        {"prompt": "a"},
        {"completion": "b"},
        {"prompt": "  ", "completion": "b"},
        {"prompt": "a", "completion": math.nan},
        {"prompt": "a", "completion": {"x": 1}},
        {"instruction": "sum", "input": "1 2", "output": "3"},
        {"id": "good", "prompt": "c", "completion": "d"},
        "text",
        {"prompt": [{"role": "assistant", "content": "a"}], "completion": "b"},
        {"prompt": "a", "completion": [{"role": "user", "content": "b"}]},
        {"prompt": (user("a"), assistant("b")), "completion": "c"},
    ]
    found = from_rows(rows)
    assert [one.id for one in found] == ["good"]
    assert [one.reason for one in found.skipped] == [
        "no_completion",
        "no_prompt",
        "empty",
        "no_completion",
        "not_text",
        "ambiguous",
        "repeated_id",
        "not_a_row",
        "no_user_turn",
        "not_the_assistants",
        "prompt_ends_with_answer",
    ]
    assert "nothing says which is the prompt" in found.skipped[5].detail


def test_a_source_without_examples_is_one_clear_error():
    with pytest.raises(DataError, match="1 no_prompt"):
        from_rows([{"text": "a"}])
    with pytest.raises(DataError, match="nothing here"):
        from_rows([])
    with pytest.raises(DataError, match="no list of rows"):
        from_rows({"prompt": "a"})
    with pytest.raises(ConfigurationError, match="'promt'"):
        from_rows([{"q": "a"}], fields={"promt": "q"})


def test_feedback_of_each_kind():
    rows = [
        {"id": 1, "prompt": "p", "response": "r", "thumb": "up"},
        {"id": 2, "prompt": "p", "response": "s", "thumb": "👎"},
        {"id": 3, "prompt": "p", "response": "t", "thumb": True},
        {"id": 4, "prompt": "p", "response": "u", "thumb": -1},
        {"id": 5, "prompt": "p", "response": "v", "rating": 5, "user": "ana"},
        {"id": 6, "prompt": "p", "response": "w", "rating": "1"},
        {"id": 7, "prompt": "p", "response": "x", "rating": 3},
        {"id": 8, "prompt": "p", "chosen": "y", "rejected": "z"},
    ]
    found = from_feedback(rows, good_from=4, bad_to=2)
    good = {one.id: one.good for one in found if isinstance(one, Judged)}
    assert good == {"1": True, "2": False, "3": True, "4": False, "5": True, "6": False}
    (pair,) = (one for one in found if isinstance(one, Preference))
    assert (pair.chosen[0].text, pair.rejected[0].text) == ("y", "z")
    assert found.reasons == {"neutral": 1}
    rated = next(one for one in found if one.id == "5")
    assert rated.metadata == {
        "source": {"kind": "feedback", "name": "feedback", "row": 5, "rating": 5},
        "fields": {"user": "ana"},
    }


def test_ratings_need_a_limit():
    with pytest.raises(ConfigurationError, match="which are good"):
        from_feedback([{"prompt": "p", "response": "r", "rating": 5}])
    with pytest.raises(ConfigurationError, match="below a good one"):
        from_feedback([], good_from=2, bad_to=2)


def test_people_who_differ_are_counted():
    def said(n, thumb, response="r"):
        return {"id": n, "prompt": "p", "response": response, "thumb": thumb}

    rows = [
        *(said(1, "up"), said(2, "down"), said(3, "up")),
        *(said(4, "up", "s"), said(5, "down", "s")),
        {"id": 6, "prompt": "p", "chosen": "a", "rejected": "b"},
        {"id": 7, "prompt": "p", "chosen": "b", "rejected": "a"},
        {"id": 8, "prompt": "q", "chosen": "b", "rejected": "b"},
        said(9, "perhaps"),
    ]
    found = from_feedback(rows)
    assert [(one.id, one.good) for one in found] == [("1", True)]
    assert found.reasons == {
        "contradictory": 4,
        "same": 1,
        "unknown_verdict": 1,
        "outvoted": 1,
        "duplicate": 1,
    }


def test_a_pair_keeps_the_order_of_the_majority():
    rows = [
        {"id": n, "prompt": "p", "chosen": chosen, "rejected": rejected}
        for n, (chosen, rejected) in enumerate([("a", "b"), ("b", "a"), ("b", "a")])
    ]
    (one,) = from_feedback(rows)
    assert (one.chosen[0].text, one.rejected[0].text) == ("b", "a")


def test_messages_are_taken_as_they_are():
    (one,) = from_rows([{"prompt": (system("s"), user("u")), "completion": assistant("a")}])
    assert texts(one.prompt) == [("system", "s"), ("user", "u")]
