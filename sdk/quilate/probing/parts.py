"""Checks of images, sound, documents and reasoning.

Two parts that differ in their content alone are shown. What is dropped on the way, or passed on as
something else, cannot be told apart; so only two right answers are proof.
"""

import io
import math
import random
import re
import struct
import wave
import zlib
from collections.abc import Sequence
from dataclasses import replace

from quilate.messages import Audio, File, Image, Message, Part, Text
from quilate.probing.report import Found, honoured, ignored, unknown
from quilate.probing.session import Session

Words = tuple[str, ...]

YELLOW, GREEN = b"\xff\xff\x00", b"\x00\xff\x00"

_TONE = ("tone", "beep", "beeping", "buzz", "buzzing", "hum", "humming", "sine", "pitch")
_NOISE = ("noise", "static", "hiss", "hissing", "rain", "wind", "waterfall", "shower")
_RATE = 16_000
_FEW = 8  # input tokens that a placeholder may be, in the place of a part that was left out


def square_png(colour: bytes, side: int = 64) -> bytes:
    r"""A square of one colour, three bytes RGB, as PNG (ISO/IEC 15948).

    >>> square_png(YELLOW)[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    rows = (b"\x00" + colour * side) * side

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def tone_wav(hertz: float = 440.0) -> bytes:
    """A second of a steady tone as WAV: 16 bits, one channel.

    >>> len(tone_wav())
    32044
    """
    turn = 2 * math.pi * hertz / _RATE
    return _wav([round(8000 * math.sin(turn * n)) for n in range(_RATE)])


def noise_wav() -> bytes:
    """A second of white noise as WAV, the same each time."""
    draw = random.Random(0)  # noqa: S311  # not for secrets
    return _wav([draw.randint(-8000, 8000) for _ in range(_RATE)])


def _wav(samples: Sequence[int]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_RATE)
        sound.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


def pdf(text: str) -> bytes:
    """A page with a line of text as PDF (ISO 32000).

    >>> pdf("hola")[:8]
    b'%PDF-1.4'
    """
    drawn = f"BT /F1 24 Tf 20 100 Td ({text}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 200]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    whole, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(whole))
        whole += b"%d 0 obj%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return whole + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF"
        % (size, table, size, len(whole))
    )


async def images(session: Session) -> Found:
    """The colours of two squares are named."""
    shown = ((Image(square_png(YELLOW)), ("yellow",)), (Image(square_png(GREEN)), ("green",)))
    return await _told_apart(session, shown, "What colour is this? One word.")


async def audio(session: Session) -> Found:
    """A tone and noise are told apart."""
    shown = ((Audio(tone_wav()), _TONE), (Audio(noise_wav()), _NOISE))
    return await _told_apart(session, shown, "What is to be heard? One word.")


async def files(session: Session) -> Found:
    """The numbers on the pages of two PDFs are read."""
    first, second = (
        (File(pdf(f"The number is {number}"), name="number.pdf"), (number,))
        for number in ("4217", "8365")
    )
    return await _told_apart(session, (first, second), "Which number does the document hold?")


async def _told_apart(
    session: Session, shown: tuple[tuple[Part, Words], tuple[Part, Words]], question: str
) -> Found:
    """Whether the model names of each part what only that part has, and not without it."""
    asked = session.steady(question, tokens=32)
    first, second = [
        await session.ask(replace(asked, messages=(Message("user", (part, Text(question))),)))
        for part, _ in shown
    ]
    blind = await session.ask(asked)
    (_, one), (_, other) = shown
    named = [_names(answer.text, one, other) for answer in (blind, first, second)]
    said = f"{first.text[:30]!r} and {second.text[:30]!r}"
    if named == [(False, False), (True, False), (False, True)]:
        return honoured(f"understood: {said}")
    without, read = blind.usage.input_tokens, first.usage.input_tokens
    said = f"{said}, {blind.text[:30]!r} without; {without} input tokens without, {read} with"
    if without and read > without + _FEW:
        return unknown(f"counted, but not understood: {said}")
    if without and blind.text.strip() and blind.text == first.text == second.text:
        return ignored(f"neither counted nor with an effect: {said}")
    return unknown(f"not understood: {said}")


def _names(text: str, *wanted: Words) -> tuple[bool, ...]:
    """For each group of words, whether one of them is in the text, whole.

    >>> _names("No picture was shared.", ("red",), ("picture", "image"))
    (False, True)
    """
    found = set(re.findall(r"\w+", text.casefold()))
    return tuple(not found.isdisjoint(words) for words in wanted)


async def reasoning(session: Session) -> Found:
    """Asked to think, the model thinks."""
    question = "A bat and a ball cost 1.10 together; the bat costs 1 more. What does the ball cost?"
    response = await session.ask(session.steady(question, tokens=256, reasoning="high"))
    thought, counted = response.message.reasoning, response.usage.reasoning_tokens
    said = f"{counted} reasoning tokens, {len(thought)} characters shown, of effort high"
    if counted or thought:
        return honoured(said)
    if response.usage.output_tokens > len(response.text):  # more tokens than there are letters
        return unknown(f"{said}, but {response.usage.output_tokens} output tokens")
    return ignored(said)
