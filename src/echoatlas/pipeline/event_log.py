"""The event log: what a command did and when, as JSON lines below the lake.

Each line holds some of the keys ``run``, ``site``, ``step``, ``reason``, ``count`` and ``seconds``
beside ``event`` and ``time``. Values are numbers or words of closed lists; anything else is refused
where it is said, so that no value of a record can get there by mistake. No storage appends to an
object: a segment is written anew as it grows, up to ``SEGMENT`` bytes, at most every ``PAUSE``
seconds, and a command that had nothing to do leaves none.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.errors import CheckFailed, Reason, Retry, UsageError
from echoatlas.pipeline.forgo import forgo
from echoatlas.schemas.events import Ending, Event, Stage

if TYPE_CHECKING:
    from types import TracebackType

    from echoatlas.pipeline.storage.storage import Storage

FOLDER = "events/"
SEGMENT = 1 << 18  # bytes
PAUSE = 5.0  # seconds
RUN = re.compile(r"[a-z]\d{8}T\d{6}-[0-9a-f]{6}", re.ASCII)
REASONS = {one.value: one for one in Reason}
FOR_TERMINALS = ("rich", "better_exceptions")  # half the time that structlog takes to import
KEYS = ("run", "site", "step", "reason", "count", "seconds")


def run_name(letter: str, now: datetime | None = None) -> str:
    """A name for what a command does, told apart by a letter, a time and a random number."""
    return f"{letter}{now or datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


class EventLog:
    """The events of one command, from its start to its end.

    Args:
        storage: the lake's; None keeps nothing.
        run: of the form that ``run_name`` gives.
        sites: the only ones that may be named.
        optional: what can't be written is lost, where the command itself writes nothing.

    Raises:
        ValueError: ``run`` has another form.
    """

    def __init__(
        self,
        storage: Storage | None,
        run: str,
        sites: Iterable[str] = (),
        *,
        optional: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not RUN.fullmatch(run):
            raise ValueError("the name of the run has another form")
        self.ending = Ending.DONE
        self._storage, self._run, self._optional, self._clock = storage, run, optional, clock
        self._sites = frozenset(sites)
        self._lines: list[str] = []
        self._segment = 0
        self._written = float("-inf")
        self._notable = False
        self._started = self._begun = clock()
        self._stage: Stage | None = None
        self._count = 0
        self._log = None if storage is None else _logger(self._lines, self._closed)

    def say(self, event: Event, **facts: object) -> None:
        """Write an event down.

        Args:
            facts: under ``KEYS``; ``count`` and ``seconds`` are numbers, the others words.

        Raises:
            ValueError: an unknown key, or a value that is on no list.
        """
        if self._log is None:
            self._closed(None, "", {"event": event, **facts})
        else:
            self._log.info(event, run=self._run, **facts)
        self._notable = self._notable or bool(facts.get("count")) or self.ending is not Ending.DONE
        self._write()

    def begin(self, stage: Stage) -> None:
        """Begin a stage, and with it end the one before."""
        self.end()
        self._stage, self._begun, self._count = stage, self._clock(), 0
        self.say(Event.STAGE_BEGUN, step=stage)

    def counted(self, number: int) -> None:
        """So much was done in this stage."""
        self._count += number

    def end(self, ending: Ending = Ending.DONE) -> None:
        """End the stage that was begun, if there is one."""
        if self._stage is not None:
            stage, self._stage = self._stage, None
            spent = round(self._clock() - self._begun, 3)
            said = {"step": stage, "reason": ending, "count": self._count, "seconds": spent}
            self.say(Event.STAGE_ENDED, **said)

    def rejected(self, site: str, reasons: Mapping[str, int]) -> None:
        """So many objects of a site were rejected, by reason."""
        for code, number in sorted(reasons.items()):
            if number:
                self.say(Event.REJECTED, site=site, reason=REASONS[code], count=number)

    def __enter__(self) -> EventLog:
        self.say(Event.STARTED)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.ending = ending_of(error)
            self._optional = True  # what went wrong is told, not that it can't be written down
        self.end(self.ending if error is not None else Ending.DONE)
        spent = round(self._clock() - self._started, 3)
        self._written = float("-inf")
        self.say(Event.ENDED, reason=self.ending, seconds=spent)

    def _closed(self, _: object, __: str, said: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """Refuse whatever is no number and on no list; a refusal quotes nothing."""
        allowed: dict[str, Callable[[object], bool]] = {
            "event": lambda value: isinstance(value, Event),
            "run": lambda value: value == self._run,
            "site": lambda value: value in self._sites,
            "step": lambda value: isinstance(value, Stage),
            "reason": lambda value: isinstance(value, Ending | Reason),
            "count": lambda value: type(value) is int,
            "seconds": lambda value: type(value) in (int, float),
        }
        for key, value in said.items():
            if key not in allowed:
                raise ValueError(f"the event log has {', '.join(KEYS)}, and no other key")
            if not allowed[key](value):
                raise ValueError(f"what was said under '{key}' is on no list of the event log")
        return said

    def _write(self) -> None:
        now = self._clock()
        if self._storage is None or not self._notable or now - self._written < PAUSE:
            return
        text = "".join(self._lines).encode()
        key = f"{FOLDER}{self._run}-{self._segment:04d}.jsonl"
        try:
            self._storage.write(key, text)
        except (UsageError, Retry):
            if not self._optional:
                raise
        self._written = now
        if len(text) >= SEGMENT:
            self._lines.clear()
            self._segment += 1


def ending_of(error: BaseException) -> Ending:
    """How a command ended that an error ended."""
    kinds: tuple[tuple[type[BaseException], Ending], ...] = (
        (UsageError, Ending.WRONG_USAGE),
        (CheckFailed, Ending.FAILED),
        (Retry, Ending.OUT_OF_REACH),
        (Exception, Ending.BROKEN),
    )
    return next((ending for kind, ending in kinds if isinstance(error, kind)), Ending.STOPPED)


def _logger(lines: list[str], closed: Callable[..., Any]) -> Any:
    """A logger of structlog's over a list of lines; not in the base install, whose log is None."""
    structlog = _structlog()
    return structlog.wrap_logger(
        _Lines(lines),
        processors=[
            closed,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.BoundLogger,
    )


def can_log() -> bool:
    """Whether there is what a log needs, which a base install has not."""
    try:
        _structlog()
    except ModuleNotFoundError:
        return False
    return True


def _structlog() -> Any:
    with forgo(*FOR_TERMINALS):
        import structlog
    return structlog


class _Lines:
    """What structlog writes to."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def info(self, line: str) -> None:
        self._lines.append(f"{line}\n")
