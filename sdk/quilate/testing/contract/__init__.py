"""The conformance kit: what `quilate.model` promises, as tests that any adapter can be put to.

Make a subclass of `ModelContract` whose fixture ``model`` gives the adapter's model, and for a
hosted one a subclass of `FaultContract` whose fixture ``make`` opens it at the fault server; pytest
collects them. What a model declares in its `Capabilities` must be honoured; what it does not must
be refused or emulated, and is never ignored. See ``docs/adapters.md``.
"""

import pytest

_HERE = "quilate.testing.contract"
pytest.register_assert_rewrite(
    *(
        f"{_HERE}.{room}"
        for room in (
            *("answers", "base", "conduct", "exchange", "faults", "formats", "served"),
            *("settings", "tools"),
        )
    )
)

from quilate.testing.contract.answers import AnswerTests  # noqa: E402
from quilate.testing.contract.conduct import ConductTests  # noqa: E402
from quilate.testing.contract.faults import FaultContract  # noqa: E402
from quilate.testing.contract.formats import FormatTests  # noqa: E402
from quilate.testing.contract.settings import SettingTests  # noqa: E402
from quilate.testing.contract.tools import ToolTests  # noqa: E402


class ModelContract(AnswerTests, SettingTests, FormatTests, ToolTests, ConductTests):
    """The whole contract of a Model; a subclass gives the fixture ``model``, of class scope.

    ``is_language_model`` False says that the model draws no tokens of its own (a scripted one, a
    function): what only a real model does is then not asked of it.
    """


__all__ = ["FaultContract", "ModelContract"]
