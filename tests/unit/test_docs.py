"""The documents say what is so: snippets parse, names and commands exist, links lead somewhere."""

import ast
import dataclasses
import importlib
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, get_args

import pytest
import yaml
from pydantic import BaseModel
from typer.main import get_command

import quilate
from quilate import registry
from quilate.cli.app import app
from quilate.data.spec import PipelineSpec
from quilate.data.uses import use_of
from quilate.evals.suite_spec import IndexSpec, SamplesSpec, SuiteSpec, TargetSpec
from quilate.retrieval import loaders
from quilate.tuning.recipe import ExamplesSpec, Recipe

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")],
    key=lambda page: page.relative_to(ROOT).as_posix(),
)
ENGLISH, SPANISH = ROOT / "README.md", ROOT / "README.es.md"


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    fences = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [
        Block(page, text.count("\n", 0, fence.start()) + 1, fence[1], fence[2]) for fence in fences
    ]


def prose_of(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def links_of(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose_of(page))


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def every(language: str):
    chosen = [block for block in BLOCKS if block.language == language]
    assert chosen
    return pytest.mark.parametrize("block", chosen, ids=lambda block: block.where)


def test_each_fence_is_closed_and_of_a_known_language():
    for page in PAGES:
        assert page.read_text(encoding="utf-8").count("```") == 2 * len(blocks_of(page)), page
    known = {"python", "yaml", "sh", "json", "toml", "text", ""}
    assert {block.language for block in BLOCKS} <= known


@every("python")
def test_python_compiles_and_names_what_exists(block):
    tree = compile(
        block.text, block.where, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("quilate"):
            module = importlib.import_module(node.module)
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.value.id != "q" or hasattr(quilate, node.attr), f"q.{node.attr}"


def missing(step) -> bool:
    """Whether a step reads a file or code of the reader's own."""
    return ".py:" in str(step) or ".jsonl" in str(step)


@every("yaml")
def test_yaml_suites_are_valid(block):
    data = yaml.safe_load(block.text)
    if isinstance(data, list):
        data = {"steps": data}
    if set(data) == {"targets"}:
        assert all(TargetSpec.model_validate(target) for target in data["targets"].values())
    elif "targets" in data:
        assert SuiteSpec.model_validate(data).targets
    elif "base" in data:
        assert Recipe.model_validate(data).name
    elif {"source", "steps"} & set(data):
        whole = PipelineSpec.model_validate({"name": "x", "source": "a.jsonl", **data})
        assert all(use_of(step, ROOT).step for step in whole.steps if not missing(step))
    else:
        assert set(data) <= {*SuiteSpec.model_fields, *Recipe.model_fields}


def commands_in(text: str) -> list[list[str]]:
    """The simple commands of a shell snippet, as words."""
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars="&|;\n")
    lexer.whitespace, lexer.whitespace_split = " \t", True
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("&|;\n"):
            found.append([])
        else:
            found[-1].append(word)
    return [words for words in found if words]


def test_what_is_installed_comes_from_the_clone_and_is_there():
    """Quilate is not on PyPI: ``pip install quilate`` would bring nothing, or another's package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    starter = ROOT / "sdk/quilate/cli/starter/README.md"
    said = [line for page in (*PAGES, starter) for line in page.read_text().splitlines()]
    assert [line for line in said if re.search(r"pip install (-\S+ )*'?quilate", line)] == []
    extras = re.findall(r"pip install '\.\[([a-z,-]+)\]'", "\n".join(said))
    assert extras
    for names in extras:
        assert set(names.split(",")) <= set(project["optional-dependencies"])


def demo_report(*variables: str) -> str:
    """Where `make demo` would write its report."""
    done = subprocess.run(
        ["make", "-n", "demo", *variables], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return re.findall(r"--html '([^']+)'", done.stdout)[0]


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_the_demo_with_another_model_keeps_the_report_of_the_first():
    assert demo_report() == ".quilate/python_docs.html"
    other = ".quilate/python_docs-openai-gpt-5-mini.html"
    assert demo_report("MODEL=openai/gpt-5-mini") == other


@every("sh")
def test_shell_commands_exist(block):
    # A comment swallows its line break, so they go first.
    commands = commands_in(re.sub(r"\s#.*", "", block.text))
    assert commands
    for words in commands:
        if words[0] == "quilate":
            check_quilate(words[1:])
        elif words[0] == "make":
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert [word for word in words[1:] if "=" not in word and word not in targets] == []
        else:
            assert words[0] in {"pip", "python"}, words


def check_quilate(words: list[str]) -> None:
    """That the command line parses: the command, its options and its arguments are there."""
    group = get_command(app)
    if words[0].startswith("--"):
        assert words[0] in {option for param in group.params for option in param.opts}
        return
    assert words[0] in group.commands
    group.commands[words[0]].make_context(words[0], words[1:]).close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_named_in_prose_exist(page):
    group = get_command(app)
    for line in re.findall(r"`(quilate [^`]+)`", prose_of(page)):
        _, name, *rest = line.split()
        options = {word.partition("=")[0] for word in rest if word.startswith("--")}
        if not name.startswith("-"):
            assert name in group.commands, line
            known = {option for param in group.commands[name].params for option in param.opts}
            assert options <= known, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(page):
    for link in links_of(page):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not anchor or anchor in {slug(title) for _, title in headings(target)}, link


def headings(page: Path) -> list[tuple[int, str]]:
    found = re.findall(r"^(#+) (.+)$", prose_of(page), re.MULTILINE)
    return [(len(marks), title) for marks, title in found]


def slug(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def meaning(block: Block) -> object:
    """A snippet without its comments."""
    if block.language == "python":
        return ast.dump(ast.parse(block.text))
    return commands_in(re.sub(r"\s#.*", "", block.text))


def test_both_readmes_say_the_same():
    assert [level for level, _ in headings(ENGLISH)] == [level for level, _ in headings(SPANISH)]
    english, spanish = blocks_of(ENGLISH), blocks_of(SPANISH)
    assert [block.language for block in english] == [block.language for block in spanish]
    assert [meaning(block) for block in english] == [meaning(block) for block in spanish]
    other = {"README.es.md": "README.md"}
    assert [other.get(link, link) for link in links_of(ENGLISH)] == links_of(SPANISH)
    rows = [len(re.findall(r"^\|", prose_of(page), re.MULTILINE)) for page in (ENGLISH, SPANISH)]
    assert rows[0] == rows[1]


def first_column(page: Path, title: str) -> set[str]:
    """The names in code in the first column of the table under a heading."""
    section = prose_of(page).partition(f"# {title}\n")[2].partition("\n#")[0]
    cells = re.findall(r"^\|([^|]+)\|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def evaluators_listed() -> set[str]:
    """The first column of the tables of docs/evaluators.md whose second holds options."""
    page = prose_of(ROOT / "docs" / "evaluators.md")
    tables = re.findall(r"^\| name \| options \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    cells = re.findall(r"^\|([^|]+)\|", "".join(tables), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_the_tables_of_the_guide_are_complete():
    guide = ROOT / "docs" / "suites.md"
    assert first_column(guide, "The file, key by key") == set(SuiteSpec.model_fields)
    sample = {field.name for field in dataclasses.fields(quilate.Sample)}
    assert first_column(guide, "Samples") == sample | set(SamplesSpec.model_fields)
    assert first_column(guide, "Indexes") == set(IndexSpec.model_fields)
    assert evaluators_listed() == set(registry.names("evaluators"))
    suffixes = first_column(ROOT / "docs" / "rag.md", "Documents")
    assert suffixes == set(loaders.suffixes())


def keys_of(spec: type[BaseModel], before: str = "") -> set[str]:
    """The keys of a recipe, dotted."""
    found = set()
    for name, field in spec.model_fields.items():
        inner = next((one for one in (field.annotation, *get_args(field.annotation))
                      if isinstance(one, type) and issubclass(one, BaseModel)), None)  # fmt: skip
        found |= {f"{before}{name}"} if inner is None else keys_of(inner, f"{before}{name}.")
    return found


def test_the_table_of_the_recipe_is_complete():
    listed = first_column(ROOT / "docs" / "tuning.md", "The recipe")
    assert listed == keys_of(Recipe) | keys_of(ExamplesSpec)


@pytest.mark.parametrize(
    ("page", "title"), [(ENGLISH, "What to install"), (SPANISH, "Qué instalar")]
)
def test_the_readmes_list_every_extra(page, title):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert first_column(page, title) == set(project["optional-dependencies"])


def test_the_evaluator_and_the_adapter_of_the_guide_work():
    """They are entered under the names that the guide's entry points give them, and run."""
    made: dict[str, object] = {}
    for block in blocks_of(ROOT / "docs" / "suites.md"):
        if block.language == "python" and ("class Brief" in block.text or "Parrot" in block.text):
            exec(compile(block.text, block.where, "exec"), made)
    run_with_guide(made["Brief"](words=2), made["model"]("polly"))


def run_with_guide(brief, parrot):
    samples = [quilate.Sample("1", "uno dos"), quilate.Sample("2", "uno dos tres")]
    suite = quilate.Suite("guide", samples, {"parrot": parrot}, [brief])
    with TemporaryDirectory() as store:
        run = quilate.evaluate(suite, store=store)
        assert [item.scores[0].value for item in run.items] == [1.0, 0.0]
