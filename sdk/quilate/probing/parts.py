"""Checks of images, sound, documents and reasoning."""

import io
import struct
import wave
import zlib
from dataclasses import replace

from quilate.messages import Audio, File, Image, Message, Part, Text
from quilate.probing.report import Found, honoured, ignored, unknown
from quilate.probing.session import Session


def red_png(side: int = 64) -> bytes:
    r"""A red square as PNG (ISO/IEC 15948).

    >>> red_png()[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    rows = (b"\x00" + b"\xff\x00\x00" * side) * side

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def silence_wav(seconds: float = 1.0, rate: int = 16_000) -> bytes:
    """A second of silence as WAV: 16 bits, one channel.

    >>> len(silence_wav())
    32044
    """
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(b"\x00\x00" * int(rate * seconds))
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
    """The colour of a red square is named."""
    return await _seen(session, Image(red_png()), "What colour is this? One word.", "red")


async def audio(session: Session) -> Found:
    """A second of silence is counted among the input."""
    return await _seen(session, Audio(silence_wav()), "What is to be heard? One word.", "silen")


async def files(session: Session) -> Found:
    """The number on a PDF's page is read."""
    part = File(pdf("The number is 4217"), name="number.pdf")
    return await _seen(session, part, "Which number does the document hold?", "4217")


async def _seen(session: Session, part: Part, question: str, expected: str) -> Found:
    asked = session.steady(question, tokens=32)
    shown = replace(asked, messages=(Message("user", (part, Text(question))),))
    response = await session.ask(shown)
    if expected in response.text.casefold():
        return honoured(f"understood: {response.text[:40]!r}")
    plain = await session.ask(asked)
    without, read = plain.usage.input_tokens, response.usage.input_tokens
    said = (
        f"not understood ({response.text[:30]!r}); {without} input tokens without it, {read} with"
    )
    if not without:
        return unknown(said)
    return honoured(said) if read > without + 8 else ignored(said)


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
