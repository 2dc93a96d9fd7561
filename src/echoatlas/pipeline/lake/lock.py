"""One run at a time: a lock on the lake that dies with its holder.

On a local lake the kernel holds it, and lets go when the process ends in any way. On S3 it is an
object that its holder renews; one that has not been renewed for a minute, or whose process is gone
from this machine, may be taken over. Should two holders overlap all the same, the lake's
application transactions are the fence.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from echoatlas.pipeline.database import FOLDER, remove_leftovers
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.file_lock import try_lock
from echoatlas.pipeline.storage import LocalStorage, Storage

KEY = "_lock.json"
STALE_AFTER = 60.0  # seconds without renewal
RENEW_EVERY = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Held:
    """A lock that is ours.

    Attributes:
        before: id of the run that held it and did not let go, or "".
    """

    run_id: str
    before: str


@contextmanager
def run_lock(storage: Storage, run_id: str) -> Iterator[Held]:
    """Hold the lake for a run.

    Raises:
        UsageError: another run holds it.
    """
    if isinstance(storage, LocalStorage):
        with _held_locally(storage, run_id) as lock:
            yield lock
    else:
        with _held_remotely(storage, run_id) as lock:
            yield lock


def is_free(storage: Storage) -> bool:
    """Whether nobody holds the lake, and whoever held it last let go."""
    return not (storage.exists(KEY) and storage.read(KEY))


def _busy(other: dict[str, Any]) -> UsageError:
    return UsageError(
        f"another run holds this lake (run {other.get('run_id', '?')}, process "
        f"{other.get('pid', '?')} on {other.get('host', '?')}): wait for it to end"
    )


def _note(run_id: str) -> dict[str, Any]:
    return {"run_id": run_id, "pid": os.getpid(), "host": socket.gethostname(), "at": time.time()}


@contextmanager
def _held_locally(storage: LocalStorage, run_id: str) -> Iterator[Held]:
    path = storage.path(KEY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file: IO[str] = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write to {storage.uri} ({error.strerror})") from None
    with file:
        if not try_lock(file):
            raise _busy(_said(file))
        file.seek(0)
        before = _parsed(file.read()).get("run_id", "")
        _rewrite(file, json.dumps(_note(run_id)))
        remove_leftovers(storage.root / FOLDER)
        yield Held(run_id, before)
        _rewrite(file, "")


def _said(file: IO[str]) -> dict[str, Any]:
    try:
        file.seek(0)
        return _parsed(file.read())
    except OSError:  # Windows lets nobody read what another has locked
        return {}


def _rewrite(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:  # cut off in the middle of being written
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def _held_remotely(storage: Storage, run_id: str) -> Iterator[Held]:
    before = ""
    for _ in range(3):
        try:
            storage.write(KEY, json.dumps(_note(run_id)).encode(), create=True)
            break
        except FileExistsError:
            pass
        try:
            other = _parsed(storage.read(KEY).decode())
        except FileNotFoundError:
            continue
        if not _abandoned(other):
            raise _busy(other)
        before = other.get("run_id", "")
        storage.delete([KEY])
    else:
        raise UsageError("another run is taking this lake: wait for it to end")
    done = threading.Event()
    renewer = threading.Thread(target=_renew, args=(storage, run_id, done), daemon=True)
    renewer.start()
    clean = False
    try:
        yield Held(run_id, before)
        clean = True
    finally:
        done.set()
        renewer.join()
        if clean:
            storage.delete([KEY])
        else:  # free to take at once, and whoever takes it learns that we failed
            storage.write(KEY, json.dumps(_note(run_id) | {"at": 0, "pid": -1}).encode())


def _abandoned(other: dict[str, Any]) -> bool:
    pid = int(other.get("pid", -1))
    if other.get("host") == socket.gethostname() and pid > 0:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
    return time.time() - float(other.get("at", 0)) > STALE_AFTER


def _renew(storage: Storage, run_id: str, done: threading.Event) -> None:
    while not done.wait(RENEW_EVERY):
        storage.write(KEY, json.dumps(_note(run_id)).encode())
