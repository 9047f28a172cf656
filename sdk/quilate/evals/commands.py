"""Command lines that a user can paste."""

import shlex
from pathlib import Path

DEFAULT_STORE = Path(".quilate")


def resume(run: str, store: str | Path = DEFAULT_STORE, **options: object) -> str:
    """The command that goes on with a run; `options` that are None are left out.

    >>> resume("r1")
    'quilate resume r1'
    >>> resume("r1", "my runs", html="out.html", lang=None)
    "quilate resume r1 --store 'my runs' --html out.html"
    """
    words = ["quilate", "resume", run]
    if Path(store) != DEFAULT_STORE:
        words += ["--store", str(store)]
    for name, value in options.items():
        if value is not None:
            words += [f"--{name}", str(value)]
    return shlex.join(words)
