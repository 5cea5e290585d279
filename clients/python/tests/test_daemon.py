"""The client, with the real rootsd."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import ssl
import subprocess
import sys
import unittest
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

from roots import Roots, RootsError, Update
from tests.daemon import Daemon, certificate
from tests.fake import PATIENCE

HERE = Path(__file__).parents[1]


class DaemonTest(unittest.TestCase):
    def setUp(self) -> None:
        self.daemon = Daemon("--push-open", "public/**")
        self.addCleanup(lambda: self.daemon.stop())

    def client(self, **options: Any) -> Roots:
        roots = Roots(self.daemon.push, self.daemon.connect, **options)
        self.addCleanup(roots.close)
        return roots

    def test_many_updates_in_order(self) -> None:
        for transport in ("long-poll", "sse"):
            with self.subTest(transport):
                called: queue.Queue[tuple[str, int]] = queue.Queue()
                roots = self.client(transport=transport)
                roots.on("orders/*", lambda message, update: called.put((update.path, message)))
                with roots.updates(f"orders/{transport}", timeout=PATIENCE) as updates:
                    while next(updates).path != f"orders/{transport}":
                        pass  # the other pattern is connected as well
                    got = []
                    for start in range(0, 2000, 500):  # a session keeps 1,000
                        self.daemon.update(f"orders/{transport}", *range(start, start + 500))
                        got += [next(updates).message for _ in range(500)]
                want = list(range(2000))
                self.assertEqual(got, want)
                handled = [called.get(timeout=PATIENCE) for _ in want]
                self.assertEqual(handled, [(f"orders/{transport}", n) for n in want])
                roots.close()

    def test_killed_and_started_again(self) -> None:
        for transport in ("long-poll", "sse"):
            with self.subTest(transport):
                answered: queue.Queue[str] = queue.Queue()
                errors: queue.Queue[Any] = queue.Queue()

                def connect(client: str, paths: list[str], answered: queue.Queue[str] = answered) -> None:
                    self.daemon.connect(client, paths)
                    answered.put(client)

                roots = Roots(self.daemon.push, connect, transport=transport, retry=0.2, on_error=errors.put)
                self.addCleanup(roots.close)
                with roots.updates("a", timeout=PATIENCE) as updates:
                    self.assertTrue(next(updates).blank)
                    answered.get(timeout=PATIENCE)  # the blank message may be here before, and the answer be cut off
                    roots.wait_live(PATIENCE)
                    before = roots.id
                    self.daemon.stop()
                    self.assertEqual(errors.get(timeout=PATIENCE).status, 0)
                    self.daemon.start()
                    self.assertEqual(next(updates), Update("a", ""))
                    self.assertNotEqual(roots.id, before)
                    self.daemon.update("a", 1)
                    self.assertEqual(next(updates).message, 1)

    def test_kicked(self) -> None:
        for transport in ("long-poll", "sse"):
            with self.subTest(transport):
                roots = self.client(transport=transport)
                with roots.updates("a", timeout=PATIENCE) as updates:
                    self.assertTrue(next(updates).blank)
                    before = roots.id
                    self.daemon.tell("kick", {"id": before})
                    self.assertTrue(next(updates).blank)
                    self.assertNotEqual(roots.id, before)

    def test_reconnect_loses_nothing(self) -> None:
        for transport in ("long-poll", "sse"):
            roots = self.client(transport=transport)
            with roots.updates("a", timeout=PATIENCE) as updates:
                self.assertTrue(next(updates).blank)
                before = roots.id
                for n in range(50):
                    self.daemon.update("a", n)
                    if n % 10 == 0:
                        roots.reconnect()
                self.assertEqual([next(updates).message for _ in range(50)], list(range(50)))
                self.assertEqual(roots.id, before)

    def test_open_paths(self) -> None:
        roots = Roots(self.daemon.push, on_error=lambda error: None)
        with roots, roots.updates("public/*", timeout=PATIENCE) as updates:
            self.assertEqual(next(updates), Update("public/*", ""))
            self.daemon.update("public/a", {"n": 1})
            self.assertEqual(next(updates), Update("public/a", {"n": 1}))
            other, refused = roots.updates("::members/public", "public/b"), roots.updates("private")
            for iterator in (other, refused):
                with self.assertRaisesRegex(RootsError, "403 not_open: .* was refused: ") as raised:
                    while True:
                        next(iterator)
                self.assertEqual((raised.exception.status, raised.exception.reason), (403, "not_open"))
            self.assertEqual(next(updates), Update("public/b", ""), "what is open is connected all the same")
            self.daemon.update("public/b", 2)
            self.assertEqual(next(updates), Update("public/b", 2))

    def test_disconnected_by_a_back_end(self) -> None:
        roots = self.client()
        with roots.updates("a", "::+::disconnect", "::to/*", timeout=PATIENCE) as updates:
            self.assertTrue(next(updates).blank)
            self.daemon.tell("disconnect", {"id": roots.id, "paths": ["a"]})
            self.assertEqual(next(updates), Update("::+::disconnect", "a"))
            self.assertEqual(next(updates), Update("a", ""), "it asks again")
            self.daemon.update(f"::to/{roots.id}", "you alone")
            self.assertEqual(next(updates).message, "you alone")

    def test_publish(self) -> None:
        roots = self.client()
        with roots.updates("chat/*", timeout=PATIENCE) as updates:
            self.assertTrue(next(updates).blank)
            with self.assertRaises(RootsError) as raised:
                roots.publish("chat/a", "too early")
            self.assertEqual((raised.exception.status, raised.exception.reason), (403, "not_permitted"))
            self.daemon.tell("permit", {"id": roots.id, "paths": ["chat/*"]})
            roots.publish("chat/a", {"text": "é\n😀"})
            self.assertEqual(next(updates), Update("chat/a", {"text": "é\n😀"}, roots.id))

    def test_messages_of_many_levels(self) -> None:
        roots = self.client()
        with roots.updates("a", timeout=PATIENCE) as updates:
            self.assertTrue(next(updates).blank)
            self.daemon.tell("permit", {"id": roots.id, "paths": ["a"]})
            message: list[Any] = []
            for _ in range(990):
                message = [message]
            roots.publish("a", message)
            got, levels = next(updates).message, 1
            while got:
                got, levels = got[0], levels + 1
            self.assertEqual(levels, 991)

    def test_tls(self) -> None:
        cert, key = certificate()
        daemon = Daemon("--push-tls-cert", cert, "--push-tls-key", key, "--push-open", "public/**")
        self.addCleanup(daemon.stop)
        for transport in ("long-poll", "sse"):
            states: queue.Queue[str] = queue.Queue()
            roots = Roots(daemon.push, transport=transport, tls=ssl.create_default_context(cafile=cert),
                          on_state=states.put, on_error=lambda error: None, retry=0.1)
            with roots, roots.updates("public/a", timeout=PATIENCE) as updates:
                self.assertTrue(next(updates).blank)
                for n in range(3):
                    state = "live"
                    while state != "retrying":
                        roots._link.cut()  # between two polls it is made anew in silence
                        with contextlib.suppress(queue.Empty):
                            state = states.get(timeout=0.1)
                    roots.wait_live(PATIENCE)  # which is less than what a poll takes
                    daemon.update("public/a", n)
                    self.assertEqual(next(updates).message, n)

    def test_close_ends_the_session(self) -> None:
        roots = self.client()
        roots.wait_live(PATIENCE)
        self.daemon.tell("permit", {"id": roots.id, "paths": ["a"]})
        roots.close()
        with self.assertRaisesRegex(Exception, "404"):
            self.daemon.tell("permit", {"id": roots.id, "paths": ["a"]})


class CommandTest(unittest.TestCase):
    def command(self, *arguments: str) -> subprocess.Popen[str]:
        # A shell has what it starts in the background ignore interrupts, and that is inherited.
        heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen([sys.executable, "-m", "roots", *arguments], cwd=HERE, encoding="utf-8",
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def check(self, process: subprocess.Popen[str], status: int, errors: str) -> str:
        out, err = process.communicate(timeout=PATIENCE)
        self.assertRegex(err, errors)
        self.assertNotIn("Traceback", err)
        self.assertEqual(process.returncode, status)
        return out

    def test_prints_updates(self) -> None:
        daemon = Daemon("--push-open", "public/**")
        self.addCleanup(daemon.stop)
        process = self.command(daemon.push, "public/**", "--transport", "sse")
        assert process.stdout is not None
        self.assertEqual(json.loads(process.stdout.readline()), {"path": "public/**", "message": ""})
        daemon.update("public/a", {"é": [1]})
        self.assertEqual(json.loads(process.stdout.readline()), {"path": "public/a", "message": {"é": [1]}})
        deep = "[" * 995 + "]" * 995
        said = f'{{"path":"public/a","message":{deep}}}'.encode()
        urllib.request.urlopen(daemon.ingest + "/update", said).close()
        self.assertIn(deep, process.stdout.readline())
        interrupted = self.command(daemon.push, "public/**")
        assert interrupted.stdout is not None
        interrupted.stdout.readline()
        interrupted.send_signal(signal.SIGINT)
        self.check(interrupted, 130, "^$")
        process.stdout.close()  # as `head -2` does
        process.stdout = None
        daemon.update("public/a", *range(2))
        daemon.update("public/a", *range(2))
        self.check(process, 0, "^$")
        self.check(self.command(daemon.push, "orders/42"), 1, "^roots: 403 not_open: orders/42 was refused: ")
        ends = self.command(daemon.push, "public/x", "--timeout", "0.5")
        self.assertIn("public/x", self.check(ends, 0, "^$"))

    def test_called_wrongly(self) -> None:
        url = "http://127.0.0.1:1/"
        for arguments, errors in (
            ((), "arguments are required: URL, PATTERN"),
            (("localhost:8008", "a"), "the URL of rootsd is 'localhost:8008'; it should be like"),
            ((url, "a/**/b"), "'a/\\*\\*/b' is no pattern"),
            ((url, "a", "--connect", "/x"), "connect is '/x'"),
            ((url, "a", "--header", "x"), "--header is 'x'; it should be like"),
        ):
            self.assertEqual(self.check(self.command(*arguments), 2, errors), "")
        self.assertIn("PATTERN", self.check(self.command("--help"), 0, "^$"))

    def test_nobody_there(self) -> None:
        process = self.command("http://127.0.0.1:1/", "a", "--timeout", "1")
        self.check(process, 0, "^roots: http://127.0.0.1:1: .*refused")


if __name__ == "__main__":
    unittest.main()
