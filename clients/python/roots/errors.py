"""What goes wrong on the way."""

from __future__ import annotations

from typing import Any

TRY_AGAIN = (408, 425, 429)  # of the statuses that blame the request, those that a later one need not get
WHOSE = "; is it the address of its push port?"  # asked where an answer is none of rootsd's
ENDED = ("unknown_token", "unknown_id")  # the session has ended, and the next one is on its way


class RootsError(Exception):
    """RootsError says what was answered instead of what was asked for, or that nothing was.

    `status` is that of HTTP, 0 where there was no answer. `reason` is one word, for programs: "" where rootsd
    said none. `detail` is for people. `where` is who answered, `after` how many seconds it said to wait.
    """

    def __init__(self, status: int, reason: str, detail: str, where: str = "", after: float = 0.0) -> None:
        code = f"{status} {reason}".strip() if status else ""
        super().__init__(": ".join(part for part in (where, code, detail) if part))
        self.status, self.reason, self.detail, self.where, self.after = status, reason, detail, where, after

    def __reduce__(self) -> tuple[Any, ...]:  # by itself an exception is made anew of its text alone
        return type(self), (self.status, self.reason, self.detail, self.where, self.after)


def refuses(error: BaseException) -> bool:
    """Tells whether an error means that asking again is of no use; any exception with a `status` may."""
    if getattr(error, "reason", "") in ENDED:
        return False
    status = getattr(error, "status", 0)  # of a redirection as well: to a page to log in, mostly
    return isinstance(status, int) and 300 <= status < 500 and status not in TRY_AGAIN
