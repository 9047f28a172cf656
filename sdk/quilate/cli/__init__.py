"""The ``quilate`` command: parses, calls the rooms, prints.

Exit codes: 0 done; 1 an error in what was given (one paragraph on stderr); 2 wrong usage; 3 the
run finished, but some items failed; 4 the run was stopped before its end and can be resumed; 130
Ctrl-C.
"""

import sys


def main() -> None:
    """The entry point of the ``quilate`` command."""
    from quilate.cli.app import app
    from quilate.errors import QuilateError

    try:
        app(standalone_mode=True)
    except QuilateError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. What was finished is kept.\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
