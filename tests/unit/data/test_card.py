"""Data cards: figures, what the manifest tells, what is never told, escaping, and bad input."""

import collections
import itertools
import json
import re
import tracemalloc
from html.parser import HTMLParser

import pytest
import yaml
from token_kit import Syllables

from quilate.data.card import make_card
from quilate.data.card.drawing import Reservoir
from quilate.data.card.markdown import escaped, fenced
from quilate.errors import ConfigurationError, DataError, StoreError

SECRET = "ana.secreta@example.com"
HOSTILE = (
    "</script><img src=x onerror=\"document.title='owned'\"> | `` ``` <!-- {{7*7}}\n# no\n---\n"
)


def rows(count=40):
    for number in range(count):
        yield {
            "id": str(number),
            "text": f"La fila número {number} dice algo."
            if number % 4
            else f"Row {number} says so.",
            "language": "es" if number % 4 else "en",
            "language_confidence": 0.4 if number == 1 else 0.95,
            "label": ["sí", "no", HOSTILE[:40]][number % 3],
            "split": "test" if number % 5 == 0 else "train",
            "stars": number % 7 - 1,
            "tags": ["a", "b"],
            "note": None if number % 2 else "",
        }


def step(name, **given):
    told = {"step": name, "rows_in": 50, "kept": 50, "rows_out": 50}
    return told | given


MANIFEST = {
    "name": "saludos",
    "version": 3,
    "digest": "ab" * 32,
    "rows": 40,
    "created": "2026-11-26T02:00:00+00:00",
    "quilate": "0.1.0",
    "licence": "CC-BY-4.0",
    "description": "Filas & *saludos*.",
    "sources": [{"path": "a|b.jsonl", "sha256": "cd" * 32, "rows": 50, "rejected": 2}],
    "steps": [
        step(
            "repair_text",
            changed=1,
            reasons={"changed": {"mojibake": 1}},
            examples=[
                {"id": "7", "did": "changed", "reason": "mojibake", "before": {"text": SECRET}}
            ],
        ),
        step(
            "mask_pii",
            changed=4,
            reasons={"changed": {"email": 3, "dni": 1}},
            options={"kinds": ["email", "dni"], "api_key": "hunter2hunter2"},
            examples=[
                {"id": "9", "did": "changed", "reason": "email", "detail": SECRET, "after": SECRET}
            ],
        ),
        step(
            "near_duplicates",
            dropped=10,
            kept=40,
            rows_out=40,
            reasons={"dropped": {"near duplicate": 10}},
            examples=[
                {
                    "id": "4",
                    "did": "dropped",
                    "reason": "near duplicate",
                    "detail": "of 3",
                    "before": {"text": "después de ocultar"},
                }
            ],
        ),
        step("decontaminate", rows_in=40, kept=40, rows_out=40, options={"against": ["mgsm"]}),
    ],
    "quarantined": 12,
}


@pytest.fixture(scope="module")
def card():
    return make_card(list(rows()), manifest=MANIFEST, tokenizers=[Syllables()], load="code()")


class Page(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(page)
        self.said = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]

    def handle_data(self, data):
        self.text.append(data)


# ---- figures


def test_fields_types_and_values(card):
    fields = {field.name: field for field in card.fields}
    assert list(fields) == list(next(rows()))
    assert fields["text"].types == {"text": 40}
    assert (fields["text"].distinct, fields["text"].more) == (40, False)
    assert (fields["note"].types, fields["note"].filled) == ({"text": 20, "null": 20}, 0)
    assert (fields["stars"].least, fields["stars"].most) == (-1.0, 5.0)
    assert fields["tags"].types == {"list of text": 40}
    assert fields["split"].values == {"train": 32, "test": 8}
    assert fields["id"].values is None
    assert card.text_field == "text"
    assert fields["text"].lengths.most == len("La fila número 39 dice algo.")


def test_languages_with_their_confidence(card):
    spanish, english = card.languages.shares
    assert (spanish.language, spanish.rows, spanish.share) == ("es", 30, 0.75)
    assert (spanish.doubtful, english.doubtful) == (1, 0)
    assert spanish.confidence == pytest.approx((29 * 0.95 + 0.4) / 30)


def test_without_languages_a_sample_of_texts_is_looked_at():
    data = [{"text": "¿Dónde está la casa del señor?"}] * 3_000 + [
        {"text": "the house is old"}
    ] * 1_000
    found = make_card(data).languages
    assert (found.field, found.of) == (None, 1_000)
    assert found.shares[0].language == "es"
    assert 0.7 < found.shares[0].share < 0.8
    assert "was told" not in make_card(data).markdown("en")
    assert "1,000 rows, drawn at random, were told from their text" in make_card(data).markdown(
        "en"
    )


def test_distinct_values_are_counted_up_to_a_limit():
    found = make_card([{"n": number, "t": f"t{number}"} for number in range(5_000)])
    assert [(one.distinct, one.more) for one in found.fields] == [(2_000, True)] * 2
    assert "more than 2,000" in found.markdown("en")


