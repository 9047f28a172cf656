"""Personal data masked, and harm scored by what the user brings."""

from __future__ import annotations

import json

import pytest

from quilate.data.pipeline import pipeline
from quilate.data.privacy import KEY, MaskPii
from quilate.data.steps import Change, Drop
from quilate.data.toxicity import Toxicity
from quilate.errors import ConfigurationError, DataError, UnknownName
from quilate.pii import KINDS, find_pii

SECRETS = {
    "email": "ana.gil@ejemplo.es",
    "iban": "ES91 2100 0418 4502 0005 1332",
    "card": "4111 1111 1111 1111",
    "curp": "BOXW310820HNERXN09",
    "rfc": "GODE561231GR8",
    "dni": "12345678Z",
    "nie": "X1234567L",
    "cuit": "20-26756539-3",
    "cpf": "390.533.447-05",
    "rut": "12.531.909-2",
    "ssn": "536-22-1234",
    "ip": "83.44.12.7",
    "phone": "+34 612 345 678",
}
PHONES = [
    "612 345 678", "+34 91 123 45 67", "+52 55 1234 5678", "+54 9 11 2345 6789",
    "+56 9 8765 4321", "+57 300 123 4567", "+51 987 654 321", "+55 11 91234-5678",
    "(212) 555-0123", "212-555-0123",
]  # fmt: skip
LONG_KEY = "una clave larga de prueba"


def one(step, **fields):
    (verdict,) = step.apply([{"id": "1", **fields}])
    return verdict


def test_the_sample_has_every_kind():
    assert set(SECRETS) == set(KINDS)


@pytest.mark.parametrize("kind", SECRETS)
def test_each_kind_is_masked(kind):
    verdict = one(MaskPii(), text=f"El dato es {SECRETS[kind]} y nada más.")
    assert verdict == Change({"text": f"El dato es [{kind}] y nada más."}, (kind,))


@pytest.mark.parametrize("phone", PHONES)
def test_phones_of_the_countries_are_masked(phone):
    assert one(MaskPii(), text=f"Tel. {phone}.").fields["text"] == "Tel. [phone]."


def test_no_verdict_holds_the_data():
    text = "; ".join(SECRETS.values())
    for replacement in ("[{kind}]", "", "drop"):
        verdict = repr(one(MaskPii(replacement=replacement), text=text))
        assert [said for said in SECRETS.values() if said in verdict] == []


