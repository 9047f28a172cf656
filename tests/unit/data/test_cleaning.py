"""The cleaning steps: repair, language, white space, boilerplate; and how they are reached."""

from __future__ import annotations

import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilate import registry
from quilate.data.cleaning.boilerplate import Boilerplate
from quilate.data.cleaning.whitespace import Whitespace
from quilate.data.steps import Change, Drop
from quilate.errors import ConfigurationError

DATA = Path(os.environ.get("QUILATE_DATA", Path(__file__).parents[3].parent / "shared" / "data"))
REGISTERED = (
    "repair_text language whitespace boilerplate length gopher_quality gopher_repetition "
    "c4_quality fineweb_quality mask_pii toxicity augment near_duplicate_images image_captions "
    "fields where"
)


@pytest.fixture
def rows_of():
    """The rows of one of the shared data sets."""

    def read(name: str) -> list[dict[str, object]]:
        if not (DATA / name).is_file():
            pytest.skip(f"{DATA / name} is not there")
        return [json.loads(line) for line in (DATA / name).open(encoding="utf-8")]

    return read


def one(step, text, **fields):
    (verdict,) = step.apply([{"id": "1", "text": text, **fields}])
    return verdict


def after(step, text):
    verdict = one(step, text)
    return text if verdict is None else verdict.fields["text"]


@pytest.mark.parametrize("name", REGISTERED.split())
def test_each_step_is_registered_and_has_a_version(name):
    made = registry.factory("steps", name)
    assert isinstance(made.version, int)


@pytest.fixture
def repair():
    pytest.importorskip("ftfy")
    return registry.factory("steps", "repair_text")


@pytest.mark.parametrize(
    ("text", "right", "reasons"),
    [
        ("MÃºsica en espaÃ±ol", "Música en español", ("mojibake",)),
        ("cafÃ© â€“ maÃ±ana", "café – mañana", ("mojibake",)),
        ("Pan &amp; vino &ntilde;", "Pan & vino ñ", ("entities",)),
        ("uno\x00dos\x07", "unodos", ("control characters",)),
        ("\ufeffHola", "Hola", ("control characters",)),
        ("\x1b[31mrojo\x1b[0m", "rojo", ("control characters",)),
        ("can\u0303o\u0301n", "cañón", ("normal form",)),
        ("\ud83d\ude00 bien", "😀 bien", ("surrogates",)),
        ("mal \ud800.", "mal \ufffd.", ("surrogates",)),
        ("espa&Atilde;&plusmn;ol", "español", ("entities", "mojibake")),
    ],
)
def test_what_is_wrong_is_repaired_with_its_reason(repair, text, right, reasons):
    assert one(repair(), text) == Change({"text": right}, reasons)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "¿Qué? ¡Ñandú! El pingüino pidió 3 € «así»…",
        "👩‍👩‍👧‍👦 👍🏽 🇪🇸 ✈️",
        "می‌خواهم हिन्दी 日本語 ＡＢＣ ﬁ “x” ‘y’",
        "if (a && b) {\n\treturn x < y; // &amp;\n}",
        "Write `&amp;` for an ampersand.",
        "```html\n&lt;b&gt;\n```",
        "<p>Pan &amp; vino</p>",
        "x = '\\x00\\ud800\\u00e9'",
        "https://ejemplo.es/?a=1&copy=2&amp=3",
    ],
)
def test_right_text_is_left_alone(repair, text):
    assert one(repair(), text) is None


def test_real_passages_are_left_alone(repair, rows_of):
    """480 passages: of two a byte order mark goes, and nothing else is touched."""
    texts = {row["context"] for code in ("es", "en") for row in rows_of(f"xquad_{code}.jsonl")}
    changed = [text for text in texts if one(repair(), text) is not None]
    assert len(texts) == 480
    assert all(text.startswith("\ufeff") for text in changed)


def test_messages_and_several_fields_are_repaired(repair):
    messages = [{"role": "user", "content": "cafÃ©"}, {"role": "assistant", "content": "sí"}]
    row = {"id": "1", "messages": messages, "title": "tÃ©", "n": 3}
    (verdict,) = repair(field=["messages", "title", "n", "none"]).apply([row])
    assert verdict.fields["messages"][0] == {"role": "user", "content": "café"}
    assert verdict.fields["title"] == "té"
    assert messages[0]["content"] == "cafÃ©"  # the row itself is not changed


