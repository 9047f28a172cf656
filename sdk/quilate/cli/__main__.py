"""``python -m quilate.cli``, the same as the ``quilate`` command."""

from quilate.cli import main

main()
