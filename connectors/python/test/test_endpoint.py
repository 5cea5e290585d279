"""The connect endpoint without a framework. What is the same with Django is in test_django.py."""

from __future__ import annotations

import json
import unittest

from rootsd import Connector
from rootsd.endpoint import LARGEST, MOST, answer


class EndpointTest(unittest.TestCase):
    def setUp(self) -> None:
        self.roots = Connector("null:")
        self.asked: list[str] = []

    def may_hear(self, path: str) -> bool:
        self.asked.append(path)
        return path.startswith("lists/1")

    def post(self, paths: object, verb: str = "connect") -> tuple[int, str]:
        body = paths if isinstance(paths, bytes) else json.dumps(paths).encode()
        return answer(self.roots, verb, "roots-a-1", body, self.may_hear)

    def test_good(self) -> None:
        self.assertEqual(self.post(["/lists/1/", "lists/1/*"]), (204, ""))
        self.assertEqual(self.asked, ["lists/1", "lists/1/*"], "it is asked for what is connected")
        self.assertEqual(self.roots.sent, [["connect", {"id": "roots-a-1", "paths": ["lists/1", "lists/1/*"]}]])

    def test_disconnect_asks_nobody(self) -> None:
        self.assertEqual(self.post(["lists/2"], "disconnect"), (204, ""))
        self.assertEqual((self.asked, self.roots.sent[0][0]), ([], "disconnect"))

    def test_refused(self) -> None:
        for paths in (["lists/1", "lists/2"], ["::connect"], ["/::to/x"], ["**"]):
            self.assertEqual(self.post(paths)[0], 403, paths)
        self.assertEqual(self.roots.sent, [], "one that is refused refuses all")

    def test_members_are_asked_for(self) -> None:
        self.post(["::members/lists/1"])
        self.assertEqual(self.asked, ["::members/lists/1"])

    def test_bad(self) -> None:
        for body in ([], {}, "lists/1", [1], [None], ["lists/1"] * (MOST + 1), b"", b"[", b"\xff", b"[" * 100_000):
            self.assertEqual(self.post(body)[0], 400, str(body)[:20])
        self.assertEqual(self.post(b" " * (LARGEST + 1))[0], 413)
        self.assertEqual(self.roots.sent, [])

    def test_daemon_away(self) -> None:
        told: list[Exception] = []
        away = Connector("http://127.0.0.1:1", on_error=told.append)
        self.assertEqual(answer(away, "connect", "x", b'["a"]', lambda path: True)[0], 502)
        self.assertEqual(len(told), 1)

    def test_misuse(self) -> None:
        with self.assertRaises(TypeError):
            answer(self.roots, "permit", "x", b'["a"]', lambda path: True)
        with self.assertRaises(TypeError):
            answer(self.roots, "connect", "x", b'["a"]', None)  # type: ignore[arg-type]

        async def later(path: str) -> bool:
            return False

        coroutines = []
        with self.assertRaises(TypeError):
            answer(self.roots, "connect", "x", b'["a"]', lambda path: coroutines.append(later(path)) or coroutines[-1])
        coroutines[0].close()


if __name__ == "__main__":
    unittest.main()
