"""Tells rootsd what happened, and which of its clients may hear of it.

    roots = Connector()
    roots.update("orders/42", {"state": "shipped"})

Standard library only; safe to use from many threads at once, and after a fork.
"""

from __future__ import annotations

import io
import json
import logging
import os
import selectors
import socket
import time
from collections import deque
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any, Callable, Iterable, Iterator, Mapping, cast
from urllib.parse import quote, unquote, urlsplit

__version__ = "0.1.0"


class Error(Exception):
    """Says why rootsd did not do what it was asked. str() of it is one line.

    status: that of HTTP, 0 where there was no answer. reason: one word, for programs: one of rootsd's own (the
    table of errors in docs/protocol.md), or, said here: "unreachable" (nothing was sent), "interrupted", "timeout",
    "message" (it is not JSON; nothing was sent), "answer" (by something that is not rootsd's ingest port),
    "signature", "timestamp" (of a webhook). detail: what is wrong, for people. entry, field, offset: which of
    several updates or paths, which member, and where in the body, counted from 0; None where they say nothing.
    uncertain: whether rootsd may have done it all the same.
    """

    def __init__(self, verb: str, status: int, reason: str, detail: str, entry: int | None = None,
                 field: str | None = None, offset: int | None = None, uncertain: bool = False) -> None:
        super().__init__(verb, status, reason, detail, entry, field, offset, uncertain)  # makes it fit for pickle
        self.verb, self.status, self.reason, self.detail = verb, status, reason, detail
        self.entry, self.field, self.offset, self.uncertain = entry, field, offset, uncertain

    def __str__(self) -> str:
        code = f"{self.status or ''} {self.reason}".strip() + ("" if self.entry is None else f", entry {self.entry}")
        return f"rootsd: {self.verb.partition('/')[0]}: {self.detail} ({code})"


