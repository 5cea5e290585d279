"""Sessions, transports and settings, with a stand-in for rootsd."""

from __future__ import annotations

import copy
import json
import pickle
import queue
import unittest
from typing import Any
from unittest import mock

from roots import PatternError, Roots, RootsError, Update
from tests.fake import PATIENCE, Reply, answer, event, problem
from tests.kit import A, B, Asked, ClientTest


class SessionTest(ClientTest):
    def test_a_new_id_asks_again(self) -> None:
        ask = Asked()
        roots = self.client(ask)
        roots.on("a", self.render, self.reload)
        roots.on("b/*", self.render)
        self.fake.say(answer(A))
        self.assertEqual(ask.next(), ("r-a-1", ["a", "b/*"]))
        self.fake.say(answer("r-a-1/2/x", ("a", ""), ("b/*", "")), answer(B))
        self.assertEqual(ask.next(), ("r-b-2", ["a", "b/*"]))
        self.assertEqual((self.next(), roots.id), (("load", "a", ""), "r-b-2"))
        self.assertEqual([self.fake.poll() for _ in range(4)], ["/", f"/{A}", "/r-a-1/2/x", f"/{B}"])

    def test_a_lost_answer_is_asked_for_again(self) -> None:
        roots = self.client()
        with roots.updates("a") as updates:
            self.fake.say(answer(A), Reply(cut=True), Reply("{", 200), Reply("<html>", 502))
            self.fake.say(answer("r-a-1/1/x", ("a", 1)))
            self.assertEqual(next(updates).message, 1)
        self.assertEqual([self.fake.poll() for _ in range(6)], ["/"] + [f"/{A}"] * 4 + ["/r-a-1/1/x"])
        self.assertEqual(self.waits, [0.5, 1.0, 2.0])

    def test_an_answer_that_is_cut_off(self) -> None:
        whole = json.dumps(answer("r-a-1/1/x", ("a", 1)).body)
        self.fake.say(answer(A), Reply(whole[:-1], headers={"X": "y"}), answer("r-a-1/1/x", ("a", 1)))
        with self.client().updates("a") as updates:
            self.assertEqual(next(updates).message, 1)

    def test_a_stale_token_opens_a_session(self) -> None:
        ask = Asked()
        self.client(ask).on("a")
        for token in (A, B):
            self.fake.say(answer(token), problem(409, "stale"))
            self.assertEqual([self.fake.poll(), self.fake.poll()], ["/", f"/{token}"])
            self.assertEqual(ask.next()[0], token.split("/")[0])
            self.assertEqual(self.next(self.errors).reason, "stale")

    def test_superseded_comes_back(self) -> None:
        self.client().on("a")
        self.fake.say(answer(A), problem(409, "superseded"))
        self.assertEqual([self.fake.poll() for _ in range(3)], ["/"] + [f"/{A}"] * 2)
        self.assertEqual(self.next(self.errors).reason, "superseded")

    def test_retry_after(self) -> None:
        roots = self.client()
        self.fake.say(problem(503, "sessions", Retry_After="1"), answer(A))
        with mock.patch("roots.backoff.Backoff.wait", return_value=0.0) as wait:
            roots.wait_live(PATIENCE)
        wait.assert_called_once_with(1)
        self.assertEqual(str(self.next(self.errors)), f"{self.fake.url[:-1]}: 503 sessions: no")

    def test_states(self) -> None:
        states: queue.Queue[Any] = queue.Queue()
        roots = self.client(on_state=states.put)
        self.assertEqual((roots.state, roots.id), ("connecting", ""))
        self.fake.say(Reply(cut=True), answer(A), Reply(cut=True), answer(A))
        roots.wait_live(PATIENCE)
        self.assertEqual([self.next(states) for _ in range(4)], ["retrying", "live", "retrying", "live"])
        roots.close()
        self.assertEqual((self.next(states), roots.state), ("closed", "closed"))

    def test_a_poll_that_resumes_is_live_before_it_is_answered(self) -> None:
        states: queue.Queue[Any] = queue.Queue()
        roots = self.client(on_state=states.put)
        with mock.patch("roots.transports.WELCOME", 0.01):
            self.fake.say(answer(A), Reply(cut=True))
            roots.wait_live(PATIENCE)
            self.assertEqual([self.next(states) for _ in range(3)], ["live", "retrying", "live"])

    def test_reconnect_goes_on(self) -> None:
        roots = self.client()
        self.fake.say(answer(A))
        roots.wait_live(PATIENCE)
        self.assertEqual([self.fake.poll(), self.fake.poll()], ["/", f"/{A}"])
        roots.reconnect()
        self.assertEqual(self.fake.poll(), f"/{A}")
        self.assertEqual((self.waits, roots.state), ([], "live"))

    def test_close_while_waiting(self) -> None:
        roots = self.client()
        self.fake.say(answer(A))
        updates = roots.updates("a")
        roots.wait_live(PATIENCE)
        roots.close()
        roots.close()
        self.assertEqual(list(updates), [])
        self.assertEqual(self.fake.request()[:2], ("DELETE", f"/{A}"))
        self.assertFalse([thread for thread in roots._threads if thread.is_alive()])
        self.assertRaisesRegex(RuntimeError, "closed", roots.on, "a")
        self.assertRaisesRegex(RuntimeError, "closed", roots.wait_live)
        self.assertRaisesRegex(RuntimeError, "closed", roots.publish, "a", 1)

    def test_close_in_a_callback(self) -> None:
        roots = self.client()

        def reload(update: Update) -> None:
            roots.close()
            self.seen.put("closed")

        roots.on("a", reload=reload)
        self.fake.say(answer(A, ("a", "")))
        self.assertEqual(self.next(), "closed")

    def test_what_is_not_rootsd(self) -> None:
        for reply, text in (
            (Reply("", 302, {"Location": "/login/"}), "redirects to /login/, which is not followed"),
            (Reply("<html>"), "no answer of rootsd; is it the address of its push port?"),
            (Reply("\xe9"), "no answer of rootsd"),
            (Reply({"hello": 1}), "no answer of rootsd"),
            (Reply({"updates": [1], "reconnectWith": A}), "update without path"),
        ):
            with self.subTest(text):
                roots = self.client()
                self.fake.say(reply)
                self.assertRaisesRegex(TimeoutError, "not live after 0.01 s", roots.wait_live, 0.01)
                self.assertIn(text, str(self.next(self.errors)))
                roots.close()

    def test_nobody_there(self) -> None:
        self.fake.close()
        self.client().on("a")
        self.assertRegex(str(self.next(self.errors)), r"^http://127.0.0.1:\d+: \[Errno \d+\]")

    def test_a_message_of_many_levels(self) -> None:
        deep = "[" * 998 + "]" * 998  # with the answer around it more than Python reads by itself
        self.fake.say(Reply(f'{{"updates":[{{"path":"a","message":{deep}}}],"reconnectWith":"{A}"}}'))
        with self.client().updates("a") as updates:
            message, levels = next(updates).message, 1
            while message:
                message, levels = message[0], levels + 1
            self.assertEqual(levels, 998)


