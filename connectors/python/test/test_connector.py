"""The connector, with a stand-in for rootsd. What all languages have in common is tested in connectors/*.go."""

from __future__ import annotations

import gc
import os
import pickle
import resource
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest
import warnings
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from unittest import mock

from fake import PATIENCE, Fake, Request, answer, problem
from rootsd import Connector, Error


class ConnectorTest(unittest.TestCase):
    def setUp(self) -> None:
        self.fake = Fake()
        self.addCleanup(self.fake.close)
        self.errors: list[Error] = []

    def connector(self, url: str = "", **options: Any) -> Connector:
        roots = Connector(url or self.fake.url, **{"timeout": PATIENCE, "on_error": self.errors.append, **options})
        self.addCleanup(roots.close)
        return roots

    def fails(self, call: Any, *args: Any, **options: Any) -> Error:
        """Returns the error of a call that gives it to on_error."""
        before = len(self.errors)
        self.assertIsNone(call(*args, **options))
        self.assertEqual(len(self.errors), before + 1)
        return self.errors[-1]


class RequestTest(ConnectorTest):
    def test_environment(self) -> None:
        with mock.patch.dict(os.environ, {"ROOTS_URL": self.fake.url, "ROOTS_TOKEN": "secret"}):
            for options in ({}, {"token": ""}, {"token": "other"}):
                roots = Connector(**options)
                roots.update("a", 1)
                roots.close()
        sent = [self.fake.next().headers.get("authorization") for _ in range(3)]
        self.assertEqual(sent, ["Bearer secret", None, "Bearer other"])
        with mock.patch.dict(os.environ, {"ROOTS_URL": ""}):
            self.assertEqual(Connector().url, "http://127.0.0.1:8004")

    def test_url(self) -> None:
        for base in ("", "/", "/roots", "/roots/"):
            self.connector(self.fake.url + base).kick("x")
        targets = [self.fake.next().target for _ in range(4)]
        self.assertEqual(targets, ["/kick", "/kick", "/roots/kick", "/roots/kick"])
        for url in ("localhost:8004", "ftp://a", "http://", "http:/a", "null", "null:x", "http://a:port", "http://a b",
                    "http://a/ü", "http://a/\n", "http://u:p@a", "http://a?b", "http://a#b", "http://[::1"):
            with self.subTest(url), self.assertRaises(ValueError) as raised:
                Connector(url)
            self.assertNotIn("u:p", str(raised.exception))

    def test_a_token_that_cannot_be_one(self) -> None:
        for token in ("hunter2\n", "hunter2\r\nX: y", "hunter2 x", "hunter2ü"):
            with self.subTest(token), self.assertRaises(ValueError) as raised:
                self.connector(token=token)
            self.assertNotIn("hunter2", str(raised.exception))

    def test_times(self) -> None:
        patience = []

        class Connection(HTTPConnection):
            def request(self, *args: Any) -> None:
                patience.append(self.sock.gettimeout())
                super().request(*args)

        with mock.patch("rootsd.HTTPConnection", Connection):
            roots = self.connector(timeout=3)
        roots.update("a", 1, wait=timedelta(minutes=1))
        roots.updates([{"path": "a", "message": 1, "wait": 0.25}, {"path": "a", "message": 2, "wait": 2}])
        roots.update("a", 1, wait=0)
        roots.connect("x", "a", lease=timedelta(hours=1))
        roots.permit("x", "a", lease=0.0004)
        self.assertEqual(patience, [63, 5, 3, 3, 3])
        bodies = [self.fake.next().body for _ in range(5)]
        self.assertEqual(bodies[0]["wait"], "60000ms")
        self.assertEqual([update["wait"] for update in bodies[1]], ["250ms", "2000ms"])
        self.assertEqual(bodies[2]["wait"], "0ms")
        self.assertEqual([body["for"] for body in bodies[3:]], ["3600000ms", "0ms"])

    def test_updates_of_an_iterator(self) -> None:
        self.connector().updates({"path": "a", "message": n, "colour": "red"} for n in range(2))
        want = [{"path": "a", "message": 0, "colour": "red"}, {"path": "a", "message": 1, "colour": "red"}]
        self.assertEqual(self.fake.next().body, want)

    def test_messages_that_are_not_json(self) -> None:
        roots = self.connector()
        deep: list[Any] = []
        deep.append(deep)
        for message in (float("inf"), object(), b"x", {1, 2}, deep, "\ud800", {(1, 2): 3}):
            error = self.fails(roots.update, "a", message)
            self.assertEqual((error.status, error.reason, error.uncertain), (0, "message", False))
        self.assertEqual(self.fake.connections, 0)

    def test_wrong_calls_raise(self) -> None:
        roots: Any = self.connector()
        self.assertRaises(TypeError, roots.update, "a")
        self.assertRaises(TypeError, roots.update, "a", 1, wait="2s")
        self.assertRaises(TypeError, roots.kick)
        self.assertEqual(self.errors, [])

    def test_ids_stay_in_their_place(self) -> None:
        self.connector().clients("a/../b?c=d#e f%\r\n\u00fc")
        self.assertEqual(self.fake.next().target, "/clients/a%2F..%2Fb%3Fc%3Dd%23e%20f%25%0D%0A%C3%BC")


