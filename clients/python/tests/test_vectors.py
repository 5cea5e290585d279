"""The cases of docs/vectors that a client has to pass."""

from __future__ import annotations

import base64
import json
import unittest
from functools import partial
from pathlib import Path
from typing import Any, Callable

from roots.backoff import Backoff
from roots.pattern import PatternError, covers, matches, overlaps, parse_path, parse_pattern
from roots.session import Update, id_of, parse_answer, parse_update
from roots.views import Handler

VECTORS = Path(__file__).parents[3] / "docs" / "vectors"
FILES = "path match message token session".split()
STEPS = "connect disconnect put age take retry stream told confirm note holds".split()
ran: dict[str, int] = {}  # how many cases of each file


def tearDownModule() -> None:
    print("vectors: " + ", ".join(f"{name} {ran[name]}" for name in FILES if name in ran))


class VectorsTest(unittest.TestCase):
    def run_file(self, name: str, keys: str, run: Callable[[dict[str, Any]], None]) -> None:
        """Runs every case of a file, none of which may have keys but these."""
        file = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
        self.check_keys(file, "about cases")
        ran[name] = 0
        for case in file["cases"]:
            with self.subTest(file=name, case=case["name"], why=case["why"]):
                ran[name] += 1
                self.check_keys(case, "name why " + keys)
                run(case)
        self.assertEqual(ran[name], len(file["cases"]))
        self.assertGreater(ran[name], 0)

    def check_keys(self, said: dict[str, Any], keys: str) -> None:
        unknown = {key for key in said if not key.startswith("_")} - set(keys.split())
        self.assertFalse(unknown, "keys that this test does not know")

    def test_path(self) -> None:
        self.run_file("path", "text base64 path pattern", self.path)

    def path(self, case: dict[str, Any]) -> None:
        if "base64" in case:  # bytes that are not UTF-8 come to Python so, from a command line for one
            text = base64.b64decode(case["base64"]).decode("utf-8", "surrogateescape")
        else:
            text = self.text(case["text"])
        for parse, key in ((parse_path, "path"), (parse_pattern, "pattern")):
            try:
                got: Any = parse(text)
            except PatternError as error:
                got = {"error": error.reason}
            want = case[key] if isinstance(case[key], dict) and "error" in case[key] else self.text(case[key])
            self.assertEqual(got, want, key)

    def text(self, said: Any) -> str:
        if isinstance(said, str):
            return said
        for part in said:
            if not isinstance(part, str):
                self.assertEqual(part.keys(), {"repeat", "times"})
        return "".join(part if isinstance(part, str) else part["repeat"] * part["times"] for part in said)

    def test_match(self) -> None:
        self.run_file("match", "pattern path matches other covers", self.match)

    def match(self, case: dict[str, Any]) -> None:
        if "path" in case:
            self.assertEqual(matches(case["pattern"], case["path"]), case["matches"])
            self.assertEqual(overlaps(case["pattern"], case["path"]), case["matches"], "overlaps")
            return
        self.assertEqual(covers(case["pattern"], case["other"]), case["covers"])
        if case["covers"]:
            self.assertTrue(overlaps(case["pattern"], case["other"]), "overlaps")
        self.assertEqual(overlaps(case["pattern"], case["other"]), overlaps(case["other"], case["pattern"]))

    def test_message(self) -> None:
        self.run_file("message", "path message from gap wire", self.message)

    def message(self, case: dict[str, Any]) -> None:
        want = Update(case["path"], json.loads(case["message"]), case.get("from", ""), case.get("gap", ""))
        answer = parse_answer(b'{"updates":[%s],"reconnectWith":"a/1/b"}' % case["wire"].encode())
        for got in (parse_update(case["wire"]), *answer.updates):
            self.assertEqual(repr(got), repr(want))  # 0 is not false there, nor 1 the same as 1.0
            self.assertEqual(got.blank, case["message"] == '""')

    def test_token(self) -> None:
        self.run_file("token", "token id cursor secret invalid", self.token)

    def token(self, case: dict[str, Any]) -> None:
        # What is wrong with a token is for rootsd to say; a client only needs the ID of one that it got.
        said = json.dumps({"updates": [], "reconnectWith": case["token"]}).encode()
        if not case.get("invalid"):
            self.assertEqual(id_of(parse_answer(said).token), case["id"])
            self.assertEqual(case["token"], f"{case['id']}/{case['cursor']}/{case['secret']}")
        elif case["token"].split("/")[0]:
            self.assertEqual(parse_answer(said).token, case["token"], "a token is sent back as it came")
        else:
            self.assertRaises(ValueError, parse_answer, said)

    def test_session(self) -> None:
        self.run_file("session", "limits listen steps", self.session)

    def session(self, case: dict[str, Any]) -> None:
        reloads: list[str] = []
        post: Callable[[Callable[[], None]], None] = lambda call: call()
        handlers = [Handler(pattern, None, partial(lambda pattern, _: reloads.append(pattern), pattern), 1000,
                            Backoff(1), post, self.fail) for pattern in case.get("listen", [])]
        for step in case["steps"]:
            self.check_keys(step, " ".join(STEPS) + " refused reload")
            self.assertIn(next(iter(step)), STEPS)
            said = step.get("take") or step.get("retry") or step.get("stream") or step.get("told")
            if said is None:
                self.assertNotIn("reload", step)
                continue
            self.check_keys(said, "updates cursor")
            token = f"r-0-1/{said['cursor']}/x"
            text = json.dumps({"updates": said["updates"], "reconnectWith": token}).encode()
            for update in parse_answer(text).updates:
                for handler in handlers:
                    if update.concerns(handler.patterns[0]):
                        handler.put(update)
            if "reload" in step:
                self.assertEqual([path for path in case["listen"] if path in reloads], step["reload"])
            reloads.clear()


if __name__ == "__main__":
    unittest.main()
