"""Exact match, includes and patterns, and numbers in Spanish and English."""

import time

import pytest

from quilate import sync
from quilate.errors import ConfigurationError, MissingDependency
from quilate.evaluators import Output, Sample, Score
from quilate_evaluators.text.matching import ExactMatch, Includes
from quilate_evaluators.text.numbers import Number, answer_number, read_numbers
from quilate_evaluators.text.numeric import Numeric, same
from quilate_evaluators.text.overlap import TokenF1
from quilate_evaluators.text.patterns import Regex


def score(evaluator, answer: str, *references: str, language: str | None = None) -> Score:
    sample = Sample("1", "?", references=references, language=language)
    (given,) = sync.run(evaluator.evaluate(sample, Output(answer)))
    return given


@pytest.mark.parametrize(
    ("normalization", "answer", "reference", "value"),
    [
        ("squad", "¡La Habana!", "habana", 1.0),
        ("case", "¡La  Habana!", "¡la habana!", 1.0),
        ("case", "¡La Habana!", "habana", 0.0),
        ("none", " Lima ", "Lima", 1.0),
        ("none", "lima", "Lima", 0.0),
        ("none", "n\u0303", "ñ", 1.0),  # composed and decomposed are one letter
        ("case", "cafe\u0301", "CAFÉ", 1.0),
        ("squad", "ano", "año", 0.0),  # ñ is no n
    ],
)
def test_exact_match_normalizes_as_told(normalization, answer, reference, value):
    assert score(ExactMatch(normalization), answer, reference, language="es").value == value


@pytest.mark.parametrize(
    ("options", "answer", "value"),
    [
        ({}, "Nació en La Habana, en 1902.", 1.0),
        ({}, "Nació en Lima.", 0.0),
        ({"values": ["party"]}, "an art show", 0.0),
        ({"values": ["art"]}, "a party", 0.0),  # whole words
        ({"values": ["art"], "normalization": "case"}, "a party", 1.0),
        ({"values": ["ART"], "normalization": "none"}, "an art show", 0.0),
        ({"values": ["sí", "no"], "mode": "all"}, "Sí y no.", 1.0),
        ({"values": ["sí", "no"], "mode": "all"}, "Sí.", 0.0),
        ({"values": "the"}, "the end", 1.0),  # all article: looked for as characters
        ({"values": "+"}, "a + b", 1.0),
        ({"values": "+"}, "a b", 0.0),
    ],
)
def test_includes(options, answer, value):
    assert score(Includes(**options), answer, "La Habana", language="es").value == value


def test_includes_tells_what_is_missing():
    given = score(Includes(values=["uno", "dos", "tres"], mode="all"), "uno")
    assert given.explanation == "missing: dos; tres"


def test_includes_needs_references_only_without_values():
    assert Includes().needs == {"references"}
    assert Includes(values=["x"]).needs == frozenset()
    assert score(Includes(), "x").status == "unscored"


def test_two_of_a_kind_have_metrics_of_their_own():
    assert Includes(values="x", metric="says_x").metrics[0].name == "says_x"
    assert score(Regex("x", metric="has_x"), "x").metric == "has_x"


@pytest.mark.parametrize(
    ("options", "answer", "value"),
    [
        ({"pattern": r"\d{4}"}, "en 1902.", 1.0),
        ({"pattern": r"\d{4}", "match": "full"}, "en 1902.", 0.0),
        ({"pattern": r"sí", "ignore_case": True}, "SÍ", 1.0),
        ({"pattern": r"sí"}, "SÍ", 0.0),
        ({"pattern": "^$", "match": "full"}, "", 1.0),
    ],
)
def test_regex(options, answer, value):
    assert score(Regex(**options), answer).value == value


def test_regex_shows_what_matched():
    assert score(Regex(r"\d+"), "a 12 b 34").evidence == ("12",)