def test_odd_values_are_told_and_break_nothing():
    loop: list[object] = []
    loop.append(loop)
    odd = [
        {"v": float("nan"), "w": loop},
        {"v": float("inf"), "w": b"\x00" * 9},
        {"v": True, "w": {1: {2, 3}}},
        {"v": 10**400, "w": "\ud800"},
        {"v": "", "w": {}, 5: "a number for a name"},
    ]
    found = make_card(odd, samples=5)
    json.dumps(found.as_data(), allow_nan=False)
    assert found.markdown("en")
    assert Page(found.html("es")).said
    assert "<9 bytes>" in found.as_data()["samples"][1]["w"]["text"]


def test_a_row_of_megabytes_is_folded():
    found = make_card([{"id": "1", "text": "palabra " * 3_000_000}])
    shown = found.samples[0]["text"]
    assert (len(shown.text), shown.characters) == (20_000, 24_000_000)
    assert len(found.html("en")) < 100_000
    assert "23,980,000 more characters" in found.html("en")
    assert len(found.markdown("en")) < 10_000


def test_what_is_kept_does_not_grow_with_the_rows():
    class Endless:
        def __init__(self, count):
            self.count = count

        def rows(self):
            for number in range(self.count):
                yield {"id": str(number), "text": f"{number} " * 20, f"f{number}": number}

    sizes = []
    for count in (4_000, 16_000):
        tracemalloc.start()
        found = make_card(Endless(count))
        sizes.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert sizes[1] < 1.2 * sizes[0]
    assert (len(found.fields), found.unseen_fields) == (200, 2_000)


def test_a_reservoir_draws_each_item_alike():
    drawn = collections.Counter()
    for seed in range(2_000):
        sample = Reservoir(5, seed=seed)
        for number in range(50):
            sample.offer(lambda number=number: number)
        assert len(sample.items) == 5 == len(set(sample.items))
        drawn.update(sample.items)
    # 200 each are expected, with a standard deviation of 13
    assert min(drawn.values()) > 140
    assert max(drawn.values()) < 260


