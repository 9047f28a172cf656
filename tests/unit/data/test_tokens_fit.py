"""How tokenizers fit: figures against counts by hand, pairs, streams, bad input, and the words."""

import itertools
import json
import math
import random
from html.parser import HTMLParser

import pytest
from token_kit import Syllables

from quilate.data.tokens import fit
from quilate.data.tokens.pairing import Pairs
from quilate.data.tokens.texts import PIECE, pieces, words_in
from quilate.errors import ConfigurationError, DataError

ROWS = [
    {"id": "1", "text": "los gatos duermen", "language": "es"},
    {"id": "1", "text": "the cats sleep", "language": "en-GB"},
    {"id": "2", "text": "uno #raro @ñ", "language": "es"},
    {"id": "3", "text": "", "language": "es"},
]


def measured(rows=ROWS, **options):
    options.setdefault("windows", (4, 8))
    return fit(rows, [Syllables()], **options).tokenizers[0]


def test_the_figures_are_those_counted_by_hand():
    one = measured()
    spanish, english = one.languages["es"], one.languages["en"]
    # los|gat|os|due|rme|n and uno|#ra|ro|@ñ; the|cat|s|sle|ep
    assert (spanish.tokens, english.tokens) == (10, 5)
    assert (spanish.text.rows, spanish.text.words) == (2, 6)
    assert spanish.text.characters == len("los gatos duermen") + len("uno #raro @ñ")
    assert spanish.text.bytes == spanish.text.characters + 1
    assert spanish.per_word == 10 / 6
    assert spanish.per_byte == 10 / spanish.text.bytes
    assert spanish.unknown_share == 0.1
    assert spanish.byte_share == 0.1
    # "los", "uno", "ñ"; of "raro" and "ñ" the words are taken without their signs
    assert spanish.whole_share == 3 / 6
    assert one.total.tokens == 15


def test_windows_count_the_tokens_around_a_row():
    one = measured(windows=(8, 7))
    assert [cut.window for cut in one.total.cuts] == [7, 8]
    # with the two around: 8, 7 and 6 tokens
    assert [(cut.rows, cut.tokens) for cut in one.total.cuts] == [(1, 1), (0, 0)]
    assert one.total.lengths.most == 8
    assert [packing.packed for packing in one.packing] == [3, 3]
    assert one.packing[1].efficiency == 21 / 24


def test_empty_rows_and_guessed_languages_are_told():
    rows = [{"text": "¿Cómo está la señora?"}, {"text": "the house of the sea"}, {"text": None}]
    found = fit(rows, [Syllables()])
    assert (found.rows, found.empty, found.guessed) == (3, 1, 2)
    assert set(found.tokenizers[0].languages) == {"es", "en"}
    assert "2 rows named no language" in found.table("en")


def test_chat_messages_and_functions_of_a_row():
    row = {
        "messages": [{"role": "user", "content": "hola"}, {"role": "assistant", "content": None}]
    }
    assert measured([row], field="messages").total.tokens == 2
    assert (
        measured([{"a": "uno", "b": "dos"}], field=lambda r: r["a"] + " " + r["b"]).total.tokens
        == 2
    )
    assert measured([{"text": {"a": 1}}]).total.text.characters == len('{"a": 1}')


def test_a_field_that_is_no_language_does_not_fill_memory():
    rows = [{"text": "a", "language": f"x{number}"} for number in range(500)]
    languages = measured(rows).languages
    assert len(languages) == 65
    assert languages["other"].text.rows == 500 - 64


# ---- pairs


def parallel(count, clusters=True):
    rng = random.Random(0)
    for number in range(count):
        words = rng.randint(3, 30)
        group = {"group": f"g{number // 5}"} if clusters else {}
        yield {"id": str(number), "text": "abc " * words, "language": "en", **group}
        extra = "abcdef " * (words + rng.randint(-1, 1))
        yield {
            "id": f"x{number}",
            "source_id": str(number),
            "text": extra,
            "language": "es",
            **group,
        }


def test_parallel_texts_are_compared_with_a_clustered_interval():
    (pairs,) = measured(parallel(200)).parallel
    ratio = pairs.ratio
    assert (pairs.language, pairs.reference, pairs.of) == ("es", "en", 200)
    assert (ratio.n, ratio.clusters) == (200, 40)
    assert ratio.interval.low < ratio.value < ratio.interval.high
    assert 2.0 in ratio.interval
    assert "cluster-robust" in ratio.interval.method


