"""Who asks the application to connect the client."""

from __future__ import annotations

from threading import Condition
from time import monotonic, sleep
from typing import Callable, List, Optional

from .backoff import Backoff
from .errors import refuses
from .pattern import SYSTEM
from .session import Update

BATCH = 0.01  # seconds: what is wanted within them goes into one request
DISCONNECTED = "::+::disconnect"
UNASKED = ("::to/", "::+::")  # begin the paths that a client hears without being connected to them

Ask = Callable[[str, List[str]], object]


class Asker:
    """Has the session connected to what is wanted, and disconnected from the rest."""

    def __init__(self, connect: Ask, disconnect: Optional[Ask], backoff: Backoff, changed: Condition,
                 report: Callable[[BaseException], None],
                 refused: Callable[[str, BaseException], None]) -> None:
        """Without `disconnect` nobody is asked for that. `changed` is told when it has news; all methods but
        run() are called with its lock."""
        self._connect, self._disconnect = connect, disconnect
        self._backoff, self._changed, self._report, self._tell_refused = backoff, changed, report, refused
        self._id = ""
        self._wanted: dict[str, int] = {}  # by how many views
        self._linked: dict[str, bool] = {}  # what was granted: whether its blank message has come
        self._refused: set[str] = set()
        self._alone = False  # some of several were refused: asks for one at a time
        self._turn = 0.0  # when the application may be asked, by the monotonic clock
        self._closed = False

    def want(self, pattern: str) -> bool:
        """Has a pattern asked for. Returns whether it stands already: its blank message has come and gone."""
        self._wanted[pattern] = self._wanted.get(pattern, 0) + 1
        self._refused.discard(pattern)
        return self._linked.get(pattern, False)

    def unwant(self, pattern: str) -> None:
        """Undoes one want()."""
        self._wanted[pattern] -= 1
        if not self._wanted[pattern]:
            del self._wanted[pattern]

    def begin(self, client: str, pace: float) -> None:
        """Begins anew, for a session that is connected to nothing, and whose turn at the application comes in
        `pace` seconds."""
        self._id, self._alone, self._turn = client, False, monotonic() + pace
        self._linked.clear()
        self._refused.clear()
        self._backoff.reset()

    def hear(self, update: Update) -> None:
        """Notes what an update says of connections."""
        gone: list[str] = []
        if update.path == DISCONNECTED:
            # What has no blank message yet was connected again after this was said. A mark is for all.
            gone = [path for path, stands in self._linked.items()
                    if update.gap or stands and path == update.message]
        elif update.blank and update.gap:
            # What is at a system path can be loaded only by being connected again.
            gone = [path for path in self._linked if path.startswith(SYSTEM) and update.concerns(path)]
        elif update.blank and update.path in self._wanted:
            self._linked[update.path] = True
        for path in gone:
            del self._linked[path]

    def is_settled(self) -> bool:
        """Tells whether all that is wanted was asked for."""
        return bool(self._id) and not self._missing()

    def close(self) -> None:
        """Ends run()."""
        self._closed = True

    def run(self) -> None:
        """Asks for what is missing, until close()."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._missing() or self._surplus())
                self._await_turn()
                if self._closed:
                    return
            sleep(BATCH)
            with self._changed:
                client, missing, surplus = self._id, self._missing(), self._surplus()
            if surplus and self._disconnect:
                self._leave(client, surplus, _tried(self._disconnect, client, surplus))
            elif missing:
                missing = missing[:1] if self._alone else missing
                self._join(client, missing, _tried(self._connect, client, missing))

    def _await_turn(self) -> None:
        while not self._closed and self._turn > monotonic():
            self._changed.wait(self._turn - monotonic())

    def _missing(self) -> list[str]:
        known = self._linked.keys() | self._refused
        wanted = list(self._wanted) if self._id else []  # copied: the garbage collector may have one go
        return [path for path in wanted if path not in known and not path.startswith(UNASKED)]

    def _surplus(self) -> list[str]:
        return [path for path in list(self._linked) if path not in self._wanted] if self._disconnect else []

    def _join(self, client: str, paths: list[str], error: Optional[BaseException]) -> None:
        with self._changed:
            if client != self._id or self._closed:
                return
            if error and not refuses(error):
                if self._backoff.is_news(error):
                    self._report(error)
                wait = self._backoff.wait(getattr(error, "after", 0.0))
                self._changed.wait_for(lambda: self._closed or self._id != client, wait)
                return
            self._backoff.reset()
            if not error:
                self._linked.update({path: self._linked.get(path, False) for path in paths})
            elif len(paths) == 1:
                self._refused.add(paths[0])
                self._tell_refused(paths[0], error)
            # A refusal of several does not say which of them is meant.
            self._alone = bool(self._missing()) and (self._alone or error is not None)
            self._changed.notify_all()

    def _leave(self, client: str, paths: list[str], error: Optional[BaseException]) -> None:
        with self._changed:
            if client != self._id:
                return
            for path in paths:
                self._linked.pop(path, None)
            if error:
                self._report(error)  # what stays connected costs a little, and goes with the session


def _tried(ask: Ask, client: str, paths: list[str]) -> Optional[BaseException]:
    try:
        ask(client, list(paths))
    except BaseException as error:  # SystemExit too would end the thread, and nothing else
        return error
    return None
