"""The cases of docs/vectors/webhook.json."""

from __future__ import annotations

import base64
import hmac
import json
import time
import unittest
from pathlib import Path

from rootsd import Error
from rootsd.webhook import verify

FILE = Path(__file__).parents[3] / "docs" / "vectors" / "webhook.json"
KEYS = {"name", "why", "secret", "secrets", "headers", "body", "now", "result", "error"}
SECRET = "whsec_" + base64.b64encode(b"a secret of tests").decode()
ran = 0


def tearDownModule() -> None:
    print(f"vectors: webhook {ran}")


class VectorsTest(unittest.TestCase):
    def test_webhook(self) -> None:
        global ran
        cases = json.loads(FILE.read_text(encoding="utf-8"))["cases"]
        for case in cases:
            with self.subTest(case["name"], why=case["why"]):
                self.assertLessEqual({key for key in case if not key.startswith("_")}, KEYS)
                self.run_case(case)
                ran += 1
        self.assertGreater(len(cases), 0)

    def run_case(self, case: dict) -> None:
        args = (case["body"].encode(), case["headers"], case.get("secret") or case["secrets"])
        if "result" in case:
            self.assertEqual(verify(*args, now=case["now"]), case["result"])
            return
        with self.assertRaises(Error) as raised:
            verify(*args, now=case["now"])
        self.assertEqual((raised.exception.reason, raised.exception.status), (case["error"], 0))


class VerifyTest(unittest.TestCase):
    def test_the_clock_is_looked_at(self) -> None:
        headers = {"webhook-id": "m", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
        with self.assertRaisesRegex(Error, "signature"):
            verify(b"{}", headers, SECRET)
        with self.assertRaisesRegex(Error, "timestamp"):
            verify(b"{}", {**headers, "webhook-timestamp": "1614265330"}, SECRET)

    def test_what_is_signed_and_is_wrong_all_the_same(self) -> None:
        for id, body, reason in (("", b"1", "signature"), ("m", b"no", "message"), ("m", b"[" * 100_000, "message")):
            given = hmac.digest(b"key", f"{id}.1000.".encode() + body, "sha256")
            headers = {"webhook-id": id, "webhook-timestamp": "1000",
                       "webhook-signature": "v1," + base64.b64encode(given).decode()}
            with self.assertRaises(Error) as raised:
                verify(body, headers, base64.b64encode(b"key").decode(), now=1000)
            self.assertEqual(raised.exception.reason, reason)

    def test_tolerance(self) -> None:
        headers = {"webhook-id": "m", "webhook-timestamp": "1000", "webhook-signature": "v1,AAAA"}
        for tolerance, reason in ((10, "signature"), (9, "timestamp")):
            with self.assertRaises(Error) as raised:
                verify(b"{}", headers, SECRET, tolerance, now=1010)
            self.assertEqual(raised.exception.reason, reason)

    def test_secrets_that_are_none(self) -> None:
        headers = {"webhook-id": "m", "webhook-timestamp": "1000", "webhook-signature": "v1,AAAA"}
        for secret in ("", "whsec_", "hunter2!", [SECRET, ""]):
            with self.subTest(secret), self.assertRaises(ValueError) as raised:
                verify(b"{}", headers, secret, now=1000)
            self.assertNotIn("hunter2", str(raised.exception))
        with self.assertRaises(Error):
            verify(b"{}", headers, [], now=1000)


if __name__ == "__main__":
    unittest.main()
