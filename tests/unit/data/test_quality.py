"""The published rules of quality, each at its threshold, and the length of texts."""

from __future__ import annotations

import random

import pytest

from quilate.data.quality.c4 import C4Quality
from quilate.data.quality.fineweb import FineWebQuality
from quilate.data.quality.gopher import GopherQuality, GopherRepetition
from quilate.data.quality.length import Length
from quilate.data.quality.words import Grams, bare, repeated
from quilate.data.steps import Change, Drop
from quilate.errors import ConfigurationError

ENGLISH = (
    "The harbour of the town was built in the year of the great storm, and since then the boats of "
    "the fishermen have rested there with their nets. Every morning the people go to the market to "
    "buy what the sea has given, and in the evening they walk along the wall that keeps the waves "
    "from the houses. Nobody knows who laid the first stone."
)
SPANISH = (
    "El puerto del pueblo se construyó en el año de la gran tormenta, y desde entonces las barcas "
    "de los pescadores descansan allí con sus redes. Cada mañana la gente va al mercado a comprar "
    "lo que el mar ha dado, y por la tarde pasea junto al muro que guarda las casas de las olas. "
    "Nadie sabe quién puso la primera piedra del muro."
)


def reason(step, text):
    (verdict,) = step.apply([{"id": "1", "text": text}])
    return verdict.reason if isinstance(verdict, Drop) else None


@pytest.mark.parametrize("text", [ENGLISH, SPANISH])
@pytest.mark.parametrize(
    "step", [GopherQuality(), GopherRepetition(), C4Quality(), FineWebQuality()]
)
def test_prose_of_both_languages_stays(step, text):
    assert list(step.apply([{"id": "1", "text": text}])) == [None]


WORDS = ENGLISH.split()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (" ".join(WORDS[:49]), "too few words"),
        (" ".join(WORDS[:50]), None),
        ("", "too few words"),
        ("the of and " * 33_334, "too many words"),
        ("the and " * 20 + "a i " * 30, "words too short"),
        ("the and " * 5 + "incomprehensible " * 45, "words too long"),
        (ENGLISH + " #" * 8, "too many hash signs"),
        (ENGLISH + " #" * 6, None),
        (ENGLISH.replace(" ", "… ", 7), "too many ellipses"),
        (ENGLISH.replace(" ", "... ", 5), None),
        ("\n".join(f"- {word} of the boats" for word in WORDS), "lines with bullets"),
        ("\n".join([f"- {w} of the boats" for w in WORDS[:9]] + [ENGLISH]), None),
        (ENGLISH.replace(". ", " and so...\n") + "\nMore...", "lines ending in ellipses"),
        (ENGLISH + " 1234" * 17, "words without letters"),
        (ENGLISH + " 1234" * 16, None),
        (ENGLISH + " —" * 17, "words without letters"),
        ("barco muro mercado puerto redes casas tormenta " * 10, "too few stop words"),
        ("barco muro mercado puerto redes casas tormenta " * 10 + "De LA", None),
    ],
)
def test_gopher_quality_at_its_thresholds(text, wanted):
    assert reason(GopherQuality(), text) == wanted


def lines(*, new: int, again: int) -> str:
    """Lines without a word in common, of which the first comes again."""
    made = [f"{n}a{n} {n}b{n} {n}c{n}" for n in range(10, 10 + new)]
    return "\n".join([*made, *[made[0]] * again])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", None),
        (lines(new=7, again=3), "characters in repeated lines"),
        (lines(new=6, again=4), "repeated lines"),
        (lines(new=6, again=4).replace("\n", "\n\n"), "repeated paragraphs"),
        (lines(new=7, again=3).replace("\n", "\n\n"), "characters in repeated paragraphs"),
        (ENGLISH + " in short" * 20, "commonest 2-gram"),
        (f"{ENGLISH} {' '.join(WORDS[:16])}", "repeated 5-grams"),
        (f"{ENGLISH} {' '.join(WORDS[:4])}", None),
    ],
)
def test_gopher_repetition_at_its_thresholds(text, wanted):
    assert reason(GopherRepetition(), text) == wanted


