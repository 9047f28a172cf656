"""The ``quilate`` command: parses, calls the rooms, prints.

Results go to stdout, progress and notes to stderr. Exit codes:

- 0: done.
- 1: an error, told in one paragraph on stderr; or the reader of the output left before its end.
- 2: wrong usage: an unknown command or option, a missing argument.
- 3: the run finished, but some items failed.
- 4: the run has not finished; ``quilate resume`` goes on with it.
- 5: ``quilate probe`` found a feature that is silently ignored: a defect of its adapter.
- 6: what ``quilate compare`` or ``quilate gate`` looked at is worse.
- 7: they could not decide.
- 130: Ctrl-C.

An error that Quilate did not foresee is a paragraph too; with ``QUILATE_TRACEBACK=1`` it is shown
with its traceback.
"""

import os
import sys


def main() -> None:
    """The entry point of the ``quilate`` command."""
    from quilate.errors import QuilateError

    try:
        _run()
    except QuilateError as error:
        _fail(str(error))
    except KeyboardInterrupt:  # before the commands were loaded
        sys.exit(130)
    except BrokenPipeError:
        _leave_stdout()
    except OSError as error:
        _fail(f"{error.filename or 'The system'}: {error.strerror or error}.")
    except Exception as error:  # the outermost place: nothing is above to hide it from
        if os.environ.get("QUILATE_TRACEBACK"):
            raise
        _fail(
            f"Unforeseen {type(error).__name__}: {error}. This is a defect; QUILATE_TRACEBACK=1 "
            "shows where it came from."
        )


def _run() -> None:
    from quilate.cli.app import app

    try:
        app(prog_name="quilate")
    except SystemExit as end:
        if end.code == 130:
            sys.stderr.write(f"Interrupted. {getattr(end, 'hint', '')}".rstrip() + "\n")
        sys.stdout.flush()  # a reader that left is noticed here, not at the interpreter's end
        if end.code == 130:
            _leave_at_once()
        raise


def _leave_at_once() -> None:
    """Exit without the interpreter's end: a thread deep in a library (a step of training) would be
    torn down in its midst, and abort the process. What is finished is on the disk."""
    sys.stderr.flush()
    os._exit(130)


def _fail(message: str) -> None:
    from quilate.reports.visible import visible

    sys.stderr.write(f"error: {visible(message)}\n")
    sys.exit(1)


def _leave_stdout() -> None:
    """Give the interpreter's last flush somewhere to go, and exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
