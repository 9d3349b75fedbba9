"""Waits with a deadline instead of sleeps."""
import time

from .errors import LabError


def eventually(condition, seconds, what, interval=0.02):
    """Polls until condition() is true and returns its value. `what` completes "waited N s for ..."; may be a callable."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise LabError(f"waited {seconds:g} s for {what() if callable(what) else what}")
        time.sleep(interval)