class StreamTest(ClientTest):
    def client(self, connect: Any = lambda client, paths: None, **options: Any) -> Roots:
        return super().client(connect, transport="sse", **options)

    def test_resumes_where_it_broke(self) -> None:
        with self.client().updates("a") as updates:
            first = event({"id": "r-a-1"}, A, "session") + event({"path": "a", "message": 1}, "r-a-1/1/x")
            self.fake.say(Reply(pieces=(first[:50], first[50:], ": ping\n\n", "id: r-a-1/2/x\ndata: {cut")))
            self.fake.say(Reply(pieces=(event({"path": "a", "message": 2, "from": "r-c-3"}, "r-a-1/2/x"),)))
            self.assertEqual([next(updates), next(updates)], [Update("a", 1), Update("a", 2, "r-c-3")])
        self.assertEqual([self.fake.poll() for _ in range(3)], ["/", "/r-a-1/1/x", "/r-a-1/2/x"])

    def test_ended_opens_a_session_and_superseded_comes_back(self) -> None:
        for name in ("ended", "superseded"):
            self.fake.say(Reply(pieces=(event({"id": "r-a-1"}, A, "session"), event({}, A, name))))
        self.client().on("a")
        self.assertEqual([self.fake.poll() for _ in range(3)], ["/", "/", f"/{A}"])

    def test_what_is_no_stream(self) -> None:
        self.fake.say(answer(A))
        self.client().on("a")
        want = "it answers application/json instead of an event stream of rootsd; is it the address of"
        self.assertIn(want, str(self.next(self.errors)))

    def test_close_while_waiting(self) -> None:
        roots = self.client()
        self.fake.say(Reply(pieces=(event({"id": "r-a-1"}, A, "session"),), stays=True))
        roots.wait_live(PATIENCE)
        roots.close()
        self.assertEqual(self.fake.request()[:2], ("DELETE", f"/{A}"))


class ErrorTest(unittest.TestCase):
    def test_goes_from_one_process_to_another(self) -> None:
        with self.assertRaises(PatternError) as raised:
            Roots("http://h/").on("x" * 2000)
        for error in (RootsError(503, "sessions", "no", "http://h", 3), raised.exception):
            for made in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
                self.assertEqual((type(made), str(made)), (type(error), str(error)))
                self.assertEqual(vars(made), vars(error))


class SettingsTest(unittest.TestCase):
    def test_urls(self) -> None:
        for url in ("", "localhost:8008", "ftp://h/", "http://", "http:///x", "http://h:x/",
                    "http://h:99999/", "http://h/a b", "http://h/é", "http://h/\n", "http://u:p@h/",
                    "http://h/#x", "http://h/?x"):
            with self.subTest(url):
                self.assertRaisesRegex(ValueError, "^the URL of rootsd is ", Roots, url)
        for url in ("http://h", "https://h:1/comet", "HTTP://[::1]:80/"):
            self.assertEqual(Roots(url)._base[-1:], "/")

    def test_options(self) -> None:
        cases: tuple[tuple[dict[str, Any], str], ...] = (
            ({"connect": "/connect/{id}"}, "^connect is '/connect/{id}'; it should be like"),
            ({"connect": "http://h/connect"}, 'should be like "https://example.com/connect/{id}"'),
            ({"disconnect": "x"}, "^disconnect is "),
            ({"transport": "pigeon"}, "no transport 'pigeon'; there are long-poll, sse"),
            ({"retry": 0}, "retry is 0"),
            ({"hold": -1}, "hold is -1"),
        )
        for options, text in cases:
            self.assertRaisesRegex(ValueError, text, Roots, "http://h/", **options)

    def test_patterns(self) -> None:
        roots = Roots("http://h/")
        with self.assertRaises(PatternError) as raised:
            roots.on("/a/**/b")
        want = "'a/**/b' is no pattern: it has \"**\" before its last segment"
        self.assertEqual(str(raised.exception), want)
        self.assertEqual(raised.exception.reason, "tail")
        self.assertRaisesRegex(TypeError, "a pattern is a str, not int", roots.on, 42)
        self.assertRaisesRegex(ValueError, "needs a pattern", roots.updates)
        self.assertEqual(roots._threads, [], "nothing is opened for what is wrong")


if __name__ == "__main__":
    unittest.main()
