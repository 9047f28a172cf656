"""The page's server: who may ask, what it gives out, what it keeps. And the command around it."""

import asyncio
import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import httpx2
import pytest

from quilate.cli import main
from quilate.errors import ConfigurationError
from quilate.judging import page
from quilate.judging.labelling import Sheet, choices_of, chosen_metric
from quilate.judging.labels import Label, append_label, labels_path, read_labels
from tests.unit.cli.conftest import environment
from tests.unit.judging.label_runs import DOT, make_store, pictured_store

pytest.importorskip("fastapi", reason="the extra serving is not installed")

TOKEN = "a-token"
OWN = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def run(store):
    return make_store(store)


@pytest.fixture
def sheet(run, tmp_path):
    metric = chosen_metric(run, None)
    return Sheet(run, metric, choices_of(metric), "ana <b>", tmp_path / "labels" / "r.jsonl")


def asked(sheet, *requests, base=OWN, **options):
    """The answers to requests (method, path, more), in turn."""

    async def ask():
        app = page.application(sheet, TOKEN, 8765, **options)
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
            return [await client.request(how, path, **more) for how, path, more in requests]

    return asyncio.run(ask())


def get(sheet, path, **options):
    return asked(sheet, ("GET", f"/{TOKEN}{path}", {}), **options)[0]


def post(sheet, headers=None, **body):
    headers = {"Origin": OWN} if headers is None else headers
    return asked(sheet, ("POST", f"/{TOKEN}/labels", {"json": body, "headers": headers}))[0]


def test_a_label_is_on_disk_when_the_answer_comes(sheet):
    key = sheet.entries[0].key
    answer = post(sheet, key=key, label="yes", note="¿seguro?")
    assert answer.status_code == 200
    (kept,) = read_labels(sheet.path)
    assert answer.json() == {"at": kept.at, "labelled": 1, "next": 1}
    assert (kept.label, kept.note, kept.item) == ("yes", "¿seguro?", sheet.entries[0].item)
    assert get(sheet, "/answers/0").json()["given"]["note"] == "¿seguro?"
    assert get(sheet, "/state").json() == {"total": 8, "labelled": 1, "at": 1, "last": 0}
    assert get(sheet, "/next?after=-1").json() == {"next": 1}
    assert get(sheet, "/next?after=99").json() == {"next": 1}


def test_what_another_process_kept_is_known_when_the_page_is_loaded(sheet, run):
    kept = Label(run.id, *sheet.entries[0].item, "grounded", "no", 0.0, sheet.labeller)
    append_label(sheet.path, kept)
    append_label(sheet.path, Label(run.id, *sheet.entries[1].item, "grounded", "no", 0.0, "luis"))
    assert get(sheet, "/state").json()["labelled"] == 1
    assert get(sheet, "/answers/1").json()["given"] is None  # not what another person said


@pytest.mark.parametrize("path", ["/", "/state", "/answers/0", "/label.js", "/nothing"])
@pytest.mark.parametrize(
    "base",
    ["http://rebound.example:8765", "http://127.0.0.1:1", "http://127.0.0.1", "http://[::1]:8765"],
)
def test_a_name_rebound_to_the_loopback_address_gets_nothing(sheet, path, base):
    answer = get(sheet, path, base=base)
    assert answer.status_code == 403
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize(
    "path", ["/", "/label.js", "/x/state", f"/{TOKEN}x/", "/ñ/", f"//{TOKEN}/"]
)
def test_without_the_token_there_is_nothing(sheet, path):
    (answer,) = asked(sheet, ("GET", path, {}))
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://localhost:8765"},
        {"Origin": OWN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": OWN, "Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_page_gives_no_labels(sheet, headers):
    answer = post(sheet, headers, key=sheet.entries[0].key, label="yes")
    assert answer.status_code == 403
    assert not sheet.path.exists()


def test_a_form_of_another_kind_gives_no_labels(sheet):
    body = json.dumps({"key": sheet.entries[0].key, "label": "yes"})
    headers = {"Origin": OWN, "Content-Type": "text/plain"}
    (answer,) = asked(sheet, ("POST", f"/{TOKEN}/labels", {"content": body, "headers": headers}))
    assert answer.status_code == 422
    assert not sheet.path.exists()


def test_localhost_is_the_same_place(sheet):
    assert get(sheet, "/state", base="http://localhost:8765").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"key": "0" * 20, "label": "yes"},
        {"key": "KEY", "label": "perhaps"},
        {"key": "KEY"},
        {"key": "KEY", "label": 1},
        {"key": "KEY", "label": "yes", "note": "x" * 10_001},
        {"key": "KEY", "label": "yes", "note": "\ud800"},
    ],
)
def test_a_label_that_is_none_is_refused_and_nothing_is_written(sheet, body):
    body = {name: sheet.entries[0].key if value == "KEY" else value for name, value in body.items()}
    content = json.dumps(
        body
    )  # half a surrogate pair goes as its escape, as a script could send it
    headers = {"Origin": OWN, "Content-Type": "application/json"}
    (answer,) = asked(sheet, ("POST", f"/{TOKEN}/labels", {"content": content, "headers": headers}))
    assert answer.status_code == 422
    assert not sheet.path.exists()


