"""The real rootsd, for tests: built once, and started on ports of its own."""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


@functools.lru_cache(maxsize=None)
def built() -> str:
    """Returns where rootsd is, or skips the test: but not where everything has to be there."""
    path = str(Path(folder()) / "rootsd")
    subprocess.run([go(), "build", "-o", path, "./cmd/rootsd"], cwd=ROOT, check=True)
    return path


def go() -> str:
    """Returns where Go is, or skips the test as built() says."""
    path = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if path is None:
        reason = "needs Go, to build rootsd: see https://go.dev/dl/"
        if os.environ.get("CI") == "true":
            raise AssertionError(reason)
        raise unittest.SkipTest(reason)
    return path


@functools.lru_cache(maxsize=None)
def folder() -> str:
    """Returns a folder that goes with the process."""
    made = tempfile.TemporaryDirectory(prefix="rootsd-")
    atexit.register(made.cleanup)
    return made.name


@functools.lru_cache(maxsize=None)
def certificate() -> tuple[str, str]:
    """Returns where a certificate for 127.0.0.1 and its key are, made by a program that comes with Go."""
    root = subprocess.check_output([go(), "env", "GOROOT"], text=True).strip()
    program = str(Path(root) / "src" / "crypto" / "tls" / "generate_cert.go")
    subprocess.run([go(), "run", program, "-ca", "-host=127.0.0.1", "-ecdsa-curve=P256"], cwd=folder(),
                   check=True, capture_output=True)
    return str(Path(folder()) / "cert.pem"), str(Path(folder()) / "key.pem")


class Daemon:
    """A rootsd. Its ports stay the same when it is started again."""

    def __init__(self, *flags: str) -> None:
        self.flags = flags
        self.push = self.ingest = "http://127.0.0.1:0"
        self.start()

    def start(self) -> None:
        push, ingest = (url.partition("//")[2] for url in (self.push, self.ingest))
        listen = [f"--push-listen={push}", f"--ingest-listen={ingest}"]
        command = [built(), "serve", *listen, "--line-listen=", "--admin-listen=", *self.flags]
        environment = {**os.environ, "XDG_STATE_HOME": folder()}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        assert self.process.stderr is not None
        log = ""
        for line in self.process.stderr:
            log += line
            found = re.search(r"msg=listening for=(push|ingest)\.listen url=(\S+)", line)
            if found:
                setattr(self, found[1], found[2])
            if "msg=ready" in line:
                return
        raise AssertionError(f"rootsd does not start: {log}")

    def stop(self) -> None:
        """Kills it: it can say nothing and keep nothing."""
        self.process.kill()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()

    def tell(self, what: str, said: Any) -> Any:
        """POSTs to ingest, as a back-end does."""
        with urllib.request.urlopen(f"{self.ingest}/{what}", json.dumps(said).encode()) as response:
            return json.load(response)

    def update(self, path: str, *messages: Any) -> None:
        self.tell("update", [{"path": path, "message": message} for message in messages])

    def connect(self, client: str, paths: list[str]) -> None:
        """Grants whatever a client asks for."""
        self.tell("connect", {"id": client, "paths": paths})
