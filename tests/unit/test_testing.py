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