@pytest.mark.parametrize("after", ["9" * 30, "-" + "9" * 30, "-1"])
def test_the_next_answer_after_any_number_is_one(sheet, after):
    assert get(sheet, f"/next?after={after}").json() == {"next": 0}


def test_a_question_is_shown_with_all_its_parts(tmp_path):
    run = pictured_store(tmp_path)
    metric = chosen_metric(run, None)
    sheet = Sheet(run, metric, choices_of(metric), "ana", tmp_path / "r.jsonl")
    answer = get(sheet, "/answers/0")
    assert "SECRET" not in answer.text
    called, result = answer.json()["turns"]
    assert called == {"role": "assistant", "text": 'look({"at": "ñ"})', "images": []}
    assert result["text"] == "it saw 7"
    question = answer.json()["question"]
    assert question["text"].splitlines() == [
        "What is this?",
        "[image/svg+xml]",
        "[image/png: http://elsewhere.example/x.png]",
        "[application/pdf: a.pdf]",
    ]
    (image,) = question["images"]
    assert base64.b64decode(image.removeprefix("data:image/png;base64,")) == DOT


@pytest.mark.parametrize("n", ["8", "-1", "x", "1e9", "99999999999999999999"])
def test_an_answer_that_is_not_there_is_not_found(sheet, n):
    assert get(sheet, f"/answers/{n}").status_code in (404, 422)


def test_a_disk_that_takes_nothing_is_told_and_nothing_counts(sheet):
    sheet.path.parent.write_text("in the way")
    answer = post(sheet, key=sheet.entries[0].key, label="yes")
    assert answer.status_code == 503
    assert "cannot be kept" in answer.json()["error"]
    sheet.path.parent.unlink()
    assert get(sheet, "/state").json()["labelled"] == 0
    assert post(sheet, key=sheet.entries[0].key, label="yes").status_code == 200


def test_the_page_admits_its_own_files_alone_and_is_not_kept(sheet):
    paths = [f"/{TOKEN}{path}" for path in ("/", "/label.js", "/label.css", "/state", "/none")]
    for answer in asked(sheet, *(("GET", path, {}) for path in (*paths, "/wrong/"))):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert get(sheet, path).status_code == 404


