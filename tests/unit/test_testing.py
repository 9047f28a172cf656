import subprocess
import sys

import pytest

from quilate import sync
from quilate.models import Finished, TextDelta, ask
from quilate.testing import ScriptedModel


@pytest.mark.parametrize("text", ["", "hola", " dos  palabras \n", "\n\n"])
def test_a_scripted_stream_says_what_generate_says(text):
    model = ScriptedModel(text)
    *deltas, last = sync.iterate(model.stream(ask("?")))
    assert all(isinstance(delta, TextDelta) for delta in deltas)
    assert "".join(delta.text for delta in deltas) == text
    assert isinstance(last, Finished)
    assert last.response == sync.run(model.generate(ask("?")))


@pytest.mark.parametrize(
    ("settings", "text", "reason", "tokens"),
    [
        ({}, " uno  dos tres\n", "stop", 3),
        ({"max_tokens": 3}, " uno  dos tres\n", "stop", 3),
        ({"max_tokens": 2}, " uno  dos", "length", 2),
        ({"stop": ("dos",)}, " uno  ", "stop", 1),
        ({"stop": ("x", "tres"), "max_tokens": 1}, " uno", "length", 1),
    ],
)
def test_a_scripted_text_ends_at_its_limits(settings, text, reason, tokens):
    response = sync.run(ScriptedModel(" uno  dos tres\n").generate(ask("?", **settings)))
    assert (response.text, response.finish_reason) == (text, reason)
    assert response.usage.output_tokens == tokens


def test_the_scripted_models_need_no_pytest():
    code = "import quilate.testing, sys; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
