"""PDF, Word and HTML files as documents: their text, which every later offset counts in.

Each loader takes a path and gives one `Document` whose id is the path. Whatever is wrong with a
file (missing, empty, encrypted, damaged, without text) raises `DataError` naming it.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quilate.errors import DataError, QuilateError
from quilate.registry import require
from quilate.retrievers import Document

_PDFIUM = threading.Lock()
"""PDFium is not thread-safe, not even for two different files."""

_CONTROLS = dict.fromkeys(code for code in range(32) if chr(code) not in "\t\n")

_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How a Word file with a password begins: it is a compound file around the encrypted ZIP."""

_NOT_CONTENT = ("head", "script", "style", "noscript", "template", "svg", "form", "nav")


def load_pdf(path: Path) -> Document:
    """The text of a PDF file, page after page; ``metadata["pages"]`` has the offset in characters
    at which each page starts. Raises `DataError`, also for a file that needs a password or whose
    pages are only images.

    >>> load_pdf(Path("missing.pdf"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    quilate.errors.DataError: missing.pdf: The document cannot be read: No such file ...
    """
    where, content = path.as_posix(), _content(path)
    pdfium = require("pypdfium2", extra="documents")
    with _PDFIUM, _parsing("PDF", where), _open_pdf(pdfium, content, where) as pdf:
        pages = [_page_text(page) for page in pdf]
        title = pdf.get_metadata_value("Title").strip()
    if not any(page.strip() for page in pages):
        raise DataError(
            f"The PDF has no text layer; pages: {len(pages)}, all blank or only images.",
            where=where,
            remedy="Run text recognition (OCR) over it first, or leave it out.",
        )
    starts = [0]
    for page in pages[:-1]:
        starts.append(starts[-1] + len(page) + 2)
    # What writers of PDF put where their user gave no title.
    title = "" if title in ("untitled", "(anonymous)") else title
    return Document(where, "\n\n".join(pages), title, {"pages": starts})


def load_docx(path: Path) -> Document:
    """The text of a Word file as Markdown: headings, lists, tables and links kept; images and
    equations left out. Its title is the heading that it begins with, if it does. Raises
    `DataError`.

    >>> load_docx(Path("missing.docx"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    quilate.errors.DataError: missing.docx: The document cannot be read: No such file ...
    """
    where, content = path.as_posix(), _content(path)
    if content.startswith(_COMPOUND_FILE):
        raise DataError(
            "The file is a Word document of the old .doc format, or needs a password.",
            where=where,
            remedy="Save a copy as .docx without a password, or leave it out.",
        )
    mammoth = require("mammoth", extra="documents")
    with _parsing("DOCX", where):
        html = mammoth.convert_to_html(
            io.BytesIO(content),
            style_map="p[style-name='Title'] => h1:fresh",
            # Without this, every image becomes a data URI of megabytes.
            convert_image=mammoth.images.img_element(lambda image: {}),
        ).value
        soup = _soup(html)
        first = soup.find(True)
        title = _text_of(first) if first is not None and first.name == "h1" else ""
        return Document(where, _markdown(soup, where), title)


def load_html(path: Path) -> Document:
    """The content of a web page as Markdown: what its one ``<main>`` or ``<article>`` holds, else
    the whole body, without scripts, styles, images, forms and navigation. The encoding is the one
    that the page declares, else the one that its bytes fit. Raises `DataError`.

    >>> load_html(Path("missing.html"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    quilate.errors.DataError: missing.html: The document cannot be read: No such file ...
    """
    where, content = path.as_posix(), _content(path)
    with _parsing("HTML", where):
        soup = _soup(content)
        is_wide = (soup.original_encoding or "").startswith(("utf-16", "utf-32"))
        is_binary = b"\0" in content and not is_wide
        if is_binary or soup.contains_replacement_characters or soup.find(True) is None:
            raise DataError(
                "The file is not an HTML page, or its encoding cannot be told.",
                where=where,
                remedy="Save it as UTF-8, or give it the ending of what it is.",
            )
        title = _text_of(soup.title) or _text_of(soup.h1)
        for tag in soup(_NOT_CONTENT):
            tag.decompose()
        return Document(where, _markdown(_main_part(soup), where), title)


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"The document cannot be read: {error.strerror}.",
            where=path.as_posix(),
            remedy="Check the path and its permissions.",
        ) from None
    if not content.strip():
        raise DataError("The file is empty.", where=path.as_posix(), remedy="Leave it out.")
    return content


@contextmanager
def _parsing(kind: str, where: str) -> Iterator[None]:
    """A damaged file can make a parser fail in any way: whichever it is, the file is at fault."""
    try:
        yield
    except (QuilateError, MemoryError):
        raise
    except Exception as error:
        raise DataError(
            f"The file is not {kind}, or it is damaged ({type(error).__name__}: {error}).",
            where=where,
            remedy=f"Save it anew as {kind}, or leave it out.",
        ) from error


def _open_pdf(pdfium: Any, content: bytes, where: str) -> Any:
    try:
        return pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if error.err_code != pdfium.raw.FPDF_ERR_PASSWORD:
            raise
        raise DataError(
            "The PDF is encrypted and needs a password.",
            where=where,
            remedy="Save a copy without a password, or leave it out.",
        ) from None


def _page_text(page: Any) -> str:
    text: str = page.get_textpage().get_text_bounded()
    # PDFium writes U+FFFE (or U+0002) for the hyphen of a word that goes on in the next line.
    for hyphen in ("\ufffe", "\x02"):
        text = text.replace(f"{hyphen}\r\n", "").replace(hyphen, "")
    return text.translate(_CONTROLS)


def _soup(html: str | bytes) -> Any:
    bs4 = require("bs4", extra="documents", package="beautifulsoup4")
    return bs4.BeautifulSoup(html, "html.parser")


def _main_part(soup: Any) -> Any:
    for name in ("main", "article"):
        found = soup.find_all(name)
        if len(found) == 1 and _text_of(found[0]):
            return found[0]
    return soup.body or soup


def _markdown(html: Any, where: str) -> str:
    markdownify = require("markdownify", extra="documents")
    converter = markdownify.MarkdownConverter(
        heading_style="atx", strip=["img"], escape_asterisks=False, escape_underscores=False
    )
    text = "\n".join(line.rstrip() for line in converter.convert_soup(html).splitlines()).strip()
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    if not text:
        raise DataError("The document has no text.", where=where, remedy="Leave it out.")
    return text


def _text_of(tag: Any) -> str:
    return " ".join(tag.get_text(" ").split()) if tag is not None else ""
