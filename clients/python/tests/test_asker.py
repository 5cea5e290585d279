"""What the application is asked, with a stand-in for rootsd."""

from __future__ import annotations

import threading
import unittest

from roots import RootsError
from tests.fake import PATIENCE, answer
from tests.kit import A, B, Asked, ClientTest


class AskTest(ClientTest):
    def test_by_url(self) -> None:
        headers = {"X-CSRFToken": "first"}
        roots = self.client(self.fake.url + "server/connect/{id}?app=1", headers=headers)
        roots.on("a")
        self.fake.say(answer(A))
        asked = self.fake.request()
        self.assertEqual(asked[:2] + asked[3:], ("POST", "/server/connect/r-a-1?app=1", ["a"]))
        self.assertEqual(asked.headers["Content-Type"], "application/json")
        self.assertEqual(asked.headers["X-CSRFToken"], "first")
        headers["X-CSRFToken"] = "second"
        roots.on("b")
        self.assertEqual(self.fake.request().headers["X-CSRFToken"], "second")

    def test_by_url_without_a_path(self) -> None:
        self.client(self.fake.url[:-1] + "?id={id}").on("a")
        self.fake.say(answer(A))
        self.assertEqual(self.fake.request().path, "/?id=r-a-1")

    def test_open_paths(self) -> None:
        roots = self.client(None)
        off = roots.on("a")
        self.fake.say(answer(A))
        self.assertEqual(self.fake.request()[1::2], (f"/{A}/connect", ["a"]))
        roots.wait_live(PATIENCE)
        off()
        self.assertEqual(self.fake.request()[1::2], (f"/{A}/disconnect", ["a"]))

    def test_refused(self) -> None:
        ask = Asked(RootsError(403, "not_yours", "not yours"), None, RootsError(302, "", "none"))
        roots = self.client(ask)
        for path in "abc":
            roots.on(path)
        self.fake.say(answer(A))
        self.assertEqual([ask.next()[1] for _ in range(4)], [["a", "b", "c"], ["a"], ["b"], ["c"]])
        error = self.next(self.errors)
        self.assertEqual((error.status, str(error)), (302, "302: b was refused: none"))
        roots.wait_live(PATIENCE)
        roots.on("d")
        self.assertEqual(ask.next()[1], ["d"], "what was refused is not asked for again")
        roots.on("b")
        self.assertEqual(ask.next()[1], ["b"], "unless somebody new wants it")
        self.fake.say(answer(B))
        self.assertEqual(ask.next(), ("r-b-2", ["a", "b", "c", "d"]))

    def test_tries_again(self) -> None:
        errors = [RootsError(status, "", "") for status in (0, 408, 425, 429, 500, 503)]
        ask = Asked(*errors, RootsError(404, "unknown_token", ""), RootsError(404, "unknown_id", ""),
                    OSError("gone"), SystemExit())
        roots = self.client(ask)
        roots.on("a")
        self.fake.say(answer(A))
        self.assertEqual([ask.next()[1] for _ in range(11)], [["a"]] * 11)
        roots.wait_live(PATIENCE)
        self.assertEqual(self.waits, [0.5, 1, 2, 4, 8, 15, 15, 15, 15, 15])

    def test_an_answer_for_the_session_before(self) -> None:
        ask, go = Asked(), threading.Event()

        def slow(client: str, paths: list[str]) -> None:
            ask(client, paths)
            if client == "r-a-1":
                go.wait(PATIENCE)

        roots = self.client(slow)
        roots.on("a")
        self.fake.say(answer(A))
        self.assertEqual(ask.next(), ("r-a-1", ["a"]))
        self.fake.say(answer(B))
        self.assertEqual([self.fake.poll() for _ in range(3)], ["/", f"/{A}", f"/{B}"])
        go.set()
        self.assertEqual(ask.next(), ("r-b-2", ["a"]))

    def test_what_was_disconnected_is_asked_for_again(self) -> None:
        ask = Asked()
        roots = self.client(ask)
        for path in ("a", "b", "::members/a", "::to/*", "::+::disconnect"):
            roots.on(path)
        self.fake.say(answer(A))
        self.assertEqual(ask.next()[1], ["::members/a", "a", "b"])
        roots.wait_live(PATIENCE)
        blank = [(path, "") for path in ("a", "b", "::members/a")]
        self.fake.say(answer("r-a-1/1/x", ("::+::disconnect", "a"), ("::+::disconnect", ["odd"])),
                      answer("r-a-1/2/x", *blank, ("::+::disconnect", "a")))
        self.assertEqual(ask.next()[1], ["a"])
        self.fake.say(answer("r-a-1/3/x", ("**", "", "overflow")))
        self.assertEqual(ask.next()[1], ["::members/a"])
        self.fake.say(answer("r-a-1/4/x", ("::+::disconnect", "", "overflow")))
        self.assertEqual(ask.next()[1], ["::members/a", "a", "b"])

    def test_disconnects(self) -> None:
        leave = Asked(RootsError(500, "", "oh"))
        roots = self.client(disconnect=leave)
        off, also, other = roots.on("a"), roots.on("a"), roots.on("b")
        self.fake.say(answer(A))
        roots.wait_live(PATIENCE)
        off()
        off()
        other()
        self.assertEqual(leave.next(), ("r-a-1", ["b"]))
        self.assertEqual(self.next(self.errors).status, 500)
        also()
        self.assertEqual(leave.next(), ("r-a-1", ["a"]))

    def test_who_comes_late_loads_alone(self) -> None:
        ask = Asked()
        roots = self.client(ask)
        roots.on("a", reload=lambda update: self.seen.put("first"))
        self.fake.say(answer(A, ("a", "")))
        self.assertEqual(self.next(), "first")
        roots.on("a", reload=lambda update: self.seen.put("second"))
        self.assertEqual(self.next(), "second")
        self.assertTrue(self.seen.empty())


if __name__ == "__main__":
    unittest.main()
