"""Says what the lab does while it does it. On stderr, so that stdout stays for results."""
import sys
import time


class Narrator:
    def __init__(self, quiet=False, stream=None):
        self.quiet = quiet
        self.stream = stream or sys.stderr
        self.began = time.monotonic()

    def say(self, text):
        if not self.quiet:
            print(f"[{time.monotonic() - self.began:5.1f} s] {text}", file=self.stream, flush=True)
