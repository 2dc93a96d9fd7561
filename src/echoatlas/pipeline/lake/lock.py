"""One run at a time: a lock on the lake that dies with its holder.

On a local lake the kernel holds it, and lets go when the process ends in any way. On S3 it is an
object that its holder renews; one that has not been renewed for a minute, or whose process is gone
from this machine, may be taken over. Each change of it is a conditional put, so that one of several
takers wins; and a holder that slept through being taken over finds that out before its next commit.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.pipeline.file_faults import local_faults
from echoatlas.pipeline.file_lock import try_lock
from echoatlas.pipeline.lake.lease import RENEW_EVERY, Lease, busy, note_of, parsed
from echoatlas.pipeline.storage.storage import LocalStorage, S3Storage, Storage

KEY = "_lock.json"


def _ours() -> None: ...


@dataclass(frozen=True, slots=True)
class Held:
    """A lock that is ours.

    Attributes:
        before: id of the run that held it and did not let go, or "".
        demand: raises UsageError if somebody has taken it over since.
    """

    run_id: str
    before: str
    demand: Callable[[], None] = field(default=_ours, compare=False)


@contextmanager
def run_lock(storage: Storage, run_id: str) -> Iterator[Held]:
    """Hold the lake for a run.

    Raises:
        UsageError: another run holds it.
    """
    holding = _held_remotely if isinstance(storage, S3Storage) else _held_locally
    with holding(storage, run_id) as lock:  # type: ignore[arg-type]
        yield lock


def is_free(storage: Storage) -> bool:
    """Whether nobody holds the lake, and whoever held it last let go."""
    return not (storage.exists(KEY) and storage.read(KEY))


@contextmanager
def _held_locally(storage: LocalStorage, run_id: str) -> Iterator[Held]:
    path = storage.path(KEY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        file: IO[str] = os.fdopen(descriptor, "r+", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write to {storage.uri} ({error.strerror})") from None
    with file:
        if not try_lock(file):
            raise busy(_said(file))
        file.seek(0)
        before = parsed(file.read()).get("run_id", "")
        with local_faults(storage.uri):
            _rewrite(file, json.dumps(note_of(run_id)))
        yield Held(run_id, before)
        _rewrite(file, "")


def _said(file: IO[str]) -> dict[str, Any]:
    try:
        file.seek(0)
        return parsed(file.read())
    except OSError:  # Windows lets nobody read what another has locked
        return {}


def _rewrite(file: IO[str], text: str) -> None:
    """Put a note in the place of another, which stays if the disk is full: it alone says that
    somebody was cut off, and whose work has to be settled."""
    data = text.encode()
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    while data:  # past the file's buffer, which would be written once more when it is closed
        data = data[os.write(file.fileno(), data) :]
    os.ftruncate(file.fileno(), len(text.encode()))


@contextmanager
def _held_remotely(storage: S3Storage, run_id: str) -> Iterator[Held]:
    lease = Lease(storage, KEY, run_id)
    done = threading.Event()
    renewer = threading.Thread(target=_renew, args=(lease, done), daemon=True)
    renewer.start()
    clean = False
    try:
        yield Held(run_id, lease.before, lease.demand)
        clean = True
    finally:
        done.set()
        renewer.join()
        lease.release(clean=clean)


def _renew(lease: Lease, done: threading.Event) -> None:
    while not done.wait(RENEW_EVERY / 4):
        try:
            lease.demand()
        except UsageError:  # whoever holds it is told before the next commit
            return
        except Retry:
            continue
