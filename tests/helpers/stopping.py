"""Commands in processes of their own that stand still at a place in them, to go on or be killed."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys

from tests.helpers.rehearsal import CLI, Rehearsal

# A command that stops itself as a function is about to be called for the n-th time of which an
# argument ends so
STOPPING = """
import os, pkgutil, signal, sys, threading
place, ending, left = *sys.argv[1:3], int(sys.argv[3])
owner, _, name = place.rpartition(".")
owner = pkgutil.resolve_name(owner)
real = getattr(owner, name)
one_at_a_time = threading.Lock()  # notes are renewed beside the work
def held(*args, **kwargs):
    global left
    with one_at_a_time:
        left -= not ending or any(isinstance(one, str) and one.endswith(ending) for one in args)
        if left == 0:
            left = -1
            os.kill(os.getpid(), signal.SIGSTOP)
    return real(*args, **kwargs)
setattr(owner, name, held)
from echoatlas.cli import call
from echoatlas.pipeline.release import create
create.FEW = sys.maxsize  # in workers, which a release of many splits starts, nothing is held
sys.exit(call(sys.argv[4:]))
"""


class Stopped:
    """A command in a process of its own that stands still at some place in it."""

    def __init__(self, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ),
        )  # fmt: skip
        atexit.register(self._process.kill)  # where a test fails it would stand still for ever
        # Saying so before it stops is too early: told to go on in between, it stands for ever
        seen = os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert seen is not None and seen.si_code == os.CLD_STOPPED, self.end()

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> tuple[int, str]:
        """Its exit code, and what it said."""
        out, err = self._process.communicate(timeout=300)
        return self._process.returncode, out + err

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def stopped(there: Rehearsal, place: str, *words: str, ending: str = "", time: int = 1) -> Stopped:
    """A command of a deployment that stands still before a function is called for the n-th time."""
    return Stopped(STOPPING, place, ending, str(time), *there.command(*words)[len(CLI) :])