def test_the_ratio_is_of_the_sums_and_its_error_that_of_the_bootstrap():
    pairs, rng = Pairs(), random.Random(3)
    counts = [(rng.randint(10, 200), rng.random()) for _ in range(300)]
    rows = [(lower, round(lower * (1.2 + share))) for lower, share in counts]
    for number, (lower, upper) in enumerate(rows):
        pairs.add(str(number), None, "en", [lower])
        pairs.add(str(number), None, "es", [upper])
    found = pairs.ratio("es", "en", 0)
    assert found.value == pytest.approx(sum(b for _, b in rows) / sum(a for a, _ in rows))
    draws = [rng.choices(rows, k=len(rows)) for _ in range(400)]
    ratios = [sum(b for _, b in one) / sum(a for a, _ in one) for one in draws]
    mean = sum(ratios) / 400
    spread = math.sqrt(sum((one - mean) ** 2 for one in ratios) / 400)
    assert found.std_error == pytest.approx(spread, rel=0.15)


def test_of_many_pairs_a_bounded_sample_is_kept_whole_in_any_order():
    rows = [(str(n), language) for n in range(2_000) for language in ("en", "es")]
    shuffled = random.Random(1).sample(rows, len(rows))
    kept = []
    for order in (rows, shuffled):
        pairs = Pairs(kept=100)
        for key, language in order:
            pairs.add(key, None, language, [int(key) + 1])
        assert len(pairs._groups) <= 201
        pairs._shrink()
        n, of = pairs.keys("es", "en")
        assert n == 100
        assert 1_500 < of < 2_700
        kept.append(set(pairs._groups))
    assert kept[0] == kept[1]


def test_a_sample_keeps_pairs_whole_and_the_same_for_a_seed():
    found = fit(parallel(400), [Syllables()], sample=0.25, pair=("source_id", "id"))
    again = fit(reversed(list(parallel(400))), [Syllables()], sample=0.25)
    assert 140 < found.rows < 260
    assert found.rows == again.rows
    (pairs,) = found.tokenizers[0].parallel
    assert pairs.of == found.rows // 2


# ---- streams and long rows


def test_rows_are_read_once_in_a_stream_up_to_the_limit():
    read = []

    def rows():
        for number in itertools.count():
            read.append(number)
            yield {"id": str(number), "text": "hola a todos"}

    found = fit(rows(), [Syllables()], limit=700)
    assert (found.rows, found.limited) == (700, True)
    assert len(read) == 701


def test_a_row_of_megabytes_reaches_a_tokenizer_in_pieces():
    tokenizer = Syllables()
    text = "palabra " * 200_000 + "x" * 100_000
    found = fit([{"text": text}], [tokenizer], windows=(512,)).tokenizers[0]
    assert tokenizer.longest <= PIECE
    assert found.total.text.characters == len(text)
    assert 200_000 * 3 + 100_000 // 3 <= found.total.tokens <= 200_000 * 3 + 100_000 // 3 + 20
    assert 200_000 < found.total.text.words <= 200_000 + 100_000 // PIECE + 2


@pytest.mark.parametrize("text", ["", "a", "uno dos " * 30, "x" * 100, " " * 100, "a \n\n b" * 20])
def test_pieces_are_the_text(text):
    assert "".join(pieces(text, 7)) == text
    assert all(len(piece) <= 7 for piece in pieces(text, 7))


def test_words_of_other_scripts_and_signs():
    assert list(words_in("नमस्ते दुनिया, ¡cafe\u0301! (l'été) 3,5 %")) == [
        "नमस्ते",
        "दुनिया",
        "cafe\u0301",
        "l'été",
        "3,5",
    ]


def test_lone_surrogates_are_measured():
    assert measured([{"id": "\ud800", "text": "a\ud800b c"}]).total.tokens == 2


# ---- bad input


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"windows": (0,)}, "windows"),
        ({"windows": (512.0,)}, "windows"),
        ({"batch": 0}, "batch"),
        ({"limit": 0}, "limit"),
        ({"sample": 1.5}, "sample"),
        ({"price": -1}, "price"),
        ({"price": float("nan")}, "price"),
        ({"price": True}, "price"),
    ],
)
def test_options_that_are_none_are_refused(options, says):
    with pytest.raises(ConfigurationError, match=says):
        fit(ROWS, [Syllables()], **options)


def test_what_is_no_dataset_or_tokenizer_is_refused():
    with pytest.raises(ConfigurationError, match="named twice"):
        fit(ROWS, [Syllables(), Syllables()])
    with pytest.raises(ConfigurationError, match="no tokenizer"):
        fit(ROWS, [])
    with pytest.raises(ConfigurationError, match="is not a tokenizer's name"):
        fit(ROWS, "cl100k_base")
    with pytest.raises(DataError, match=r"row 1: .* type str"):
        fit([{"text": "a"}, "b"], [Syllables()])
    with pytest.raises(DataError, match="type str"):
        fit("text.jsonl", [Syllables()])
    with pytest.raises(DataError, match="no rows"):
        fit([], [Syllables()])
    with pytest.raises(DataError, match=r"'text'.*fields: id, body"):
        fit([{"id": "1", "body": "hola"}], [Syllables()])


