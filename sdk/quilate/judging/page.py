"""The page on which a person labels a run's answers, and the small server that gives it out.

It answers on the loopback address alone. A page of another site can neither read it nor give
labels: its address holds a random token, the Host header must be its own (a name that was rebound
to 127.0.0.1 is not), a label must come from the page's own origin, and a content security policy
admits the page's own files and nothing else. What models wrote reaches the page as data, which its
script inserts as text.
"""

import hashlib
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from pydantic import BaseModel, Field

from quilate.errors import ConfigurationError, QuilateError
from quilate.judging.labelling import Sheet, progress_of
from quilate.judging.views import References, view
from quilate.judging.words import words_of
from quilate.registry import require

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

HOST = "127.0.0.1"
LONGEST_NOTE = 10_000
_PORTS = range(8600, 9600)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STYLES = (("quilate.reports", "report.css"), ("quilate.judging", "label.css"))
_SCRIPTS = (("quilate.reports", "page.js"), ("quilate.judging", "label.js"))


class Given(BaseModel):
    """A label as the page sends it."""

    key: str = Field(max_length=64)
    label: str = Field(max_length=1000)
    note: str = Field(default="", max_length=LONGEST_NOTE)


def new_token() -> str:
    """A secret for the page's address."""
    return secrets.token_urlsafe(18)


def open_socket(sheet: Sheet, port: int | None = None) -> socket.socket:
    """A listening socket on the loopback address.

    Without a port it is, where that is free, one that belongs to run, metric and labeller: labels
    that wait in a browser are kept by address, and are found again when the command is given again.
    Raises `ConfigurationError` for a port that is taken.
    """
    if port is not None:
        return _listening(port)
    who = "\0".join((sheet.run.id, sheet.metric.name, sheet.labeller)).encode()
    own = _PORTS[int.from_bytes(hashlib.sha256(who).digest()[:4], "big") % len(_PORTS)]
    try:
        return _listening(own)
    except ConfigurationError:
        return _listening(0)


