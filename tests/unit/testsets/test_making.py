"""Making a test set with scripted models: accounting, waves, limits, resuming, bad input."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from quilate.codec import digest
from quilate.errors import (
    AuthenticationError,
    ConfigurationError,
    DataError,
    MalformedReply,
    ServerError,
    StoreError,
    UnknownName,
)
from quilate.evals.samples import read_samples
from quilate.evaluators import Sample
from quilate.testsets import make, read_chunks
from quilate.testsets.journal import Journal
from quilate.testsets.planning import kinds_from, quotas
from tests.unit.testsets.scripts import (
    BRIDGE,
    FAROS,
    FRESNEL,
    GOOD,
    LACKING,
    TEXTS,
    Script,
    dump,
    scripted,
)

ALL = {"single": 0.5, "multi": 0.25, "unanswerable": 0.25}


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rejected(out: Path) -> list[dict]:
    return rows_of(out.with_name(f"{out.stem}.rejected.jsonl"))


def test_an_able_model_gives_every_kind_in_both_languages_with_its_provenance(docs, tmp_path):
    out = tmp_path / "q.jsonl"
    made = make(docs, out, model=scripted(), checker=scripted("second"), n=8, kinds=ALL)
    assert {kind: (one.wanted, one.accepted) for kind, one in made.tallies.items()} == {
        "single": (4, 4), "multi": (2, 2), "unanswerable": (2, 2),
    }  # fmt: skip
    assert made.stopped is None
    assert made.reasons == {}
    samples = read_samples([out])
    assert samples == list(made.samples)
    assert Counter(sample.language for sample in samples) == {"es": 4, "en": 4}
    for sample in samples:
        source = sample.metadata["provenance"]
        kind = sample.metadata["kind"]
        for passage in source["passages"]:
            text = TEXTS[passage["id"]]
            assert passage["sha256"] == digest(text)
        if kind == "unanswerable":
            assert (sample.answerable, sample.gold, sample.references) == (False, (), ())
            assert source["looked_in"]
        else:
            assert sample.answerable is True
            assert sample.gold == tuple(one["id"] for one in source["passages"])
            for quote, name in zip(source["quotes"], sample.gold, strict=True):
                assert quote in TEXTS[name]
        assert len(sample.gold) == {"single": 1, "multi": 2, "unanswerable": 0}[kind]
        assert sample.group == source["passages"][0]["document"]
        assert (source["model"], source["checker"]) == ("scripted/able", "scripted/second")
        assert all(len(one) == 64 for one in source["prompts"].values())
        assert f"testset_{kind}" in source["prompts"]
    assert rejected(out) == []


def test_the_same_command_makes_no_call_again_and_the_same_file(docs, tmp_path):
    first, out = scripted(), tmp_path / "q.jsonl"
    before = make(docs, out, model=first, n=4)
    text, again = out.read_bytes(), scripted()
    after = make(docs, out, model=again, n=4)
    assert first.calls > 0
    assert again.calls == 0
    assert (out.read_bytes(), after.usage) == (text, before.usage)


def test_more_questions_pay_for_the_further_ones_alone(docs, tmp_path):
    single, out = {"single": 1.0}, tmp_path / "q.jsonl"
    make(docs, out, model=scripted(), n=2, kinds=single)
    more = scripted()
    made = make(docs, out, model=more, n=4, kinds=single)
    assert len(made.samples) == 4
    assert more.calls == 2 * 2  # a draft and a check each


def test_the_users_chunks_keep_their_ids_texts_and_documents(tmp_path):
    chunks = tmp_path / "chunks.jsonl"
    rows = [
        {"id": "A/1", "text": FAROS, "document": "faros", "page": 3, "language": "es"},
        {"id": 2, "text": BRIDGE},
    ]
    chunks.write_text("".join(dump(row) + "\n" for row in rows), encoding="utf-8")
    read = read_chunks(chunks)
    assert [(one.id, one.text, one.document_id) for one in read] == [
        ("A/1", FAROS, "faros"), ("2", BRIDGE, ""),
    ]  # fmt: skip
    assert read[0].metadata == {"page": 3, "language": "es"}
    made = make(read, tmp_path / "q.jsonl", model=scripted(), n=2, kinds={"single": 1})
    assert {sample.gold: sample.group for sample in made.samples} == {
        ("A/1",): "faros", ("2",): "2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"id": "1"}', "'text' is missing"),
        ('{"id": "1", "text": 3}', "'text'"),
        ('{"id": "1", "text": "a", "document": 4}', "'document' is not a string"),
        ('{"id": "1", "text": "\\ud800"}', "lone surrogate"),
        ('{"id": "\\ud800", "text": "a"}', "lone surrogate"),
        ('{"id": "1", "text": "a", "title": "\\udc00"}', "lone surrogate"),
        ('{"id": "1", "text": "a", "metadata": ' + "[" * 99_999 + "]" * 99_999 + "}", "not JSON"),
        ('{"id": "0", "text": "again"}', "Two passages have the identifier '0'"),
    ],
)
def test_a_file_of_chunks_is_checked_line_by_line(tmp_path, line, said):
    file = tmp_path / "chunks.jsonl"
    file.write_text(f'{{"id": "0", "text": "x"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"chunks\.jsonl:2|Two passages") as raised:
        read_chunks(file)
    assert said in str(raised.value)


@pytest.mark.parametrize("line", ["[" * 99_999 + "]" * 99_999, '{"id": ' + "9" * 5000 + "}"])
def test_a_document_line_that_no_parser_takes_is_named(tmp_path, line):
    file = tmp_path / "docs.jsonl"
    file.write_text(f'{{"id": "0", "text": "x"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"docs\.jsonl:2: This line cannot be read as JSON"):
        make(file, tmp_path / "q.jsonl", model=scripted())


def test_questions_of_another_file_are_not_repeated(docs, tmp_path):
    known = [Sample("old-1", GOOD[FAROS][0].replace("¿", "").lower(), language="es")]
    out = tmp_path / "q.jsonl"
    made = make(docs, out, model=scripted(), n=4, kinds={"single": 1}, avoid=known)
    assert len(made.samples) == 3
    assert GOOD[FAROS][0] not in {sample.input for sample in made.samples}
    told = [row for row in rejected(out) if row["passages"] == ["faros.md"]]
    assert {(row["reason"], row["detail"]) for row in told} == {("duplicate", "It repeats old-1.")}


def test_a_question_drafted_twice_in_one_wave_is_taken_once(tmp_path):
    chunks = [{"id": "a", "text": FAROS}, {"id": "b", "text": f"{FAROS} Hay otros."}]
    question, answer, quote = GOOD[FAROS]
    same = {"question": question, "answer": answer, "quote": quote}
    model = scripted(single=same, answer={"answerable": True, "answer": answer})
    made = make(chunks, tmp_path / "q.jsonl", model=model, n=2, kinds={"single": 1})
    assert len(made.samples) == 1
    assert made.samples[0].metadata["provenance"]["quoted_also_in"] != list(made.samples[0].gold)
    assert made.tallies["single"].drafted == 2 + 2 + 2
    assert made.reasons == {"duplicate": 5}


def test_of_copies_one_is_asked_about_and_its_question_names_the_others(tmp_path):
    chunks = [{"id": name, "text": text} for name, text in
              (("a", FAROS), ("b", FAROS.replace(" ", "\n")), ("c", FRESNEL))]  # fmt: skip
    made = make(chunks, tmp_path / "q.jsonl", model=scripted(), n=2, kinds={"single": 1})
    assert made.left_out == {"copies of another": 1}
    by_gold = {sample.gold: sample.metadata["provenance"] for sample in made.samples}
    assert by_gold[("a",)]["quoted_also_in"] == ["b"]
    assert set(by_gold) == {("a",), ("c",)}
    assert made.reasons == {}


def test_a_second_pass_that_finds_no_answers_is_not_relied_on(docs, tmp_path):
    blind = scripted("blind", answer={"answerable": False, "answer": ""})
    made = make(docs, tmp_path / "q.jsonl", model=scripted(), checker=blind, n=4,
                kinds={"single": 1, "unanswerable": 1}, languages=("en",))  # fmt: skip
    assert made.tallies["unanswerable"].accepted == 2
    assert "answered 0 of 6 questions" in made.notes[0]
    able = make(docs, tmp_path / "r.jsonl", model=scripted(), n=2, kinds={"single": 1})
    assert able.notes == ()


def test_a_corpus_of_two_languages_is_searched_with_an_index_or_told(tmp_path):
    class Nowhere:
        async def retrieve(self, query, *, k, where=None):
            return []

    chunks = [{"id": name, "text": text} for name, text in TEXTS.items()]
    options = {"model": scripted(), "n": 2, "kinds": {"unanswerable": 1}}
    alone = make(chunks, tmp_path / "q.jsonl", **options)
    assert any("en, es" in note and "--index" in note for note in alone.notes)
    aided = make(chunks, tmp_path / "r.jsonl", retriever=Nowhere(), **options)
    assert not any("--index" in note for note in aided.notes)


def test_provenance_says_where_the_words_stand_and_what_wrote_them(tmp_path):
    document = {"id": "long.md", "text": "\n\n".join((BRIDGE, FRESNEL, FAROS))}
    model = scripted(single={"question": GOOD[BRIDGE][0], "answer": GOOD[BRIDGE][1],
                             "quote": GOOD[BRIDGE][2]},
                     answer={"answerable": True, "answer": GOOD[BRIDGE][1]})  # fmt: skip
    made = make([document], tmp_path / "q.jsonl", model=model, n=1, kinds={"single": 1},
                chunk_tokens=40, languages=("en",), temperature=0.2)  # fmt: skip
    source = made.samples[0].metadata["provenance"]
    (passage,), (span,) = source["passages"], source["spans"]
    text = document["text"][passage["start"] : passage["end"]]
    assert digest(text) == passage["sha256"]
    assert text[slice(*span)] == source["quotes"][0] == GOOD[BRIDGE][2]
    assert source["model_identity"] == source["checker_identity"] == model.info.identity
    assert source["temperature"] == 0.2


def test_a_file_of_rejections_that_is_not_ours_is_kept(docs, tmp_path):
    mine = tmp_path / "q.rejected.jsonl"
    mine.write_text("mine\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="such a file already"):
            make(docs, tmp_path / "q.jsonl", model=scripted(), n=1)
    assert mine.read_text(encoding="utf-8") == "mine\n"


def test_a_go_in_which_every_call_failed_is_followed_by_another(docs, tmp_path):
    def failing(_):
        raise ServerError("Broken.", status=500)

    from quilate.middleware import standard

    out = tmp_path / "q.jsonl"
    broken = standard(scripted("flaky", single=failing), attempts=1)
    texts = [{"id": str(n), "text": f"{FAROS} Nota {n}."} for n in range(10)]
    with pytest.raises(ServerError, match="10 tries") as raised:
        make(texts, out, model=broken, n=10, kinds={"single": 1})
    assert "JSON" not in raised.value.remedy
    assert rejected(out)
    assert len(make(docs, out, model=scripted("flaky"), n=1, kinds={"single": 1}).samples) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_disk_leaves_no_half_files(tmp_path, monkeypatch):
    from quilate.testsets.writing import _replace

    body = b"x" * 10
    monkeypatch.setattr("os.fsync", lambda _: os.write(os.open("/dev/full", os.O_WRONLY), body))
    with pytest.raises(OSError, match="No space left"):
        _replace(tmp_path / "q.jsonl", body)
    assert list(tmp_path.iterdir()) == []


def test_later_rounds_name_the_questions_that_were_drafted_before(tmp_path):
    seen = []

    def rejectable(request):
        seen.append(request.messages[-1].text)
        return {"question": GOOD[FAROS][0], "answer": "siglo I", "quote": "not in it at all"}

    out = tmp_path / "q.jsonl"
    made = make([{"id": "a", "text": FAROS}], out, model=scripted(single=rejectable), n=1,
                kinds={"single": 1})  # fmt: skip
    assert made.samples == ()
    assert not out.exists()
    assert made.reasons == {"quote_not_in_passage": 3}
    assert [GOOD[FAROS][0] in text for text in seen] == [False, True, True]


def test_only_passages_of_the_languages_asked_for_and_long_enough(docs, tmp_path):
    (docs / "heading.md").write_text("# Bridges of the world", encoding="utf-8")
    made = make(docs, tmp_path / "q.jsonl", model=scripted(), n=9, kinds={"single": 1},
                languages=("en",))  # fmt: skip
    assert {sample.language for sample in made.samples} == {"en"}
    assert made.left_out == {"in es": 2, "too short": 1}


def test_a_limit_of_tokens_stops_it_and_a_higher_one_goes_on(docs, tmp_path):
    out = tmp_path / "q.jsonl"
    single = {"single": 1.0}
    stopped = make(docs, out, model=scripted(), n=4, kinds=single, max_tokens=40, concurrency=1)
    assert stopped.stopped is not None
    assert "40 tokens" in stopped.stopped
    assert "Raise the limit. Give the command again" in stopped.stopped
    paid, rest = stopped.usage.total_tokens, scripted()
    assert 0 < paid <= 60
    done = make(docs, out, model=rest, n=4, kinds=single, max_tokens=100_000)
    assert (done.stopped, len(done.samples)) == (None, 4)
    whole = scripted("able")
    make(docs, tmp_path / "other.jsonl", model=whole, n=4, kinds=single)
    journal = rows_of(tmp_path / "q.journal.jsonl")
    keys = [row["call"] for row in journal if "call" in row]
    assert len(keys) == len(set(keys)) == whole.calls


def test_a_limit_leaves_some_of_each_kind(docs, tmp_path):
    made = make(docs, tmp_path / "q.jsonl", model=scripted(), n=8, kinds=ALL, max_tokens=120,
                concurrency=1)  # fmt: skip
    assert made.stopped is not None
    assert {sample.metadata["kind"] for sample in made.samples} == {
        "single", "multi", "unanswerable",
    }  # fmt: skip


def test_what_a_set_takes_at_least_is_what_an_able_model_uses(docs, tmp_path):
    told = []
    model = scripted()
    make(docs, tmp_path / "q.jsonl", model=model, n=8, kinds=ALL, announce=told.append)
    assert told[0].calls == model.calls
    assert (told[0].wanted, told[0].passages) == (8, 4)


def test_a_limit_with_nothing_accepted_still_says_what_was_rejected(tmp_path):
    out = tmp_path / "q.jsonl"
    prose = scripted("prose", single={"question": "", "answer": "", "quote": ""})
    chunks = [{"id": str(n), "text": f"{FAROS} {n}"} for n in range(9)]
    made = make(chunks, out, model=prose, n=9, kinds={"single": 1}, max_tokens=30, concurrency=1)
    assert made.stopped is not None
    assert made.reasons == {"declined": len(rejected(out))}
    assert not out.exists()


def test_a_model_that_never_gives_json_ends_with_an_error_and_is_not_asked_again(docs, tmp_path):
    model = scripted("prose", single="I would rather talk about the weather.")
    texts = [{"id": str(n), "text": f"{FAROS} Nota {n}."} for n in range(30)]
    with pytest.raises(MalformedReply, match=r"gave no valid draft: 10 tries"):
        make(texts, tmp_path / "q.jsonl", model=model, n=30, kinds={"single": 1}, concurrency=1)
    assert model.calls == 10 * 2  # each draft was repaired once
    again = scripted("prose", single="I would rather talk about the weather.")
    with pytest.raises(MalformedReply, match="10 tries"):
        make(texts, tmp_path / "q.jsonl", model=again, n=30, kinds={"single": 1}, concurrency=1)
    assert again.calls == 0


def test_a_checker_that_never_gives_json_ends_with_an_error(tmp_path):
    texts = [{"id": str(n), "text": f"{FAROS} Nota {n}."} for n in range(30)]

    def another(request):
        number = request.messages[-1].text.split("Nota ")[1].split(".")[0]
        return {
            "question": f"¿Cuándo se construyó la Torre de Hércules número {number}?",
            "answer": "siglo I",
            "quote": "se construyó en el siglo I",
        }

    checker = scripted("prose", answer="no idea")
    with pytest.raises(MalformedReply, match=r"checked no draft: 10 tries") as raised:
        make(texts, tmp_path / "q.jsonl", model=scripted(single=another), checker=checker, n=30,
             kinds={"single": 1}, concurrency=1)  # fmt: skip
    assert raised.value.where == "scripted/prose"


def test_what_no_task_gets_past_is_raised_at_once_and_keeps_what_was_there(docs, tmp_path):
    out = tmp_path / "q.jsonl"
    make(docs, out, model=scripted(), n=2, kinds={"single": 1})
    text = out.read_bytes()

    def refused(_):
        raise AuthenticationError("The key was refused.")

    with pytest.raises(AuthenticationError):
        make(docs, out, model=scripted("locked", single=refused), n=2, kinds={"single": 1})
    assert out.read_bytes() == text


def test_failures_that_may_pass_are_tried_again_by_the_next_go(docs, tmp_path):
    from quilate.middleware import standard

    def failing(request):
        if FAROS in request.messages[-1].text:
            raise ServerError("Broken.", status=500)
        return NotImplemented

    out = tmp_path / "q.jsonl"
    model = standard(scripted("flaky", single=failing), attempts=1)
    made = make(docs, out, model=model, n=4, kinds={"single": 1})
    assert len(made.samples) == 3
    assert set(made.reasons) == {"failed", "duplicate"}
    assert "may pass" in made.stopped
    mended = scripted("flaky")
    again = make(docs, out, model=mended, n=4, kinds={"single": 1})
    assert (len(again.samples), again.stopped) == (4, None)
    assert mended.calls == 2


def test_impossible_corpora_get_one_clear_error(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    out = tmp_path / "q.jsonl"
    with pytest.raises(DataError, match="no file at all"):
        make(empty, out, model=scripted())
    with pytest.raises(DataError, match="none can be asked about: 1 too short"):
        make([{"id": "a", "text": "Short."}], out, model=scripted())
    with pytest.raises(DataError, match="two that are related: of 1 none"):
        make([{"id": "a", "text": FAROS}], out, model=scripted(), kinds={"multi": 1})
    assert not out.exists()


def test_one_passage_gives_the_other_kinds_where_several_are_wanted(tmp_path):
    made = make([{"id": "a", "text": FAROS}], tmp_path / "q.jsonl", model=scripted(), n=3,
                kinds={"single": 1, "multi": 1, "unanswerable": 1})  # fmt: skip
    assert {kind: (one.accepted, one.drafted) for kind, one in made.tallies.items()} == {
        "single": (1, 1), "multi": (0, 0), "unanswerable": (1, 1),
    }  # fmt: skip


def test_a_model_that_cannot_be_called_leaves_no_file_behind(docs, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    out = tmp_path / "q.jsonl"
    for models in ({"model": "openai/gpt-5-mini"}, {"model": scripted(), "checker": "openai/x"}):
        with pytest.raises(AuthenticationError, match="OPENAI_API_KEY"):
            make(docs, out, n=1, **models)
    assert not list(tmp_path.glob("q*"))


def test_files_that_are_not_ours_are_never_overwritten(docs, tmp_path):
    out = tmp_path / "q.jsonl"
    out.write_text("mine\n")
    with pytest.raises(ConfigurationError, match="such a file already"):
        make(docs, out, model=scripted(), n=1)
    assert out.read_text() == "mine\n"
    assert [one.name for one in tmp_path.glob("q*")] == ["q.jsonl"]  # and nothing is left behind
    out.unlink()
    make(docs, out, model=scripted(), n=2)
    out.write_text(out.read_text(encoding="utf-8").partition("\n")[0] + "\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="edited since it was written"):
        make(docs, out, model=scripted(), n=2)
    with pytest.raises(ConfigurationError, match="JSON Lines"):
        make(docs, tmp_path / "q.csv", model=scripted(), n=2)


def test_shares_and_quotas():
    assert kinds_from("single, multi=3") == {"single": 0.25, "multi": 0.75}
    assert quotas(10, kinds_from("single=1,multi=1,unanswerable=1")) == {
        "single": 4, "multi": 3, "unanswerable": 3,
    }  # fmt: skip
    with pytest.raises(ConfigurationError, match=r"'singel'.*'single'"):
        kinds_from("singel")
    for wrong in ("single=x", "single=-1", "single=nan", "single=0", ""):
        with pytest.raises(ConfigurationError):
            kinds_from(wrong)
    with pytest.raises(UnknownName):
        make([{"id": "a", "text": FAROS}], "q.jsonl", model="nobody/nothing")


def test_a_torn_journal_is_mended_and_a_foreign_one_refused(docs, tmp_path):
    out, log = tmp_path / "q.jsonl", tmp_path / "q.journal.jsonl"
    make(docs, out, model=scripted(), n=4, kinds={"single": 1})
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:4]) + lines[4][: len(lines[4]) // 2])
    out.unlink()
    again = scripted()
    assert len(make(docs, out, model=again, n=4, kinds={"single": 1}).samples) == 4
    assert again.calls == 8 - 3  # of the first lines one is the head
    for foreign in (b"hello", b'{"testset": 99}\n', b'{"testset": 1}\n{"other": 1}\nx'):
        log.write_bytes(foreign)
        with pytest.raises(StoreError, match="no journal of this version"):
            Journal(log)
        assert log.read_bytes() == foreign


def test_two_processes_cannot_work_on_one_test_set(tmp_path):
    held = Journal(tmp_path / "q.journal.jsonl")
    try:
        with pytest.raises(StoreError, match="another process"):
            Journal(tmp_path / "q.journal.jsonl")
    finally:
        held.close()
    Journal(tmp_path / "q.journal.jsonl").close()


CHILD = """
import asyncio, os, sys
from pathlib import Path
from quilate.testsets import make
sys.path.insert(0, sys.argv[2])
from scripts import Script, kind_of, texts_of
from quilate.testing import ScriptedModel

