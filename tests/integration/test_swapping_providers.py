"""One suite on the same weights through four adapters, by its model string alone."""

import itertools
import json
from pathlib import Path

import pytest

import quilate as q

SUITE = """
name: colours
samples: {files: [colours.jsonl]}
targets:
  closed book:
    closed_book: {sampling: {temperature: 0, max_tokens: 8}}
evaluators:
  - token_f1
  - exact_match
model: llamacpp/smollm2-135m-instruct
"""
COLOURS = {"sky": "blue", "grass": "green", "blood": "red", "coal": "black", "snow": "white"}


@pytest.fixture(scope="module")
def runs(llama_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("swap")
    rows = [
        {"id": thing, "input": f"What colour is {thing}?", "references": [f"It is {colour}."]}
        for thing, colour in COLOURS.items()
    ]
    Path(folder, "colours.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    path = Path(folder, "suite.yaml")
    path.write_text(SUITE, encoding="utf-8")
    names = (
        "llamacpp/smollm2-135m-instruct",
        f"openai/smollm2@{llama_server}/v1",
        f"anthropic/smollm2@{llama_server}",
        f"litellm/openai/smollm2@{llama_server}/v1",
    )
    store = str(folder / "store")
    return {name: q.evaluate(q.load_suite(path, model=name), store=store) for name in names}


def test_every_item_is_answered_and_scored(runs):
    for name, run in runs.items():
        assert run.status == "finished", name
        assert len(run.items) == len(COLOURS)
        assert all(item.failure is None and item.output.text for item in run.items), name


def test_no_two_differ_significantly(runs):
    for (one, a), (other, b) in itertools.combinations(runs.items(), 2):
        found = q.compare(a, b)
        assert {row.metric for row in found.rows} == {"token_f1", "exact_match"}
        assert not [row for row in found.rows if row.p < 0.05], (one, other)
        assert any("model" in difference.setting for difference in found.differences)


def test_the_same_server_says_the_same_through_each_protocol(runs):
    said = {name: [item.output.text.strip() for item in run.items] for name, run in runs.items()}
    _, openai, anthropic, litellm = said.values()
    assert openai == litellm
    assert sum(a == b for a, b in zip(openai, anthropic, strict=True)) >= len(COLOURS) - 1
