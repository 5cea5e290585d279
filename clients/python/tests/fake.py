"""A stand-in for rootsd, and for an application, that answers as a test says."""

from __future__ import annotations

import json
import queue
import select
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, NamedTuple, Optional

PATIENCE = 60.0  # seconds: the longest that a test waits for what must come; for a machine that is busy


class Reply(NamedTuple):
    """What a request is answered. `cut` breaks the connection instead, `last` after it. `pieces` are
    streamed, and the stream `stays` open or does not."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = {}
    cut: bool = False
    last: bool = False
    pieces: tuple[str, ...] = ()
    stays: bool = False


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: Any


def answer(token: str, *updates: tuple[Any, ...]) -> Reply:
    """The answer to a poll; an update is (path, message) or (path, message, gap)."""
    keys = ("path", "message", "gap")
    return Reply({"updates": [dict(zip(keys, update)) for update in updates], "reconnectWith": token})


def problem(status: int, reason: str, detail: str = "no", **headers: str) -> Reply:
    said = {"title": "x", "status": status, "reason": reason, "detail": detail}
    return Reply(said, status, {name.replace("_", "-"): value for name, value in headers.items()})


def event(data: Any, token: str, name: str = "") -> str:
    return (f"event: {name}\n" if name else "") + f"id: {token}\ndata: {json.dumps(data)}\n\n"


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: clients that go are what is tested."""


class Fake:
    """Answers a GET with the next of what say() was given, and waits if there is none; all else by `post`."""

    def __init__(self) -> None:
        self.requests: queue.Queue[Request] = queue.Queue()  # what is no GET
        self.polls: queue.Queue[str] = queue.Queue()  # the address of each GET
        self.changed = threading.Condition()
        self.replies: list[Reply] = []
        self.post: Callable[[Request], Reply] = lambda request: Reply({})
        self.stopped = threading.Event()
        self.server = Server(("127.0.0.1", 0), type("Handler", (Handler,), {"fake": self}))
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def say(self, *replies: Reply) -> None:
        with self.changed:
            self.replies.extend(replies)
            self.changed.notify_all()

    def next_reply(self, is_gone: Callable[[], bool]) -> Optional[Reply]:
        """Waits for what to answer, or for the end of the client or the test."""
        with self.changed:
            while not self.stopped.is_set() and not is_gone():
                if self.replies:
                    return self.replies.pop(0)
                self.changed.wait(0.02)
        return None

    def poll(self) -> str:
        """Returns the address of the next GET."""
        return self.polls.get(timeout=PATIENCE)

    def request(self) -> Request:
        """Returns the next request that is no GET."""
        return self.requests.get(timeout=PATIENCE)

    def close(self) -> None:
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    fake: Fake
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.fake.polls.put(self.path)
        reply = self.fake.next_reply(self.is_gone)
        self.reply(reply or Reply(cut=True))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, dict(self.headers), json.loads(body) if body else None)
        self.fake.requests.put(request)
        self.reply(self.fake.post(request))

    do_DELETE = do_POST

    def is_gone(self) -> bool:
        """Tells whether the client has closed the connection."""
        readable = select.select([self.connection], [], [], 0)[0]
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    def reply(self, reply: Reply) -> None:
        self.close_connection = reply.cut or reply.last or bool(reply.pieces)
        if reply.cut:
            return
        kind = "text/event-stream" if reply.pieces else "application/json"
        body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        self.send_response(reply.status)
        for name, value in {"Content-Type": kind, **reply.headers}.items():
            self.send_header(name, value)
        if not reply.pieces:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for piece in reply.pieces or (body,):
            self.wfile.write(piece.encode())
        while reply.stays and not self.is_gone():
            self.fake.stopped.wait(0.02)

    def log_message(self, format: str, *args: Any) -> None:
        pass
