"""The wrappers that every model opened by name has around it."""

from quilate.errors import ConfigurationError
from quilate.middleware.ambient import Ambient, ambient
from quilate.middleware.contract import Contracted, Policy
from quilate.middleware.deadlines import Deadlines
from quilate.middleware.retry import Retrying
from quilate.middleware.structured import Structured
from quilate.middleware.throttle import Throttled
from quilate.middleware.tool_emulation import EmulatedTools
from quilate.models import Model


def standard(adapter: Model, *, attempts: int = 4, unsupported: Policy = "raise") -> Ambient:
    """An adapter's model as an application wants it, from the inside out: deadlines, adaptive
    concurrency, retries, structured output, tools, the contract, and the layers of the run in
    which it is used.

    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> from quilate.testing import ScriptedModel
    >>> sync.run(standard(ScriptedModel("hola")).generate(ask("?"))).text
    'hola'
    """
    if isinstance(adapter, Ambient):
        if (attempts, unsupported) != (4, "raise"):
            raise ConfigurationError(
                f"{adapter.info.name} is open already: its attempts and its policy stay.",
                remedy="Give them where it is opened.",
            )
        return adapter
    model: Model = Retrying(Throttled(Deadlines(adapter)), attempts=attempts)
    return ambient(Contracted(EmulatedTools(Structured(model)), unsupported=unsupported))
