"""The write-ahead log of the lake: what is going to be committed, written down before it is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from echoatlas.pipeline.lake.staged import Part
from echoatlas.schemas.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echoatlas.pipeline.storage.storage import Storage

INTENTS = "_intents/"
READ = frozenset({"evidence", "readings"})  # what is read of headers, and goes without the pixels


@dataclass(frozen=True, slots=True)
class Intent:
    """A group of parts that become part of their tables together.

    Attributes:
        id: unique for ever; the application transaction under which each table takes its part.
        renewed: objects worked on anew: all their rows go first.
        reread: objects whose evidence alone was read anew: what was read before goes first.
    """

    id: str
    parts: tuple[Part, ...]
    renewed: tuple[str, ...] = ()
    reread: tuple[str, ...] = ()

    def gone(self, name: str) -> tuple[str, ...]:
        """Objects whose rows of a table go, before this intent's take their place."""
        if TABLES[name].scope != "object":
            return ()
        return (*self.renewed, *(self.reread if name in READ else ()))

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    @staticmethod
    def from_json(data: bytes) -> Intent:
        raw = json.loads(data)
        parts = tuple(Part(**part) for part in raw.pop("parts"))
        objects = {name: tuple(raw[name]) for name in ("renewed", "reread")}
        return Intent(raw["id"], parts, **objects)


def log(storage: Storage, intent: Intent) -> None:
    """Write an intent down in the lake before it is carried out."""
    storage.write(f"{INTENTS}{intent.id}.json", intent.to_json())


def forget(storage: Storage, intents: Iterable[Intent]) -> None:
    """Forget intents that have been carried out."""
    storage.delete(f"{INTENTS}{intent.id}.json" for intent in intents)


def pending(storage: Storage) -> list[Intent]:
    """Intents that somebody wrote down and did not live to settle, oldest id first."""
    return [Intent.from_json(storage.read(entry.key)) for entry in storage.list(INTENTS)]
