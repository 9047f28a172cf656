"""The steps for images: near duplicates by perceptual hash, and checks of image and caption."""

from __future__ import annotations

import json
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")
ImageDraw = pytest.importorskip("PIL.ImageDraw")
pytest.importorskip("imagehash")

from quilate.data import pipeline, run_pipeline  # noqa: E402
from quilate.data.steps import Drop  # noqa: E402
from quilate.errors import ConfigurationError, DataError  # noqa: E402
from quilate_adapters.images import ImageCaptions, NearDuplicateImages  # noqa: E402
from quilate_adapters.images.hamming import bit_counts, near_pairs  # noqa: E402


class Rows:
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def take(self, positions, fields=None):
        return [{name: self.rows[at].get(name) for name in fields} for at in positions]


def picture(seed: int, size: int = 320) -> object:
    """A scene of its own: a gradient, shapes and a text."""
    draws = random.Random(seed)
    across = np.linspace(draws.random() * 90, 110 + draws.random() * 90, size)
    down = np.linspace(draws.random() * 60, draws.random() * 120, size)
    base = np.add.outer(down, across).clip(0, 255).astype(np.uint8)
    made = Image.fromarray(np.stack([base, base[::-1], 255 - base], axis=-1))
    pen = ImageDraw.Draw(made)
    for _ in range(7):
        x, y, side = (draws.randrange(size) for _ in range(3))
        colour = tuple(draws.randrange(256) for _ in range(3))
        shape = draws.choice([pen.ellipse, pen.rectangle])
        shape((x, y, x + side // 2 + 8, y + side // 2 + 8), fill=colour)
    pen.text((draws.randrange(size // 2), draws.randrange(size)), f"scene {seed}", fill="white")
    return made


def decided(step, rows, shards: int = 1):
    per = -(-len(rows) // shards)
    sketches = [step.sketch(rows[at : at + per]) for at in range(0, len(rows), per)]
    return step.decide(sketches, Rows(rows))


@pytest.fixture
def scenes(tmp_path: Path) -> list[dict[str, str]]:
    """20 scenes, and of the first 8 copies: resized, recompressed, in another format."""
    rows = []
    for seed in range(20):
        file = tmp_path / f"{seed}.png"
        picture(seed).save(file)
        rows.append({"id": f"{seed}", "image": str(file)})
    for seed in range(8):
        made = Image.open(tmp_path / f"{seed}.png")
        copies = {
            "small.jpg": (made.resize((160, 160)), {"quality": 60}),
            "hard.jpg": (made, {"quality": 25}),
            "other.webp": (made.resize((240, 240)), {}),
        }
        for name, (copy, options) in copies.items():
            copy.save(tmp_path / f"{seed}{name}", **options)
            rows.append({"id": f"{seed}{name}", "image": str(tmp_path / f"{seed}{name}")})
    return rows


@pytest.mark.parametrize("kind", ["phash", "dhash"])
def test_copies_go_and_other_scenes_stay(scenes, kind):
    said = decided(NearDuplicateImages(hash=kind, max_distance=10), scenes, shards=3)
    gone = [row["id"] for row, reason in zip(scenes, said.dropped, strict=True) if reason >= 0]
    assert sorted(gone) == sorted(row["id"] for row in scenes[20:])
    for at, detail in said.details.items():
        kept = detail.split(",")[0].removeprefix("of ")
        assert scenes[at]["id"].startswith(kept)


def test_shards_do_not_change_the_verdicts(scenes):
    step = NearDuplicateImages()
    one, many = decided(step, scenes), decided(step, scenes, shards=7)
    assert one.dropped.tolist() == many.dropped.tolist()
    assert one.details == many.details


def test_the_largest_stays_or_the_first(tmp_path):
    for name, side in (("a", 100), ("b", 320), ("c", 200)):
        picture(1).resize((side, side)).save(tmp_path / f"{name}.png")
    rows = [{"id": name, "image": f"{name}.png"} for name in "abc"]
    largest = NearDuplicateImages(folder=str(tmp_path))
    first = NearDuplicateImages(folder=str(tmp_path), keep="first")
    assert decided(largest, rows).dropped.tolist() == [0, -1, 0]
    assert decided(first, rows).dropped.tolist() == [-1, 0, 0]


def test_blank_pages_of_other_colours_are_others(tmp_path):
    for colour in ("white", "black", "red"):
        Image.new("RGB", (64, 64), colour).save(tmp_path / f"{colour}.png")
    rows = [{"id": name, "image": f"{name}.png"} for name in ("white", "black", "red", "white")]
    assert decided(NearDuplicateImages(folder=str(tmp_path)), rows).dropped.tolist() == [
        -1, -1, -1, 0,
    ]  # fmt: skip
    blind = NearDuplicateImages(folder=str(tmp_path), max_colour_difference=None)
    assert decided(blind, rows).dropped.tolist() == [-1, 0, 0, 0]


def bomb(path: Path, side: int) -> None:
    """A PNG of a few bytes whose header says that it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str]:
    """Names of files, each with the reason for which it is dropped."""
    picture(3).save(tmp_path / "good.jpg")
    whole = (tmp_path / "good.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("this is no image")
    (tmp_path / "empty.gif").touch()
    (tmp_path / "page.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (tmp_path / "folder.png").mkdir()
    bomb(tmp_path / "bomb.png", 60_000)
    bomb(tmp_path / "large.png", 11_000)
    return {
        "cut.jpg": "image broken", "text.png": "image broken", "empty.gif": "image broken",
        "page.eps": "image broken", "folder.png": "image missing", "none.png": "image missing",
        "bomb.png": "image too large", "large.png": "image too large", "": "no image",
        "nul\0.png": "no image",
    }  # fmt: skip


def test_what_does_not_open_is_dropped_with_its_reason(tmp_path, broken):
    rows = [{"id": name, "image": name, "caption": "A boat at sea"} for name in broken]
    rows += [{"id": "none", "caption": "A boat at sea"}, {"id": "7", "image": 7, "caption": "Sea"}]
    rows.append({"id": "good", "image": "good.jpg", "caption": "Un barco en el mar"})
    wanted = [*broken.values(), "no image", "no image", None]
    verdicts = list(ImageCaptions(folder=str(tmp_path)).apply(rows))
    assert [verdict and verdict.reason for verdict in verdicts] == wanted
    said = decided(NearDuplicateImages(folder=str(tmp_path)), rows)
    told = [said.reasons[reason] if reason >= 0 else None for reason in said.dropped]
    assert told == wanted


def test_sizes_of_images(tmp_path):
    Image.new("RGB", (300, 10)).save(tmp_path / "strip.png")
    row = {"id": "1", "image": "strip.png", "caption": "Una línea negra"}

    def verdict(**options):
        return next(iter(ImageCaptions(folder=str(tmp_path), **options).apply([row])))

    assert verdict() == Drop("image too small", "300×10")
    assert verdict(min_side=10) is None
    assert verdict(min_side=0, max_pixels=2999) == Drop("image too large", "300×10")
    assert verdict(max_bytes=20).reason == "image too large"


@pytest.mark.parametrize(
    ("caption", "reason"),
    [
        ("", "caption empty"),
        (" \n", "caption empty"),
        (None, "caption empty"),
        ("IMG_2034.JPG", "caption is a file name"),
        ("fotos/verano 3.jpeg", "caption is a file name"),
        ("DSC00123", "caption is a file name"),
        ("20240612_101010", "caption is a file name"),
        ("Captura de pantalla 2024-01-02", "caption is a file name"),
        ("Foto", "caption is a file name"),
        ("Barco", None),
        ("Foto de un barco en el mar", None),
        ("Un barco con la vela de la marca img.png blanca", None),
    ],
)
def test_captions_that_say_nothing(tmp_path, caption, reason):
    picture(1).save(tmp_path / "a.png")
    step = ImageCaptions(folder=str(tmp_path))
    (verdict,) = step.apply([{"id": "1", "image": "a.png", "caption": caption}])
    assert (verdict and verdict.reason) == reason


def test_languages_and_words_of_captions(tmp_path):
    pytest.importorskip("py3langid")
    picture(1).save(tmp_path / "a.png")
    step = ImageCaptions(folder=str(tmp_path), languages=["es"], min_words=2, max_words=12)
    captions = [
        "Un barco de vela cruza la bahía al atardecer",
        "A sailing boat crosses the bay at sunset while people watch",
        "Barco",
        "uno dos tres " * 5,
    ]
    rows = [{"id": str(n), "image": "a.png", "caption": one} for n, one in enumerate(captions)]
    reasons = [verdict and verdict.reason for verdict in step.apply(rows)]
    assert reasons == [None, "caption language en", "caption too short", "caption too long"]
    with pytest.raises(ConfigurationError, match="'languages' of the step 'image_captions'"):
        ImageCaptions(languages=["spanish"])


def test_a_similarity_of_ones_own(tmp_path):
    picture(1).save(tmp_path / "a.png")
    file = tmp_path / "fit.py"
    file.write_text(
        "def fit(path, caption):\n    return 0.9 if 'barco' in caption else float('0.1')\n"
        "def wrong(path, caption):\n    return float('nan')\n"
    )
    rows = [{"id": n, "image": "a.png", "caption": n} for n in ("un barco", "un gato")]
    options = {"folder": str(tmp_path), "min_similarity": 0.5}
    step = ImageCaptions(similarity=f"{file}:fit", **options)
    assert list(step.apply(rows)) == [None, Drop("caption does not fit", "similarity 0.100")]
    assert list(step.inputs()) == [str(file)]
    with pytest.raises(DataError, match=r"row un barco.*gave nan"):
        ImageCaptions(similarity=f"{file}:wrong", **options).apply(rows)
    with pytest.raises(ConfigurationError, match="has no 'other'"):
        ImageCaptions(similarity=f"{file}:other")


@pytest.mark.parametrize("distance", [0, 1, 5, 10])
def test_every_near_pair_is_found_and_no_other(distance):
    draws = np.random.default_rng(7)
    base = draws.integers(0, 2**63, 60, dtype=np.uint64)
    flips = [
        one ^ np.uint64(sum(1 << int(bit) for bit in draws.choice(64, size, replace=False)))
        for one in base
        for size in (1, 4, 9, 12)
    ]
    hashes = np.unique(np.concatenate([base, np.array(flips, np.uint64)]))
    found = {
        pair
        for one, other in near_pairs(hashes, distance)
        for pair in zip(one.tolist(), other.tolist(), strict=True)
    }
    apart = bit_counts(hashes[:, None] ^ hashes[None, :])
    wanted = {(i, j) for i, j in zip(*np.nonzero(apart <= distance), strict=True) if i < j}
    assert found == {(int(i), int(j)) for i, j in wanted}


def test_no_rows_and_wrong_options():
    said = decided(NearDuplicateImages(), [{"id": "1"}])
    assert said.dropped.tolist() == [1]
    step = NearDuplicateImages()
    assert len(step.decide([step.sketch([])], Rows([])).dropped) == 0
    for options in ({"hash": "ahash"}, {"max_distance": 40}, {"keep": "best"}, {"folder": 3}):
        with pytest.raises(ConfigurationError, match="near_duplicate_images"):
            NearDuplicateImages(**options)


@pytest.mark.parametrize("step", ["image_captions", "near_duplicate_images"])
def test_a_changed_image_is_looked_at_again_though_its_row_is_the_same(tmp_path, step):
    """Of images that a JSON Lines file names, beside the pipeline; a later step is done again."""
    picture(1).save(tmp_path / "a.png")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "b.png")
    rows = [{"id": name, "image": f"{name}.png", "caption": f"Un barco {name}"} for name in "ab"]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps = [step, {"length": {"field": "caption", "min": 3}}]
    made = pipeline("images", "rows.jsonl", steps, folder=tmp_path)

    def kept():
        done = run_pipeline(made, store=tmp_path / ".quilate", workers=1)
        return [row["id"] for row in done.dataset.rows()], done.new

    assert kept() == (["a", "b"], True)
    assert kept() == (["a", "b"], False)
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[:40])
    assert kept() == (["a"], True)
    (tmp_path / "b.png").unlink()
    assert kept()[0] == ["a"]
    (tmp_path / "b.png").write_bytes(whole)
    assert kept() == (["a", "b"], True)
