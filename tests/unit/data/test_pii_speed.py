"""What is sought first in a text hides no personal data."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from quilate.pii import KINDS, find_pii, finding

# Pieces of what the patterns take, so that many texts are whole matches or nearly so.
PIECES = [
    *"0123456789", *" .-–/():+@_%,&", "00", "34", "612", "345", "678", "12345678Z", "12.345.678-5",
    "X1234567L", "ES91", "2100", "0418", "4111", "1111", "GOMC", "901231", "HDFLRN", "20-", "a1",
    "ana@ejemplo.es", "192.168.", "::1", "fe80:", "tel", "cpf", "cuit", "rut", "ñ", "k", "MT84MALT",
    "(55)", "9 1234 ", "\u00a0", "\n", "v", "11",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)


def slowly(text):
    """By every kind's own pattern, whatever the text."""
    return finding._apart([
        finding.Found(name, match.start(), match.end())
        for name, kind in KINDS.items()
        for match in kind.pattern.finditer(text)
        if finding._valid(name, kind, match)
    ])  # fmt: skip


@given(texts)
@settings(max_examples=3000, deadline=None)
@example("+1 (234) 567 89 01")
@example("(55) 1234-5678 y 1.234.567-4")
@example("ES9121000418450200051332")
@example("CURP: GOMC901231HDFLRN09, RFC GOMC-901231-1A2")
def test_nothing_is_missed(text):
    assert find_pii(text) == slowly(text)


def test_each_pattern_that_matches_is_possible():
    said = {
        "email": "ana@ejemplo.es", "iban": "ES91 2100 0418 4502 0005 1332", "ip": "10.0.0.1 ::1",
        "card": "4111 1111 1111 1111", "dni": "12345678Z", "phone": "+34 612 345 678",
    }  # fmt: skip
    for name, text in said.items():
        assert KINDS[name].pattern.search(text) and name in finding._possible(text)
    assert finding._possible("Un texto de 2024 con 3 números, y dos: a: b") == set()