def test_texts_anywhere_are_masked():
    messages = [
        {"role": "user", "content": "Soy ana@ejemplo.es"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"function": {"name": "find", "arguments": '{"dni": "12345678Z"}'}}]},
    ]  # fmt: skip
    row = {"messages": messages, "by": {"ana@ejemplo.es": 1, "eva@ejemplo.es": [2]}, "n": 612345678}
    verdict = one(MaskPii(field=["messages", "by", "n"]), **row)
    assert verdict.reasons == ("email", "dni", "email", "email")
    assert verdict.fields["messages"][0]["content"] == "Soy [email]"
    arguments = verdict.fields["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"dni": "[dni]"}
    assert verdict.fields["by"] == {"[email]": 1, "[email] 2": [2]}
    assert "n" not in verdict.fields
    assert messages[0]["content"] == "Soy ana@ejemplo.es"


def test_what_is_too_deep_to_look_at_goes():
    deep: object = "ana@ejemplo.es"
    for _ in range(300):
        deep = {"a": deep}
    assert one(MaskPii(field="meta"), meta=deep) == Drop("nested too deeply", "meta")


def test_pseudonyms_are_the_same_for_the_same_data_and_key(monkeypatch):
    monkeypatch.setenv(KEY, LONG_KEY)
    step = MaskPii(replacement="hash")
    text = "Ana: +34 612 345 678. Otra vez: 612-345-678. Y ana@ejemplo.es, ANA@EJEMPLO.ES"
    masked = one(step, text=text).fields["text"]
    first, second, third, fourth = (word.split("]")[0] for word in masked.split("[")[1:])
    assert first == second and third == fourth and first != third
    assert first.startswith("phone:")
    monkeypatch.setenv(KEY, LONG_KEY + "!")
    other = MaskPii(replacement="hash")
    assert one(other, text=text).fields["text"] != masked
    assert dict(other.inputs()) != {}
    monkeypatch.setenv(KEY, LONG_KEY)
    assert dict(step.inputs()) != {"pseudonyms": LONG_KEY}


def test_another_key_is_another_step_to_the_cache(monkeypatch, tmp_path):
    identities = []
    for key in (LONG_KEY, LONG_KEY, LONG_KEY + "!"):
        monkeypatch.setenv(KEY, key)
        made = pipeline("p", "a.jsonl", [{"mask_pii": {"replacement": "hash"}}], folder=tmp_path)
        identities.append(made.uses[0].identity)
    assert identities[0] == identities[1] != identities[2]


def test_pseudonyms_need_a_key(monkeypatch):
    for key in ("", "short"):
        monkeypatch.setenv(KEY, key)
        with pytest.raises(ConfigurationError, match=KEY) as caught:
            MaskPii(replacement="hash")
        assert "short" not in str(caught.value)


def test_rows_can_be_dropped_for_some_kinds():
    step = MaskPii(kinds=["dni", "email"], replacement="drop")
    said = one(step, text="12345678Z y ana@ejemplo.es y 83.44.12.7")
    assert said == Drop("personal data: dni", "1 dni, 1 email")
    assert one(step, text="83.44.12.7") is None


@pytest.mark.parametrize(
    "text", ["", "Lima se fundó en 1535.", "v1.2.3.4", "10 000 000 de personas", "pedido 612345678"]
)
def test_other_numbers_stay(text):
    assert one(MaskPii(), text=text) is None


def test_long_texts_are_masked_whole():
    text = ("palabra " * 30_000 + "ana@ejemplo.es ") * 8
    assert len(text) > 1_900_000
    masked = one(MaskPii(), text=text)
    assert masked.reasons == ("email",) * 8
    assert find_pii(masked.fields["text"]) == []


def test_wrong_options_of_masking():
    for options in ({"kinds": ["dnis"]}, {"field": "id"}, {"replacement": 3}, {"kinds": []}):
        with pytest.raises(ConfigurationError, match="mask_pii"):
            MaskPii(**options)


def test_words_of_ones_own(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("# lo nuestro\nmaldito\nmala gente\n", encoding="utf-8")
    for words in (str(file), ["maldito", "mala gente"]):
        step = Toxicity(words=words)
        assert one(step, text="¡MALDITO!") == Drop("toxic", "score 1.000")
        assert one(step, text="Son mala\n gente.").reason == "toxic"
        assert one(step, text="Malditos, desmala gentes") is None
    assert list(Toxicity(words=str(file)).inputs()) == [str(file)]


def test_a_function_of_ones_own(tmp_path):
    file = tmp_path / "harm.py"
    file.write_text(
        "def harm(text):\n    return None if not text else min(text.count('!') / 4, 1)\n"
        "def wrong(text):\n    return float('nan')\n"
    )
    step = Toxicity(scorer=f"{file}:harm", threshold=0.5)
    assert one(step, text="¡Ya!!") == Drop("toxic", "score 0.500")
    assert one(step, text="¡Ya!") is None
    assert one(step, text="") == Change({}, ("not scored",))
    label = Toxicity(scorer=f"{file}:harm", action="label")
    assert one(label, text="¡Ya!!!") == Change({"toxicity": 0.75}, ("toxic",))
    assert one(label, text="¡Ya!") == Change({"toxicity": 0.25}, ("not toxic",))
    with pytest.raises(DataError, match=r"row 1.*gave nan"):
        one(Toxicity(scorer=f"{file}:wrong"), text="a")


def test_a_registered_evaluator():
    leak = Toxicity(scorer="pii", options={"kinds": ["email"]})  # lower is better
    assert one(leak, text="ana@ejemplo.es").reason == "toxic"
    assert one(leak, text="Hola") is None
    wanted = Toxicity(scorer="includes", options={"values": ["hola"]})  # higher is better
    assert one(wanted, text="adiós").reason == "toxic"
    assert one(wanted, text="hola") is None


def test_wrong_scorers():
    for options in ({}, {"scorer": "pii", "words": ["a"]}, {"words": []}, {"words": "none.txt"}):
        with pytest.raises(ConfigurationError):
            Toxicity(**options)
    with pytest.raises(UnknownName, match="There is no evaluator named 'toxic'"):
        Toxicity(scorer="toxic")
    with pytest.raises(ConfigurationError, match="Did you mean 'drop'"):
        Toxicity(words=["a"], action="drops")