# ---- cost


def test_a_price_as_given_and_one_from_the_list():
    one = measured(price=2.0)
    assert one.cost == pytest.approx((15 + 2 * 3) * 2.0 / 1e6)
    assert one.price.basis == "given"
    pytest.importorskip("genai_prices")
    listed = measured(price={"syllables": "gpt-5-mini"})
    assert listed.price.basis == "estimated"
    assert listed.price.usd_per_million > 0
    assert measured(price={"another": 1.0}).cost is None
    with pytest.raises(ConfigurationError, match="no price for 'no-such-model'"):
        measured(price="no-such-model")


# ---- words


def both(found):
    return " ".join(found.advice("en")), " ".join(found.advice("es"))


def test_the_advice_tells_the_ratio_in_both_languages():
    english, spanish = both(fit(parallel(200), [Syllables()], windows=(40, 64), price=1.0))
    assert "syllables needs 2.0" in english
    assert (
        "× as many tokens for your Spanish as for the same texts in English (95% interval"
        in english
    )
    assert "200 pairs of texts" in english
    assert "para tu español que para los mismos textos en inglés (intervalo del 95 %" in spanish
    assert "of rows are cut at 40 tokens" in english
    assert "de las filas se corta a los 40 tokens" in spanish
    assert "packing into" in english
    assert "$1.00 for a million tokens" in english


def test_texts_that_are_not_parallel_are_compared_by_word_and_said_to_be():
    rows = [{"text": "abc " * 50, "language": "en"}, {"text": "abcdefghi " * 20, "language": "es"}]
    english, spanish = both(fit(rows, [Syllables()]))
    assert "3.00 × as many tokens for a word of your Spanish" in english
    assert "(not the same texts)" in english
    assert "no son los mismos textos" in spanish


def test_languages_without_spaces_are_compared_by_character():
    rows = [
        {"text": "日本語の文章です" * 10, "language": "ja"},
        {"text": "abcdefg " * 50, "language": "en"},
    ]
    english, _ = both(fit(rows, [Syllables()]))
    assert "for a character of your" in english
    assert "word of your" not in english


def test_tokenizers_are_compared_and_losses_told():
    found = fit(ROWS, [Syllables(), Syllables("letters", 1)], windows=(64,))
    english, _ = both(found)
    assert "syllables needs the fewest tokens (15); against it, letters needs" in english
    assert "of the tokens are unknown" in english
    assert "pieces of characters" in english
    assert "no row is longer than 64 tokens" in english


def test_useless_packing_is_called_so():
    rows = [{"text": "abc " * 31} for _ in range(64)]  # 33 tokens each: one a window
    english, spanish = both(fit(rows, [Syllables()], windows=(64,)))
    assert "packing into 64 gains nothing" in english
    assert "no gana nada" in spanish


def test_the_table_fits_its_width_and_the_data_are_json():
    found = fit(parallel(50), [Syllables("a" * 30)], price=1.0)
    for lang in ("en", "es"):
        assert max(map(len, found.table(lang).splitlines())) <= 80
        assert "…" not in found.table(lang)
    data = json.loads(json.dumps(found.as_data(), allow_nan=False))
    one = data["tokenizers"][0]
    assert one["languages"]["es"]["tokens_per_word"] == found.tokenizers[0].languages["es"].per_word
    assert one["parallel"][0]["ratio"]["interval"]["level"] == 0.95
    assert data["advice"]["es"] == found.advice("es")


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_the_fragment_escapes_names_and_describes_its_charts():
    hostile = "<img src=x onerror=alert(1)>"
    rows = [{hostile: "hola a todos", "language": hostile}]
    page = fit(rows, [Syllables(hostile)], field=hostile).html("es")
    parsed = Tags()
    parsed.feed(page)
    assert not [tag for tag, _ in parsed.found if tag in ("img", "script")]
    charts = [attributes for tag, attributes in parsed.found if tag == "svg"]
    assert len(charts) == 2
    identifiers = {attributes.get("id") for _, attributes in parsed.found}
    assert all(
        set(chart["aria-labelledby"].split()) <= identifiers and chart["role"] == "img"
        for chart in charts
    )
    assert not any("style" in attributes for _, attributes in parsed.found)