def test_more_repairs_and_wrong_ones(repair):
    assert after(repair(repairs="quotes"), "“x” cafÃ©") == '"x" cafÃ©'
    with pytest.raises(ConfigurationError, match="Did you mean 'mojibake'"):
        repair(repairs=["mojibke"])
    with pytest.raises(ConfigurationError, match="'field' of the step 'repair_text'"):
        repair(field=[])


@given(st.text(st.characters(), max_size=60))
def test_what_is_repaired_can_be_written_as_utf_8(text):
    pytest.importorskip("ftfy")
    step = registry.factory("steps", "repair_text")()
    once = after(step, text)
    assert once.encode("utf-8").decode("utf-8") == once  # which lone surrogates would forbid
    assert "\x00" not in once


SPANISH = "La biblioteca abre de nueve a dos, y los sábados está cerrada todo el día."
ENGLISH = "The library opens at nine in the morning and closes at two."


@pytest.fixture
def detect():
    pytest.importorskip("py3langid")
    return registry.factory("steps", "language")


def test_languages_are_written_with_confidence(detect):
    verdict = one(detect(), SPANISH)
    assert verdict.reasons == ("es",)
    assert verdict.fields["language"] == "es"
    assert 0.9 < verdict.fields["language_confidence"] <= 1
    assert one(detect(column="lang"), ENGLISH).fields["lang"] == "en"
    messages = [{"role": "user", "content": ENGLISH}, {"role": "assistant", "content": ENGLISH}]
    (verdict,) = detect(field="messages").apply([{"id": "1", "messages": messages}])
    assert verdict.fields["language"] == "en"


@pytest.mark.parametrize("text", ["", "1902 – 😀", "```\nfor x in y\n```", "https://ejemplo.es/el"])
def test_what_holds_no_words_is_undetermined(detect, text):
    assert one(detect(), text).fields == {"language": "und", "language_confidence": 0.0}
    assert one(detect(keep=["es"]), text) == Drop("no words")
    assert one(detect(keep=["es", "und"]), text).reasons == ("und",)


def test_other_and_unsure_languages_go(detect):
    step = detect(keep=["es"], min_confidence=0.6)
    assert one(step, ENGLISH).reason == "language en"
    assert one(step, "Denver").reason == "language not sure"
    assert one(step, SPANISH).fields["language"] == "es"
    assert one(detect(min_confidence=0.6), "Denver").fields["language"] == "und"


def test_fewer_languages_make_short_texts_surer(detect):
    free = one(detect(), "Abre mañana").fields["language_confidence"]
    among = one(detect(languages=["es", "en"]), "Abre mañana").fields
    assert among["language"] == "es"
    assert among["language_confidence"] > free


def test_threads_agree(detect, rows_of):
    rows = [{"id": row["id"], "text": row["question"]} for row in rows_of("xquad_es.jsonl")[:200]]
    step = detect()
    alone = list(step.apply(rows))
    with ThreadPoolExecutor(4) as pool:
        for together in pool.map(lambda _: list(step.apply(rows)), range(8)):
            assert together == alone
    assert sum(verdict.fields["language"] == "es" for verdict in alone) >= 198


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"keep": ["es-MX"]}, "Variants are written as their language: es"),
        ({"languages": ["xx"]}, "'languages' of the step 'language' is 'xx'"),
        ({"languages": ["es"], "keep": ["en"]}, "Add it to `languages` too"),
        ({"min_confidence": 2}, "from 0 to 1"),
        ({"column": "text"}, "Name another column"),
    ],
)
def test_wrong_options_of_language(detect, options, told):
    with pytest.raises(ConfigurationError, match=told):
        detect(**options)


@pytest.mark.parametrize(
    ("text", "right", "reasons"),
    [
        ("a\r\nb\rc", "a\nb\nc", ("line ends",)),
        ("a\u2028b", "a\nb", ("line ends",)),
        ("1\u00a0000\u2009€", "1 000 €", ("unusual spaces",)),
        ("co\u00adope\u200bra", "coopera", ("invisible marks",)),
        ("a \nb\t\nc", "a\nb\nc", ("trailing spaces",)),
        ("a  b\t\tc", "a b c", ("runs of spaces",)),
        ("a\n\n\n\nb", "a\n\nb", ("blank lines",)),
        ("\n  a\n", "a", ("spaces at the ends",)),
        ("   ", "", ("trailing spaces",)),
    ],
)
def test_white_space_becomes_regular(text, right, reasons):
    assert one(Whitespace(), text) == Change({"text": right}, reasons)


