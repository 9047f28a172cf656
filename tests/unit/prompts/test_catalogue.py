"""The catalogue of shipped prompts."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from quilate import registry
from quilate.codec import digest
from quilate.errors import ConfigurationError, UnknownName
from quilate.prompts import catalogue as room
from quilate.prompts.catalogue import GROUP, catalogue, find, used_by


def languages() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for prompt in catalogue():
        found.setdefault(prompt.name, set()).add(prompt.language)
    return found


def test_every_prompt_is_there_in_english_and_spanish_with_the_same_variables():
    assert {name: spoken for name, spoken in languages().items() if spoken != {"en", "es"}} == {}
    for name in languages():
        english, spanish = find(name, "en")[0], find(name, "es")[0]
        assert english.template.variables == spanish.template.variables, name
        roles = [[part.role for part in one.template.sections] for one in (english, spanish)]
        assert roles[0] == roles[1], name
        assert english.source != spanish.source


def test_every_prompt_says_its_language_and_version():
    for prompt in catalogue():
        assert prompt.template.language == prompt.language, prompt.place
        assert prompt.template.version, prompt.place


def test_prompts_of_the_sdk_and_of_the_evaluators_are_there():
    packages = {prompt.package for prompt in catalogue()}
    assert {"quilate.retrieval.prompts", "quilate_evaluators.prompts"} <= packages
    (rag,) = find("rag", "es")
    assert rag.template.digest == digest(rag.source)
    assert "{{ question }}" in rag.source


def test_each_prompt_that_an_evaluator_says_it_uses_is_there():
    known = languages()
    users = {name: used_by(name) for name in registry.names("evaluators") if used_by(name)}
    assert {"groundedness", "rubric", "pairwise"} <= set(users)
    assert [one for used in users.values() for one in used if one not in known] == []


def test_an_evaluator_shows_all_that_it_uses():
    names = [prompt.name for prompt in find("pairwise", "es")]
    assert names == ["pairwise", "pairwise_criterion", "pairwise_question", "judge_reasoning"]


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'groundedness'"):
        find("groundednes")
    with pytest.raises(UnknownName, match="no evaluator of that name"):
        find("exact_match")


def test_an_unknown_language_is_told_those_that_are_there():
    with pytest.raises(ConfigurationError, match="It is there in: en, es"):
        find("rag", "fr")


def points(monkeypatch, value: str) -> None:
    entry = EntryPoint("mine", value, GROUP)
    monkeypatch.setattr(room, "entry_points", lambda group: [entry])


def test_a_third_partys_prompts_are_found_as_ours(monkeypatch, tmp_path):
    folder = tmp_path / "somebodys" / "deep" / "prompts"
    folder.mkdir(parents=True)
    (tmp_path / "somebodys" / "__init__.py").write_text("")
    # Importing what lies between would fail: it is not done.
    (tmp_path / "somebodys" / "deep" / "__init__.py").write_text("raise RuntimeError")
    (folder / "tone.fr.md").write_text("Ton : {{ answer }}", encoding="utf-8")
    (folder / "README.md").write_text("Nothing of ours: {{")
    (folder / "notes.txt").write_text("{{")
    monkeypatch.syspath_prepend(tmp_path)
    points(monkeypatch, "somebodys.deep.prompts")
    (found,) = catalogue()
    assert (found.name, found.language, found.package) == ("tone", "fr", "somebodys.deep.prompts")
    assert found.as_data()["variables"] == {"answer": "str"}
    assert found.place.endswith("tone.fr.md")


@pytest.mark.parametrize("value", ["nobody.prompts", "quilate.promts"])
def test_a_folder_that_is_not_there_is_told(monkeypatch, value):
    points(monkeypatch, value)
    with pytest.raises(ConfigurationError, match=f"not there: {value}"):
        catalogue()


def test_a_prompt_that_is_no_template_names_its_file(monkeypatch, tmp_path):
    (tmp_path / "wrongs").mkdir()
    (tmp_path / "wrongs" / "__init__.py").write_text("")
    (tmp_path / "wrongs" / "bad.en.md").write_text("{% if %}")
    monkeypatch.syspath_prepend(tmp_path)
    points(monkeypatch, "wrongs")
    with pytest.raises(ConfigurationError, match=r"bad\.en\.md:1"):
        catalogue()
