"""Pages of one HTML file each: put together from templates, and written whole.

A content security policy admits the page's own style and script by their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from quilate.errors import StoreError


def render_page(
    template: str, *, styles: Sequence[str], scripts: Sequence[str], **values: Any
) -> str:
    """The page of a template with `values`, autoescape on, and with `policy`, `style` and `script`:
    the files named, of the folder ``templates``, one after the other."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    style, script = ("".join(map(_asset, names)) for names in (styles, scripts))
    environment = Environment(
        loader=PackageLoader("quilate.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template)
    return page.render(policy=_policy(style, script), style=style, script=script, **values)


def _asset(name: str) -> str:
    return resources.files("quilate.reports").joinpath("templates", name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """The content security policy: this style, this script, pictures inside the file."""
    style_hash, script_hash = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def write_whole(path: Path, text: str) -> Path:
    """Write `text` to `path` and return it; folders that are missing are made. The file is there
    whole or not at all. Raises StoreError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    except OSError as error:
        raise StoreError(
            f"The report cannot be written: {error.strerror or error}.",
            where=str(path),
            remedy="Give a path in a folder that you may write to, on a disk that is not full.",
        ) from error
    return path


def _replace(path: Path, text: str) -> None:
    """Write beside `path`, then rename: a reader never meets half a file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
