"""The one clock: by it blocks arrive, events age and patience ends."""

import sys
import time


def wall_seconds() -> float:
    """Seconds since some moment in the past, by a clock that goes on while the machine sleeps."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":  # where the usual monotonic clock stands still, this one goes on
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()
