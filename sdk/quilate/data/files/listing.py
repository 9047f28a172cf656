"""The files of a folder, and what of it is not read because a link leads elsewhere.

A folder may come from elsewhere (an archive, a repository), and a link in it may name any file of
this machine. So links are followed to files inside the folder alone. Linked folders are not
entered: what they hold would come twice, or without end.
"""

from collections.abc import Iterator
from pathlib import Path

from quilate.data.files.rejected import Rejected

OUTSIDE = "outside the folder"
_LINKED, _BROKEN = "a linked folder", "a broken link"
_SHOWN = 200  # characters of where a link leads


def listed(folder: Path) -> Iterator[Path | Rejected]:
    """The files below a folder in the order of their paths, none that is hidden or in a hidden
    folder; in the place of a link that is not followed, why.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("Hola")
    >>> (folder / "b.txt").symlink_to("/etc/hosts")
    >>> [one.name if isinstance(one, Path) else one.reason for one in listed(folder)]
    ['a.txt', 'outside the folder']
    """
    for found in sorted(folder.rglob("*")):  # rglob enters no linked folder
        name = found.relative_to(folder)
        # A store of ours may lie in a hidden folder of this one.
        if any(part.startswith(".") for part in name.parts):
            continue
        reason = _unfollowed(found, folder) if found.is_symlink() else None
        if reason is not None:
            leads = str(found.readlink())[:_SHOWN]
            yield Rejected.of(name.as_posix(), reason, f"a link to {leads}")
        elif found.is_file():
            yield found


def files_below(folder: Path) -> Iterator[Path]:
    """The files of `listed` alone."""
    return (found for found in listed(folder) if isinstance(found, Path))


def leads_out(file: Path, folder: Path) -> bool:
    """Whether a path is that of something outside the folder, once its links are followed."""
    try:
        return not file.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links; a NUL
        return True


def _unfollowed(link: Path, folder: Path) -> str | None:
    """Why a link is not followed, or None where it is."""
    try:
        there = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return _BROKEN
    if leads_out(there, folder):
        return OUTSIDE
    return _LINKED if there.is_dir() else None
