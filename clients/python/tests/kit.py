"""What tests of the client with a stand-in for rootsd have in common."""

from __future__ import annotations

import queue
import unittest
from typing import Any, Optional
from unittest import mock

from roots import Roots, Update
from tests.fake import PATIENCE, Fake

A, B = "r-a-1/0/x", "r-b-2/0/y"  # tokens of two sessions


class Asked:
    """An application: notes what it is asked, and raises what it was given, in turn."""

    def __init__(self, *errors: Optional[BaseException]) -> None:
        self.seen: queue.Queue[tuple[str, list[str]]] = queue.Queue()
        self.errors = list(errors)

    def __call__(self, client: str, paths: list[str]) -> None:
        self.seen.put((client, sorted(paths)))
        error = self.errors.pop(0) if self.errors else None
        if error:
            raise error

    def next(self) -> tuple[str, list[str]]:
        return self.seen.get(timeout=PATIENCE)


class ClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.fake = Fake()
        self.addCleanup(self.fake.close)
        self.waits: list[float] = []  # the bounds of all waits, none of which takes any time
        patch = mock.patch("roots.backoff.uniform", self.draw)
        patch.start()
        self.addCleanup(patch.stop)
        self.seen: queue.Queue[Any] = queue.Queue()  # what callbacks are told
        self.errors: queue.Queue[Any] = queue.Queue()

    def draw(self, low: float, high: float) -> float:
        self.waits.append(high)
        return low

    def client(self, connect: Any = lambda client, paths: None, **options: Any) -> Roots:
        roots = Roots(self.fake.url, connect, on_error=self.errors.put, **options)
        self.addCleanup(roots.close)
        return roots

    def next(self, told: Optional[queue.Queue[Any]] = None) -> Any:
        return (told or self.seen).get(timeout=PATIENCE)

    def render(self, message: Any, update: Update) -> None:
        self.assertEqual(message, update.message)
        self.seen.put((update.path, message))

    def reload(self, update: Update) -> None:
        self.seen.put(("load", update.path, update.gap))
