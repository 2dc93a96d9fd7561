"""A lock that is an object on S3: renewed by its holder, taken over when it is not.

Each change of it is a conditional put (If-None-Match, If-Match): of several takers one wins, and a
holder that slept through being taken over finds that out when it next renews it.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import obstore
from obstore import exceptions as refused

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.storage.s3 import remote_faults
from echoatlas.pipeline.storage.storage import S3Storage

STALE_AFTER = 60.0  # seconds without renewal
RENEW_EVERY = 10.0  # seconds


def note_of(run_id: str) -> dict[str, Any]:
    """What a holder says of itself."""
    return {"run_id": run_id, "pid": os.getpid(), "host": socket.gethostname(), "at": time.time()}


def is_dead(note: dict[str, Any]) -> bool:
    """Whether the process that left a note is gone from this machine."""
    pid = int(note.get("pid", -1))
    if note.get("host") != socket.gethostname() or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def parsed(text: str | bytes) -> dict[str, Any]:
    """A holder's note; nothing of one that was cut off in the middle of being written."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def busy(other: dict[str, Any]) -> UsageError:
    """The error for a lock that another holds."""
    return UsageError(
        f"another run holds this lake (run {other.get('run_id', '?')}, process "
        f"{other.get('pid', '?')} on {other.get('host', '?')}): wait for it to end"
    )


class Lease:
    """An object on S3 that says whose a lock is, as long as it is ours.

    Attributes:
        before: id of the run that held it and did not let go, or "".

    Raises:
        UsageError: another run holds it.
    """

    def __init__(self, storage: S3Storage, key: str, run_id: str) -> None:
        self._storage, self._key = storage, key
        self._guard = threading.Lock()
        self._note = note_of(run_id)
        self.before = self._take()
        self._renewed = time.time()

    def _take(self) -> str:
        """Take the lock.

        Returns:
            The run that left it behind, or "".

        Raises:
            UsageError: somebody holds it.
        """
        for _ in range(3):
            with suppress(FileExistsError):
                self._storage.write(self._key, self._data(), create=True)
                self._tag = _tagged(self._storage, self._key)[1]
                return ""
            try:
                data, tag = _tagged(self._storage, self._key)
            except FileNotFoundError:
                continue
            other = parsed(data)
            at = float(other.get("at", 0))
            if not (is_dead(other) or time.time() - at > STALE_AFTER):
                raise busy(other)
            with suppress(FileExistsError):
                self._tag = _exchange(self._storage, self._key, self._data(), tag)
                return str(other.get("run_id", ""))
        raise UsageError("another run is taking this lake: wait for it to end")

    def _data(self, **more: Any) -> bytes:
        return json.dumps(self._note | {"at": time.time()} | more).encode()

    def demand(self) -> None:
        """Renew the lock if it is time to.

        Raises:
            UsageError: it is not ours any more.
        """
        with self._guard:
            if time.time() - self._renewed >= RENEW_EVERY:
                self._put(self._data())

    def release(self, *, clean: bool) -> None:
        """Let go of it, unless another has it. Who failed lets go so that the next one learns."""
        with self._guard, suppress(UsageError):
            self._put(b"" if clean else self._data(at=0, pid=-1))

    def _put(self, data: bytes) -> None:
        for _ in range(2):
            with suppress(FileExistsError):
                self._tag = _exchange(self._storage, self._key, data, self._tag)
                self._renewed = time.time()
                return
            if not self._is_mine():
                break
        raise UsageError(
            "another run took this lake over, as this one did not answer for a minute: nothing "
            "more is written; run again"
        )

    def _is_mine(self) -> bool:
        """Whether it is ours all the same: the answer to an earlier put was lost on its way."""
        try:
            data, self._tag = _tagged(self._storage, self._key)
        except FileNotFoundError:
            return False
        there = parsed(data)
        return all(there.get(name) == self._note[name] for name in ("run_id", "pid", "host"))


def _tagged(storage: S3Storage, key: str) -> tuple[bytes, str]:
    """The bytes under a key, and the tag of this version of them."""
    with remote_faults(storage.uri, storage.zone):
        found = obstore.get(storage.store, storage.prefix + key)
        return bytes(found.bytes()), found.meta["e_tag"] or ""


def _exchange(storage: S3Storage, key: str, data: bytes, tag: str) -> str:
    """Store bytes in the place of those that have a tag; of several who try, one wins.

    Returns:
        The new tag.

    Raises:
        FileExistsError: what lies there is another version, or nothing.
    """
    with remote_faults(storage.uri, storage.zone):
        try:
            done = obstore.put(
                storage.store, storage.prefix + key, data, mode={"e_tag": tag}, use_multipart=False
            )
        except (refused.PreconditionError, refused.NotFoundError, FileNotFoundError):
            raise FileExistsError(key) from None
        return done["e_tag"] or ""