def test_repeated_lines_below_the_thresholds_stay():
    alone = GopherRepetition(top_ngrams={}, repeated_ngrams={})
    assert reason(alone, lines(new=8, again=2)) is None
    assert reason(GopherRepetition(), lines(new=8, again=2)) == "commonest 3-gram"


def test_ngrams_are_those_of_a_plain_count():
    """Against the definition, written out: characters in n-grams that were there before."""
    draws = random.Random(5)
    for _ in range(40):
        words = draws.choices(["a", "be", "see", "dear"], k=draws.randrange(1, 60))
        grams = Grams(" ".join(words))
        total = sum(map(len, words))
        for n in (2, 3, 5, 7):
            assert grams.to(n) == (len(words) >= n)
            if len(words) < n:
                break
            seen: set[tuple[str, ...]] = set()
            covered: set[int] = set()
            for at in range(len(words) - n + 1):
                gram = tuple(words[at : at + n])
                if gram in seen:
                    covered |= set(range(at, at + n))
                seen.add(gram)
            share = sum(len(words[at]) for at in covered) / total
            assert grams.repeated_share() == pytest.approx(share)
            assert 0 <= grams.top_share() <= 1


def test_the_commonest_ngram_counts_overlaps_once():
    grams = Grams("a a a a b")
    grams.to(2)
    assert grams.top_share() == pytest.approx(4 / 5)
    once = Grams("uno dos tres")
    once.to(2)
    assert once.top_share() == 0.0
    assert repeated(["x", "x", "y"]) == (1, 1)


SENTENCES = "The boats rest in the harbour. Nobody knows who laid the stone. It is very old."


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (SENTENCES, None),
        ("The boats rest in the harbour. Nobody knows who laid it.", "too few sentences"),
        (f"{SENTENCES}\nLorem ipsum dolor sit amet now.", "lorem ipsum"),
        (f"{SENTENCES}\nThen write x = {{ in the file.", "curly bracket"),
        ("", "too few sentences"),
    ],
)
def test_pages_that_c4_drops(text, wanted):
    assert reason(C4Quality(), text) == wanted


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("A title that ends in nothing", "no end mark"),
        ("And then the story goes on...", "no end mark"),
        ("Y así sigue la historia…", "no end mark"),
        ("Too few words.", "too few words"),
        ("Please enable JavaScript in your browser.", "JavaScript"),
        ("This site uses cookies for everything.", "policy"),
        ("Lea nuestra política de privacidad aquí mismo.", "policy"),
        ("One word is " + "x" * 1001 + " as long.", "word too long"),
    ],
)
def test_lines_that_c4_takes_out(line, wanted):
    (verdict,) = C4Quality().apply([{"id": "1", "text": f"{SENTENCES}\n{line}\n{line}"}])
    assert verdict == Change({"text": SENTENCES}, (wanted, wanted))


def test_c4_takes_citations_out_and_keeps_quotations():
    text = f"{SENTENCES}\nLima was founded in 1535.[1][cita requerida]\nDijo: «Lima es muy vieja»"
    (verdict,) = C4Quality(min_words_per_line=4).apply([{"id": "1", "text": text}])
    assert verdict.fields["text"].splitlines()[1:] == [
        "Lima was founded in 1535.", "Dijo: «Lima es muy vieja»",
    ]  # fmt: skip
    assert reason(C4Quality(curly_bracket=False), f"{SENTENCES}\nThen write x = {{ here.") is None


