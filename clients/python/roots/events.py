"""Server-sent events, read as WHATWG HTML says ("Interpreting an event stream"). No I/O."""

from __future__ import annotations

import re
from typing import NamedTuple

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """An event with data."""

    name: str  # "message" where the stream gives none
    data: str
    id: str  # that of the last event which had one


class Parser:
    """Takes a stream in pieces, wherever it is cut.

    `retry` is in how many milliseconds to come back, where that was all that was said last; 0 otherwise. What
    is said with an event is ignored: the client has a backoff of its own.
    """

    def __init__(self, longest: int) -> None:
        """A line, and the data of an event with its line ends, may have `longest` bytes."""
        self._longest = longest
        self._rest, self._after_cr, self._first = bytearray(), False, True
        self._name, self._id = b"", b""
        self.retry = self._retry = 0
        self._data: list[bytes] = []
        self._size = 0  # of the data, with line ends

    def feed(self, piece: bytes) -> list[Event]:
        """Returns the events that end in this piece. Raises ValueError where one is too long."""
        if not piece:
            return []
        if self._after_cr and piece[:1] == b"\n":
            piece = piece[1:]  # it belongs to the CR that ended the piece before
        self._after_cr = piece[-1:] == b"\r"
        begun, *lines = _LINE_END.split(piece)
        self._rest += begun  # only what is new is looked through and copied, however long a line becomes
        if lines:
            lines = [bytes(self._rest), *lines]
            self._rest = bytearray(lines.pop())
        events = [event for event in map(self._line, lines) if event]
        if len(self._rest) + self._size > self._longest:
            raise ValueError(f"an event is longer than {self._longest} bytes")
        return events

    def _line(self, line: bytes) -> Event | None:
        """Takes a line. Returns the event that it ends, if it does."""
        if self._first and line.startswith(_BOM):
            line = line[len(_BOM):]
        self._first = False
        if line:
            name, _, value = line.partition(b":")
            self._field(name, value[1:] if value[:1] == b" " else value)
            return None
        name, data, self._name, self._data, self._size = self._name, self._data, b"", [], 0
        self.retry, self._retry = 0 if data else self._retry, 0
        texts = (text.decode("utf-8", "replace") for text in (name or b"message", b"\n".join(data), self._id))
        return Event(*texts) if data else None

    def _field(self, name: bytes, value: bytes) -> None:
        if name == b"data":
            self._data.append(value)
            self._size += len(value) + 1
        elif name == b"event":
            self._name = value
        elif name == b"id" and b"\0" not in value:
            self._id = value
        elif name == b"retry" and value.isdigit():
            self._retry = int(value[:9])
