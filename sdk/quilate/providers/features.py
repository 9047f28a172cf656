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
    names = feature_names(more)
    for name in names:
        if name not in translatable:
            raise ConfigurationError(
                f"There is no capability '{name}' here.",
                where=at.where,
                remedy=nearest(name, sorted(translatable)),
            )
    return Capabilities({**known.features, **Capabilities.declared(*sorted(names)).features})


def as_identity(more: Collection[str]) -> str:
    """What tells the model's answers from those that it gives without them: what is not declared
    is emulated, or asked for in another way.

    >>> as_identity(["tools", "images"]), as_identity([])
    (':capabilities=images,tools', '')
    """
    names = sorted(feature_names(more))
    return f":capabilities={','.join(names)}" if names else ""


def feature_names(more: object) -> tuple[str, ...]:
    """The names of a ``capabilities=`` option; raises `ConfigurationError` for what is no list.

    >>> feature_names(["tools"])
    ('tools',)
    """
    if isinstance(more, str | Mapping) or not isinstance(more, Collection):
        raise ConfigurationError(
            f"capabilities={more!r} is no list of names.", remedy='Write capabilities=["tools"].'
        )
    return tuple(more)