ENDED = "A line that is over thirty characters long and ends well."
OPEN = "A line that is over thirty characters long and does not"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("\n".join([f"{ENDED}"] + [f"{OPEN} {n}" for n in range(8)]), "lines without end marks"),
        ("\n".join([f"{ENDED}"] + [f"{OPEN} {n}" for n in range(7)]), None),
        ("\n".join([ENDED] * 1 + [f"Line {n}." for n in range(3)]), "short lines"),
        ("\n".join([ENDED, f"{OPEN}!"] + [f"Line {n}." for n in range(2)]), None),
        ("\n".join([f"{ENDED} {n}." for n in range(9)] + [f"{ENDED} 1."]),
         "characters in repeated lines"),
        ("\n".join([f"{ENDED} {n}." for n in range(11)] + [f"{ENDED} 1."]), None),
        ("\n".join(f"Unquestionablyandincomprehensibly{n} ended." for n in range(20)),
         "line breaks"),
    ],
)  # fmt: skip
def test_fineweb_at_its_thresholds(text, wanted):
    assert reason(FineWebQuality(), text) == wanted


def test_fineweb_as_its_code_has_it_and_without_its_fourth_rule():
    text = "\n".join([f"{ENDED} {n}." for n in range(11)] + [f"{ENDED} 1."])
    code = FineWebQuality(max_repeated_characters=0.01)
    assert reason(code, text) == "characters in repeated lines"
    breaks = "\n".join(f"Unquestionablyandincomprehensibly{n} ended." for n in range(20))
    assert reason(FineWebQuality(max_line_breaks_per_word=None), breaks) is None


@pytest.mark.parametrize(
    ("options", "text", "wanted"),
    [
        ({"min": 3}, "ab", "too short"),
        ({"min": 3}, "abc", None),
        ({"max": 3}, "abcd", "too long"),
        ({"min": 2, "unit": "words"}, "uno — !", "too short"),
        ({"max": 1, "unit": "lines"}, "a\n\n \nb", "too long"),
        ({"min": 1}, "", "too short"),
    ],
)
def test_lengths(options, text, wanted):
    assert reason(Length(**options), text) == wanted


def test_lengths_of_messages_and_of_nothing():
    messages = [{"role": "user", "content": "hola"}, {"role": "assistant", "content": "sí"}]
    step = Length(field="messages", min=2, max=2, unit="words")
    assert list(step.apply([{"id": "1", "messages": messages}])) == [None]
    assert list(step.apply([{"id": "1"}])) == [Drop("too short", "0 words")]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Length(),
        lambda: Length(min=5, max=4),
        lambda: Length(min=-1),
        lambda: Length(min=1, unit="tokens"),
        lambda: GopherQuality(min_words="many"),
        lambda: GopherQuality(min_mean_word_length=float("nan")),
        lambda: GopherRepetition(top_ngrams=[2]),
        lambda: GopherRepetition(top_ngrams={1: 0.2}),
        lambda: GopherRepetition(repeated_ngrams={5: 2}),
        lambda: C4Quality(citations="yes"),
        lambda: FineWebQuality(short_line=None),
    ],
)
def test_wrong_options_are_named(make):
    with pytest.raises(ConfigurationError, match=r"The option '.*' of the step"):
        make()


def test_ngrams_of_yaml_and_of_json():
    step = GopherRepetition(top_ngrams={"2": 0.5}, repeated_ngrams={})
    assert step.top_ngrams == {2: 0.5}
    assert reason(step, ENGLISH + " in short" * 20) is None


def test_signs_around_words():
    assert [bare(piece) for piece in ("¿Qué?", "(a)", "—", "_", "a-b.", "3.5,", "x" + "-" * 9)] == [
        "Qué", "a", "", "", "a-b", "3.5", "x",
    ]  # fmt: skip


def test_long_odd_texts_take_linear_time():
    long = 1_000_000
    for text in (
        "a" * long,
        "a" + "-" * long + "b",
        "." * long,
        "\n" * long,
        "a " * long,
        "#" * long,
    ):
        for step in (GopherQuality(), GopherRepetition(), C4Quality(), FineWebQuality()):
            reason(step, text)