def test_a_pattern_of_exponential_cost_is_given_up():
    # Two ways to read every pair of letters: 2^n. (regex itself sees through (a+)+.)
    hostile = Regex(r"(a|aa)+$", timeout=0.2)
    began = time.monotonic()
    given = score(hostile, "a" * 60 + "b")
    assert (given.status, given.reason) == ("error", "the pattern took more than 0.2 s")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(?P<x>a)(?P<x", "a{2,1}"])
def test_a_bad_pattern_is_named(pattern):
    with pytest.raises(
        ConfigurationError, match=r"The option 'pattern' of 'regex' is .*"
    ) as caught:
        Regex(pattern)
    assert "no regular expression" in str(caught.value)


def test_regex_without_its_package(monkeypatch):
    def gone(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("quilate.registry.importlib.import_module", gone)
    with pytest.raises(MissingDependency, match="text-metrics"):
        Regex("a")


def test_marks_alone_are_compared_as_they_are():
    assert score(ExactMatch(), "-", "+").value == 0.0
    assert score(ExactMatch(), "+", "+").value == 1.0
    assert score(ExactMatch(), "el", "la", language="es").value == 0.0
    assert score(TokenF1(), "&&", "||").value == 0.0
    assert score(TokenF1(), "||", "||").value == 1.0


def test_decimals_and_times_are_one_word():
    assert score(Includes(), "Son 21,5 días", "21", language="es").value == 0.0
    assert score(Includes(), "A las 21:30.", "21", language="es").value == 0.0
    assert score(Includes(), "Son 21, o 22.", "21", language="es").value == 1.0
    assert score(ExactMatch(), "3,5.", "3,5", language="es").value == 1.0


def test_marks_that_are_not_seen_do_not_count():
    for how in ("squad", "case"):
        assert score(ExactMatch(how), "\u200fשלום\ufeff", "שלום").value == 1.0
        assert score(ExactMatch(how), "biblio\u00adteca", "biblioteca").value == 1.0


@pytest.mark.parametrize(
    ("text", "language", "values"),
    [
        ("1.234,5", "es", [1234.5]),
        ("1,234.5", "es", [1234.5]),
        ("1.234,5", "en", [1234.5]),
        ("1.234", "es", [1234]),
        ("1.234", "en", [1.234]),
        ("1,234", "es", [1.234]),
        ("1,234", "en", [1234]),
        ("1.234", "es-MX", [1.234]),  # a decimal point, as CLDR has it for Mexico
        ("1.234", "es-AR", [1234]),
        ("1.234", None, [1.234]),
        ("1.5", "es", [1.5]),
        ("1,5", "en", [1.5]),
        ("0.125", "es", [0.125]),
        ("0,125", "en", [0.125]),
        ("1234.567", "es", [1234.567]),
        ("1.234.567", "en", [1234567]),
        ("1,234,567.89", "en", [1234567.89]),
        ("1 234 567,8", "es", [1234567.8]),
        ("1\u202f234\u202f567", "es", [1234567]),
        ("2019 300", "es", [2019, 300]),
        ("3,14.", "es", [3.14]),
        (".5", "en", [0.5]),
        ("-5 y −3,5", "es", [-5, -3.5]),
        ("-$5", "en", [-5]),
        ("10-20", "en", [10, 20]),
        ("10–20", "es", [10, 20]),
        ("3/4", "en", [0.75]),
        ("25/11/2026", "es", []),
        ("2026-11-25", "es", []),
        ("a las 10:30", "es", []),
        ("v1.2.3, 192.168.1.1", "en", []),
        ("A4, H2O", "en", []),
        ("2 mil", "es", [2000]),
        ("2 mil millones", "es", [2e9]),
        ("1,5 millones", "es", [1.5e6]),
        ("1 billón", "es", [1e12]),
        ("1 billion", "en", [1e9]),
        ("5k", "en", [5000]),
        ("42K", "en", [42000]),
        ("300 K", "en", [300]),  # kelvins
        ("$2.5M", "en", [2.5e6]),
        ("2,5 M€", "es", [2.5e6]),
        ("2.5 M", "en", [2.5]),
        ("1,5 × 10³", "es", [1500]),
        ("1.5×10^-3 o 1.5 x 10^{3}", "en", [0.0015, 1500]),
        ("10⁶", "es", [1e6]),
        ("2^10", "en", [1024]),
        ("x^2 y 5 m^2", "es", [5]),
        ("½, 1½, 3⁄4", "en", [0.5, 1.5, 0.75]),
        ("1 1/2", "en", [1.5]),
        ("5 7/2", "en", [5, 3.5]),
        ("–5 °C", "es", [-5]),
        ("_42_ y __43__", "es", [42, 43]),
        ("1'234'567", "es", [1234567]),
        ("2 mil 500 pesos", "es-MX", [2500]),
        ("3 millones 450 mil", "es-MX", [3.45e6]),
        ("3 millones 450 mil 200", "es-MX", [3450200]),
        ("2 mil 500,5", "es", [2000, 500.5]),
        ("1e5", "en", [1e5]),
        ("1,5e-3", "es", [0.0015]),
        ("1/0", "en", []),
        ("12 %", "es", [12]),
        ("9" * 500, "en", []),  # beyond what a float holds
    ],
)
def test_numbers_are_read(text, language, values):
    assert [number.value for number in read_numbers(text, language)] == pytest.approx(values)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3 + 4 = 7", 7),
        ("… es 7.\n#### 8, y no 9", 8),
        ("#### 1\n#### 2", 2),
        (r"\boxed{42} de 50", 42),
        (r"\boxed{\frac{3}{4}}", 0.75),
        (r"1{,}234", 1234),
        (r"\boxed{\text{42}} de 50", 42),
        (r"\boxed{42\text{ km}} de 50", 42),
        (r"\boxed{2^{10}}", 1024),
        (r"1\frac{1}{2}", 1.5),
        (r"-\frac{3}{4}", -0.75),
        (r"\dfrac{-3}{4}", -0.75),
        (r"\frac12", 0.5),
        (r"$1.5 \times 10^{3}$", 1500),
        ("<<13*2=26>>26\nA: **26**.", 26),
        ("no lo sé", None),
        ("#### no lo sé, 3 o 4", 3),
        ("#### ¿?\n", None),
    ],
)
def test_the_number_that_an_answer_comes_to(text, value):
    found = answer_number(text, "en")
    assert (found and found.value) == value


