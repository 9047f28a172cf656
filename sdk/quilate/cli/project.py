"""``quilate new``: a starter project, copied from the `starter` folder of the package."""

from importlib.resources import as_file, files
from pathlib import Path
from shutil import copyfile

from quilate.errors import ConfigurationError


def create(folder: Path) -> list[Path]:
    """Write the starter's files into a new or empty folder; returns their paths."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(
            "This is there already and is not an empty folder.",
            where=str(folder),
            remedy="Name a new folder; nothing was changed.",
        )
    written = []
    try:
        with as_file(files("quilate.cli") / "starter") as starter:
            for source in sorted(path for path in starter.rglob("*") if path.is_file()):
                target = folder / source.relative_to(starter)
                target.parent.mkdir(parents=True, exist_ok=True)
                copyfile(source, target)
                written.append(target)
    except OSError as error:
        raise ConfigurationError(
            f"The project cannot be written: {error.strerror}.", where=str(folder)
        ) from None
    return written