def _listening(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two programs share a port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        made.listen(64)
    except OSError as error:
        made.close()
        raise ConfigurationError(
            f"The port {port} cannot be had: {error.strerror}.",
            remedy="Give another --port, or none for one that is free.",
        ) from None
    return made


def serve(app: "FastAPI", listening: socket.socket, ready: Callable[[], None]) -> None:
    """Answer on a socket until Ctrl-C; `ready` is called once it answers and minds Ctrl-C."""
    uvicorn = require("uvicorn", extra="serving")

    class Server(uvicorn.Server):  # type: ignore[misc,name-defined]
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            await anyio.to_thread.run_sync(ready)

    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    try:
        Server(settings).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn raises it again when it has ended
        pass
    finally:
        listening.close()


def application(
    sheet: Sheet,
    token: str,
    port: int,
    *,
    lang: str | None = None,
    show_target: bool = False,
    references: References = "folded",
) -> "FastAPI":
    """The application: every path begins with the token.

    ``/`` is the page; ``/state`` says how far the labels are; ``/answers/N`` is one answer;
    ``/next?after=N`` the place of the next one without a label; a POST to ``/labels`` keeps one.
    Raises `MissingDependency` without FastAPI.
    """
    fastapi = require("fastapi", extra="serving")
    responses = require("fastapi.responses", extra="serving", package="fastapi")
    words = words_of(lang)
    app = fastapi.FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    api = fastapi.APIRouter(prefix=f"/{token}")
    _guard(app, _Guard(token, port, words), responses.JSONResponse)

    def told(request: "Request", error: QuilateError) -> Any:
        refused = isinstance(error, ConfigurationError)
        return responses.JSONResponse({"error": str(error)}, 422 if refused else 503)

    def misformed(request: "Request", error: Exception) -> Any:
        # FastAPI's own would repeat the input, which may not be text that JSON can hold.
        return responses.JSONResponse({"error": words["no_label"]}, 422)

    app.add_exception_handler(QuilateError, told)
    app.add_exception_handler(fastapi.exceptions.RequestValidationError, misformed)
    files = {
        "/": (_page(sheet, lang, words, references), "text/html"),
        "/label.css": (_files(_STYLES), "text/css"),
        "/label.js": (_files(_SCRIPTS), "text/javascript"),
    }
    for path, (text, kind) in files.items():
        api.add_api_route(path, _always(responses.Response, text, kind))
    _routes(api, sheet, fastapi.HTTPException, responses.JSONResponse, show_target, references)
    app.include_router(api)
    made: FastAPI = app
    return made


def _always(response: Callable[..., Any], text: str, kind: str) -> Callable[[], Any]:
    def given() -> Any:
        return response(text, media_type=kind)

    return given


def _routes(
    api: Any,
    sheet: Sheet,
    failed: Callable[[int], Exception],
    as_json: Callable[..., Any],
    show_target: bool,
    references: References,
) -> None:
    """What the page's script asks for."""

    def state() -> Any:
        sheet.reload()
        return progress_of(sheet)

    def following(after: int) -> Any:
        return {"next": sheet.after(max(-1, min(after, len(sheet) - 1)))}

    def answer(n: int) -> Any:
        if not 0 <= n < len(sheet):
            raise failed(404)
        # Plain data already: FastAPI's own encoder would walk through every passage again.
        return as_json(view(sheet, n, show_target=show_target, references=references))

    def keep(given: Given) -> Any:
        kept = sheet.keep(given.key, given.label, given.note)
        place = sheet.place(given.key)
        following = None if place is None else sheet.after(place)
        return {"at": kept.at, "labelled": sheet.labelled, "next": following}

    for path, asked in (("/state", state), ("/next", following), ("/answers/{n}", answer)):
        api.add_api_route(path, asked)
    api.add_api_route("/labels", keep, methods=["POST"])


class _Guard:
    """Who may ask. Returns the reason of a refusal, or None."""

    def __init__(self, token: str, port: int, words: Mapping[str, str]) -> None:
        self._token, self._words = token.encode(), words
        names = (HOST, "localhost")
        self._hosts = {f"{name}:{port}" for name in names}
        if port == 80:
            self._hosts.update(names)

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        host = headers.get("host", "")
        token = path.removeprefix("/").partition("/")[0]
        if host not in self._hosts or not secrets.compare_digest(token.encode(), self._token):
            return self._words["wrong_address"]
        if method not in ("GET", "HEAD") and headers.get("origin") != f"http://{host}":
            return self._words["from_elsewhere"]
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return self._words["from_elsewhere"]
        return None


def _guard(app: Any, guard: _Guard, refused: Callable[..., Any]) -> None:
    """Put `guard` before every path, known or not, and the headers on every response."""

    async def guarded(request: "Request", answer: Callable[..., Any]) -> "Response":
        why = guard.refusal(request.method, request.url.path, request.headers)
        made: Response = refused({"error": why}, 403) if why else await answer(request)
        made.headers.update(_HEADERS)
        return made

    app.middleware("http")(guarded)


def _files(names: tuple[tuple[str, str], ...]) -> str:
    return "".join(
        resources.files(package).joinpath("templates", name).read_text("utf-8")
        for package, name in names
    )


def _page(sheet: Sheet, lang: str | None, words: Mapping[str, str], references: References) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from quilate.reports.payload import as_json
    from quilate.reports.strings import Words, language

    spoken = Words(language(lang))
    environment = Environment(
        loader=PackageLoader("quilate.judging", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    choices = [{"label": one.label, "key": one.key} for one in sheet.choices]
    data = {
        "words": {"show_rest": spoken["show_rest"], **words},
        "lang": spoken.lang,
        "choices": choices,
        "total": len(sheet),
        "open_references": references == "open",
        # Where labels that wait are kept in the browser: others of this address are not theirs.
        "queue": ["quilate label", sheet.run.id, sheet.metric.name, sheet.labeller, choices],
    }
    return environment.get_template("label.html.j2").render(
        sheet=sheet,
        words=words,
        lang=spoken.lang,
        description=spoken.phrase(sheet.metric.description),
        choices=choices,
        references=references,
        data=as_json(data),
        longest=LONGEST_NOTE,
    )
