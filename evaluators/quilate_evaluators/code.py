"""Whether code in an answer passes tests. It is refused until there is a sandbox to run it in."""

from quilate.errors import ConfigurationError


def code_passes(**options: object) -> None:
    """Refuse, always: an answer's code is a stranger's, and nothing here may run it yet.

    Quilate has no sandbox so far. Raises `ConfigurationError` before the first sample.

    >>> code_passes()
    Traceback (most recent call last):
    quilate.errors.ConfigurationError: 'code_passes' would run code that a model wrote, and ...
    """
    raise ConfigurationError(
        "'code_passes' would run code that a model wrote, and this version has no sandbox for it.",
        remedy="Leave it out. Run the code in a container of your own and score what comes out "
        "with an evaluator of yours (docs/suites.md, Your own).",
    )
