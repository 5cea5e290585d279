"""A stand-in for rootsd's ingest port, that notes what it is asked and answers as a test says."""

from __future__ import annotations

import json
import queue
import socket
import ssl
import threading
from typing import Any, Callable, NamedTuple

PATIENCE = 60.0  # seconds: the longest that a test waits for what must come; for a machine that is busy


class Request(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: Any
    connection: int  # counted from 1


def answer(body: Any, status: int = 200, *headers: str) -> bytes:
    """An answer of HTTP, as rootsd gives it."""
    content = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def problem(status: int, reason: str, **members: Any) -> bytes:
    return answer({"title": "x", "status": status, "reason": reason, "detail": f"a {reason}", **members}, status)


class Fake:
    """`reply` is given each Request; what it returns is sent. After None, the connection is closed; so it is
    after an answer with "Connection: close"."""

    def __init__(self, reply: Callable[[Request], bytes | None] = lambda request: answer({"accepted": 1}),
                 tls: ssl.SSLContext | None = None) -> None:
        self.reply, self.tls = reply, tls
        self.requests: queue.Queue[Request] = queue.Queue()
        self.closed: queue.Queue[int] = queue.Queue()  # the number of each connection that has ended
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.listener.close()

    def next(self) -> Request:
        return self.requests.get(timeout=PATIENCE)

    def seen(self) -> list[Request]:
        """Returns what came since the last call of it."""
        return [self.requests.get() for _ in range(self.requests.qsize())]

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock, self.connections), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            with self.tls.wrap_socket(sock, server_side=True) if self.tls else sock as sock:
                with sock.makefile("rb") as file:
                    while self._answer_one(sock, file, number):
                        pass
        except OSError:
            pass  # clients that go are what is tested
        finally:
            self.closed.put(number)

    def _answer_one(self, sock: socket.socket, file: Any, number: int) -> bool:
        method, _, rest = file.readline().decode().partition(" ")
        if not method:
            return False
        headers = {}
        for line in iter(file.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        content = file.read(int(headers.get("content-length", 0)))
        request = Request(method, rest.split()[0], headers, json.loads(content or "null"), number)
        said = self.reply(request)
        self.requests.put(request)
        sock.sendall(said or b"")
        return said is not None and b"Connection: close" not in said