class ErrorTest(ConnectorTest):
    def test_of_rootsd(self) -> None:
        self.fake.reply = lambda request: problem(400, "path", entry=1, field="path", offset=44)
        error = self.fails(self.connector().update, "a//b", 1)
        self.assertEqual(str(error), "rootsd: update: a path (400 path, entry 1)")
        self.assertEqual((error.entry, error.field, error.offset, error.uncertain), (1, "path", 44, False))
        copy = pickle.loads(pickle.dumps(error))
        self.assertEqual((str(copy), vars(copy)), (str(error), vars(error)))

    def test_its_own_500_is_certain(self) -> None:
        self.fake.reply = lambda request: problem(503, "draining")
        self.assertFalse(self.fails(self.connector().clients, "x").uncertain)

    def test_raises(self) -> None:
        self.fake.reply = lambda request: problem(404, "unknown_id")
        with self.assertRaisesRegex(Error, r"rootsd: clients: a unknown_id \(404 unknown_id\)"):
            self.connector(raises=True).clients("x")
        with self.assertRaises(Error):
            self.connector().request("kick", {"id": "x"})
        self.assertEqual(self.errors, [])

    def test_logged_by_default(self) -> None:
        self.fake.reply = lambda request: problem(401, "token", detail="100 %s, no token")
        with self.assertLogs("rootsd", "WARNING") as logged:
            self.connector(token="hunter2", on_error=None).kick("x")
        self.assertEqual(logged.output, ["WARNING:rootsd:rootsd: kick: 100 %s, no token (401 token)"])

    def test_an_on_error_that_raises(self) -> None:
        roots = self.connector("http://127.0.0.1:1", on_error=mock.Mock(side_effect=KeyError))
        self.assertRaises(KeyError, roots.kick, "x")

    def test_names_that_cannot_be_one(self) -> None:
        error = self.fails(self.connector("http://a..b:8004").kick, "x")
        self.assertEqual(error.reason, "unreachable")
        self.assertIn("http://a..b:8004", str(error))


