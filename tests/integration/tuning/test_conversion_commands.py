"""`quilate tune convert`, `merge` and `quantize`: what they say, what they refuse before any work,
and what a kill or a full disk leaves. On models of random weights; needs torch, as
`test_conversion` does."""

import json
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from quilate.cli.app import app
from quilate.tuning.trainers import Parity
from quilate_adapters.gguf_lora import GgufLora, certificate_of, dequantize
from quilate_adapters.llamacpp import discover
from tests.integration.tuning.tiny_models import LAYERS, NEEDED, SMOL, tiny, trained

pytestmark = NEEDED


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("base") / "tiny.gguf")


@pytest.fixture(scope="module")
def adapter(base):
    return trained(base.parent / "trained", base, configuration())


def configuration(**options):
    import peft

    return peft.LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **options)


def tune(*words):
    return CliRunner().invoke(app, ["tune", *map(str, words)])


def said(done):
    return f"{done.output}{done.exception or ''}"


def heldout(file, *rows):
    rows = [{"prompt": [{"role": "user", "content": asked}],
             "completion": [{"role": "assistant", "content": "Aquí está, señor."}]}
            for asked in rows]  # fmt: skip
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def test_an_adapter_is_merged_and_made_smaller(base, adapter, tmp_path):
    done = tune("merge", adapter, base, tmp_path / "merged.gguf")
    assert done.exit_code == 0, said(done)
    assert "merged.gguf: " in done.output
    done = tune("quantize", tmp_path / "merged.gguf", "--to", "Q8_0, Q4_0,Q8_0")
    assert done.exit_code == 0, said(done)
    whole, q8, q4 = (
        (tmp_path / f"merged{kind}.gguf").stat().st_size for kind in ("", ".Q8_0", ".Q4_0")
    )
    assert whole > q8 > q4
    assert len(done.output.splitlines()) == 2


def test_levels_are_compared_on_a_suite(base, tmp_path):
    (tmp_path / "s.jsonl").write_text(
        "".join(json.dumps({"id": f"q{n}", "input": f"{n}?", "references": ["9"]}) + "\n"
                for n in range(2))
    )  # fmt: skip
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "name: s\nsamples: {files: [s.jsonl]}\nevaluators: [exact_match]\n"
        "targets: {t: {closed_book: {sampling: {max_tokens: 4}}}}\n"
    )
    options = ("--compare", suite, "--out", tmp_path / "out", "--store", tmp_path / "store")
    done = tune("quantize", base, "--to", "Q8_0,Q4_0", *options, "--json")
    assert done.exit_code == 0, said(done)
    levels = json.loads(done.stdout)
    assert [level["kind"] for level in levels] == ["source", "Q8_0", "Q4_0"]
    assert levels[0]["kl"] is None
    assert 0 <= levels[1]["kl"] < levels[2]["kl"]
    assert levels[2]["comparison"]
    table = tune("quantize", base, "--to", "Q8_0", *options, "--lang", "es")
    assert "mismo token" in table.output and "veredicto" in table.output, said(table)


@pytest.mark.parametrize("compare", [True, False])
@pytest.mark.parametrize(
    ("to", "message"),
    [
        (",", "No quantisation is named"),
        ("Q8_0,Q9_9", r"'Q9_9' is not known. Take one of"),
        ("Q8_0,F16", "tiny.F16.gguf: This file is read, and would be replaced"),
    ],
)
def test_kinds_that_cannot_be_written_are_refused_before_the_first(
    compare, to, message, base, tmp_path
):
    source = dequantize(base, tmp_path / "tiny.F16.gguf")
    (tmp_path / "suite.yaml").write_text("no: suite")
    suite = ("--compare", tmp_path / "suite.yaml") if compare else ()
    done = tune("quantize", source, "--to", to, *suite)
    assert done.exit_code != 0
    assert message in said(done)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["suite.yaml", source.name]


@pytest.mark.parametrize("compare", [True, False])
def test_models_that_cannot_be_quantised_are_refused_at_once(compare, tmp_path):
    (tmp_path / "suite.yaml").write_text("no: suite")
    (tmp_path / "text.gguf").write_text("no model")
    suite = ("--compare", tmp_path / "suite.yaml") if compare else ()
    out = tmp_path / "out"
    assert "not a GGUF file" in said(tune("quantize", tmp_path / "text.gguf", "--out", out, *suite))
    assert "quantised already" in said(tune("quantize", discover()[SMOL], "--out", out, *suite))
    assert not out.exists()


def test_a_margin_is_of_a_comparison(base):
    done = tune("quantize", base, "--margin", "0.1")
    assert done.exit_code == 2
    assert "--compare" in done.output


def test_prompts_are_read_before_the_conversion(base, adapter, tmp_path):
    out = tmp_path / "a.gguf"
    done = tune("convert", adapter, base, out, "--prompts", tmp_path / "missing.jsonl")
    assert done.exit_code != 0
    assert "missing.jsonl" in said(done)
    assert not out.exists()