folder = Path(sys.argv[1])
log = os.open(folder / "asked", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
script = Script()

async def slow(request):
    line = "|".join([kind_of(request), *texts_of(request)]).replace("\\n", " ")
    os.write(log, line.encode() + b"\\n")
    await asyncio.sleep(0.03)
    return script(request)

kinds = {"single": 0.5, "multi": 0.25, "unanswerable": 0.25}
make(folder / "docs", folder / "q.jsonl", model=ScriptedModel(slow, name="able"), n=8, kinds=kinds,
     concurrency=1)
"""


def test_killed_again_and_again_it_ends_with_the_same_file_and_pays_nothing_twice(docs, tmp_path):
    child = [sys.executable, "-c", CHILD, str(tmp_path), str(Path(__file__).parent)]
    asked, log = tmp_path / "asked", tmp_path / "q.journal.jsonl"
    kills = 0
    for calls in (1, 2, 3, 4):
        before = len(asked.read_text().splitlines()) if asked.exists() else 0
        process = subprocess.Popen(child)
        began = time.monotonic()
        while not asked.exists() or len(asked.read_text().splitlines()) < before + calls:
            assert process.poll() is None, "the child ended before it could be killed"
            assert time.monotonic() - began < 60
            time.sleep(0.002)
        process.kill()
        process.wait()
        kills += 1
    subprocess.run(child, check=True, timeout=120)
    whole = tmp_path / "whole.jsonl"
    uncut = scripted()
    make(docs, whole, model=uncut, n=8, kinds=ALL)
    assert (tmp_path / "q.jsonl").read_bytes() == whole.read_bytes()
    keys = [row["call"] for row in rows_of(log) if "call" in row]
    assert len(keys) == len(set(keys)) == uncut.calls
    # A kill can cost the one call that was under way, and no other is made twice.
    assert len(asked.read_text().splitlines()) <= uncut.calls + kills


def test_hits_of_a_retriever_are_looked_in_too(tmp_path):
    from quilate.retrievers import Hit, Passage

    class Elsewhere:
        async def retrieve(self, query, *, k, where=None):
            return [Hit(Passage("far", "Tiene 234 escalones."), 1.0)]

    def finding(request):
        return {"answerable": "escalones." in request.messages[-1].text, "answer": "234"}

    out = tmp_path / "q.jsonl"
    chunks = [{"id": "a", "text": FAROS}]
    options = {"model": scripted(answer=finding), "n": 1, "kinds": {"unanswerable": 1}}
    assert len(make(chunks, out, **options).samples) == 1
    made = make(chunks, tmp_path / "r.jsonl", retriever=Elsewhere(), **options)
    assert made.reasons["answerable_after_all"] >= 1
    assert LACKING[FAROS] == rejected(tmp_path / "r.jsonl")[0]["question"]


def test_the_script_of_these_tests_is_asked_in_the_passages_language(docs, tmp_path):
    """The prompts are Spanish for Spanish passages, and English for the others."""
    seen = {}
    script = Script()

    def noting(request):
        seen[request.messages[-1].text] = request.messages[0].text
        return script(request)

    from quilate.testing import ScriptedModel

    make(docs, tmp_path / "q.jsonl", model=ScriptedModel(noting), n=4, kinds={"single": 1})
    for asked, system in seen.items():
        spanish = "Torre de Hércules" in asked
        assert system.startswith(("Escribes", "Respondes") if spanish else ("You",))
