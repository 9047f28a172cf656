"""Objects from Python files that lie beside a suite, pipeline or recipe: ``file.py:name``."""

import hashlib
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

from quilate.errors import ConfigurationError
from quilate.registry import nearest


def load_object(reference: str, folder: Path, where: str) -> Any:
    """The object called `name` in ``folder/file.py``. This runs the file's code, as importing it
    would. Raises `ConfigurationError` naming `where` when the file or the name is not there, or
    the file raises."""
    file, colon, name = reference.rpartition(":")
    if not colon or not file.endswith(".py") or not name.isidentifier():
        raise ConfigurationError(
            f"'{reference}' does not name a Python object.",
            where=where,
            remedy="Write FILE.py:NAME, such as app.py:answer.",
        )
    path = (folder / file).resolve()
    if not path.is_file():
        raise ConfigurationError(
            f"The Python file {path} is not there.",
            where=where,
            remedy="Paths are relative to the file, suite or pipeline, that names them.",
        )
    module = _module(path, where)
    try:
        return getattr(module, name)
    except AttributeError:
        public = [known for known in vars(module) if not known.startswith("_")]
        raise ConfigurationError(
            f"{path} has no '{name}'.", where=where, remedy=nearest(name, public)
        ) from None


def file_name(module: str) -> str:
    """A module's name; that of a file beside a suite without what tells its folder, so that a suite
    is the same in another place.

    >>> file_name("quilate_suite_c25dd07d_app"), file_name("mine.app")
    ('app', 'mine.app')
    """
    return _TAGGED.sub("", module)


_TAGGED = re.compile(r"^quilate_suite_[0-9a-f]{8}_")


def _module(path: Path, where: str) -> Any:
    # Named by its path, so that two projects' app.py do not meet in sys.modules, and by its
    # content, so that one that was edited in the meantime is not the old one.
    tag = hashlib.sha256(str(path).encode() + path.read_bytes()).hexdigest()[:8]
    module_name = f"quilate_suite_{tag}_{path.stem}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} cannot be imported.", where=where)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise ConfigurationError(
            f"Running {path} failed: {type(error).__name__}: {error}.",
            where=where,
            remedy=f"Try it alone: python {path}",
        ) from error
    return module
