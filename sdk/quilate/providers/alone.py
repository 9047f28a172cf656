"""Errors without what led to them."""

from typing import NoReturn

from quilate.errors import QuilateError


def raise_alone(error: QuilateError) -> NoReturn:
    """Raise an error with no other behind it. ``from None`` only hides the one that was being
    handled: it stays in ``__context__``, and an SDK's holds the request's headers, with the key.

    >>> try:
    ...     1 / 0
    ... except ZeroDivisionError:
    ...     try:
    ...         raise_alone(QuilateError("No."))
    ...     except QuilateError as error:
    ...         print(error.__context__)
    None
    """
    try:
        raise error
    finally:
        error.__cause__ = error.__context__ = None