def test_names_are_escaped_and_no_script_or_style_is_inline(sheet):
    html = get(sheet, "/").text
    assert "ana <b>" not in html
    assert "ana &lt;b&gt;" in html
    assert "&lt;b&gt;passages&lt;/b&gt;" in html
    assert re.findall(r"<script(?! type=\"application/json\"| src=\"label.js\")", html) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|https?:(?!//www\.w3\.org)", html) == []


def test_hostile_labels_cannot_leave_their_element(run, tmp_path):
    hostile = "</script><script>alert(1)</script>=0,\"'><img src=x onerror=alert(1)>=1"
    metric = run.metrics["short"]
    sheet = Sheet(run, metric, choices_of(metric, hostile), "ana", tmp_path / "r.jsonl")
    html = get(sheet, "/").text
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "SECRET" not in html


def test_the_page_speaks_spanish(sheet):
    html = get(sheet, "/", lang="es").text
    assert '<html lang="es">' in html
    assert "Deshacer" in html
    assert "Undo" not in html


def test_the_port_is_the_same_the_next_time_unless_it_is_taken(sheet, run):
    with page.open_socket(sheet) as first:
        own = first.getsockname()
        assert own[0] == "127.0.0.1"
        with page.open_socket(sheet) as second:
            taken = second.getsockname()[1]
            assert taken != own[1]
            with pytest.raises(ConfigurationError, match=f"port {taken}"):
                page.open_socket(sheet, taken)
    with page.open_socket(sheet) as again:
        assert again.getsockname() == own


# ---- the command ----


def test_ctrl_c_ends_the_page_from_the_moment_that_it_is_announced(sheet):
    """And by then it answers: nothing is told before."""
    listening = page.open_socket(sheet)
    number = listening.getsockname()[1]
    seen = []

    def ready():
        seen.append(urllib.request.urlopen(f"http://{page.HOST}:{number}/{TOKEN}/").status)
        os.kill(os.getpid(), signal.SIGINT)

    page.serve(page.application(sheet, TOKEN, number), listening, ready)
    assert seen == [200]


@contextmanager
def labelling(store, *words):
    """`quilate label` as a process, and the address that it printed."""
    command = [sys.executable, "-m", "quilate.cli", "label", "--store", str(store), *words]
    process = subprocess.Popen(
        command,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield process, process.stdout.readline().split()[-1]
    finally:
        process.kill()
        process.communicate()


def ended(process):
    """What it said on Ctrl-C, and its exit code."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    return process.returncode, said


def asks(url, body=None):
    origin = re.match(r"http://[^/]+", url)[0]
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Origin": origin} if data else {}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
        return json.load(answer)


def test_the_command_keeps_labels_and_says_on_ctrl_c_where_they_are(store, run):
    with labelling(store, "--labeller", "ana", "--sample", "5") as (process, url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", url)
        first = asks(f"{url}answers/0")
        assert asks(f"{url}labels", {"key": first["key"], "label": "yes"})["labelled"] == 1
        code, said = ended(process)
    assert code == 0, said
    path = labels_path(store, run.id)
    assert f"Answers labelled now: 1, kept in {path}" in said
    assert "ana has labelled 1 of 5" in said
    assert f"quilate judge calibrate --run {run.id} --metric grounded --store {store}" in said
    assert [one.labeller for one in read_labels(path)] == ["ana"]
    with labelling(store, "--labeller", "ana") as (process, again):
        assert asks(f"{again}state")["at"] == 1
        assert again != url
        assert "Another person?" in ended(process)[1]


def test_the_metric_that_is_taken_for_want_of_a_name_is_told(store, run, tmp_path):
    with labelling(store, "--labeller", "ana") as (process, _):
        said = ended(process)[1]
        assert "Labelling grounded, the first that a judge scored" in said
        assert "--metric NAME (short)" in said
    with labelling(store, "--labeller", "ana", "--metric", "short") as (process, _):
        assert "--metric NAME" not in ended(process)[1]


def test_one_name_typed_in_two_ways_is_one_labeller(store, run):
    with labelling(store, "--labeller", "jose\u0301") as (process, _):
        assert "labelled by jos\u00e9." in ended(process)[1]


def test_the_page_is_on_the_loopback_address_alone(store, run):
    with labelling(store, "--labeller", "eva") as (_, url):
        port = int(re.search(r":(\d+)/", url)[1])
        # Another address of the same computer: a socket on all addresses would answer there.
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=2):
            pass


def command(capsys, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["quilate", "label", *words])
    monkeypatch.setenv("QUILATE_LANG", os.environ.get("QUILATE_LANG", "en"))
    capsys.readouterr()
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_agreement_is_told_and_lists_what_differs(tmp_path, capsys, monkeypatch):
    run = make_store(tmp_path, [str(n) for n in range(10)])
    path, store = labels_path(tmp_path, run.id), ("--store", str(tmp_path))
    code, _, told = command(capsys, monkeypatch, "--agreement", *store)
    assert (code, "nobody has labelled" in told) == (1, True)
    for n, item in enumerate(run.items):
        for who, value in (("ana", n % 2), ("luis", n % 2 if n else 1 - n % 2)):
            made = (item.target, item.sample_id, item.epoch, "grounded", ("no", "yes")[value])
            append_label(path, Label(run.id, *made, float(value), who, note="\x1b[31mnota" * value))
    code, out, _ = command(capsys, monkeypatch, "--agreement", *store)
    assert code == 0
    assert "ana (20), luis (20)" in out
    assert re.search(r"Equal labels +0\.95 \[0\.74, 0\.99\]", out)
    assert re.search(r"Cohen's kappa, ana and luis +0\.90 \[0\.\d\d, 1\.00\]", out)
    assert "They differ on 1:\n  0 · SECRET-rag · ana: no, luis: yes — luis: \ufffd[31mnota" in out
    code, out, _ = command(capsys, monkeypatch, "--agreement", "--json", *store)
    (found,) = json.loads(out)["metrics"]
    assert found["percent"]["value"] == 0.95
    assert found["differences"][0]["labels"] == {"ana": "no", "luis": "yes"}
    out = command(capsys, monkeypatch, "--agreement", "--lang", "es", *store)[1]
    assert "Etiquetas iguales" in out
    code, _, told = command(capsys, monkeypatch, "--agreement", "--metric", "short", *store)
    assert (code, "--labeller NAME" in told) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--metric", "nothing"], 1, "has no metric 'nothing'"),
        (["--labels", "bad"], 1, "no label with a value"),
        (["--labels", "bad=1,good=1"], 1, "tell nothing apart"),
        (["--labeller", " "], 1, "--labeller ana"),
        (["--labeller", "a\nb"], 1, "is no name"),
        (["nothing"], 1, "no run 'nothing'"),
        (["--json"], 2, "--agreement"),
        (["--sample", "0"], 2, "--sample"),
    ],
)
def test_wrong_usage_is_told(store, run, capsys, monkeypatch, words, code, said):
    got, _, told = command(capsys, monkeypatch, "--store", str(store), *words)
    assert (got, said in " ".join(told.replace("│", " ").split())) == (code, True), told


def test_a_missing_extra_is_named(store, run, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    code, _, told = command(capsys, monkeypatch, "--store", str(store))
    assert code == 1
    assert "[serving]" in told
