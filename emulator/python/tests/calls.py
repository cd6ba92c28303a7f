"""Requests to an API on this machine, and whether a process runs."""

import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Tuple

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url: str) -> Tuple[int, bytes]:
    """The status and the body of a response."""
    try:
        with _OPENER.open(url, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def is_alive(pid: int) -> bool:
    try:
        # A process that has ended and was not waited for has no command line.
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b"" if sys.platform == "linux" else not os.kill(pid, 0)
    except (ProcessLookupError, FileNotFoundError):
        return False


def eventually_dead(pid: int) -> bool:
    deadline = time.monotonic() + 15
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
