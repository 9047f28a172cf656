"""`quilate testset`: options, summary, exit codes, Ctrl-C."""

import json
import signal
import subprocess
import sys
import time

from tests.unit.cli.conftest import assert_one_paragraph, environment

FARO = (
    "The lighthouse of Hercules was built by the Romans in the first century and is still in use "
    "as a signal for ships."
)
DRAFT = json.dumps(
    {
        "question": "When was the lighthouse of Hercules built?",
        "answer": "first century",
        "quote": "built by the Romans in the first century",
    }
)


def project(folder, text=FARO):
    docs = folder / "docs"
    docs.mkdir()
    (docs / "faro.md").write_text(text, encoding="utf-8")


def test_a_summary_in_words_and_as_json(cli, folder):
    project(folder)
    words = ("testset", "docs", "--out", "q.jsonl", "--embedder", "none", "-n", "1")
    words = (*words, "--kinds", "single", "--model", f"scripted/{DRAFT}")
    done = cli(*words)
    # This model gives its draft to the second pass too, which therefore cannot be checked.
    assert done.code == 3, done
    assert done.out.startswith("0 of 1 questions, from 1 passage\n")
    assert "single        0 of 1, from 3 drafts" in done.out
    assert "checker_malformed 3 (see q.rejected.jsonl)" in done.out
    spanish = cli(*words, "--lang", "es").out
    assert spanish.startswith("0 de 1 preguntas, de 1 pasaje\n")
    assert "single        0 de 1, de 3 borradores" in spanish
    assert "rechazados: checker_malformed 3 (mira q.rejected.jsonl)" in spanish
    found = cli(*words, "--json")
    assert found.code == 3
    assert found.data["rejected"] == {"checker_malformed": 3}
    assert found.data["kinds"]["single"] == {"wanted": 1, "accepted": 0, "drafted": 3}


def test_questions_that_are_taken_and_the_word_of_caution(cli, folder):
    project(folder)
    checker = json.dumps({"answerable": False, "answer": ""})
    question = {"question": "How many steps does the lighthouse of Hercules have?", "missing": "n"}
    words = ("testset", "docs", "--out", "q.jsonl", "--embedder", "none", "-n", "1", "--kinds")
    words = (*words, "unanswerable", "--model", f"scripted/{json.dumps(question)}")
    done = cli(*words, "--checker", f"scripted/{checker}")
    assert done.code == 0, done
    assert "1 of 1 questions in q.jsonl" in done.out
    assert "look through them" in done.out
    assert "Note: Only unanswerable questions were checked" in done.out
    spanish = cli(*words, "--checker", f"scripted/{checker}", LANG="es_MX.UTF-8").out
    assert "Nota: Solo se revisaron preguntas sin respuesta" in spanish
    assert "léelas antes de fiarte de ellas" in spanish
    row = json.loads((folder / "q.jsonl").read_text(encoding="utf-8"))
    assert (row["input"], row["answerable"]) == (question["question"], False)
    repeated = cli(*words[:3], "r.jsonl", *words[4:], "--avoid", "q.jsonl")
    assert repeated.code == 3
    assert "duplicate" in repeated.out


def test_what_it_takes_is_said_before_the_first_call(cli, folder):
    project(folder)
    words = ("testset", "docs", "--out", "q.jsonl", "--embedder", "none", "-n", "4", "--kinds")
    words = (*words, "single,unanswerable", "--model", "scripted/prose", "--dry-run")
    done = cli(*words)
    assert done.code == 0, done
    assert "4 questions from 1 passage take at least 8 calls, about " in done.out
    assert "4 preguntas de 1 pasaje requieren" in cli(*words, "--lang", "es").out
    found = cli(*words, "--json").data
    assert (found["calls"], found["wanted"]) == (8, 4)
    assert cli(*words, "--kinds", "single,multi", "--json").data["wanted"] == 2  # of one passage
    # A prompt and a passage of some 20 words, and a short reply, for each call.
    assert 8 * 50 < found["usage"]["input_tokens"] < 8 * 500
    assert not (folder / "q.journal.jsonl").exists()
    said = cli(*words[:-1])
    assert "take at least 8 calls" in said.err


def test_wrong_usage(cli, folder):
    project(folder)
    assert cli("testset", "--model", "scripted/x").code == 2
    assert cli("testset", "docs").code == 2
    both = cli("testset", "docs", "--chunks", "c.jsonl", "--model", "scripted/x")
    assert both.code == 2
    assert "Traceback" not in both.err
    no_file = cli("testset", "--chunks", "c.jsonl", "--model", "scripted/x")
    assert_one_paragraph(no_file, "c.jsonl", "no such file")
    no_kind = cli("testset", "docs", "--model", "scripted/x", "--kinds", "singel")
    assert_one_paragraph(no_kind, "'single'")
    no_docs = cli("testset", "nowhere", "--model", "scripted/x", "--embedder", "none")
    assert_one_paragraph(no_docs, "nowhere")


def test_ctrl_c_keeps_what_was_answered_and_says_how_to_go_on(folder):
    project(folder, "\n\n".join(f"{FARO} Note {number}." for number in range(20)))
    (folder / "slow.py").write_text(
        "import sys\n"
        "from quilate import cli, registry\n"
        "from quilate.testing import ScriptedModel\n"
        "import asyncio\n"
        "async def slow(request):\n"
        "    await asyncio.sleep(0.2)\n"
        f"    return {DRAFT!r}\n"
        "made = registry.model\n"
        "registry.model = lambda name: made(ScriptedModel(slow))\n"
        "cli.main()\n",
        encoding="utf-8",
    )
    words = ("testset", "docs", "--out", "q.jsonl", "--embedder", "none", "--model", "scripted/x")
    process = subprocess.Popen(
        [sys.executable, "slow.py", *words],
        cwd=folder,
        env=environment(),
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    journal = folder / "q.journal.jsonl"
    began = time.monotonic()
    while not journal.exists() or journal.read_bytes().count(b"\n") < 2:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() - began < 60
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "What was finished is kept. Go on with: quilate testset docs --out q.jsonl" in said
    assert "Traceback" not in said