def test_a_certified_conversion(base, adapter, tmp_path):
    prompts = heldout(tmp_path / "held..out.jsonl", "¿Dónde está el niño?", "¿Y tú, señor?")
    for name in ("v..1", "v..2", "v..2.gguf"):
        done = tune("convert", adapter, base, tmp_path / name, "--prompts", prompts)
        assert done.exit_code == 0, said(done)
        assert f"{7 * LAYERS} modules, rank 4\n" in done.output
        assert "the same likeliest token in 100%" in done.output
        assert "Passed: KL may be 0.01 more than the base's" in done.output
    found = sorted(path.name for path in tmp_path.glob("*.parity.json"))
    assert found == ["v..1.parity.json", "v..2.parity.json"]
    assert json.loads(certificate_of(tmp_path / "v..1").read_text())["prompts"] == 2


def test_what_a_conversion_leaves_out_is_said(base, tmp_path):
    dora = trained(tmp_path / "dora", base, configuration(use_dora=True))
    done = tune("convert", dora, base, tmp_path / "a.gguf")
    assert done.exit_code == 0, said(done)
    assert "residual up to " in done.output


def test_a_certificate_that_fails_says_so(base, adapter, tmp_path, monkeypatch):
    monkeypatch.setattr(
        GgufLora, "parity", lambda *rest: Parity(9, 1, 1.0, 0.5, 0.0, 1.0, 0, False, ("Far off.",))
    )
    done = tune("convert", adapter, base, tmp_path / "a.gguf", "--prompts",
                heldout(tmp_path / "h.jsonl", "Hi"))  # fmt: skip
    assert done.exit_code == 6
    assert "FAILED: KL may be 0.01 more" in done.output
    assert "no less than 95% of the base's share.\nFar off.\n" in done.output


def commands(base, adapter, out):
    return {
        "convert": ["tune", "convert", adapter, base, out],
        "merge": ["tune", "merge", adapter, base, out],
        "quantize": ["tune", "quantize", base, "--to", "Q8_0", "--out", out.parent],
    }


def process(words, before="", **options):
    """`quilate` in a process of its own, where `before` has run."""
    code = f"{before}\nfrom quilate.cli import main\nmain()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, **options
    )


KILLED = """
import os, signal, gguf
write = gguf.GGUFWriter.write_padding
def killed(self, fp, n, align=None):
    if fp.tell() > {at}:
        fp.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, fp, n, align)
gguf.GGUFWriter.write_padding = killed
"""
BEFORE_ITS_NAME = """
import os, signal
from pathlib import Path
Path.replace = lambda *rest: os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("command", "before"),
    [
        ("convert", KILLED.format(at=0)),
        ("convert", KILLED.format(at=20_000)),
        ("convert", BEFORE_ITS_NAME),
        ("merge", KILLED.format(at=100_000)),
        ("merge", BEFORE_ITS_NAME),
        ("quantize", BEFORE_ITS_NAME),
    ],
)
def test_a_killed_command_leaves_no_half_file_and_runs_again(
    command, before, base, adapter, tmp_path
):
    out = tmp_path / "tiny.Q8_0.gguf"
    words = commands(base, adapter, out)[command]
    assert process(words, before).returncode == -signal.SIGKILL
    assert not out.exists()
    assert list(tmp_path.glob(".*.part"))
    again = process(words)
    assert again.returncode == 0, again.stderr
    undisturbed = tmp_path / "undisturbed" / out.name
    done = process(commands(base, adapter, undisturbed)[command])
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == undisturbed.read_bytes()


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
"""


@pytest.mark.parametrize("command", ["convert", "merge", "quantize"])
@pytest.mark.parametrize("short", [100, 5000])
def test_a_full_disk_is_one_error_and_leaves_no_file(command, short, base, adapter, tmp_path):
    out = tmp_path / "tiny.Q8_0.gguf"
    words = commands(base, adapter, out)[command]
    assert process(words).returncode == 0
    room = out.stat().st_size - short
    out.unlink()
    done = process(words, FULL.format(room=room))
    assert done.returncode == 1
    assert "room" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_prompts_that_are_served_with_other_tokens_are_refused(
    base, adapter, tmp_path, monkeypatch
):
    from quilate_adapters.gguf_lora import prompts

    written = prompts.encode
    monkeypatch.setattr(prompts, "encode", lambda *words: [*written(*words), 5])
    done = tune("convert", adapter, base, tmp_path / "a.gguf", "--prompts",
                heldout(tmp_path / "h.jsonl", "¿Y tú?"))  # fmt: skip
    assert done.exit_code == 1
    assert "served with other tokens than it was trained with" in said(done)
    assert not list(tmp_path.glob("*.parity.json"))
