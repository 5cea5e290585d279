"""Paths and patterns, by the rules of docs/protocol.md, "Names". No I/O; docs/vectors holds the cases."""

from __future__ import annotations

from typing import Any

MAX_PATH = 1024  # bytes of UTF-8, as rootsd has it
MAX_WILD_SEGMENTS = 64  # of a pattern with wildcards, as rootsd has it
SYSTEM = "::"  # begins the paths that belong to rootsd
EVERYTHING = "**"

_WILD = ("*", EVERYTHING)
_WHY = {
    "empty": "it is empty",
    "long": f"it is longer than {MAX_PATH} bytes",
    "segment": "it has an empty segment",
    "text": "it is not valid Unicode",
    "control": "it has a control character",
    "wildcard": "it has a wildcard, and an update goes to one path",
    "tail": 'it has "**" before its last segment',
    "deep": f"it has a wildcard and more than {MAX_WILD_SEGMENTS} segments",
}


class PatternError(ValueError):
    """PatternError says why a text is no path or pattern; `reason` is a name of docs/vectors/README.md."""

    def __init__(self, text: str, what: str, reason: str) -> None:
        super().__init__(f"{ascii(text[:80])}{'…' * (len(text) > 80)} is no {what}: {_WHY[reason]}")
        self.reason = reason
        self._made_of = text, what, reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._made_of


def parse_path(text: str) -> str:
    """Returns the path of an update without slashes at its ends. Raises PatternError."""
    return _parse(text, "path")


def parse_pattern(text: str) -> str:
    """Returns a path or pattern to connect to without slashes at its ends. Raises PatternError."""
    return _parse(text, "pattern")


def _parse(text: str, what: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a {what} is a str, not {type(text).__name__}")
    text = text.strip("/")
    reason = _fault(text) or _wild_fault(text.split("/"), what)
    if reason:
        raise PatternError(text, what, reason)
    return text


def _fault(text: str) -> str:
    """Returns the first rule, by its name, that paths and patterns share and text breaks; "" for none."""
    if not text:
        return "empty"
    if len(text.encode("utf-8", "surrogatepass")) > MAX_PATH:
        return "long"
    if "//" in text:
        return "segment"
    if any("\ud800" <= char <= "\udfff" for char in text):
        return "text"
    return "control" if any(char < " " or "\x7f" <= char <= "\x9f" for char in text) else ""


def _wild_fault(segments: list[str], what: str) -> str:
    if not any(segment in _WILD for segment in segments):
        return ""
    if what == "path":
        return "wildcard"
    if EVERYTHING in segments[:-1]:
        return "tail"
    return "deep" if len(segments) > MAX_WILD_SEGMENTS else ""


def matches(pattern: str, path: str) -> bool:
    """Tells whether pattern stands for path. Both are in their normal form, here and below."""
    return covers(pattern, path)


def covers(pattern: str, other: str) -> bool:
    """Tells whether pattern matches every path that the pattern other matches."""
    mine, theirs = pattern.split("/"), other.split("/")
    if mine[0] in _WILD and other.startswith(SYSTEM):
        return False
    for want, got in zip(mine, theirs):
        if want == EVERYTHING:
            return True
        if got == EVERYTHING or want not in ("*", got):
            return False
    return len(mine) == len(theirs)


def overlaps(one: str, two: str) -> bool:
    """Tells whether there is a path that both patterns stand for."""
    a, b = one.split("/"), two.split("/")
    if a[0] in _WILD and two.startswith(SYSTEM) or b[0] in _WILD and one.startswith(SYSTEM):
        return False
    for x, y in zip(a, b):
        if EVERYTHING in (x, y):
            return True
        if x != y and "*" not in (x, y):
            return False
    return len(a) == len(b)
