"""What a session says: updates and tokens, parsed; and whom an update concerns. No I/O."""

from __future__ import annotations

import json
import sys
from threading import Lock
from typing import Any, Callable, NamedTuple, TypeVar

from .errors import WHOSE
from .pattern import EVERYTHING, matches, overlaps

LATEST = 86_400_000  # milliseconds: no hint means more than a day
DEEPEST = 1000  # levels of JSON that rootsd lets pass; those that Python takes by itself may be fewer

T = TypeVar("T")

_limited = Lock()  # guards the limit of recursion while it is another


class Update(NamedTuple):
    """An update as rootsd sends it."""

    path: str  # where it happened; in a blank message it may be a pattern
    message: Any  # any JSON value
    from_: str = ""  # the ID of the client that published it; "" where a back-end did
    gap: str = ""  # why something was missed; "" where nothing was

    @property
    def blank(self) -> bool:
        """Whether it says that the view of its path starts afresh: load it."""
        return isinstance(self.message, str) and not self.message

    def concerns(self, pattern: str) -> bool:
        """Tells whether it is for who listens to pattern."""
        if not self.blank:
            return matches(pattern, self.path)
        return self.path == EVERYTHING and bool(self.gap) or overlaps(self.path, pattern)


class Answer(NamedTuple):
    """What a transport hears at once."""

    updates: tuple[Update, ...]
    token: str  # counts all of them; "" where the session has ended
    pace: float = 0.0  # seconds until a new session may be connected: many have lost theirs
    retry: float = 0.0  # seconds until this client should come back: rootsd stops


def id_of(token: str) -> str:
    """Returns the ID of a token's client: all before its first slash. The rest is for rootsd."""
    return token.partition("/")[0]


def parse_answer(text: bytes) -> Answer:
    """Reads the answer to a poll. Raises ValueError where it is none."""
    try:
        said = deeply(json.loads, text)
    except (json.JSONDecodeError, UnicodeDecodeError):
        said = None  # where its first fault is says little of a page that is no JSON at all
    token = said.get("reconnectWith") if isinstance(said, dict) else None
    if not isinstance(token, str) or not id_of(token) or not isinstance(said.get("updates"), list):
        raise ValueError(f"this is no answer of rootsd{WHOSE}")
    return Answer(tuple(map(_update, said["updates"])), token, hint(said, "pace"), hint(said, "retry"))


def hint(said: Any, name: str) -> float:
    """Returns a time that is said in milliseconds, in seconds, at most a day; 0 where there is none."""
    value = said.get(name) if isinstance(said, dict) else None
    return min(value, LATEST) / 1000 if isinstance(value, (int, float)) and value > 0 else 0.0


def parse_update(text: str | bytes) -> Update:
    """Reads an update. Raises ValueError where it is none."""
    return _update(deeply(json.loads, text))


def _update(said: Any) -> Update:
    if not isinstance(said, dict) or not isinstance(said.get("path"), str) or "message" not in said:
        raise ValueError("there is an update without path and message")
    return Update(said["path"], said["message"], said.get("from", ""), said.get("gap", ""))


def deeply(work: Callable[[Any], T], said: Any) -> T:
    """Returns work(said), which reads or writes JSON, of as many levels as rootsd lets pass. Raises
    ValueError where there are more."""
    try:
        return work(said)
    except RecursionError:
        pass  # an answer that cannot be read would be asked for again for ever
    with _limited:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + 2 * DEEPEST)
        try:
            return work(said)
        except RecursionError:
            raise ValueError(f"there is JSON of more than {DEEPEST} levels") from None
        finally:
            sys.setrecursionlimit(limit)