def test_samples_are_the_same_for_a_seed_alone():
    drawn = [[one["id"].text for one in make_card(list(rows()), seed=s).samples] for s in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


# ---- the manifest


def test_steps_sources_and_quarantine(card):
    page, text = Page(card.html("en")).said, card.markdown("en")
    for said in (page, text):
        assert "saludos" in said
        assert "near_duplicates: 10 dropped" in said.replace("\\", "")
        assert "12 rows lie in the quarantine" in said
        assert "decontaminate: nothing found in 40 rows" in said.replace("\\", "")
        assert "cd" * 32 in said
    assert "después de ocultar" in page
    assert "of 3" in page


def test_personal_data_are_counted_and_never_told(card):
    for text in (card.html("en"), card.markdown("en"), json.dumps(card.as_data())):
        assert SECRET not in text
        assert "hunter2" not in text
    page = Page(card.html("es")).said
    assert "mask_pii: 0 descartadas y 4 cambiadas, de 50 filas email 3 dni 1" in page


def test_what_was_not_done_is_warned_of():
    bare = make_card([{"text": "a"}], manifest={"rows": 7})
    text = bare.markdown("en")
    for warning in (
        "No licence is stated",
        "The rows were checked against no evaluation set",
        "No step looked for personal data",
        "The manifest tells of 7 rows, but there are 1 row",
    ):
        assert f"> **{warning}" in text
        assert warning in Page(bare.html("en")).said
    assert "> **" not in make_card(list(rows()), manifest=MANIFEST).markdown("en")
    assert "There are no rows" in make_card([]).markdown("en")
    assert "No hay filas" in make_card([]).html("es")


@pytest.mark.parametrize(
    ("manifest", "where"),
    [
        ({"steps": "clean"}, r"manifest\.steps"),
        ({"steps": [{"step": "a", "reasons": {"dropped": {"x": "many"}}}]}, r"reasons\.dropped\.x"),
        ({"sources": [5]}, r"manifest\.sources\[0\]"),
        ({"rows": -1}, r"manifest\.rows"),
        ({"licence": ["MIT"]}, r"manifest\.licence"),
        ([], "mapping"),
    ],
)
def test_manifests_of_another_kind_are_refused(manifest, where):
    with pytest.raises(DataError, match=where):
        make_card([{"text": "a"}], manifest=manifest or [1])


def test_rows_that_are_none_are_refused():
    with pytest.raises(DataError, match=r"row 1: .* type int"):
        make_card([{"text": "a"}, 5])
    with pytest.raises(DataError, match="type str"):
        make_card("rows.jsonl")
    with pytest.raises(ConfigurationError, match="read once only"):
        make_card(iter([{"text": "a"}]), tokenizers=[Syllables()])
    with pytest.raises(ConfigurationError, match="samples"):
        make_card([{"text": "a"}], samples=-1)
    assert make_card(iter([{"text": "a"}])).rows == 1


# ---- what is shown


def test_without_samples_no_value_is_shown():
    data = [{"id": f"id-{n}", "text": f"valor-{n} " * 9} for n in range(20)]
    found = make_card(data, samples=0)
    for text in (found.html("en"), found.markdown("en"), json.dumps(found.as_data())):
        assert not re.search(r"valor-\d|id-\d", text)


def test_nothing_of_the_data_becomes_markup():
    data = [{"id": "1", HOSTILE: HOSTILE * 40, "label": HOSTILE, "split": HOSTILE}] * 6
    manifest = {
        "name": HOSTILE,
        "description": HOSTILE,
        "licence": HOSTILE,
        "sources": [{"path": HOSTILE}],
        "steps": [
            step(
                HOSTILE,
                options={HOSTILE: HOSTILE},
                reasons={"dropped": {HOSTILE: 1}},
                examples=[{"id": HOSTILE, "reason": HOSTILE, "detail": HOSTILE}],
            )
        ],
    }
    found = make_card(data, manifest=manifest, tokenizers=[Syllables(HOSTILE)], load=HOSTILE)
    for lang in ("en", "es"):
        page = Page(found.html(lang))
        assert not {"img", "script", "b\n"} & set(page.tags)
        assert not {"onerror", "style"} & set(page.attributes)
        text = outside_fences(found.markdown(lang))
        assert not re.search(r"(?<!\\)<(?!\\)", text)
        assert [line for line in text.splitlines() if line.startswith("# ")] == [
            text.strip().split("\n\n")[0]
        ]


def outside_fences(text: str) -> str:
    """The Markdown without metadata and code, which CommonMark's rule ends."""
    lines, fence = [], None
    body = text.partition("---\n")[2].partition("\n---\n")[2]
    for line in body.splitlines():
        run = re.match("`{3,}", line)
        if fence is None and run:
            fence = run[0]
        elif fence is not None and line.strip() == fence:
            fence = None
        elif fence is None:
            lines.append(line)
    assert fence is None
    return "\n".join(lines)


def test_tables_keep_their_columns(card):
    for table in re.findall(
        r"(?:^\|.*\n)+", outside_fences(card.markdown("es")) + "\n", re.MULTILINE
    ):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table


def test_markdown_of_one_line_and_fences():
    assert escaped("a\n|\x1b[31m *b* \u202e") == r"a \|�\[31m \*b\* �"
    assert fenced("x ```` y").splitlines()[0] == "`````text"


def test_the_metadata_block_is_that_of_dataset_cards(card):
    _, block, _ = card.markdown("es").split("---\n", 2)
    assert yaml.safe_load(block) == {
        "pretty_name": "saludos",
        "license": "cc-by-4.0",
        "language": ["es", "en"],
        "size_categories": ["n<1K"],
    }


@pytest.mark.parametrize("lang", ["en", "es"])
def test_both_forms_have_all_parts_in_both_languages(card, lang):
    page, text = Page(card.html(lang)).said, card.markdown(lang)
    english = """Data card|Fields|Languages|Lengths|Labels and splits|Duplicates|Contamination
        |Personal data|Tokenisation fit|Samples|Where it comes from|How to load it|code()"""
    spanish = """Ficha de datos|Campos|Idiomas|Longitud|Etiquetas y particiones|Duplicados
        |Contaminación|Datos personales|Ajuste de los tokenizadores|Muestras|De dónde viene
        |Cómo cargarlo|code()"""
    parts = [part.strip() for part in {"en": english, "es": spanish}[lang].split("|")]
    for part in parts:
        assert part in page
        assert part in text
    other = "Ficha" if lang == "en" else "Data card"
    assert other not in page + text


def test_the_tokenizers_are_measured_on_a_sample_of_large_sets():
    data = [{"id": str(number), "text": "hola a todos"} for number in range(2_000)]
    found = make_card(data, tokenizers=[Syllables()], tokenized=200)
    assert 140 < found.tokens.rows < 260
    assert found.tokens.sample == 0.1
    assert "a sample of 10%" in found.markdown("en")


def test_a_card_is_written_whole_or_not_at_all(card, tmp_path):
    assert card.write(tmp_path / "new" / "card.md", "es").read_text("utf-8").startswith("---\n")
    assert card.write(tmp_path / "card.html", "es").read_text("utf-8").startswith("<!doctype html>")
    with pytest.raises(ConfigurationError, match=r"not '\.pdf'.*\.html or \.md"):
        card.write(tmp_path / "card.pdf")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        card.write(tmp_path / "file" / "card.html")


def test_the_card_of_a_dataset_that_a_pipeline_made(tmp_path):
    pytest.importorskip("lance")
    from quilate.data import pipeline, run_pipeline

    data = list(itertools.islice(rows(), 30))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data), "utf-8")
    made = pipeline("saludos", "a.jsonl", [lambda row: row["stars"] >= 0], folder=tmp_path)
    done = run_pipeline(made, store=tmp_path / ".quilate")
    found = make_card(done.dataset)
    assert found.rows == len(done.dataset) == done.manifest["rows"]
    assert (found.name, found.version) == ("saludos", str(done.dataset.version))
    assert found.sources[0].rows == 30
    assert found.steps[0].dropped == 30 - found.rows
    assert f"open_dataset('saludos@{done.dataset.version}')" in found.markdown("en")