class ConnectionTest(ConnectorTest):
    def test_threads(self) -> None:
        roots = self.connector()
        start = threading.Barrier(8)

        def tell(thread: int) -> None:
            start.wait(PATIENCE)
            for n in range(50):
                roots.update("a", [thread, n])

        threads = [threading.Thread(target=tell, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(self.errors, [])
        self.assertLessEqual(self.fake.connections, 8)
        said = [request.body["message"] for request in self.fake.seen()]
        self.assertEqual(sorted(said), [[thread, n] for thread in range(8) for n in range(50)])
        for thread in range(8):
            self.assertEqual([n for other, n in said if other == thread], list(range(50)))

    def test_at_most_eight_are_kept(self) -> None:
        busy = threading.Barrier(12)

        def reply(request: Request) -> bytes:
            busy.wait(PATIENCE)  # all at the same time
            return answer({"id": "x"})

        self.fake.reply = reply
        roots = self.connector()
        threads = [threading.Thread(target=roots.kick, args=("x",)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(self.fake.connections, 12)
        closed = {self.fake.closed.get(timeout=PATIENCE) for _ in range(4)}
        roots.close()
        closed |= {self.fake.closed.get(timeout=PATIENCE) for _ in range(8)}
        self.assertEqual(closed, set(range(1, 13)))

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork")
    def test_fork(self) -> None:
        roots = self.connector()
        roots.update("parent", 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns where there are threads
            child = os.fork()
        if child == 0:
            failed = 1
            try:
                failed = 0 if all(roots.update("child", n) == {"accepted": 1} for n in range(2)) else 1
            finally:
                os._exit(failed)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(self.fake.closed.get(timeout=PATIENCE), 2, "the child has ended, and nothing of the parent's")
        roots.update("parent", 2)
        seen = [(request.body["path"], request.connection) for request in self.fake.seen()]
        self.assertEqual(seen, [("parent", 1), ("child", 2), ("child", 2), ("parent", 1)])

    def test_one_that_was_closed_while_idle(self) -> None:
        roots = self.connector()
        with mock.patch.object(self.fake, "_answer_one", closing(answer({"accepted": 1}))):
            roots.update("a", 1)
            self.assertEqual(self.fake.closed.get(timeout=PATIENCE), 1)
        roots.update("a", 2)
        roots.update("a", 3)
        self.assertEqual(self.errors, [])
        self.assertEqual([request.connection for request in self.fake.seen()], [2, 2])

    def test_one_that_says_that_it_closes(self) -> None:
        self.fake.reply = lambda request: answer({"accepted": 1}, 200, "Connection: close")
        roots = self.connector()
        roots.update("a", 1)
        roots.update("a", 2)
        self.assertEqual([self.fake.next().connection for _ in range(2)], [1, 2])
        self.assertEqual(self.errors, [])

    def test_one_that_breaks_when_it_is_used_again(self) -> None:
        self.fake.reply = lambda request: None if request.body == {"id": "x"} and request.connection == 1 else answer(1)
        roots = self.connector()
        roots.update("a", 1)
        self.assertEqual(roots.kick("x"), 1)
        self.assertEqual([self.fake.next().connection for _ in range(3)], [1, 1, 2])

    def test_an_update_is_never_repeated(self) -> None:
        self.fake.reply = lambda request: None if request.body["message"] == 2 else answer({"accepted": 1})
        roots = self.connector()
        roots.update("a", 1)
        error = self.fails(roots.update, "a", 2)
        self.assertEqual((error.status, error.reason, error.uncertain), (0, "interrupted", True))
        roots.update("a", 3)
        seen = [(request.body["message"], request.connection) for request in self.fake.seen()]
        self.assertEqual(seen, [(1, 1), (2, 1), (3, 2)])

    def test_nor_by_another_spelling(self) -> None:
        self.fake.reply = lambda request: None if request.body["message"] == 2 else answer({"accepted": 1})
        roots = self.connector()
        roots.update("a", 1)
        self.assertRaises(Error, roots.request, "update?", {"path": "a", "message": 2})
        self.assertEqual(len(self.fake.seen()), 2)

    def test_one_that_breaks_in_an_answer_is_not_tried_again(self) -> None:
        self.fake.reply = lambda request: answer(1)
        roots = self.connector()
        roots.kick("x")
        self.fake.reply = cut = mock.Mock(side_effect=lambda request: answer("x" * 99, 200, "Connection: close")[:-9])
        error = self.fails(roots.kick, "y")
        self.assertEqual((error.reason, error.uncertain, cut.call_count), ("interrupted", True, 1))

    def test_time_out(self) -> None:
        asked = threading.Event()
        self.addCleanup(asked.set)

        def reply(request: Request) -> bytes:
            if request.body["message"] == 1:
                asked.wait(PATIENCE)
            return answer({"accepted": 1})

        self.fake.reply = reply
        roots = self.connector(timeout=0.2)
        error = self.fails(roots.update, "a", 1)
        self.assertEqual((error.status, error.reason, error.uncertain), (0, "timeout", True))
        self.assertIn("within 0.2 s", str(error))
        roots.timeout = PATIENCE
        self.assertEqual(roots.update("a", 2), {"accepted": 1})
        self.assertEqual(self.fake.next().connection, 2, "an answer that comes late is not taken for another's")

    def test_an_answer_that_trickles_has_no_more_time(self) -> None:
        over = threading.Event()
        self.addCleanup(over.set)
        for start in (b"HTTP/1.1 200 Said\r\nX: ", b"HTTP/1.1 200 Said\r\nContent-Length: 999999\r\n\r\n"):
            def trickle(sock: socket.socket, start: bytes = start) -> None:
                sock.sendall(start)
                while not over.wait(0.05):
                    sock.sendall(b" ")

            error = self.fails(self.connector(self.rude(trickle), timeout=0.3).update, "a", 1)
            self.assertEqual((error.reason, error.uncertain), ("timeout", True))

    def test_an_answer_without_end(self) -> None:
        def flood(sock: socket.socket) -> None:
            sock.sendall(b"HTTP/1.1 200 Said\r\nContent-Length: 99999999999999999999\r\n\r\n[")
            while True:
                sock.sendall(bytes(1 << 20))

        error = self.fails(self.connector(self.rude(flood)).update, "a", 1)
        self.assertTrue(error.uncertain)

    def rude(self, say: Any) -> str:
        """Returns the URL of a server that has say(socket) answer one request."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve() -> None:
            with suppress(OSError), listener.accept()[0] as sock:
                sock.recv(65536)
                say(sock)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def test_what_precedes_an_answer_is_none(self) -> None:
        # The answer that follows it is not that of the next call.
        self.fake.reply = lambda request: b"HTTP/1.1 103 Early Hints\r\n\r\n"
        roots = self.connector()
        error = self.fails(roots.update, "a", 1)
        self.assertEqual((error.status, error.reason, error.uncertain), (103, "answer", True))
        self.fake.reply = lambda request: answer({"accepted": 1})
        self.assertEqual(roots.update("a", 2), {"accepted": 1})
        self.assertEqual([request.connection for request in self.fake.seen()], [1, 2])

    def test_no_connection_is_left_behind_by_an_error(self) -> None:
        roots = self.connector()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            with mock.patch("rootsd.HTTPConnection.getresponse", side_effect=KeyboardInterrupt):
                self.assertRaises(KeyboardInterrupt, roots.update, "a", 1)
            gc.collect()
        self.assertEqual([str(each.message) for each in warned], [])
        self.assertEqual(self.fake.closed.get(timeout=PATIENCE), 1)

    def test_file_descriptors_above_1023(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 1200:
            self.skipTest(f"may open {hard} files: ulimit -Hn 1200 allows more")
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
        for descriptor in [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]:
            self.addCleanup(os.close, descriptor)
        roots = self.connector()
        roots.update("a", 1)
        self.assertGreater(roots._idle[0][1].sock.fileno(), 1023)
        roots.update("a", 2)
        self.assertEqual([self.fake.next().connection for _ in range(2)], [1, 1])

    def test_close(self) -> None:
        roots = self.connector()
        roots.update("a", 1)
        roots.close()
        self.assertEqual(self.fake.closed.get(timeout=PATIENCE), 1)
        self.assertEqual(roots.update("a", 2), {"accepted": 1})


def closing(said: bytes) -> Any:
    """Answers one request, and closes the connection without having said that it would."""

    def answer_one(sock: Any, file: Any, number: int) -> bool:
        while file.readline() not in (b"\r\n", b""):
            pass
        sock.sendall(said)
        return False

    return answer_one


class TLSTest(ConnectorTest):
    def test_only_a_certificate_that_is_trusted(self) -> None:
        cert, key = self.certificate()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        fake = Fake(tls=context)
        self.addCleanup(fake.close)
        error = self.fails(self.connector(fake.url).update, "a", 1)
        self.assertEqual((error.reason, error.uncertain), ("unreachable", False))
        self.assertIn("CERTIFICATE_VERIFY_FAILED", str(error))
        with mock.patch.dict(os.environ, {"SSL_CERT_FILE": cert}):
            roots = self.connector(fake.url)
            self.assertEqual([roots.update("a", n) for n in range(3)], [{"accepted": 1}] * 3)
        self.assertEqual([fake.next().connection for _ in range(3)], [2, 2, 2])

    def certificate(self) -> tuple[str, str]:
        """Returns where a certificate for 127.0.0.1 and its key are."""
        if not shutil.which("openssl"):
            self.skipTest("needs openssl, to make a certificate: apt-get install openssl")
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        cert, key = str(Path(folder) / "cert.pem"), str(Path(folder) / "key.pem")
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        whose = ["-subj", "/CN=rootsd", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(["openssl", "req", "-x509", *kind, *whose, "-keyout", key, "-out", cert], check=True,
                       capture_output=True)
        return cert, key


class NullTest(unittest.TestCase):
    def test_notes_and_sends_nothing(self) -> None:
        roots = Connector("null:", raises=True)
        with mock.patch("socket.create_connection", side_effect=AssertionError):
            answers = [
                roots.update("a", (1, 2), latest=True, wait=1), roots.updates([{"path": "b", "message": 1}] * 2),
                roots.connect("x", "a", "b", lease=2), roots.disconnect("x", "a"), roots.kick("x"),
                roots.join("x", "/room/"), roots.clients("x/y"),
            ]
            self.assertRaises(Error, roots.update, "a", object())
        self.assertEqual(answers, [
            {"accepted": 1}, {"accepted": 2}, {"id": "x", "paths": ["a", "b"]}, {"id": "x", "paths": ["a"]},
            {"id": "x"}, {"accepted": 3}, {"id": "x/y", "connected": [], "permits": []}])
        self.assertEqual(roots.sent, [
            ["update", {"path": "a", "message": [1, 2], "latest": True, "wait": "1000ms"}],
            ["update", [{"path": "b", "message": 1}] * 2],
            ["connect", {"id": "x", "paths": ["a", "b"], "for": "2000ms"}],
            ["disconnect", {"id": "x", "paths": ["a"]}],
            ["kick", {"id": "x"}],
            ["update", [{"path": "::connect", "message": "x->room"},
                        {"path": "::connect", "message": "x->::members/room"},
                        {"path": "::permit", "message": "x->room"}]],
            ["clients/x%2Fy", None],
        ])

    def test_notes_the_latest_thousand(self) -> None:
        roots = Connector("null:")
        for n in range(1100):
            roots.update("a", n)
        self.assertEqual([body["message"] for _, body in roots.sent], list(range(100, 1100)))


if __name__ == "__main__":
    unittest.main()
