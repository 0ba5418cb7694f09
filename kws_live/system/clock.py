"""The clock used for arrival times, event ages and time limits."""

import sys
import time


def wall_seconds() -> float:
    """Return seconds since an arbitrary moment, by a clock that also runs while the machine sleeps."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":  # the default monotonic clock stops during sleep, this one does not
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()
