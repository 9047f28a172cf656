"""The Jinja environment of templates: sandboxed, strict, and bounded in what it may produce."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.runtime import Context
from jinja2.sandbox import MAX_RANGE, ImmutableSandboxedEnvironment, safe_range

MAX_CHARACTERS = 10_000_000
"""The longest message that a template may make: far beyond any context window."""

_MAX_POWER = 10_000  # bits, about, of a number that ``**`` may make


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox bounds ``range``; this one also what one expression can blow up."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            for value, times in ((left, right), (right, left)):
                if isinstance(value, (str, list, tuple)) and isinstance(times, int):
                    _bound(len(value) * times)
        elif isinstance(left, int) and isinstance(right, int):
            _bound(left.bit_length() * right, _MAX_POWER)
        return super().call_binop(context, operator, left, right)


def _bound(size: int, limit: int = MAX_CHARACTERS) -> None:
    if size > limit:
        raise OverflowError(f"an expression makes a value of size {size:,} (at most {limit:,})")


@cache
def _environment() -> jinja2.Environment:
    environment = _Sandbox(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # messages to a model are text, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Without lipsum, which is random; a prompt's hash must say what the prompt is.
    environment.globals = {"range": safe_range, "namespace": environment.globals["namespace"]}
    del environment.filters["random"]
    return environment


@lru_cache(maxsize=512)
def _compiled(source: str) -> jinja2.Template:
    return _environment().from_string(source)


def variables(source: str) -> dict[str, int]:
    """The names that a template looks up, with the line of the first use of each.

    Raises jinja2's TemplateSyntaxError, also for what would load another template.
    """
    environment = _environment()
    tree = environment.parse(source)
    _compiled(source)
    for kind in (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends):
        elsewhere = tree.find(kind)
        if elsewhere is not None:
            raise jinja2.TemplateSyntaxError(
                "a template cannot include, import or extend another", elsewhere.lineno
            )
    lines: dict[str, int] = {}
    for name in tree.find_all(nodes.Name):
        lines.setdefault(name.name, name.lineno)
    wanted = meta.find_undeclared_variables(tree) - set(environment.globals)
    return {
        name: lines.get(name, 1) for name in sorted(wanted, key=lambda name: lines.get(name, 1))
    }


def render(source: str, values: dict[str, Any]) -> str:
    """A template filled in; values are inserted as they are and never read as a template.

    Raises jinja2's errors, those of the template's own expressions, and OverflowError for more
    than `MAX_CHARACTERS` or too long a loop.
    """
    pieces: list[str] = []
    size = 0
    for piece in _compiled(source).generate({"range": _counted_range(), **values}):
        size += len(piece)
        if size > MAX_CHARACTERS:
            raise OverflowError(f"the message is longer than {MAX_CHARACTERS:,} characters")
        pieces.append(piece)
    return "".join(pieces)


def _counted_range() -> Callable[..., range]:
    """A ``range`` whose uses in one rendering are bounded together: loops may be nested."""
    used = 0

    def counted(*bounds: int) -> range:
        nonlocal used
        numbers = range(*bounds)
        used += min(len(numbers), MAX_RANGE + 1)
        if used > MAX_RANGE:
            raise OverflowError(f"its ranges go over more than {MAX_RANGE:,} numbers")
        return numbers

    return counted


def line_of(error: BaseException) -> int:
    """The line of the template in which an error arose; 1 when it cannot be told."""
    line = 1
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
