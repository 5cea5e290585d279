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
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        reason = "needs Go, to build rootsd: see https://go.dev/dl/"
        if os.environ.get("CI") == "true":
            raise AssertionError(reason)
        raise unittest.SkipTest(reason)
    folder = tempfile.TemporaryDirectory(prefix="rootsd-")
    atexit.register(folder.cleanup)
    path = str(Path(folder.name) / "rootsd")
    subprocess.run([go, "build", "-o", path, "./cmd/rootsd"], cwd=ROOT, check=True)
    return path


class Daemon:
    """A rootsd. Its ports stay the same when it is started again."""

    def __init__(self, *flags: str) -> None:
        self.flags = flags
        self.push = self.ingest = "http://127.0.0.1:0"
        self.start()

    def start(self) -> None:
        listen = [f"--push-listen={self.push[7:]}", f"--ingest-listen={self.ingest[7:]}"]
        command = [built(), "serve", *listen, "--line-listen=", "--admin-listen=", *self.flags]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
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