@pytest.mark.parametrize(
    ("options", "answer", "reference", "language", "value"),
    [
        ({}, "Son 1.234,50 €", "1234,5", "es", 1.0),
        ({}, "0.1 + 0.2 = 0.30000000000000004", "0.3", "en", 1.0),
        ({}, "101", "100", "en", 0.0),
        ({"tolerance": 1}, "101", "100", "en", 1.0),
        ({"relative": 0.01}, "101", "100", "en", 1.0),
        ({"relative": 0.01}, "102", "100", "en", 0.0),
        ({"relative": 0.01}, "-101", "-100", "en", 1.0),
        ({}, "12 %", "0,12", "es", 1.0),
        ({}, "12%", "12", "en", 1.0),
        ({}, "0.12", "12%", "en", 1.0),
        ({}, "0.12%", "12%", "en", 0.0),
        ({"place": "first"}, "7, que no 8", "7", "es", 1.0),
        ({}, "$70,000", "70000", "es", 0.0),  # read as a decimal comma
        ({"decimal": "either"}, "$70,000", "70000", "es", 1.0),
        ({"decimal": "point"}, "$70,000", "70000", "es", 1.0),
        ({}, "0", "0", "en", 1.0),
        ({}, "600851475142", "600851475143", "en", 0.0),
    ],
)
def test_numeric(options, answer, reference, language, value):
    assert score(Numeric(**options), answer, reference, language=language).value == value


def test_an_answer_without_a_number_is_no_wrong_number():
    given = score(Numeric(), "no lo sé", "7")
    assert (given.status, given.reason) == ("unscored", "the answer holds no number")
    assert score(Numeric(), "7", "siete").reason == "the references hold no number"


def test_same_is_not_fooled_by_signs():
    assert not same(Number((5.0,)), Number((-5.0,)))


def test_numeric_agrees_with_the_verdicts_recorded_of_gsm8k(rows_of):
    """Cobbe et al. (2021) recorded whether each of four systems' answers is right."""
    evaluator, judged = Numeric(), 0
    for row in rows_of("gsm8k_model_solutions.jsonl"):
        for said in row["systems"].values():
            right = score(evaluator, said["output"], row["gold"], language="en").value
            assert (right == 1.0) == said["is_correct"], said["output"][-80:]
            judged += 1
    assert judged == 4 * 1319


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: ExactMatch("squid"), "'normalization' of 'exact_match' is 'squid'"),
        (lambda: Includes(values=3), "'values' of 'includes' is 3"),
        (lambda: Includes(values=["a", 3]), "'values' of 'includes'"),
        (lambda: Includes(values=[""]), "'values' of 'includes'"),
        (lambda: Includes(mode="some"), "'mode' of 'includes' is 'some'"),
        (lambda: Regex(3), "'pattern' of 'regex' is 3"),
        (lambda: Regex("a", timeout=0), "'timeout' of 'regex' is 0"),
        (lambda: Regex("a", ignore_case="yes"), "'ignore_case' of 'regex' is 'yes'"),
        (lambda: Numeric(tolerance="wide"), "'tolerance' of 'numeric' is 'wide'"),
        (lambda: Numeric(tolerance=-1), "'tolerance' of 'numeric' is -1"),
        (lambda: Numeric(tolerance=True), "'tolerance' of 'numeric' is True"),
        (lambda: Numeric(tolerance=float("nan")), "'tolerance' of 'numeric' is nan"),
        (lambda: Numeric(relative=2), "'relative' of 'numeric' is 2"),
        (lambda: Numeric(decimal="dot"), "'decimal' of 'numeric' is 'dot'"),
        (lambda: Numeric(place=["last"]), "'place' of 'numeric'"),
    ],
)
def test_a_wrong_option_is_named(make, named):
    with pytest.raises(ConfigurationError, match="The option ") as caught:
        make()
    assert named in str(caught.value)
    assert caught.value.remedy
