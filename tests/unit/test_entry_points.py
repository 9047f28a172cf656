"""Entry points say which extras their modules ask for, so that a suite can tell what is missing."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Needed by schemas with patterns alone, which say so when they are read; others work without.
BY_SOME_OPTIONS = {
    "quilate_evaluators.structure": {"text-metrics"},
    "quilate_adapters.tokenizers": {"tokens"},  # one package, three kinds
}


def asked_by(module: str) -> set[str]:
    """The extras that a module, or any file of its package, requires."""
    place = ROOT / ("adapters" if "adapters" in module else "evaluators") / module.replace(".", "/")
    files = list(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    found = (re.findall(r"extra=\"([\w-]+)\"", file.read_text(encoding="utf-8")) for file in files)
    return {extra for extras in found for extra in extras}


def test_entry_points_declare_the_extras_that_their_modules_ask_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wrong = {}
    for group in project["entry-points"].values():
        for name, value in group.items():
            module = re.split(r"[: ]", value)[0]
            declared = set(re.findall(r"[\w-]+", value.partition("[")[2]))
            if module.startswith("quilate_"):
                missing = asked_by(module) - declared - BY_SOME_OPTIONS.get(module, set())
                wrong |= {name: missing} if missing else {}
    assert wrong == {}
