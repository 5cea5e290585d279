"""The client: sessions, threads, and what a script calls."""

from __future__ import annotations

import json
import logging
from functools import partial
from queue import SimpleQueue
from ssl import SSLContext
from threading import Condition, Lock, RLock, Thread, current_thread
from typing import Any, Callable, Mapping, Optional, Union
from urllib.parse import SplitResult

from .asker import Ask, Asker
from .backoff import Backoff
from .errors import RootsError
from .link import Link, split_url
from .pattern import parse_path, parse_pattern
from .session import Answer, Update, deeply, id_of
from .transports import TRANSPORTS
from .views import Handler, Reload, Render, Updates, View

LEAVE = 2.0  # seconds: what close() waits for its threads, and these for rootsd to end the session

_log = logging.getLogger("roots")


class Roots:
    """A connection to rootsd. It opens with what is called first, and stays open by itself until close().

    `url` is where rootsd answers clients. `connect` is where the application connects its users: an address
    in which "{id}" stands for the client's ID, to which a list of paths is POSTed as JSON; or a function of
    the ID and that list. What it raises is tried again later, but for an error with a `status` from 400 to
    499 other than 408, 425 and 429: then it has refused. Left out, the client connects itself, to what
    push.open of rootsd opens. `disconnect` is the same for paths that nobody listens to any more; left out
    beside `connect`, nobody is asked. `headers` go to the application, read anew for each request: a session
    cookie, a CSRF token.

    `transport` is "long-poll" or "sse". `retry` bounds the wait between two tries; `silence` is how long a
    connection may say nothing before it is taken for dead, longer than push.hold of rootsd; `timeout` is for
    all other waits; all are seconds. `hold` is how many updates may wait for a reload that has failed: when
    there are more they go, and the view is loaded once more. Where so many wait for a callback or an
    iterator, the connection waits too. `tls` is for HTTPS. http_proxy and the like are
    not heeded.

    Callbacks run on one thread, one after the other: those of on(), on_state(state), and on_error(error),
    which is a warning of the logger "roots" if left out. `connect` and `disconnect` run on another. Methods
    may be called on any thread, but not in a process that was forked meanwhile: it shares the connection, and
    has no thread.
    """

    def __init__(self, url: str, connect: Union[str, Ask, None] = None,
                 disconnect: Union[str, Ask, None] = None, *, headers: Optional[Mapping[str, str]] = None,
                 transport: str = "long-poll", retry: float = 15.0, silence: float = 60.0, hold: int = 1000,
                 timeout: float = 10.0, tls: Optional[SSLContext] = None,
                 on_state: Optional[Callable[[str], object]] = None,
                 on_error: Optional[Callable[[BaseException], object]] = None) -> None:
        for name, value in (("retry", retry), ("silence", silence), ("hold", hold), ("timeout", timeout)):
            if not value > 0:
                raise ValueError(f"{name} is {value!r}; it should be more than 0")
        if transport not in TRANSPORTS:
            raise ValueError(f"there is no transport {transport!r}; there are {', '.join(TRANSPORTS)}")
        self._parts = split_url(url, "the URL of rootsd")
        if self._parts.query:
            raise ValueError(f"the URL of rootsd is {url!r}; it cannot have a query")
        self._base = self._parts.path.rstrip("/") + "/"
        self._headers, self._timeout, self._tls = {} if headers is None else headers, timeout, tls
        self._transport, self._hold, self._retry = TRANSPORTS[transport], hold, retry
        self._on_state, self._on_error = on_state, on_error or _warn
        self._links: list[Link] = []
        self._link = self._linked(self._parts, silence)  # for the thread that listens
        self._publishing = Lock()  # guards the next one; never taken with the lock below held
        self._publisher = self._linked(self._parts, timeout)
        self._calls: SimpleQueue[Optional[Callable[[], None]]] = SimpleQueue()  # None ends their thread
        self._lock = RLock()  # guards all that follows; no I/O and no callback runs under it
        self._changed, self._room = Condition(self._lock), Condition(self._lock)
        self._state, self._token, self._id = "connecting", "", ""
        self._hurry = False  # reconnect() was called
        self._trouble = ""  # the last error
        self._views: list[View] = []
        self._threads: list[Thread] = []
        self._backoff = Backoff(retry)
        leave = self._asking(disconnect, "disconnect") if disconnect or not connect else None
        self._asker = Asker(self._asking(connect, "connect"), leave, Backoff(retry), self._changed,
                            self._report, self._refused)

    @property
    def id(self) -> str:
        """The ID that rootsd knows this client by; "" before the first session. Others may see it."""
        return self._id

    @property
    def state(self) -> str:
        """What a status light shows: "connecting" before the first session, "live" while updates arrive as
        they happen, "retrying" between a failure and the next success, "closed" after close()."""
        return self._state

    def on(self, pattern: str, render: Optional[Render] = None,
           reload: Optional[Reload] = None) -> Callable[[], None]:
        """Has `render(message, update)` called with every update at the paths that pattern matches, in order,
        and `reload(update)` whenever the view of them starts afresh: first when the connection stands, and
        again where updates were missed. Blank messages go to reload alone. If it raises, it is called again
        after a while, and updates wait for it.

        Returns what undoes it; calling that more than once does no harm. Raises PatternError.
        """
        handler = Handler(parse_pattern(pattern), render, reload, self._hold, Backoff(self._retry),
                          self._calls.put, self._report)
        self._add(handler)
        return partial(self._remove, handler)

    def updates(self, *patterns: str, timeout: Optional[float] = None) -> Updates:
        """Returns an iterator over the updates at these patterns, with the blank ones, the first of which
        says that the connection stands. It ends when nothing comes for `timeout` seconds. Raises
        PatternError."""
        if not patterns:
            raise ValueError("updates() needs a pattern")
        view = View(*map(parse_pattern, patterns))
        self._add(view)
        leave = partial(self._remove, view)
        return Updates(view, self._changed, self._room, timeout, leave, self._calls.put)

    def publish(self, path: str, message: Any) -> None:
        """Publishes where a back-end permitted this client to; returns when rootsd has taken it. Raises
        RootsError where it has not, PatternError, and TypeError or ValueError for a message that is no
        JSON."""
        said = {"path": parse_path(path), "message": message}
        body = deeply(partial(json.dumps, ensure_ascii=False, allow_nan=False), said).encode()
        with self._publishing:
            self._publisher.call("POST", self._base + self._session(), body)

    def wait_live(self, timeout: Optional[float] = None) -> None:
        """Waits until the connection is live, and all that is listened to was asked for. Raises
        TimeoutError. Inside `connect` it would wait for itself."""
        with self._lock:
            self._start()
            if not self._changed.wait_for(self._is_settled, timeout):
                raise TimeoutError(f"not live after {timeout} s; {self._trouble or self._state}")
            if self._state == "closed":
                raise RuntimeError("this client is closed")

    def reconnect(self) -> None:
        """Drops the connection and comes back on the same session, at once: nothing is lost."""
        with self._lock:
            self._hurry = True
            self._changed.notify_all()
        self._link.cut()

    def close(self) -> None:
        """Ends it all: handlers, iterators, connection, session. Waits a moment for a callback that runs."""
        with self._lock:
            if self._state == "closed":
                return
            self._set("closed")
            self._calls.put(None)
            self._asker.close()
            for view in self._views:
                view.on = False
            self._changed.notify_all()
            self._room.notify_all()
        for link in self._links:
            link.cut(close=True)
        for thread in self._threads:
            if thread is not current_thread():
                thread.join(LEAVE)
        for link in self._links:
            link.drop()

    def __enter__(self) -> Roots:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        if self._state == "closed":
            raise RuntimeError("this client is closed")
        if not self._threads:
            for run in (self._listen, self._asker.run, self._run_calls):
                self._threads.append(Thread(target=run, name=f"roots {run.__name__}", daemon=True))
                self._threads[-1].start()

    def _add(self, view: View) -> None:
        with self._lock:
            self._start()
            self._views.append(view)
            for pattern in view.patterns:
                if self._asker.want(pattern):
                    view.put(Update(pattern, ""))
            self._changed.notify_all()

    def _remove(self, view: View) -> None:
        with self._lock:
            if view in self._views:
                self._views.remove(view)
                view.on = False
                for pattern in view.patterns:
                    self._asker.unwant(pattern)
                self._changed.notify_all()
                self._room.notify_all()

    def _listen(self) -> None:
        """Keeps the connection up, on a thread of its own, until close()."""
        while self._state != "closed":
            self._hurry = False
            try:
                for answer in self._transport(self._link, self._base, self._token):
                    self._heard(answer)
                    if answer.retry:
                        self._rest(answer.retry)
                        break
            except RootsError as error:
                self._broken(error)
            except ValueError as error:
                self._broken(RootsError(0, "", str(error), self._link.where))
        if self._token:
            link = Link(self._parts, LEAVE, LEAVE, self._tls)
            try:
                link.call("DELETE", self._base + self._token)
            except RootsError:
                pass  # the session expires by itself
            link.drop()

    def _heard(self, answer: Answer) -> None:
        with self._lock:
            if self._state == "closed":
                return
            self._backoff.reset()
            self._token = answer.token
            if answer.token and id_of(answer.token) != self._id:
                self._id = id_of(answer.token)
                self._asker.begin(self._id, answer.pace)
            for update in answer.updates:
                self._asker.hear(update)
                for view in list(self._views):  # what the garbage collector runs may close one
                    if any(map(update.concerns, view.patterns)):
                        view.put(update)
            self._set("live")
            self._room.wait_for(self._has_room)

    def _has_room(self) -> bool:
        waiting = max([self._calls.qsize(), *(len(view.queue) for view in self._views)])
        return waiting < self._hold or self._state == "closed"

    def _broken(self, error: RootsError) -> None:
        with self._lock:
            if self._state == "closed" or self._hurry:
                return
            if error.reason == "stale":
                self._token = ""  # another goes on with this session, from a token that is not known here
            if self._backoff.is_news(error):
                self._report(error)
            self._rest(self._backoff.wait(error.after))

    def _rest(self, seconds: float) -> None:
        """Waits until it is time to come back, or until close() or reconnect()."""
        with self._lock:
            if self._state != "closed" and not self._hurry:
                self._set("retrying")
                self._changed.wait_for(lambda: self._state == "closed" or self._hurry, seconds)

    def _run_calls(self) -> None:
        """Runs callbacks, on a thread of its own, until close()."""
        for call in iter(self._calls.get, None):
            call()
            with self._lock:
                self._room.notify_all()

    def _call(self, callback: Callable[[Any], object], argument: object) -> None:
        try:
            callback(argument)
        except BaseException:
            _log.exception("a callback has failed")

    def _set(self, state: str) -> None:
        if self._state != state and self._on_state:
            self._calls.put(partial(self._call, self._on_state, state))
        self._state = state
        self._changed.notify_all()

    def _report(self, error: BaseException) -> None:
        self._trouble = str(error) if isinstance(error, RootsError) else repr(error)
        self._calls.put(partial(self._call, self._on_error, error))

    def _refused(self, pattern: str, error: BaseException) -> None:
        detail = f"{pattern} was refused: {getattr(error, 'detail', error)}"
        told = RootsError(getattr(error, "status", 0), getattr(error, "reason", ""), detail)
        for view in self._views:
            if pattern in view.patterns:
                view.error = told
        self._report(told)

    def _is_settled(self) -> bool:
        return self._state == "closed" or self._state == "live" and self._asker.is_settled()

    def _session(self) -> str:
        """Waits for a session, and returns its token."""
        with self._lock:
            self._start()
            self._changed.wait_for(lambda: self._token or self._state == "closed", self._timeout)
            if not self._token or self._state == "closed":
                raise RootsError(0, "", f"there is no session; {self._trouble or self._state}")
            return self._token

    def _asking(self, by: Union[str, Ask, None], verb: str) -> Ask:
        """Returns what asks the application, or rootsd itself for open paths."""
        if callable(by):
            return by
        parts = split_url(by, verb) if by else self._parts
        link = self._linked(parts, self._timeout)
        if not by:
            return partial(self._ask_rootsd, link, verb)
        if "{id}" not in by:
            raise ValueError(f'{verb} is {by!r}; it should be like "https://example.com/{verb}/{{id}}"')
        target = parts._replace(scheme="", netloc="", path=parts.path or "/").geturl()
        return partial(self._ask_application, link, target)

    def _linked(self, parts: SplitResult, silence: float) -> Link:
        self._links.append(Link(parts, self._timeout, silence, self._tls))
        return self._links[-1]

    def _ask_rootsd(self, link: Link, verb: str, client: str, paths: list[str]) -> None:
        token = self._token
        if id_of(token) != client:
            raise RootsError(0, "", "the session has ended", link.where)
        link.call("POST", f"{self._base}{token}/{verb}", json.dumps(paths).encode())

    def _ask_application(self, link: Link, target: str, client: str, paths: list[str]) -> None:
        headers = {"Content-Type": "application/json", **self._headers}
        link.call("POST", target.replace("{id}", client), json.dumps(paths).encode(), headers)


def _warn(error: BaseException) -> None:
    _log.warning("%s", error, exc_info=None if isinstance(error, RootsError) else error)
