"""What is installed: the packages behind an extra, and the command that brings what is missing."""

import json
import re
from importlib import metadata
from pathlib import Path

# A requirement that one extra alone asks for, as the metadata of a package declares it.
_REQUIREMENT = re.compile(
    r"(?P<package>[\w.-]+)\s*(?:\[[^]]*\])?[^;]*;\s*extra\s*==\s*['\"](?P<extra>[\w.-]+)['\"]\s*"
)


def extras(distribution: metadata.Distribution) -> dict[str, list[str]]:
    """The packages of each extra, but those for some platforms alone.

    >>> "lancedb" in extras(metadata.distribution("quilate"))["lancedb"]
    True
    """
    found: dict[str, list[str]] = {}
    for requirement in distribution.requires or ():
        match = _REQUIREMENT.fullmatch(requirement)
        if match and match["package"] != distribution.name:
            found.setdefault(match["extra"], []).append(match["package"])
    return found


def version_of(package: str) -> str | None:
    """The installed version of a package, None when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def pip_install(*wanted: str, distribution: str = "quilate") -> str:
    """The command that adds extras to a distribution. One that was installed from a folder (as
    from a clone: PEP 610 notes it) is installed from there again, any other by its name.

    >>> pip_install("lancedb", "embeddings", distribution="some-package")
    "pip install 'some-package[lancedb,embeddings]'"
    """
    source, editable = distribution, False
    try:
        noted = metadata.distribution(distribution).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        noted = None
    origin = json.loads(noted) if noted else {}
    folder = _folder(origin.get("url", ""))
    if "dir_info" in origin and folder is not None:
        source = "." if folder == Path.cwd() else str(folder)
        editable = bool(origin["dir_info"].get("editable"))
    return f"pip install {'-e ' if editable else ''}'{source}[{','.join(dict.fromkeys(wanted))}]'"


def _folder(url: str) -> Path | None:
    """The folder that a ``file:`` URL names, where it still is."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    parts = urlsplit(url)
    folder = Path(url2pathname(parts.path))
    return folder if parts.scheme == "file" and folder.is_dir() else None
