"""What is being done, how far it is, how fast it goes and how long it will take.

One line on a terminal, always up to date; in a log file a line when something begins and when it
ends, and every so often in between; nothing with ``--json``. A thread keeps time, so that what
tells nothing of itself is not silent either.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import typer

BEAT = 0.5  # seconds between two looks at the clock
SOON, LATE = 5.0, 60.0  # seconds between two lines of a log: few at first, then a tenth of the time
ERASE = "\r\x1b[K"


@dataclass(slots=True)
class _Phase:
    """What is being done since when, and what of it.

    Attributes:
        first: how much was done when it began: the rate is of what came since.
        spoken: when a log last had a line of it; None if not at all.
    """

    what: str
    began: float
    first: int
    done: int
    of: int
    spoken: float | None = None

    @property
    def counted(self) -> bool:
        """Whether it is told in numbers; else it is one thing that takes its time."""
        return self.of != 1 and (self.of > 1 or self.done > 0)

    def line(self, now: float) -> str:
        """A line of a log: "objects: 15 of 93, 0.8/s, 2 min left"."""
        took = now - self.began
        if not self.counted:
            return f"{self.what}: {lasting(took)} so far" if took >= SOON else self.what
        line = f"{self.what}: {self.done}" + (f" of {self.of}" if self.of else "")
        rate = (self.done - self.first) / took if took > 0 else 0.0
        if rate <= 0 or took < BEAT:
            return f"{line}, {lasting(took)} so far" if took >= SOON else line
        if self.of and self.done >= self.of:
            return f"{line}, {lasting(took)}"
        line += f", {rate:.1f}/s" if rate >= 0.1 else f", {rate * 60:.1f}/min"
        return f"{line}, {lasting((self.of - self.done) / rate)} left" if self.of else line

    def drawn(self, now: float, width: int) -> str:
        """The line on a terminal, at most ``width`` characters."""
        took = now - self.began
        if not self.counted:
            return f"{self.what} ... {lasting(took)}"[:width]
        from tqdm import tqdm  # who asks for JSON, or is done at once, draws none

        return str(
            tqdm.format_meter(
                self.done, self.of or None, took, ncols=width, prefix=self.what, unit="",
                initial=self.first,
            )
        )[:width]  # fmt: skip


def lasting(seconds: float) -> str:
    """A time in words: "48 s", "3 min", "2.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


@dataclass(slots=True)
class Progress:
    """Tells people what goes on; called with what is done, how much of it, and of how much.

    Args:
        quiet: say nothing.
        now: the clock, seconds.
    """

    quiet: bool
    now: Callable[[], float] = time.monotonic
    _phase: _Phase | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _shown: bool = False

    def begin(self, what: str) -> None:
        """Something begins that may fail at once: a log gets no line of it before ``SOON``."""
        self._tell(what, 0, 1, aloud=False)

    def __call__(self, what: str, done: int, of: int) -> None:
        """Something goes on.

        Args:
            of: 1 for what can't be counted, 0 for what has no end that is known.
        """
        self._tell(what, done, of, aloud=True)

    def _tell(self, what: str, done: int, of: int, *, aloud: bool) -> None:
        if self.quiet:
            return
        with self._lock:
            phase, now = self._phase, self.now()
            if phase is None or phase.what != what:
                phase = self._phase = _Phase(what, now, done, done, of)
                if not aloud:
                    phase.spoken = now
            if done and of == phase.of:  # who tells of a task that ended does not count the others
                done = max(done, phase.done)
            fresh = done != phase.done
            phase.done, phase.of = done, of
            if sys.stderr.isatty():
                if self._shown:
                    self._draw(phase, now)
            elif phase.spoken is None or (fresh and of > 1 and done >= of) or self._due(phase, now):
                self._speak(phase, now)
        if self._thread is None:
            self._over.clear()
            self._thread = threading.Thread(target=self._beat, daemon=True)
            self._thread.start()

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            with self._lock:
                if self._phase is None:
                    continue
                if sys.stderr.isatty():
                    self._draw(self._phase, self.now())
                elif self._due(self._phase, self.now()):
                    self._speak(self._phase, self.now())

    def _due(self, phase: _Phase, now: float) -> bool:
        since = phase.began if phase.spoken is None else phase.spoken
        return now - since >= min(LATE, max(SOON, (now - phase.began) / 10))

    def _speak(self, phase: _Phase, now: float) -> None:
        phase.spoken = now
        typer.echo(phase.line(now), err=True)

    def _draw(self, phase: _Phase, now: float) -> None:
        width = shutil.get_terminal_size().columns - 1
        typer.echo(f"{ERASE}{phase.drawn(now, width)}", err=True, nl=False)
        self._shown = True

    def close(self) -> None:
        """Take the line away; what is printed next stands alone."""
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None
        if self._shown:
            typer.echo(ERASE, err=True, nl=False)
        self._phase, self._shown = None, False
