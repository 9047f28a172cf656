"""Prompts of one's own in the place of shipped ones."""

import pytest

from quilate.errors import ConfigurationError
from quilate.prompts.catalogue import catalogue, find
from quilate.retrieval.answering import closed_book
from quilate.testing import ScriptedModel
from quilate.testsets.drafting import template
from quilate_evaluators.judges.prompting import digests, question, shipped


def test_every_prompt_can_be_replaced(tmp_path, monkeypatch):
    before = {(one.name, one.language): one for one in catalogue()}
    for one in before.values():
        text = one.source.rstrip("\n") + " MINE\n"
        (tmp_path / f"{one.name}.{one.language}.md").write_text(text, encoding="utf-8")
    old = digests(None, "rubric")
    monkeypatch.setenv("QUILATE_PROMPTS", str(tmp_path))
    for one in catalogue():
        assert one.source.endswith(" MINE\n")
        assert one.place == str(tmp_path / f"{one.name}.{one.language}.md")
        assert one.template.digest != before[one.name, one.language].template.digest
    assert question("judge_reasoning", "es", question="¿?", labels=["a"]).endswith("MINE")
    assert all(digests(None, "rubric")[key] != sha for key, sha in old.items())
    assert template("testset_agree_question", "en").render()[-1].text.endswith("MINE")
    (rag,) = find("closed_book", "es")
    target = closed_book(ScriptedModel())
    assert rag.template.digest in str(target.prompts) or target.prompts["es"] == rag.template
    monkeypatch.delenv("QUILATE_PROMPTS")
    assert digests(None, "rubric") == old


def test_what_cannot_take_a_prompts_place_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("QUILATE_PROMPTS", str(tmp_path))
    (tmp_path / "rubric.en.md").write_text("Is it good? {{ answr }}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"rubric.en.md.*the variables.*answer: str"):
        shipped("rubric", "en")
    monkeypatch.setenv("QUILATE_PROMPTS", str(tmp_path / "gone"))
    with pytest.raises(ConfigurationError, match=r"prompts is not there.*QUILATE_PROMPTS"):
        shipped("rubric", "es")
