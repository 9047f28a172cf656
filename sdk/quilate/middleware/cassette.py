"""Recorded calls outside a run: in memory, and as a file of JSON Lines that a person can read."""

import asyncio
import difflib
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.codec import from_data, to_data
from quilate.errors import StoreError, redact
from quilate.models import Model, Request, Response

if TYPE_CHECKING:
    from quilate.evals.results import Call

_SECRET_NAME = re.compile(r"(?i)api[-_]?key|authorization|password|secret|(access|auth).?token")


class MemoryStore:
    """A `CallStore` that lasts as long as the process."""

    def __init__(self) -> None:
        self._responses: dict[str, Response] = {}

    async def get(self, key: str) -> Response | None:
        """The response kept under `key`."""
        return self._responses.get(key)

    async def put(self, key: str, model_name: str, request: Request, response: Response) -> None:
        """Keep a response."""
        self._responses.setdefault(key, response)


def redacted(data: Any) -> Any:
    """Plain data without its secrets: strings pass through `errors.redact`, and the value of a
    name such as ``api_key`` or ``Authorization`` is replaced whole.

    >>> redacted({"headers": {"Authorization": "Basic dXNlcjpwYXNz"}, "top_k": 4})
    {'headers': {'Authorization': '[redacted]'}, 'top_k': 4}
    """
    if isinstance(data, str):
        return redact(data)
    if isinstance(data, list):
        return [redacted(value) for value in data]
    if isinstance(data, dict):
        return {
            name: "[redacted]"
            if isinstance(value, str) and _SECRET_NAME.search(name)
            else redacted(value)
            for name, value in data.items()
        }
    return data


# Bytes and a provider's own marks: a pattern found in them by chance is no secret, and without it
# the call could not be read again.
_OPAQUE = frozenset(("image", "audio", "file", "signature", "id"))


def _kept(data: dict[str, Any]) -> dict[str, Any]:
    """The data of a request, response, message or part without its secrets."""
    kept: dict[str, Any] = {}
    for name, value in data.items():
        if name in ("messages", "parts"):
            kept[name] = [_kept(one) for one in value]
        elif name == "message":
            kept[name] = _kept(value)
        else:
            kept[name] = value if name in _OPAQUE else redacted(value)
    return kept


def _line(key: str, model_name: str, request: Request, response: Response) -> bytes:
    entry = {
        "key": key,
        "model": model_name,
        "request": _kept(to_data(request)),
        "response": _kept(to_data(response)),
    }
    return json.dumps(entry, ensure_ascii=False).encode() + b"\n"


