"""Waits for something to become true, and says what never did."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


class TooLate(AssertionError):
    """It did not happen in time."""


def until(what: str, seconds: float, look: Callable[[], Seen | None]) -> Seen:
    """Looks until something is seen, and returns it. `seconds` is the longest wait."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise TooLate(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)
