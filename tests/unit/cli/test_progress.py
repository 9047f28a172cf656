from quilate.cli.progress import show_progress


def test_a_log_gets_a_line_for_each_tenth_passed(capsys):
    with show_progress() as progress:
        for done in range(0, 913, 32):
            progress(done, 912, "passages embedded")
        progress(912, 912, "passages embedded")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[0] == "passages embedded: 0/912"
    assert lines[-1] == "passages embedded: 912/912"


def test_programs_get_none():
    with show_progress(quiet=True) as progress:
        assert progress is None


def test_square_brackets_are_no_markup(monkeypatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with show_progress() as progress:
        progress(1, 1, "notes [/draft]")
    assert "notes [/draft]" in capsys.readouterr().err