class Connector:
    """Speaks to the ingest port of one rootsd.

    A method that fails gives an Error to on_error and returns None; with raises=True it raises the Error.
    """

    def __init__(self, url: str | None = None, token: str | None = None, *, timeout: float = 5.0,
                 raises: bool = False, on_error: Callable[[Error], object] | None = None) -> None:
        """url: http or https, of the ingest port; by default $ROOTS_URL, or else http://127.0.0.1:8004. With "null:"
        nothing is sent; the latest 1,000 requests are in `sent`, each [verb, body]. token: one of ingest.tokens;
        by default $ROOTS_TOKEN. timeout: seconds, to connect, and for all of the answer. on_error: by default, one line
        as a warning of the logger "rootsd". Raises ValueError where url or token cannot be used."""
        self.url = url or os.environ.get("ROOTS_URL") or "http://127.0.0.1:8004"
        token = os.environ.get("ROOTS_TOKEN", "") if token is None else token
        parts = urlsplit(self.url)
        is_plain = all("!" <= letter <= "~" for letter in self.url + token) and not set("@?#") & set(self.url)
        if not is_plain or self.url != "null:" and not (parts.scheme in ("http", "https") and parts.hostname):
            raise ValueError("rootsd: url is http://host:port/, https://host:port/ or null:, token a word of ASCII")
        self.timeout, self.raises, self.on_error = timeout, raises, on_error or logging.getLogger("rootsd").warning
        self.sent: list[list[Any]] = []
        self._idle: deque[tuple[int, HTTPConnection]] = deque()  # up to 8, with the process that made each
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path.rstrip("/")
        self._headers = {"User-Agent": f"rootsd-python/{__version__}", "Content-Type": "application/json"}
        self._headers.update({"Authorization": f"Bearer {token}"} if token else {})

    def update(self, path: str, message: Any, latest: bool = False, except_: str | None = None,
               wait: float | timedelta | None = None) -> dict[str, Any] | None:
        """Tells whoever is connected to path. message: whatever JSON can hold. latest: it takes the place of an
        earlier `latest` one that a client was not sent yet. except_: the ID of a client that is not told. wait:
        seconds until all should have confirmed it. Returns {"accepted": 1}, with wait a receipt: {"matched",
        "delivered", "confirmed", "gapped"}. Is never sent twice."""
        update = {"path": path, "message": message, "latest": latest, "except": except_, "wait": wait}
        return self._call("update", _said(update), _seconds(wait))

    def updates(self, updates: Iterable[Mapping[str, Any]]) -> Any:
        """Tells of several at once: all of them are taken, or none. Each is {"path", "message"} and, as in update(),
        "latest", "except", "wait". Returns {"accepted": n}; where one waits, the list of receipts."""
        updates = list(updates)
        return self._call("update", [*map(_said, updates)], max([0.0, *(_seconds(it.get("wait")) for it in updates)]))

    def connect(self, id: str, *paths: str, lease: float | timedelta | None = None) -> dict[str, Any] | None:
        """Lets a client hear paths or patterns, with a lease for so many seconds. It stands by the time that this
        returns {"id", "paths"}: read the database then, not before."""
        return self._call("connect", _said({"id": id, "paths": paths, "for": lease}))

    def disconnect(self, id: str, *paths: str) -> dict[str, Any] | None:
        """Undoes connect(), for the very patterns that were connected. Returns {"id", "paths"}."""
        return self._call("disconnect", {"id": id, "paths": paths})

    def permit(self, id: str, *paths: str, lease: float | timedelta | None = None) -> dict[str, Any] | None:
        """Lets a client publish to paths or patterns, with a lease for so many seconds. Returns {"id", "paths"}."""
        return self._call("permit", _said({"id": id, "paths": paths, "for": lease}))

    def forbid(self, id: str, *paths: str) -> dict[str, Any] | None:
        """Undoes permit(), for the very patterns that were permitted. Returns {"id", "paths"}."""
        return self._call("forbid", {"id": id, "paths": paths})

    def join(self, id: str, *rooms: str) -> dict[str, Any] | None:
        """Lets a client into chat rooms: it hears them, is told who is in them, and may publish to them. All at
        once, or nothing. Returns {"accepted": n}, three for each room."""
        steps = (("::connect", ""), ("::connect", "::members/"), ("::permit", ""))
        return self._call("update", [{"path": command, "message": f"{id}->{prefix}{room.strip('/')}"}
                                     for room in rooms for command, prefix in steps])

    def kick(self, id: str) -> dict[str, Any] | None:
        """Ends a client's session now. Returns {"id"}."""
        return self._call("kick", {"id": id})

    def clients(self, id: str) -> dict[str, Any] | None:
        """Returns what a client is connected to and may publish to, and its session: see GET /clients/{id} in
        docs/protocol.md."""
        return self._call("clients/" + quote(id, safe=""), None)

    def request(self, verb: str, body: Any = None, wait: float = 0.0) -> Any:
        """POSTs body to /<verb> of rootsd, or GETs that where body is None, and returns the decoded answer. wait:
        seconds, in addition to the time-out. All methods use it; always raises the Error."""
        data = None if body is None else _encode(verb, body)
        if self.url == "null:":
            return self._note(verb, data)
        for conn in self._connections(verb):
            answer = self._exchange(conn, verb, data, wait)
            # An idle connection may have been closed in this very moment. An update is not sent again all the same:
            # it may have been taken before that. These, and what has no body, change nothing when done again.
            if answer or data and verb not in ("connect", "disconnect", "permit", "forbid", "kick"):
                break
        if not answer:
            raise _uncertain(verb, "interrupted", "the connection broke before the answer")
        return _decode(verb, *answer)

    def close(self) -> None:
        """Closes the connections that are idle. The connector can be used again."""
        with suppress(IndexError):
            while True:
                self._idle.pop()[1].close()

    def _call(self, verb: str, body: Any, wait: float = 0.0) -> Any:
        try:
            return self.request(verb, body, wait)
        except Error as error:
            if self.raises:
                raise
            self.on_error(error)

    def _exchange(self, conn: HTTPConnection, verb: str, data: bytes | None, wait: float) -> tuple[int, bytes] | None:
        """Returns the status and the body of the answer; None where the connection broke before any of it came."""
        response, keep = None, False
        try:
            conn.sock.settimeout(self.timeout + wait)
            # Its argument keeps self out of it, which would hold itself by its connections.
            conn.response_class = lambda sock, s=self.timeout + wait, **rest: HTTPResponse(_Timed(sock, s), **rest)
            with suppress(BrokenPipeError, ConnectionResetError):  # what is too large is answered before its end
                conn.request("POST" if data else "GET", f"{self._base}/{verb}", data, self._headers)
            response = conn.getresponse()
            content = response.read(1 << 24)  # the beginning of more than that is no JSON
            if response.length:
                raise IncompleteRead(content, response.length)
            # What is not read to its end, or is only to precede an answer (1xx), is not what the next call asks for.
            keep = response.isclosed() and response.status >= 200 and not response.will_close and len(self._idle) < 8
            return response.status, content
        except socket.timeout:
            raise _uncertain(verb, "timeout", f"no answer within {self.timeout + wait:g} s") from None
        except (OSError, HTTPException) as error:
            if not response and isinstance(error, OSError):
                return None
            raise _uncertain(verb, "interrupted" if response else "answer", f"broken answer: {error!r}") from error
        finally:
            self._idle.append((os.getpid(), conn)) if keep else conn.close()

    def _connections(self, verb: str) -> Iterator[HTTPConnection]:
        """Yields an idle connection that still stands, if there is one, and then a new one."""
        with suppress(IndexError):
            while True:
                pid, conn = self._idle.pop()
                # After a fork, what the parent made is the parent's: to close it here does not concern it.
                if pid == os.getpid() and not _is_readable(conn.sock):
                    yield conn
                    break
                conn.close()
        try:
            conn = self._kind(self._host, self._port, timeout=self.timeout)
            conn.connect()
        except (OSError, UnicodeError) as error:  # the latter of a name that cannot be one
            raise Error(verb, 0, "unreachable", f"{self.url}: {error}; is rootsd running there?") from error
        yield conn

    def _note(self, verb: str, data: bytes | None) -> Any:
        """Answers as rootsd would, and sends nothing."""
        body = json.loads(data or "null")
        self.sent.append([verb, body])
        del self.sent[:-1000]
        if verb == "update":
            return {"accepted": len(body) if isinstance(body, list) else 1}
        answer = body or {"id": unquote(verb.partition("/")[2]), "connected": [], "permits": []}
        return {key: answer[key] for key in answer if key != "for"}


