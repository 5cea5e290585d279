"""How updates travel. A transport is given a link, where rootsd is on it, and a token, "" for a new session.
It yields what it hears until something breaks, and raises that."""

from __future__ import annotations

import json
from typing import Callable, Iterator

from .errors import RootsError
from .events import Parser
from .link import MAX_ANSWER, Link
from .session import Answer, hint, parse_answer, parse_update

WELCOME = 1.0  # seconds: a poll that resumes, and is not refused within them, is welcome

Transport = Callable[[Link, str, str], Iterator[Answer]]


def long_poll(link: Link, base: str, token: str) -> Iterator[Answer]:
    """Waits by one request after the other."""
    link.send("GET", base + token)
    if token and link.is_quiet(WELCOME):
        yield Answer((), token)
    while True:
        answer = parse_answer(link.answer())
        yield answer
        link.send("GET", base + answer.token)


def sse(link: Link, base: str, token: str) -> Iterator[Answer]:
    """Reads an event stream."""
    parser = Parser(MAX_ANSWER)
    for piece in link.stream(base + token):
        heard = parser.feed(piece)
        names = [event.name for event in heard]
        if heard:
            token = "" if "ended" in names else heard[-1].id
            updates = tuple(parse_update(event.data) for event in heard if event.name == "message")
            pace = sum(hint(json.loads(event.data), "pace") for event in heard if event.name == "session")
            yield Answer(updates, token, pace)
        if parser.retry:
            yield Answer((), token, retry=parser.retry / 1000)
        if "superseded" in names:
            raise RootsError(409, "superseded", "another request for this session has come", link.where)
        if "ended" in names:
            return


TRANSPORTS: dict[str, Transport] = {"long-poll": long_poll, "sse": sse}