class JsonlCassette:
    """A `CallStore` in a file of one call a line: ``{"key", "model", "request", "response"}``.

    Meant to be committed beside tests and read in reviews; secrets are redacted as they are
    written, in prompts and answers too, though not within images, audio, files, signatures and
    ids. A last line without its line break is what a killed process left: it is dropped, and
    overwritten by the next call. One process writes at a time. Raises `StoreError` with file and
    line for a line that is not a call.

    >>> JsonlCassette("no-such-file.jsonl").requests()
    []
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._calls: dict[str, tuple[Request, Response]] | None = None
        self._end = 0

    async def get(self, key: str) -> Response | None:
        """The response recorded under `key`."""
        calls = self._calls if self._calls is not None else await asyncio.to_thread(self._load)
        found = calls.get(key)
        return found[1] if found else None

    async def put(self, key: str, model_name: str, request: Request, response: Response) -> None:
        """Append a call; it is on disk when this returns."""
        await asyncio.to_thread(self._append, key, model_name, request, response)

    def requests(self) -> list[Request]:
        """The recorded requests, for `Replayed` to show the nearest one in a miss."""
        return [request for request, _ in self._load().values()]

    def _load(self) -> dict[str, tuple[Request, Response]]:
        with self._lock:
            return self._loaded()

    def _loaded(self) -> dict[str, tuple[Request, Response]]:
        """The calls of the file, read once; the lock is held."""
        if self._calls is None:
            try:
                whole = self.path.read_bytes() if self.path.exists() else b""
            except OSError as error:
                raise StoreError(
                    f"The cassette cannot be read: {error.strerror}.", where=str(self.path)
                ) from None
            self._end = whole.rfind(b"\n") + 1
            self._calls = {}
            for number, line in enumerate(whole[: self._end].splitlines(), start=1):
                if line.strip():
                    key, call = self._parse(line, number)
                    self._calls.setdefault(key, call)
        return self._calls

    def _parse(self, line: bytes, number: int) -> tuple[str, tuple[Request, Response]]:
        try:
            entry = json.loads(line)
            call = from_data(Request, entry["request"]), from_data(Response, entry["response"])
            return entry["key"], call
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"This line is not a recorded call ({type(error).__name__}: {error}).",
                where=f"{self.path}:{number}",
                remedy="Delete the line to have its call recorded again.",
            ) from None

    def _append(self, key: str, model_name: str, request: Request, response: Response) -> None:
        with self._lock:
            calls = self._loaded()
            if key in calls:
                return
            line = _line(key, model_name, request, response)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("r+b" if self.path.exists() else "wb") as file:
                    file.seek(self._end)
                    file.truncate()
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise StoreError(
                    f"The cassette cannot be written: {error.strerror}.", where=str(self.path)
                ) from None
            self._end += len(line)
            calls[key] = request, response


@contextmanager
def cassette(path: str | Path, *, record: bool = True) -> Iterator[JsonlCassette]:
    """Calls of models opened by `quilate.model` inside are answered from the file at `path`; those
    that it does not hold are made and appended, or, without `record`, are a `ReplayMiss` that
    shows how the nearest recorded request differs.

    What is kept are Quilate's own values, without secrets: a cassette outlives the SDKs it was
    recorded with. Streams are replayed too.

    >>> import tempfile, quilate
    >>> path = Path(tempfile.mkdtemp()) / "calls.jsonl"
    >>> with cassette(path):
    ...     _ = quilate.model("scripted/hola").ask("?")
    >>> with cassette(path, record=False):
    ...     quilate.model("scripted/hola").ask("?").text
    'hola'
    """
    from quilate.middleware.ambient import layers
    from quilate.middleware.calls import Replayed, Stored

    store = JsonlCassette(path)

    def wrap(model: Model) -> Model:
        return Stored(model, store) if record else Replayed(model, store, recorded=store.requests)

    with layers(wrap):
        yield store


def export_cassette(calls: "Iterable[Call]", path: str | Path) -> int:
    """Write calls, such as a run's, as a cassette file, and return how many there were.

    The file is written whole beside `path` and then takes its place. Raises `StoreError`.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    count = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            for call in calls:
                file.write(_line(call.key, call.model, call.request, call.response))
                count += 1
        partial.replace(path)
    except OSError as error:
        raise StoreError(
            f"The cassette cannot be written: {error.strerror}.", where=str(path)
        ) from None
    return count


def difference(asked: Request, recorded: Iterable[Request]) -> str:
    """How a request differs from the nearest recorded one, as a unified diff; "" without any."""
    mine = _readable(asked)
    others = [_readable(request) for request in recorded]
    if not others:
        return ""
    nearest = max(others, key=lambda other: _similarity(mine, other))
    lines = list(difflib.unified_diff(nearest, mine, "recorded", "asked", lineterm="", n=2))
    if not lines:
        return (
            " A recorded call has this same request, but was made by another model or for another "
            "target, sample or epoch, or it asks something else of it."
        )
    shown = lines[:60] + (["…"] if len(lines) > 60 else [])
    return " The nearest recorded request differs so:\n" + "\n".join(shown) + "\n"


def _similarity(mine: list[str], other: list[str]) -> float:
    """The share of equal lines first, then of equal letters (of the first 2,000)."""
    lines = difflib.SequenceMatcher(None, mine, other, autojunk=False).ratio()
    letters = difflib.SequenceMatcher(None, "\n".join(mine)[:2000], "\n".join(other)[:2000])
    return lines + letters.quick_ratio()


def _readable(request: Request) -> list[str]:
    """A request as lines: its messages as text, then its settings."""
    data = _kept(to_data(request))
    data.pop("deadline", None)
    data.pop("first_event_deadline", None)
    lines: list[str] = []
    for message in data.pop("messages"):
        lines.append(f"[{message['role']}]")
        for part in message["parts"]:
            text = part.get("text")
            lines += json.dumps(part)[:2000].splitlines() if text is None else text.split("\n")
    return lines + [f"{name}: {json.dumps(value)}" for name, value in data.items()]
