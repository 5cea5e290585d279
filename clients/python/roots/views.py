"""Who listens: handlers, which are called, and iterators, which are asked."""

from __future__ import annotations

from collections import deque
from functools import partial
from threading import Condition, Timer
from typing import Any, Callable, Iterator, Optional

from .backoff import Backoff
from .session import Update

Render = Callable[[Any, Update], object]
Reload = Callable[[Update], object]
Post = Callable[[Callable[[], None]], None]


class View:
    """What waits for somebody who listens. The client's lock guards it."""

    def __init__(self, *patterns: str) -> None:
        self.patterns = patterns
        self.queue: deque[Update] = deque()
        self.on = True
        self.error: Optional[Exception] = None  # with which one of the patterns was refused

    def put(self, update: Update) -> None:
        """Takes an update that concerns it."""
        self.queue.append(update)


class Handler(View):
    """What one call of on() asked for. While its reload is to be tried again, updates wait for it."""

    def __init__(self, pattern: str, render: Optional[Render], reload: Optional[Reload], hold: int,
                 backoff: Backoff, post: Post, report: Callable[[BaseException], None]) -> None:
        """`post` has a function run on the thread of the callbacks, where all below but put() runs."""
        super().__init__(pattern)
        self._render, self._reload, self._hold = render, reload, hold
        self._backoff, self._post, self._report = backoff, post, report
        self._waiting: list[Update] = []  # the first is the blank message whose reload has failed
        self._loaded = reload is None  # what comes before the first reload is in what that loads

    def put(self, update: Update) -> None:
        self._post(partial(self._take, update))

    def _take(self, update: Update) -> None:
        if not self._waiting:
            self._show(update)
            return
        last = self._waiting[-1]
        if not (update.blank and last.blank and update.path == last.path):
            self._waiting.append(update)
        if len(self._waiting) > 1 + self._hold:
            self._waiting = [Update(self.patterns[0], "", gap="reload")]

    def _show(self, update: Update) -> None:
        if not self.on:
            return
        try:
            if not update.blank and self._render and self._loaded:
                self._render(update.message, update)
            elif update.blank and self._reload:
                self._reload(update)
                self._loaded = True
                self._backoff.reset()
        except BaseException as error:  # SystemExit too would end the thread, and nothing else
            self._report(error)
            if update.blank:
                self._waiting = [update]
                timer = Timer(self._backoff.wait(), self._post, [self._again])
                timer.daemon = True
                timer.start()

    def _again(self) -> None:
        waiting, self._waiting = self._waiting, []
        for update in waiting:
            self._take(update)


class Updates(Iterator[Update]):
    """Iterates over updates, blank ones too, until close(), or until nothing comes for its time-out."""

    def __init__(self, view: View, changed: Condition, room: Condition, timeout: Optional[float],
                 leave: Callable[[], None], post: Post) -> None:
        """`changed` is told when something was put, and tells `room` when something is taken. `post` has a
        function run later, and takes no lock."""
        self._view, self._changed, self._room = view, changed, room
        self._timeout, self._leave, self._post = timeout, leave, post

    def __next__(self) -> Update:
        """Returns the next update. Raises RootsError if the application refused one of the patterns."""
        view = self._view
        with self._changed:
            self._changed.wait_for(lambda: view.queue or view.error or not view.on, self._timeout)
            if view.queue and view.on:
                self._room.notify_all()
                return view.queue.popleft()
            if view.error:
                raise view.error.with_traceback(None)  # else that of all times before
            self.close()  # nobody would take what comes later, and that would hold up the connection
            raise StopIteration

    def close(self) -> None:
        """Listens no more. Calling it twice does no harm."""
        self._leave()

    def __enter__(self) -> Updates:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # A loop that was left without close() would hold up the connection. The garbage collector may run
        # this in the midst of anything, with the client's lock held as well.
        self._post(self._leave)
