"""The corpus of these tests as a folder."""

from pathlib import Path

import pytest

from tests.unit.testsets.scripts import TEXTS


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
