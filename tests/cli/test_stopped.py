"""Ctrl-C stops a command, whatever it was about."""

from __future__ import annotations

import subprocess
import sys

DYING = """
import signal, time, weakref
import echoatlas.cli as cli

# Whoever runs tests in the background has it ignored
signal.signal(signal.SIGINT, signal.default_int_handler)

class Thing: ...

def stopped(_):
    raise KeyboardInterrupt

@cli.app.command("dies")
def dies():
    thing = Thing()
    kept = weakref.ref(thing, stopped)
    del thing
    for _ in range(300):
        time.sleep(0.1)

cli.main(["dies"])
"""


def test_also_while_something_is_taken_from_memory() -> None:
    """As h5py does with each file, and whoever keeps things by weak references."""
    done = subprocess.run(
        [sys.executable, "-c", DYING], capture_output=True, text=True, timeout=50, check=False
    )

    assert (done.returncode, done.stderr) == (130, "echoatlas: stopped; run again to go on\n")
