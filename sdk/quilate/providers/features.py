"""What a user says that a model can, beyond what its adapter knows of it."""

from collections.abc import Collection, Mapping

from quilate.errors import ConfigurationError
from quilate.models import FEATURES, Capabilities
from quilate.providers.endpoint import Endpoint
from quilate.registry import nearest


def with_more(
    at: Endpoint,
    known: Capabilities,
    more: Collection[str],
    translatable: Collection[str] = FEATURES,
) -> Capabilities:
    """The capabilities with the named ones; raises `ConfigurationError` for one that is not among
    those that the adapter can translate.

    >>> at = Endpoint("openai", "m", "http://127.0.0.1:8080/v1")
    >>> with_more(at, Capabilities.declared("stream"), ["tools"]).has("tools")
    True
    """
    _check_list(more)
    for name in more:
        if name not in translatable:
            raise ConfigurationError(
                f"There is no capability '{name}' here.",
                where=at.where,
                remedy=nearest(name, sorted(translatable)),
            )
    return Capabilities({**known.features, **Capabilities.declared(*sorted(more)).features})


def as_identity(more: Collection[str]) -> str:
    """What tells the model's answers from those that it gives without them: what is not declared
    is emulated, or asked for in another way.

    >>> as_identity(["tools", "images"]), as_identity([])
    (':capabilities=images,tools', '')
    """
    _check_list(more)
    return f":capabilities={','.join(sorted(more))}" if more else ""


def _check_list(more: object) -> None:
    if isinstance(more, str | Mapping) or not isinstance(more, Collection):
        raise ConfigurationError(
            f"capabilities={more!r} is no list of names.", remedy='Write capabilities=["tools"].'
        )
