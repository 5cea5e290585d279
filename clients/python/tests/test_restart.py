"""What rootsd says of when to come back, and of when to ask the application, with a stand-in for it."""

from __future__ import annotations

import queue
import time
import unittest
from typing import Any
from unittest import mock

from roots.backoff import Backoff
from roots.events import Parser
from roots.session import Answer, parse_answer
from tests.fake import PATIENCE, Reply, answer, event
from tests.kit import A, B, Asked, ClientTest


def hinted(token: str, **hints: Any) -> Reply:
    """The answer to a poll, with more members."""
    return Reply({**answer(token).body, **hints})


class PaceTest(ClientTest):
    def setUp(self) -> None:
        super().setUp()
        self.now = 1000.0
        clock = mock.patch("roots.asker.monotonic", lambda: self.now)
        clock.start()
        self.addCleanup(clock.stop)

    def lose(self, reply: Reply, **options: Any) -> tuple[Any, Asked]:
        """Returns a client that was connected to "a" and is given this in place of its session, and its
        application."""
        ask = Asked()
        roots = self.client(ask, **options)
        roots.on("a")
        first = answer(A)
        if options.get("transport") == "sse":
            first = Reply(pieces=(event({"id": "r-a-1"}, A, "session"),))
        self.fake.say(first)
        self.assertEqual(ask.next(), ("r-a-1", ["a"]))
        self.fake.say(reply)
        with roots._changed:
            self.assertTrue(roots._changed.wait_for(lambda: roots.id == "r-b-2", PATIENCE))
        return roots, ask

    def test_waits_for_its_turn(self) -> None:
        stream = Reply(pieces=(event({"id": "r-b-2", "pace": 60_000}, B, "session"),), stays=True)
        for transport, reply in (("long-poll", hinted(B, pace=60_000)), ("sse", stream)):
            with self.subTest(transport):
                roots, ask = self.lose(reply, transport=transport)
                roots.on("b")
                self.now += 59.9
                roots.on("c")
                self.now += 0.1
                roots.on("d")
                self.assertEqual(ask.next(), ("r-b-2", ["a", "b", "c", "d"]), "once, for all")
                roots.on("e")
                self.assertEqual(ask.next(), ("r-b-2", ["e"]), "its turn was then")
                roots.close()

    def test_the_next_session_has_a_turn_of_its_own(self) -> None:
        _, ask = self.lose(hinted(B, pace=60_000))
        self.fake.say(answer("r-c-3/0/z"))
        self.assertEqual(ask.next(), ("r-c-3", ["a"]))

    def test_close_before_its_turn(self) -> None:
        roots, ask = self.lose(hinted(B, pace=60_000))
        roots.close()
        self.assertFalse([thread for thread in roots._threads if thread.is_alive()])
        self.assertTrue(ask.seen.empty())

    def test_a_session_that_is_no_news_does_not_wait(self) -> None:
        roots, ask = self.lose(answer(B))
        self.fake.say(hinted("r-b-2/1/y", pace=60_000))
        self.assertEqual(ask.next(), ("r-b-2", ["a"]))
        roots.on("b")
        self.assertEqual(ask.next(), ("r-b-2", ["b"]))


class ClockTest(ClientTest):
    def test_its_turn_comes_by_itself(self) -> None:
        ask = Asked()
        self.client(ask).on("a")
        began = time.monotonic()
        self.fake.say(hinted(A, pace=300))
        self.assertEqual(ask.next(), ("r-a-1", ["a"]))
        self.assertGreaterEqual(time.monotonic() - began, 0.3)


class RetryTest(ClientTest):
    def test_comes_back_when_it_is_told_to(self) -> None:
        first = event({"id": "r-a-1"}, A, "session")
        for transport, reply in (
            ("long-poll", hinted(A, retry=300)),
            ("sse", Reply(pieces=("retry: 1500\n" + first, "retry: 3", "00\n\n"))),
        ):
            with self.subTest(transport):
                states: queue.Queue[Any] = queue.Queue()
                roots = self.client(transport=transport, on_state=states.put)
                roots.on("a")
                self.fake.say(reply)
                self.assertEqual(self.fake.poll(), "/")
                began = time.monotonic()
                self.assertEqual(self.fake.poll(), f"/{A}")
                self.assertGreaterEqual(time.monotonic() - began, 0.29)
                self.assertEqual([self.next(states), self.next(states)], ["live", "retrying"])
                self.assertEqual(self.waits, [], "this is no failure")
                roots.close()
                self.assertTrue(self.errors.empty())

    def test_close_and_reconnect_do_not_wait(self) -> None:
        roots = self.client()
        roots.on("a")
        for token in (A, "r-a-1/1/x"):
            self.fake.say(hinted(token, retry=60_000))
            with roots._changed:
                self.assertTrue(roots._changed.wait_for(lambda: roots.state == "retrying", PATIENCE))
            if token == A:
                roots.reconnect()
                self.assertEqual([self.fake.poll(), self.fake.poll()], ["/", f"/{A}"])
        roots.close()
        self.assertFalse([thread for thread in roots._threads if thread.is_alive()])


class HintTest(unittest.TestCase):
    def test_what_is_no_time_is_no_hint(self) -> None:
        for said, pace in (("1500", 1.5), ("0.5", 0.0005), ("0", 0), ("-1", 0), ('"1"', 0), ("null", 0),
                           ("[]", 0), ("Infinity", 86_400), ("9" * 400, 86_400)):
            with self.subTest(said[:9]):
                text = f'{{"updates":[],"reconnectWith":"{A}","pace":{said}}}'
                self.assertEqual(parse_answer(text.encode()), Answer((), A, pace))

    def test_a_stream_says_it_last(self) -> None:
        for text, retry in ((b"retry: 700\n\n", 700), (b"retry: 700\ndata: {}\n\n", 0),
                            (b"retry: 700\n\n:\n\n", 0), (b"retry: 700\n\ndata: x\n\n", 0),
                            (b"retry: x\n\n", 0), (b"retry: 700\n", 0), (b"retry: 1\nretry: 2\n\n", 2),
                            (b"retry\n\n", 0)):
            with self.subTest(text):
                whole, bytewise = Parser(1000), Parser(1000)
                whole.feed(text)
                for i in range(len(text)):
                    bytewise.feed(text[i:i + 1])
                self.assertEqual((whole.retry, bytewise.retry), (retry, retry))


class BackoffTest(unittest.TestCase):
    def test_those_who_failed_together_do_not_come_back_together(self) -> None:
        for tries, least, bound in ((0, 0, 0.5), (3, 0, 4), (9, 7, 15)):
            tenths = [0] * 10
            for _ in range(10_000):
                backoff = Backoff(15)
                for _ in range(tries):
                    backoff.wait()
                tenths[min(9, int((backoff.wait(least) - least) / bound * 10))] += 1
            self.assertTrue(all(800 < each < 1200 for each in tenths), tenths)


if __name__ == "__main__":
    unittest.main()
