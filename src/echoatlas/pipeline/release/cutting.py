"""Who writes shards at the moment: an erasure waits for them, and they give way to it.

A release is cut of tables as they stood when that began. Were it published while an erasure goes
through lake and releases, or after, it would hold what was erased. So whoever cuts leaves a note
beside the releases first, and only then looks whether an erasure is open; an erasure writes its
tombstones first, and only then looks for notes. Whichever of the two is second sees the other.

Whoever cuts looks again before each shard and before the manifest, and gives up where an erasure
has begun. An erasure waits until all have; one who does not renew its note for a minute is taken
for dead. Should it wake, it can't publish: the erasure has put something in the place of its
manifest, which is written by a conditional put. A second note tells it so before it gets there.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.pipeline.lake.lease import RENEW_EVERY, STALE_AFTER, is_dead, note_of, parsed
from echoatlas.pipeline.lake.tombstones import open_requests
from echoatlas.pipeline.release.manifest import withhold
from echoatlas.pipeline.storage.storage import Storage

FOLDER = "_cutting/"  # of notes, beside the releases
VOID = ".void"  # how the note ends that an erasure leaves of one that it took for dead
PAUSE = 0.2  # seconds between two looks
SLEPT = (
    "an erasure went by while this process slept: nothing is published; give the command again "
    "with another name, for this one is withheld for good"
)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cutting:
    """Leave to write shards and a manifest, for as long as no erasure begins.

    Attributes:
        lake, releases: where tombstones and notes lie.
        note: name of our note.
    """

    lake: Storage
    releases: Storage
    note: str

    def demand(self) -> None:
        """Refuse to go on once an erasure has begun, or gone by.

        Raises:
            UsageError: says what to do.
        """
        if waiting := open_requests(self.lake):
            raise UsageError(
                f"an erasure is under way, or was cut off (request {waiting[0]}): nothing is "
                "published until it has ended; then give the same command again"
            )
        if self.slept():
            raise UsageError(SLEPT)

    def slept(self) -> bool:
        """Whether an erasure took this process for dead, and did not wait for it."""
        return self.releases.exists(f"{FOLDER}{self.note}{VOID}")


@contextmanager
def cutting(lake: Storage, releases: Storage, name: str) -> Iterator[Cutting]:
    """Say that shards are being written, and be told when that has to end.

    Args:
        name: of what is being cut, for people.

    Raises:
        UsageError: an erasure is open.
    """
    mine = Cutting(lake, releases, secrets.token_hex(8))
    done = threading.Event()

    def put() -> None:
        releases.write(f"{FOLDER}{mine.note}.json", json.dumps(note_of(name)).encode())

    def renew() -> None:
        while not done.wait(RENEW_EVERY):
            with suppress(Retry, UsageError):  # whoever takes us for dead for it says so
                put()

    put()
    renewer = threading.Thread(target=renew, daemon=True)
    renewer.start()
    try:
        mine.demand()
        yield mine
    except FileNotFoundError:
        if mine.slept():  # what it kept on disk meanwhile is gone, too
            raise UsageError(SLEPT) from None
        raise
    finally:
        done.set()
        renewer.join()
        releases.delete([f"{FOLDER}{mine.note}.json", f"{FOLDER}{mine.note}{VOID}"])


def wait_for_cutters(releases: Storage, tell: Tell, patience: float = STALE_AFTER) -> int:
    """Wait until nobody writes shards any more who began before tombstones were set.

    Args:
        tell: is told whom we wait for.
        patience: seconds without renewal, by our own clock, after which one is taken for dead.

    Returns:
        How many were taken for dead.
    """
    seen: dict[str, tuple[bytes, float]] = {}
    dead = 0
    while notes := list(_notes(releases)):
        for key, data in notes:
            note, now = parsed(data), time.monotonic()
            known, since = seen.setdefault(key, (data, now))
            if known != data:
                seen[key] = data, now
            elif is_dead(note) or now - since > patience:
                # First this, so that one that wakes finds it
                releases.write(key.removesuffix(".json") + VOID, b"")
                if not is_dead(note):  # it may sleep, and there is nothing that it could look at
                    withhold(releases, str(note.get("run_id", "?")))
                releases.delete([key])
                dead += 1
                continue
            tell(
                f"waiting for '{note.get('run_id', '?')}', which process {note.get('pid', '?')} "
                f"on {note.get('host', '?')} is cutting"
            )
        time.sleep(PAUSE)
    return dead


def being_cut(releases: Storage) -> list[str]:
    """What is being cut at the moment, as far as notes and clocks tell."""
    told = [parsed(data) for _, data in _notes(releases)]
    alive = [
        one for one in told
        if not is_dead(one) and time.time() - float(one.get("at", 0)) <= STALE_AFTER
    ]  # fmt: skip
    return [str(one.get("run_id", "?")) for one in alive]


def _notes(releases: Storage) -> Iterator[tuple[str, bytes]]:
    keys = {entry.key for entry in releases.list(FOLDER)}
    for key in sorted(one for one in keys if one.endswith(".json")):
        if key.removesuffix(".json") + VOID not in keys:
            with suppress(FileNotFoundError):
                yield key, releases.read(key)
