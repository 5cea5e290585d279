"""HTTP, as a thin skin over http.client: one connection, kept for the next request."""

from __future__ import annotations

import json
import selectors
import socket
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from io import BufferedReader
from ssl import SSLContext, SSLSocket, SSLWantReadError
from threading import Lock
from time import monotonic
from typing import Any, Iterator, Mapping, NamedTuple, Optional, cast
from urllib.parse import SplitResult, urlsplit

from .errors import WHOSE, RootsError

MAX_ANSWER = 64 << 20  # bytes of an answer or an event; push.queue of rootsd allows 256 KiB by default
MAX_PROBLEM = 64 << 10  # bytes of an answer that is an error: more are not for people
MAX_AFTER = 3600  # seconds: who says Retry-After: 1000000000 does not mean it
PIECE = 64 << 10  # bytes that are read of a stream at once, at most


def split_url(url: str, what: str) -> SplitResult:
    """Returns the parts of an address. Raises ValueError where it cannot be one."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise ValueError(f'{what} is {url!r}; it should be like "https://example.com/comet/"')
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"{what} is {url!r}; spaces and what is not ASCII have to be percent-encoded")
    if parts.username is not None or parts.fragment:
        raise ValueError(f"{what} is {url!r}; a user's name or a fragment cannot stand in it")
    return parts


class _Begun(NamedTuple):
    """Stands for a socket of which the beginning of the answer was read into a file's buffer."""

    file: BufferedReader

    def makefile(self, mode: str) -> BufferedReader:
        return self.file


class Link:
    """A connection to one server. For one thread at a time, but for cut()."""

    def __init__(self, parts: SplitResult, timeout: float, silence: float, tls: Optional[SSLContext]) -> None:
        """`timeout` is for the connection to be made, `silence` for each wait after that, both in seconds."""
        self.where = f"{parts.scheme}://{parts.netloc}"  # and no more: a path may be a token
        self._silence = silence
        self._http = HTTPConnection(parts.hostname or "", parts.port, timeout)
        if parts.scheme == "https":
            self._http = HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout, context=tls)
        self._lock = Lock()  # guards what follows
        self._sock: Optional[socket.socket] = None
        self._closed = False

    def call(self, method: str, target: str, body: Optional[bytes] = None,
             headers: Optional[Mapping[str, str]] = None) -> bytes:
        """Sends a request, and returns the body of the answer. Raises RootsError where that is no success."""
        self.send(method, target, body, headers)
        return self.answer()

    def send(self, method: str, target: str, body: Optional[bytes] = None,
             headers: Optional[Mapping[str, str]] = None) -> None:
        """Sends a request, whose answer is then to be read. Raises RootsError."""
        with self._explained():
            self._connect()
            self._http.request(method, target, body, headers or {})

    def is_quiet(self, seconds: float) -> bool:
        """Tells whether nothing is answered for so long. Raises RootsError."""
        sock, end = self._sock, monotonic() + seconds
        with self._explained():
            while sock is not None and _readable(sock, max(0.0, end - monotonic())):
                if not isinstance(sock, SSLSocket) or self._is_answered(sock):
                    return False
        return sock is not None

    def answer(self) -> bytes:
        """Returns the body of the answer to what was sent. Raises RootsError where that is no success."""
        with self._explained():
            response = self._response()
            body = response.read(MAX_ANSWER)
            if response.length or not response.isclosed() and response.read(1):
                raise IncompleteRead(body)  # or it is too long
            return body

    def stream(self, target: str) -> Iterator[bytes]:
        """Yields an event stream in pieces, as they come. Raises RootsError in the end."""
        self.send("GET", target, headers={"Accept": "text/event-stream"})
        try:
            with self._explained():
                response = self._response()
                kind = response.headers.get_content_type()
                if kind != "text/event-stream":
                    detail = f"it answers {kind} instead of an event stream of rootsd{WHOSE}"
                    raise RootsError(0, "", detail, self.where)
                while piece := response.read1(PIECE):
                    yield piece
                raise ConnectionError("the stream has ended")
        finally:
            self.drop()

    def cut(self, close: bool = False) -> None:
        """Breaks off what is under way, on whichever thread; with `close` for good."""
        with self._lock:
            self._closed = self._closed or close
            if self._sock is not None:
                try:
                    socket.socket.shutdown(self._sock, socket.SHUT_RDWR)  # that of TLS would talk first
                except OSError:
                    pass  # it is broken already

    def _is_answered(self, sock: SSLSocket) -> bool:
        """Tells whether more has come than what is for TLS alone: a server sends session tickets unasked."""
        file = sock.makefile("rb")
        try:
            sock.setblocking(False)
            file.peek(1)
        except OSError as error:
            file.close()
            if isinstance(error, SSLWantReadError):
                return False
            raise
        finally:
            sock.settimeout(self._silence)
        self._http.response_class = cast(Any, partial(self._begun, _Begun(file)))
        return True

    def _begun(self, begun: Any, _: socket.socket, **rest: Any) -> HTTPResponse:
        self._http.response_class = HTTPResponse
        return HTTPResponse(begun, **rest)

    def _connect(self) -> None:
        if self._http.sock is not None and _readable(self._http.sock, 0):
            self.drop()  # the server has closed it
        if self._http.sock is None:
            self._http.connect()
        with self._lock:
            self._sock = self._http.sock
            if self._closed or self._sock is None:
                raise ConnectionError("the client is closed")
            self._sock.settimeout(self._silence)

    def drop(self) -> None:
        """Closes the connection. The next request makes another."""
        self._http.close()
        self._http.response_class = HTTPResponse
        with self._lock:
            self._sock = None

    def _response(self) -> HTTPResponse:
        response = self._http.getresponse()
        if 200 <= response.status < 300:
            return response
        reason, detail = "", response.reason
        if 300 <= response.status < 400:
            detail = f"it redirects to {response.headers.get('Location')}, which is not followed"
        body, whole = response.read(MAX_PROBLEM), response.isclosed()
        if not whole:
            self.drop()
        try:
            said = json.loads(body)
            reason, detail = str(said.get("reason", "")), str(said.get("detail", detail))
        except (ValueError, AttributeError, RecursionError):
            pass  # it is a page for people, or nothing
        after = response.headers.get("Retry-After", "")
        wait = min(int(after[:9]), MAX_AFTER) if after.isdecimal() else 0
        raise RootsError(response.status, reason, detail, self.where, wait)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException) as error:
            self.drop()
            raise RootsError(0, "", str(error) or type(error).__name__, self.where) from error


def _readable(sock: socket.socket, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(seconds))
