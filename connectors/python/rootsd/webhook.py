"""Verifies the webhooks that rootsd sends: signed as Standard Webhooks says (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from typing import Any, Iterable, Mapping

from . import Error

__all__ = ["verify"]


def verify(body: bytes, headers: Mapping[str, str], secret: str | Iterable[str], tolerance: float = 300,
           now: float | None = None) -> Any:
    """Returns the body's decoded JSON if it was signed with the secret, or with one of several.

    body: the bytes as they came, not decoded and written again. headers: by name, in any case. secret: Base64, with
    or without "whsec_" before it. tolerance: how many seconds its time may differ from now, a Unix time (by default
    the clock's). Raises rootsd.Error with the reason "timestamp" (looked at first), "signature", or "message" (it is
    signed, but not JSON), and ValueError where a secret is none.
    """
    fields = {name.lower(): value for name, value in headers.items()}
    sent = fields.get("webhook-timestamp", "")
    _check_time(sent, tolerance, time.time() if now is None else now)
    signed = b".".join([fields.get("webhook-id", "").encode(), sent.encode(), body])
    given = fields.get("webhook-signature", "").split()
    wanted = [_sign(signed, key) for key in ([secret] if isinstance(secret, str) else secret)]
    # All are compared, each in constant time: how long it takes says nothing about the right one.
    matches = [hmac.compare_digest(want, have.encode()) for want in wanted for have in given]
    if not fields.get("webhook-id") or not any(matches):
        raise Error("webhook", 0, "signature", "none of its signatures is right; is this the secret of rootsd?")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Error("webhook", 0, "message", f"it is signed, but not JSON: {error}") from error


def _check_time(sent: str, tolerance: float, now: float) -> None:
    if not re.fullmatch("[0-9]{1,15}", sent):
        raise Error("webhook", 0, "timestamp", "webhook-timestamp is missing or no number of seconds")
    if abs(now - int(sent)) > tolerance:
        raise Error("webhook", 0, "timestamp", f"it was sent {now - int(sent):.0f} s ago; does the clock go right?")


def _sign(signed: bytes, secret: str) -> bytes:
    text = secret[len("whsec_"):] if secret.startswith("whsec_") else secret
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("rootsd: the secret of webhooks is not Base64") from error
    if not key:
        raise ValueError("rootsd: the secret of webhooks is empty")
    return b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
