"""The snippets of docs/models.md, run in order on a real local model."""

import re
from pathlib import Path

import quilate
from quilate.errors import ModelError

GUIDE = Path(__file__).parents[2] / "docs" / "models.md"


def test_the_guide_runs(capsys):
    names: dict[str, object] = {"__name__": "guide"}
    snippets = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(snippets) >= 6
    for snippet in snippets:
        exec(compile(snippet, str(GUIDE), "exec"), names)
    assert names["found"].response.route == "grammar"
    assert names["call"].name == "weather"
    assert names["final"].text
    assert "exact=True" in capsys.readouterr().out


def test_the_table_of_errors_is_complete():
    rows = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", GUIDE.read_text(), re.MULTILINE))
    kinds = {
        name: kind.kind
        for name, kind in vars(quilate.errors).items()
        if isinstance(kind, type) and issubclass(kind, ModelError) and "kind" in vars(kind)
    }
    kinds.pop("ModelError"), kinds.pop("ModelFileError")
    assert rows == kinds