@pytest.mark.parametrize(
    "text",
    ["", "a b", "می‌خواهم 👩‍🔬", "def f():\n    x  =  1\n\n    return x", "```\na   b\n```\nfin",
     "\tif x:\n\t\ty   z"],
)  # fmt: skip
def test_regular_space_indentation_and_code_stay(text):
    assert one(Whitespace(), text) is None


@given(st.text(st.sampled_from("a \t\n\r\u00a0`\u200b"), max_size=60))
def test_white_space_is_made_regular_at_once(text):
    once = after(Whitespace(), text)
    assert after(Whitespace(), once) == once


WEB = """Inicio
Ir al contenido
Inicio | Noticias | Contacto
Lima fue fundada en 1535 por Francisco Pizarro.
Usamos cookies para mejorar su experiencia. Aceptar
La cookie, o galleta, es un dulce que se come con leche.
Leer más
Síguenos en Facebook y Twitter
© 2024 Diario El Faro. Todos los derechos reservados."""


def test_lines_of_web_pages_go_counted():
    verdict = one(Boilerplate(), WEB)
    assert verdict.fields["text"] == (
        "Lima fue fundada en 1535 por Francisco Pizarro.\n"
        "La cookie, o galleta, es un dulce que se come con leche."
    )
    assert sorted(verdict.reasons) == ["cookies", "copyright", *["navigation"] * 4, "sharing"]
    english = one(
        Boilerplate(), "Skip to content\nThe port.\nWe use cookies to improve it.\nShare this"
    )
    assert english.fields["text"] == "The port."
    assert one(Boilerplate(kinds=["cookies"]), WEB).reasons == ("cookies",)


def test_repeated_lines_stay_once():
    line = "Vea también la oferta de esta semana"
    text = f"Uno.\n{line}\nDos.\n{line}\nTres.\n{line}\nFin."
    verdict = one(Boilerplate(), text)
    assert verdict.reasons == ("repeated", "repeated")
    assert verdict.fields["text"].count(line) == 1
    assert one(Boilerplate(repeats=4), text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Inicio",  # the whole text
        "# Search\nHow to search.",
        "| a | b | c | d |\n| - | - | - | - |",
        "país | capital | lengua | moneda\nPerú | Lima | español | sol",
        "    return x\n" * 4,
        "```\nprint\nmenu\n```",
        "El uso de cookies se inventó en 1994.\nEl nombre viene de las galletas.",
        "ay, ay, ay\nay, ay, ay\nay, ay, ay\ncanta",
    ],
)
def test_text_stays(text):
    assert one(Boilerplate(), text) is None


def test_a_page_of_nothing_else_goes():
    assert one(Boilerplate(), "Inicio\nMenú\n© 2024 X") == Drop(
        "only boilerplate", "text: 2 navigation, 1 copyright"
    )


def test_deep_nesting_is_dropped_and_odd_values_stay():
    deep: object = "x "
    for _ in range(500):
        deep = [deep]
    for step in (Whitespace("messages"), Boilerplate("messages")):
        (verdict,) = step.apply([{"id": "1", "messages": deep}])
        assert verdict == Drop("nested too deeply", "messages")
        for odd in (None, 3, float("nan"), True, [], {}, [None, [3]]):
            assert list(step.apply([{"id": "1", "messages": odd}])) == [None]


def test_time_is_linear_in_the_text():
    """Patterns that give back would take hours on these."""
    long = 2_000_000
    texts = [" " * long, "a" + " " * long + "b", "\n" * long, "cookies " * (long // 8), "| " * long]
    texts += ["`" * long, "©" * long, ("_" * 299 + "\n") * (long // 300)]
    draws = random.Random(3)
    texts.append("".join(draws.choices(" \n\t|a©", k=long // 4)))
    for text in texts:
        one(Whitespace(), text)
        one(Boilerplate(), text)
