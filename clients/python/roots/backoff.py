"""How long to wait before trying again."""

from __future__ import annotations

from random import uniform

FIRST = 0.5  # seconds: the bound of the first wait


class Backoff:
    """Draws each wait from 0 to a bound that doubles: those who failed together do not come back together."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self.reset()

    def reset(self) -> None:
        """Begins anew, after a success."""
        self._bound, self._said = FIRST, ""

    def wait(self, least: float = 0.0) -> float:
        """Returns how many seconds to wait now, and `least` at any rate."""
        bound = min(self._bound, self._longest)
        self._bound = 2 * bound
        return least + uniform(0, bound)

    def is_news(self, error: BaseException) -> bool:
        """Tells whether this is not the failure of the try before, so that a long outage is reported once."""
        before, self._said = self._said, repr(error)
        return before != self._said
