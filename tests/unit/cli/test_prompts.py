"""``quilate prompts list`` and ``quilate prompts show``."""

from quilate.prompts import Template
from tests.unit.cli.conftest import assert_one_paragraph


def test_list_names_each_prompt(cli):
    done = cli("prompts", "list")
    assert done.code == 0
    for name in ("rag", "closed_book", "groundedness", "rubric", "pairwise"):
        assert f" {name} " in done.out


def test_list_as_json_says_everything_but_the_text(cli):
    data = cli("prompts", "list", "--json", "--lang", "es").data
    assert {one["language"] for one in data} == {"es"}
    (rubric,) = [one for one in data if one["name"] == "rubric"]
    assert rubric["variables"]["scale"] == "list[str]"
    assert len(rubric["digest"]) == 64
    assert rubric["version"] == "1"
    assert rubric["place"].endswith("rubric.es.md")


def test_a_language_without_prompts_is_refused_with_those_that_there_are(cli):
    for more in ((), ("--json",)):
        done = cli("prompts", "list", "--lang", "fr", *more)
        assert_one_paragraph(done, "the language 'fr'", "They are there in: en, es.")
        assert not done.out


def test_show_prints_a_file_to_start_from(cli, folder):
    printed = cli("prompts", "show", "rag", "--lang", "es").out
    (folder / "mine.md").write_text(printed, encoding="utf-8")
    mine = Template.load(folder / "mine.md")
    assert (mine.language, dict(mine.variables)) == ("es", {"question": "str", "context": "str"})
    (data,) = cli("prompts", "show", "rag", "--lang", "es", "--json").data
    assert data["digest"] == mine.digest, "it is the shipped one to the last character"
    assert data["text"] == printed


def test_show_of_an_evaluator_heads_each_of_its_prompts(cli):
    done = cli("prompts", "show", "groundedness", "--lang", "es")
    assert "==> groundedness.es.md <==" in done.out
    assert "==> groundedness_question.es.md <==" in done.out
    assert "¿Respaldan los pasajes la respuesta?" in done.out


def test_an_unknown_prompt_is_one_paragraph_with_the_nearest(cli):
    assert_one_paragraph(cli("prompts", "show", "rubrik"), "'rubrik'", "'rubric'")
    assert_one_paragraph(cli("prompts", "show", "rag", "--lang", "fr"), "en, es")


def test_every_option_of_prompts_has_a_help_text(cli):
    for words in (("list",), ("show",)):
        assert "--lang LANG" in cli("prompts", *words, "--help").out
