"""The examples of README.md do what they say."""

from __future__ import annotations

import io
import os
import re
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

from fake import Fake

README = Path(__file__).parents[1] / "README.md"


class ReadmeTest(unittest.TestCase):
    def test_examples(self) -> None:
        fake = Fake()
        self.addCleanup(fake.close)
        blocks = re.findall(r"^```(\S+)\n(.*?)^```$", README.read_text(encoding="utf-8"), re.M | re.S)
        self.assertEqual([kind for kind, _ in blocks], "python python text python text".split())
        scope: dict[str, Any] = {}
        printed = io.StringIO()
        with mock.patch.dict(os.environ, {"ROOTS_URL": fake.url}), redirect_stdout(printed):
            for kind, block in blocks:
                if kind == "python":
                    exec(compile(block, "README.md", "exec"), scope)
        self.assertEqual(printed.getvalue(), "".join(block for kind, block in blocks if kind == "text"))
        self.assertEqual([fake.next().target for _ in range(3)], ["/update"] * 3)


if __name__ == "__main__":
    unittest.main()
