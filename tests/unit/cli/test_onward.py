"""What Ctrl-C says, and reports that could not be written."""

import pytest

from quilate.cli.onward import Interrupted, check_writable, interruptible, same_goes_on
from quilate.errors import ConfigurationError
from quilate.evals import commands


def test_ctrl_c_before_a_run_began_promises_no_resume(tmp_path):
    with pytest.raises(Interrupted) as caught, interruptible("r1", tmp_path):
        raise KeyboardInterrupt
    assert caught.value.code == 130
    assert "same command again" in caught.value.hint
    assert "resume" not in caught.value.hint


def test_a_command_to_paste_is_quoted_and_leaves_out_what_is_the_default():
    assert commands.resume("r", ".quilate/", html=None) == "quilate resume r"
    line = commands.resume("r", "mis ejecuciones", html="un informe.html", lang="es")
    said = "quilate resume r --store 'mis ejecuciones' --html 'un informe.html' --lang es"
    assert line == said


def test_folders_that_are_missing_are_made_and_nothing_is_written(tmp_path):
    check_writable(tmp_path / "a" / "b" / "report.html", None)
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_folder_is_no_report(tmp_path):
    with pytest.raises(ConfigurationError, match="It is a folder"):
        check_writable(tmp_path)


def test_ctrl_c_in_a_command_that_goes_on_says_so():
    with pytest.raises(Interrupted, match="130") as caught, same_goes_on():
        raise KeyboardInterrupt
    assert caught.value.hint.startswith("What was finished is kept. Go on with: quilate")