class _Timed:
    """A socket's file that takes so many seconds in all. By the socket's own time-out, each byte has them anew."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock, self._file, self._end = sock, sock.makefile("rb", 0), time.monotonic() + seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(cast(io.RawIOBase, self))

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(max(self._end - time.monotonic(), 0.001))
        return self._file.readinto(buffer)


def _uncertain(verb: str, reason: str, detail: str) -> Error:
    return Error(verb, 0, reason, detail + "; it is not known whether rootsd has done it", uncertain=True)


def _seconds(time: float | timedelta | None) -> float:
    return time.total_seconds() if isinstance(time, timedelta) else time or 0.0


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body without what was not given, and with times as rootsd wants them."""
    body = {key: value for key, value in body.items() if key == "message" or value is not None and value is not False}
    return {**body, **{key: f"{round(_seconds(body[key]) * 1000)}ms" for key in ("wait", "for") if key in body}}


def _encode(verb: str, body: Any) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Error(verb, 0, "message", f"the message is not JSON: {error}") from error


def _decode(verb: str, status: int, content: bytes) -> Any:
    """Returns what rootsd answered, or raises the error that it is."""
    answer: Any = None
    with suppress(ValueError, RecursionError):
        answer = json.loads(content)
    if status < 300 and answer is not None:
        return answer
    if status >= 400 and isinstance(answer, dict) and isinstance(answer.get("reason"), str):
        raise Error(verb, status, *map(answer.get, ("reason", "detail", "entry", "field", "offset")))
    # Nobody can tell whether a proxy that failed, or an answer that was cut, comes after the deed.
    raise Error(verb, status, "answer", "not from rootsd; is this its ingest port?", uncertain=not 300 <= status < 500)


def _is_readable(sock: socket.socket) -> bool:
    """Tells whether something came on an idle connection. Nothing was asked, so it can only be its end."""
    # select(), which is all that Windows has, cannot look at file descriptors above 1,023.
    with getattr(selectors, "PollSelector", selectors.SelectSelector)() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))
