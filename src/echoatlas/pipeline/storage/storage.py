"""A folder of bytes, on this machine or in an S3 bucket, behind one small interface.

Local files are read with the standard library, so that every name that a hospital's file system
allows is seen; S3 is spoken by ``obstore``. Both give exactly one winner to ``create=True``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions as refused
from obstore.store import S3Store

from echoatlas.pipeline.errors import Exhausted, Retry, UsageError
from echoatlas.pipeline.file_faults import local_faults, storage_error
from echoatlas.pipeline.retry import retrying
from echoatlas.pipeline.storage.s3 import remote_faults, s3_fault, s3_options, s3_store
from echoatlas.pipeline.storage.walk import ODD_PARTS, files_below

if TYPE_CHECKING:
    from echoatlas.schemas.config.deployment import Zone


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """Something stored: its key below the folder, size in bytes, and a tag of its version.

    Attributes:
        changed: when it was written, seconds since 1970; 0 where that is not known.
    """

    key: str
    size: int
    tag: str
    changed: float = field(default=0.0, compare=False)


Data = bytes | memoryview | Path
BY_KEY = attrgetter("key")


class Storage(ABC):
    """A folder of bytes. Keys are relative, with "/" between parts, and never lead outside.

    Raises (all methods):
        FileNotFoundError: there is nothing under the key.
        UsageError: the folder may not be read or written, or is full.
        Retry: the network or the service failed.
    """

    uri: str

    @staticmethod
    def open(uri: str | Path, zone: Zone | None = None) -> Storage:
        """The folder at a path or ``s3://bucket/prefix``; it need not exist yet."""
        text = str(uri)
        if text.startswith("s3://"):
            return S3Storage(text, zone or _default_zone())
        if "://" in text:
            raise UsageError(f"'{text}' is neither a path nor an s3:// address")
        return LocalStorage(Path(text))

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[Entry]:
        """What lies below a prefix, in order of keys; nothing if it does not exist."""

    @abstractmethod
    def read(self, key: str, start: int | None = None, length: int | None = None) -> bytes:
        """The bytes under a key, whole or ``length`` of them from ``start``."""

    @abstractmethod
    def write(self, key: str, data: Data, *, create: bool = False) -> None:
        """Store bytes, or those of a file of this machine, all or nothing.

        Raises:
            FileExistsError: with ``create``, when there is something under the key already.
        """

    @abstractmethod
    def delete(self, keys: Iterable[str]) -> None:
        """Remove keys; those that are not there are passed over."""

    @abstractmethod
    def exists(self, key: str) -> bool:
        """Whether there is something under a key."""

    @abstractmethod
    def is_there(self) -> bool:
        """Whether the folder exists; a prefix of a bucket does once something lies below it."""

    @abstractmethod
    def sub(self, prefix: str) -> Storage:
        """The folder below this one."""

    def absent(self) -> Mapping[str, tuple[str, ...]]:
        """Top folder to what the last listing should have had and had not, in words."""
        return {}

    def digest(self, data: bytes) -> str:
        """What makes an object of this folder the same as another: SHA-256 of its bytes, hex."""
        return hashlib.sha256(data).hexdigest()

    def options(self) -> dict[str, str]:
        """What delta-rs needs to know to reach this folder."""
        return {}

    def refused(self, error: Exception) -> UsageError | Retry | None:
        """What an error of delta-rs's says of this folder; None if it says nothing of it."""
        number = re.search(r"os error (\d+)", str(error))
        if number:
            return storage_error(int(number[1]), self.uri)
        return storage_error(error.errno, self.uri) if isinstance(error, OSError) else None


