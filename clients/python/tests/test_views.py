"""Handlers, iterators and publishing, with a stand-in for rootsd."""

from __future__ import annotations

import gc
import threading
import traceback
import unittest
from typing import Any, Callable
from unittest import mock
from unittest.mock import Mock

from roots import PatternError, Roots, RootsError, Update
from roots.views import View
from tests.fake import PATIENCE, Reply, answer, problem
from tests.kit import A, Asked, ClientTest


class Outcome(BaseException):
    """Is no Exception, like those by which test runners end a test."""


class HandlerTest(ClientTest):
    def test_updates_wait_for_a_reload_that_fails(self) -> None:
        fails = [KeyError("one"), Outcome("two")]

        def reload(update: Update) -> None:
            self.reload(update)
            if fails:
                raise fails.pop(0)

        roots = self.client()
        roots.on("a/*", self.render, reload)
        roots.on("a/2", lambda message, update: self.seen.put("other"))
        self.fake.say(answer(A, ("a/1", 0), ("a/*", ""), ("a/2", 1), ("a/3", "", "age"), ("a/3", 2)))
        got = [self.next() for _ in range(7)]
        got.remove("other")  # it does not wait for the reload of others
        load = ("load", "a/*", "")
        # What comes before the first reload is in what that loads.
        self.assertEqual(got, [load, load, load, ("a/2", 1), ("load", "a/3", "age"), ("a/3", 2)])
        self.assertEqual([type(self.next(self.errors)) for _ in range(2)], [KeyError, Outcome])
        self.assertEqual(self.waits, [0.5, 1.0])

    def test_more_than_may_wait(self) -> None:
        fails: list[Exception] = [KeyError()]

        def reload(update: Update) -> None:
            self.reload(update)
            if fails:
                raise fails.pop()

        roots = self.client(hold=3)
        with mock.patch("roots.views.Timer") as timer:
            roots.on("a", self.render, reload)
            self.fake.say(answer(A, ("a", ""), *[("a", n) for n in range(4)], ("a", 5)))
            roots.on("b", self.render)
            self.fake.say(answer("r-a-1/9/x", ("b", "last")))
            self.assertEqual([self.next(), self.next()], [("load", "a", ""), ("b", "last")])
            _, post, (again,) = timer.call_args.args
            post(again)
        self.assertEqual([self.next(), self.next()], [("load", "a", "reload"), ("a", 5)])

    def test_a_callback_that_raises(self) -> None:
        def render(message: Any, update: Update) -> None:
            self.render(message, update)
            raise KeyError(message)

        self.client().on("a", render)
        self.fake.say(answer(A, ("a", 1), ("a", 2)))
        self.assertEqual([self.next(), self.next()], [("a", 1), ("a", 2)])
        self.assertEqual([self.next(self.errors).args for _ in range(2)], [(1,), (2,)])

    def test_an_on_error_that_raises(self) -> None:
        def complain(error: BaseException) -> None:
            raise Outcome

        roots = Roots(self.fake.url, lambda client, paths: None, on_error=complain)
        self.addCleanup(roots.close)
        roots.on("a", self.render, Mock(side_effect=[KeyError, None]))
        with self.assertLogs("roots", "ERROR"):
            self.fake.say(answer(A, ("a", ""), ("a", 1)))
            self.assertEqual(self.next(), ("a", 1))

    def test_off_is_at_once(self) -> None:
        offs: list[Callable[[], None]] = []
        roots = self.client()

        def render(message: Any, update: Update) -> None:
            self.render(message, update)
            offs[0]()

        offs.append(roots.on("a", render))
        roots.on("b", self.render)
        self.fake.say(answer(A, ("a", 1), ("a", 2), ("b", 3)))
        self.assertEqual([self.next(), self.next()], [("a", 1), ("b", 3)])

    def test_many_threads(self) -> None:
        ask = Asked()
        roots = self.client(ask, disconnect=lambda client, paths: None)
        self.fake.say(*[answer(f"r-a-1/{n}/x", ("a", ""), ("a", n), ("b", n)) for n in range(200)])

        def come_and_go() -> None:
            for _ in range(50):
                offs = [roots.on(path, self.render, self.reload) for path in "ab"]
                with roots.updates("*", timeout=0.001) as updates:
                    list(zip(updates, range(3)))
                for off in offs:
                    off()

        threads = [threading.Thread(target=come_and_go) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        roots.on("last")
        while "last" not in ask.next()[1]:
            pass
        roots.wait_live(PATIENCE)
        self.assertEqual((len(roots._views), roots._asker._wanted), (1, {"last": 1}))
        self.assertTrue(self.errors.empty())

    def test_the_connection_waits_for_who_is_slow(self) -> None:
        roots = self.client(hold=2)
        roots.on("a", self.render)
        updates = roots.updates("a")
        self.fake.say(*[answer(f"r-a-1/{n}/x", *[("a", (n, m)) for m in range(5)]) for n in range(10)])
        want = [[n, m] for n in range(10) for m in range(5)]
        self.assertEqual([next(updates).message for _ in want], want)
        self.assertEqual([self.next()[1] for _ in want], want)


class UpdatesTest(ClientTest):
    def test_each_once(self) -> None:
        self.fake.say(answer(A, ("a/*", ""), ("a/b", 1), ("c", 2), ("a", 3)))
        with self.client().updates("/a/*/", "a/b", "a", timeout=0.2) as updates:
            self.assertEqual([update.message for update in updates], ["", 1, 3])

    def test_refused(self) -> None:
        self.fake.say(answer(A))
        with self.client(Asked(RootsError(403, "not_yours", "not yours"))).updates("a") as updates:
            self.assertRaisesRegex(RootsError, "403 not_yours: a was refused: not yours", next, updates)
            lengths = set()
            for _ in range(3):
                try:
                    next(updates)
                except RootsError as error:
                    lengths.add(len(traceback.extract_tb(error.__traceback__)))
            self.assertEqual(len(lengths), 1, "it does not grow")

    def test_a_loop_that_is_left(self) -> None:
        roots = self.client()
        self.fake.say(answer(A, ("a", 1), ("a", 2)))
        for update in roots.updates("a"):
            break
        gc.collect()
        roots.on("b", self.render)
        self.fake.say(answer("r-a-1/2/x", ("b", 2)))
        self.assertEqual((update.message, self.next(), len(roots._views)), (1, ("b", 2), 1))

    def test_a_loop_that_is_left_and_collected_anywhere(self) -> None:
        roots, put = self.client(), View.put
        ring: list[Any] = [roots.updates("a")]
        ring.append(ring)
        roots.on("a", self.render)
        del ring

        def collect(view: View, update: Update) -> None:
            put(view, update)
            gc.collect()

        with mock.patch.object(View, "put", collect):
            self.fake.say(answer(A, ("a", 1)), answer("r-a-1/2/x", ("a", 2)))
            self.assertEqual([self.next(), self.next()], [("a", 1), ("a", 2)])

    def test_what_the_collector_runs_changes_nothing_under_the_lock(self) -> None:
        roots = self.client()
        updates = roots.updates("a")
        with roots._lock:
            updates.__del__()
            self.assertEqual(roots._views, [updates._view])

    def test_a_loop_that_is_closed_by_the_collector(self) -> None:
        roots, put = self.client(), View.put
        first = roots.updates("a")
        roots.on("a", self.render)

        def close(view: View, update: Update) -> None:
            put(view, update)
            first.close()  # as a generator does that has it in a with statement

        with mock.patch.object(View, "put", close):
            self.fake.say(answer(A, ("a", 1)))
            self.assertEqual(self.next(), ("a", 1))

    def test_time_is_up(self) -> None:
        roots = self.client()
        updates = roots.updates("a", timeout=0.01)
        self.assertEqual((list(updates), roots._views), ([], []), "nothing is put by for who is done")


class PublishTest(ClientTest):
    def test_publish(self) -> None:
        self.fake.say(answer(A))
        roots = self.client()
        for message in (1, {"é": None}):
            roots.publish("/a/", message)
            self.assertEqual(self.fake.request()[1::2], (f"/{A}", {"path": "a", "message": message}))

    def test_refused(self) -> None:
        self.fake.say(answer(A))
        self.fake.post = lambda request: problem(403, "not_permitted", "you may not")
        roots = self.client()
        for _ in range(2):  # the connection stays good
            with self.assertRaises(RootsError) as raised:
                roots.publish("a", 1)
            error = raised.exception
            self.assertEqual((error.status, error.reason), (403, "not_permitted"))
            self.assertEqual(error.detail, "you may not")
            self.assertNotIn(A, str(error), "a token is a secret")

    def test_no_answer(self) -> None:
        self.fake.say(answer(A))
        self.fake.post = lambda request: Reply(cut=True)
        with self.assertRaises(RootsError) as raised:
            self.client().publish("a", 1)
        self.assertEqual((raised.exception.status, raised.exception.reason), (0, ""))
        self.fake.request()
        self.assertTrue(self.fake.requests.empty(), "it may have been taken: it is not sent twice")

    def test_a_connection_that_was_closed_meanwhile(self) -> None:
        self.fake.say(answer(A))
        self.fake.post = lambda request: Reply({}, last=True)
        roots = self.client()
        roots.publish("a", 1)
        self.assertFalse(roots._publisher.is_quiet(PATIENCE), "the end of the connection has come")
        roots.publish("a", 2)
        self.assertEqual([self.fake.request().body["message"] for _ in range(2)], [1, 2])

    def test_what_cannot_be_published(self) -> None:
        roots = self.client(timeout=0.01)
        self.assertRaises(PatternError, roots.publish, "a/*", 1)
        self.assertRaises(ValueError, roots.publish, "a", float("nan"))
        self.assertRaises(TypeError, roots.publish, "a", {1, 2})
        self.assertRaisesRegex(RootsError, "no session; connecting", roots.publish, "a", 1)


if __name__ == "__main__":
    unittest.main()
