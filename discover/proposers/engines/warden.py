"""Cleans up after a search that was killed: ends its engine's process, and removes the working folder.

    python warden.py FOLDER

It reads from standard input the number of the engine's process whenever there is another one, 0 for none. When the
input ends, because the search closed it or is gone, however it went, the process group of that number is ended and
the folder is removed. Imports nothing of this package, so that it starts at once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

TRIES = 40
PAUSE_S = 0.05


def main() -> None:
    """Waits for the end of the search."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    folder, engine = Path(sys.argv[1]), 0
    for line in sys.stdin:
        engine = int(line)
    if engine:
        end(engine)
    for _ in range(TRIES):  # a process that is just being ended may still write
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(PAUSE_S)


def end(process: int) -> None:
    """Ends a process and its group at once."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process, signal.SIGKILL)
        else:
            os.kill(process, signal.SIGTERM)  # on Windows this ends it at once


if __name__ == "__main__":
    main()