class LocalStorage(Storage):
    """A folder of this machine's file system."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.uri = str(self.root)

    def path(self, key: str) -> Path:
        """Where a key lies; refuses keys that lead outside."""
        parts = PurePosixPath(key).parts
        if key.startswith("/") or ".." in parts:
            raise UsageError("a key may not lead outside its folder")
        return self.root.joinpath(*parts)

    def place(self, key: str) -> str:
        """The same as text: of a plain key no path is made, which takes longer than opening it."""
        plain = not key.startswith("/") and ODD_PARTS.isdisjoint(key.split("/"))
        return f"{self.uri}/{key}" if plain else str(self.path(key))

    def list(self, prefix: str = "") -> Iterator[Entry]:
        found: list[Entry] = []
        with local_faults(self.uri):
            for key, path in files_below(self.root, prefix):
                if path.rpartition("/")[2].startswith(PARTIAL):
                    continue
                try:
                    info = os.stat(path)  # noqa: PTH116  (fast)
                except FileNotFoundError:  # a link to nothing, or gone since
                    found.append(Entry(key, 0, ""))
                    continue
                if stat.S_ISREG(info.st_mode):  # to open a pipe or a device may never end
                    tag = str(info.st_mtime_ns)
                    found.append(Entry(key, info.st_size, tag, info.st_mtime))
        return iter(sorted(found, key=BY_KEY))

    def half_written(self) -> Iterator[Entry]:
        """What is being written at the moment, or was when its process was killed: ``list`` does
        not tell of it."""
        with local_faults(self.uri):
            for path in sorted(self.root.rglob(f"{PARTIAL}*")):
                try:
                    info = path.stat()
                except FileNotFoundError:  # done since
                    continue
                key = path.relative_to(self.root).as_posix()
                yield Entry(key, info.st_size, str(info.st_mtime_ns), info.st_mtime)

    def read(self, key: str, start: int | None = None, length: int | None = None) -> bytes:
        with local_faults(self.uri), self.path(key).open("rb") as file:
            file.seek(start or 0)
            return file.read() if length is None else file.read(length)

    def write(self, key: str, data: Data, *, create: bool = False) -> None:
        target = self.path(key)
        with local_faults(self.uri):
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=PARTIAL, dir=target.parent)
            partial = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    if isinstance(data, Path):
                        with data.open("rb") as source:
                            shutil.copyfileobj(source, file)
                    else:
                        file.write(data)
                partial.chmod(0o644)
                if create:
                    os.link(partial, target)
                    partial.unlink()
                else:
                    partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)

    def delete(self, keys: Iterable[str]) -> None:
        with local_faults(self.uri):
            for key in keys:
                self.path(key).unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        return self.path(key).is_file()

    def is_there(self) -> bool:
        return self.root.is_dir()

    def sub(self, prefix: str) -> LocalStorage:
        return LocalStorage(self.path(prefix))


def _default_zone() -> Zone:
    from echoatlas.schemas.config.deployment import Zone  # heavy: local files do without

    return Zone()


PARTIAL = ".partial-"
AGAIN = 4  # tries of what the S3 client does not try itself: answers that break off or are lost


class S3Storage(Storage):
    """A prefix of an S3 bucket.

    Raises (all methods):
        UsageError: in a forked process; see ``s3.is_cut_off``.
    """

    def __init__(self, uri: str, zone: Zone) -> None:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if not bucket:
            raise UsageError(f"'{uri}' names no bucket")
        self.uri = f"s3://{bucket}/{prefix.strip('/')}".rstrip("/")
        self.zone = zone
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    @cached_property
    def store(self) -> S3Store:
        """The client; made by the first who asks, since only then are credentials needed."""
        return s3_store(self.bucket, self.zone.region, self.options())

    def options(self) -> dict[str, str]:
        return s3_options(self.uri, self.zone)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        found = retrying(lambda: self._listed(prefix), AGAIN, Exhausted)
        return iter(sorted(found, key=BY_KEY))

    def _listed(self, prefix: str) -> list[Entry]:  # type: ignore[valid-type]
        folder, _, _ = f"{self.prefix}{prefix}".rpartition("/")
        found = []
        with remote_faults(self.uri, self.zone):
            for chunk in obstore.list(self.store, folder or None):
                for item in chunk:
                    key = item["path"].removeprefix(self.prefix)
                    if key.startswith(prefix):
                        tag = (item["e_tag"] or "").strip('"')
                        changed = item["last_modified"].timestamp()
                        found.append(Entry(key, item["size"], tag, changed))
        return found

    def read(self, key: str, start: int | None = None, length: int | None = None) -> bytes:
        path = self.prefix + key
        with remote_faults(self.uri, self.zone):
            if length is not None:
                if length == 0:
                    return b""
                part = obstore.get_range(self.store, path, start=start or 0, length=length)
                return bytes(part)
            if start:
                return bytes(
                    obstore.get(self.store, path, options={"range": {"offset": start}}).bytes()
                )
            return bytes(obstore.get(self.store, path).bytes())

    def write(self, key: str, data: Data, *, create: bool = False) -> None:
        untold = False

        def put() -> None:
            nonlocal untold
            try:
                self._put(key, data, create=create)
            except Retry:
                untold = True  # it may have been done, and the answer was lost
                raise
            except FileExistsError:
                mine = data.read_bytes() if isinstance(data, Path) else data
                if not (untold and self.exists(key) and self.read(key) == mine):
                    raise

        retrying(put, AGAIN, Exhausted)

    def _put(self, key: str, data: Data, *, create: bool) -> None:
        with remote_faults(self.uri, self.zone):
            try:
                obstore.put(
                    self.store,
                    self.prefix + key,
                    data,
                    mode="create" if create else "overwrite",
                    use_multipart=False if create else None,
                )
            except (refused.AlreadyExistsError, refused.PreconditionError):
                raise FileExistsError(key) from None

    def delete(self, keys: Iterable[str]) -> None:
        paths = [self.prefix + key for key in keys]
        if paths:
            retrying(lambda: self._deleted(paths), AGAIN, Exhausted)

    def _deleted(self, paths: Sequence[str]) -> None:
        with remote_faults(self.uri, self.zone):
            obstore.delete(self.store, paths)

    def exists(self, key: str) -> bool:
        with remote_faults(self.uri, self.zone):
            try:
                obstore.head(self.store, self.prefix + key)
            except (refused.NotFoundError, FileNotFoundError):
                return False
            return True

    def is_there(self) -> bool:
        def any_there() -> bool:
            with remote_faults(self.uri, self.zone):
                chunks = obstore.list(self.store, self.prefix or None, chunk_size=1)
                return any(len(chunk) > 0 for chunk in chunks)

        return retrying(any_there, AGAIN, Exhausted)

    def refused(self, error: Exception) -> UsageError | Retry | None:
        text = str(error)
        asked = isinstance(error, OSError) or "S3 error" in text or "status code" in text
        return s3_fault(text, self.uri, self.zone) if asked else None

    def sub(self, prefix: str) -> S3Storage:
        return S3Storage(f"{self.uri}/{prefix}", self.zone)

    def __reduce__(self) -> tuple[type[S3Storage], tuple[str, Zone]]:
        return S3Storage, (self.uri, self.zone)
