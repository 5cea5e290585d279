"""The examples of README.md do what they say."""

from __future__ import annotations

import queue
import re
import shlex
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

from tests.daemon import Daemon
from tests.fake import PATIENCE

HERE = Path(__file__).parents[1]


class ReadmeTest(unittest.TestCase):
    def test_examples(self) -> None:
        daemon = Daemon("--push-open", "public/**")
        self.addCleanup(daemon.stop)
        text = (HERE / "README.md").read_text(encoding="utf-8")
        text = text.replace("http://localhost:8008", daemon.push)
        text = text.replace("http://localhost:8004", daemon.ingest)
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)
        kinds = " ".join(kind for kind, _ in blocks)
        self.assertEqual(kinds, "python text python text python sh text")
        printed: queue.Queue[str] = queue.Queue()
        scope: dict[str, Any] = {"print": lambda *said: printed.put(" ".join(map(str, said)))}
        for kind, block in blocks:
            if kind == "python":
                exec(compile(block, "README.md", "exec"), scope)
            elif kind == "sh":
                command = [sys.executable, *shlex.split(block)[1:]]
                printed.put(subprocess.check_output(command, cwd=HERE, encoding="utf-8").strip())
            else:
                for line in block.splitlines():
                    self.assertEqual(printed.get(timeout=PATIENCE), line)
        self.assertTrue(printed.empty())

    def test_fits_a_screen(self) -> None:
        lines = (HERE / "README.md").read_text(encoding="utf-8").splitlines()
        self.assertLessEqual(len(lines), 90)


if __name__ == "__main__":
    unittest.main()
