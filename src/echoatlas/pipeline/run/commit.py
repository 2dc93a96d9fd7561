"""The one committer: groups of finished batches, each written down before it is carried out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count, groupby

from echoatlas.pipeline.event_log import EventLog
from echoatlas.pipeline.lake.staged import Part, write_part
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.lake.write_ahead_log import Intent, forget, log, pending
from echoatlas.pipeline.retry import retrying
from echoatlas.schemas.config.deployment import Engine
from echoatlas.schemas.events import Event
from echoatlas.schemas.tables import BY_ROW, TABLES, to_arrow


@dataclass(slots=True)
class _Group:
    parts: list[Part] = field(default_factory=list)
    rows: list[object] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    reread: list[str] = field(default_factory=list)
    batches: int = 0


class Committer:
    """Gathers what workers wrote, site by site, and commits a group of batches at a time.

    A group that replaces rows is written down like any other, but carried out with all others of
    its kind by ``close``: each such commit has to look through whole tables.
    """

    def __init__(self, lake: Lake, run_id: str, engine: Engine, events: EventLog) -> None:
        self._lake = lake
        self._events = events
        self._run_id = run_id
        self._engine = engine
        self._numbers = count()
        self._groups: dict[str, _Group] = {}
        self._replacing: list[Intent] = []

    def _group(self, site: str) -> _Group:
        return self._groups.setdefault(site, _Group())

    def parts(self, site: str, parts: Iterable[Part]) -> None:
        """Take files that a worker wrote."""
        self._group(site).parts += parts

    def rows(self, site: str, rows: Iterable[object]) -> None:
        """Take rows that the driver itself has to say."""
        self._group(site).rows += rows

    def finished(self, site: str, renewed: Sequence[str], reread: Sequence[str] = ()) -> None:
        """A batch is complete; its group is committed when it is large enough.

        Args:
            renewed, reread: objects that were worked on, or only read, anew.
        """
        group = self._group(site)
        group.renewed += renewed
        group.reread += reread
        group.batches += 1
        if group.batches >= self._engine.group:
            self._flush(site)

    def close(self) -> None:
        """Commit what there is left."""
        for site in list(self._groups):
            self._flush(site)
        carry_out(self._lake, self._replacing, self._engine.retries)
        self._replacing = []

    def _flush(self, site: str) -> None:
        group = self._groups.pop(site, None)
        if group is None or not (group.parts or group.rows):
            return
        intent_id = f"{self._run_id}-g{next(self._numbers):06d}"
        group.rows.sort(key=_table)
        for name, rows in groupby(group.rows, key=_table):
            table = to_arrow(name, rows)
            group.parts.append(
                write_part(self._lake.storage, table, name, f"part-{intent_id}-rows")
            )
        renewed, reread = tuple(sorted(group.renewed)), tuple(sorted(group.reread))
        intent = Intent(intent_id, tuple(group.parts), renewed, reread)
        log(self._lake.storage, intent)
        if renewed or reread:
            self._replacing.append(intent)
        else:
            carry_out(self._lake, [intent], self._engine.retries)
        self._events.say(Event.GROUP_COMMITTED, site=site, count=group.batches)


def carry_out(lake: Lake, intents: Sequence[Intent], retries: int) -> None:
    """Apply intents until they hold, then forget them."""
    retrying(lambda: lake.apply(*intents), retries)
    forget(lake.storage, intents)


def recover(lake: Lake, run_id: str, retries: int = 4) -> None:
    """Finish what an interrupted run promised, and sweep away the files that it did not."""
    carry_out(lake, pending(lake.storage), retries)
    for name in TABLES:
        used = set(lake.files(name))
        prefix = f"tables/{name}/"
        orphans = [
            entry.key
            for entry in lake.storage.list(f"{prefix}part-{run_id}")
            if entry.key.removeprefix(prefix) not in used
        ]
        lake.storage.delete(orphans)


def _table(row: object) -> str:
    return BY_ROW[type(row)].name
