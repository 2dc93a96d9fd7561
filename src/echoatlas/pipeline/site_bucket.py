"""Where a site drops its uploads: one thing in it that can't be read costs itself, not its bucket.

Of everybody's other folders it is right to stop at the first thing that may not be read. A site's
is filled by people and programs that we don't know: what they left unreadable is listed like all
else, and refused when its turn comes, so that the site reads about it in its receipt.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Reason, Reject, Retry, UsageError
from echoatlas.pipeline.file_faults import local_faults, storage_error
from echoatlas.pipeline.storage.s3_client import s3_client, service_faults
from echoatlas.pipeline.storage.storage import (
    BY_KEY,
    PARTIAL,
    Entry,
    LocalStorage,
    S3Storage,
    Storage,
)

if TYPE_CHECKING:
    from echoatlas.schemas.config.deployment import Zone

TRIED = 3  # other files, to tell a file that can't be read from a folder that can't
LISTED = 50  # of which these are chosen
# What says something of one file, whatever there is beside it
OF_THE_FILE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV}
)
AGAIN = "then `echoatlas quarantine retry --reason not_delivered`"


def site_bucket(uri: str, zone: Zone | None) -> Storage:
    """A site's folder, local or in S3."""
    plain = Storage.open(uri, zone)
    if isinstance(plain, S3Storage):
        return SiteBucket(plain.uri, plain.zone)
    assert isinstance(plain, LocalStorage)
    return SiteFolder(plain.root)


class SiteFolder(LocalStorage):
    """A site's folder of this machine's file system.

    Listed are, besides files: folders that may not be entered, links to folders or to nothing,
    pipes, sockets and devices, as files of no bytes. Links to folders are not followed.
    """

    def list(self, prefix: str = "") -> Iterator[Entry]:
        found: list[Entry] = []
        closed: list[Path] = []

        def shut(error: OSError) -> None:
            if error.errno == errno.ENOENT:
                return
            place = Path(error.filename or self.root)
            if place == self.root:
                raise error
            closed.append(place)

        with local_faults(self.uri):
            for folder, folders, names in os.walk(self.root, onerror=shut):
                folders.sort()
                here = Path(folder)
                links = [name for name in folders if (here / name).is_symlink()]
                # By text: a path for each of a million files takes longer than asking what it is
                base = "" if here == self.root else f"{self._key(here)}/"
                above = f"{folder}{os.sep}"
                found += [
                    _entry(f"{base}{name}", f"{above}{name}")
                    for name in (*names, *links)
                    if not name.startswith(PARTIAL)
                ]
        if closed:
            from echoatlas.pipeline.read.litter import is_litter  # its room brings all readers

            told = [one for one in closed if not is_litter(f"{one.name}/")]
            found += [Entry(self._key(one), 0, "") for one in told]
        return iter(sorted((one for one in found if one.key.startswith(prefix)), key=BY_KEY))

    def _key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def read(self, key: str, start: int | None = None, length: int | None = None) -> bytes:
        """As of any storage; besides:

        Raises:
            Reject: ``not_delivered``: this alone can't be read.
        """
        try:
            # Without the flag, to open a pipe waits for whoever writes to it
            handle = os.open(self.place(key), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise OSError(errno.ENXIO, "")
                file.seek(start or 0)
                return file.read() if length is None else file.read(length)
        except FileNotFoundError:
            raise
        except NotADirectoryError:  # a folder that is a file by now
            raise FileNotFoundError(key) from None
        except OSError as error:
            number = error.errno or 0
            if number in OF_THE_FILE or self._others_are_read(key):
                raise Reject(Reason.NOT_DELIVERED, _why(number), "ingest") from None
            raise storage_error(number, self.uri) from None

    def _others_are_read(self, key: str) -> bool:
        """Whether a disk that fails at a file does not at others."""
        tried = 0
        for folder, _, names in os.walk(self.root):
            for name in names[:LISTED]:
                path = Path(folder) / name
                if path == self.path(key) or not _entry("", path).size:
                    continue
                tried += 1
                try:
                    with path.open("rb") as file:
                        return bool(file.read(1))
                except OSError:
                    if tried == TRIED:
                        return False
        return False


def _entry(key: str, path: str | Path) -> Entry:
    try:
        info = os.stat(path)  # noqa: PTH116
    except OSError:  # a link to nothing or to itself, gone since, or in a folder that may not be
        return Entry(key, 0, "")  # entered
    if not stat.S_ISREG(info.st_mode):
        return Entry(key, 0, "")
    # A copy may keep what a scanner's clock said, which may run years ahead: then when it came
    changed = min(info.st_mtime, info.st_ctime)
    return Entry(key, info.st_size, str(info.st_mtime_ns), changed)


def _why(number: int) -> str:
    if number in (errno.EACCES, errno.EPERM):
        return f"The pipeline may not read it: give its user permission, {AGAIN}."
    if number == errno.EISDIR:
        return "It is a folder behind a link, which is not followed, or one that can't be listed."
    if number == errno.ELOOP:
        return "It is a link that leads to itself."
    if number in (errno.ENXIO, errno.ENODEV):
        return "It is a pipe, a socket or a device, no file."
    return f"The disk fails at it (error {number}) and not at others: copy it anew, {AGAIN}."


class SiteBucket(S3Storage):
    """A site's prefix of an S3 bucket."""

    def read(self, key: str, start: int | None = None, length: int | None = None) -> bytes:
        """As of any storage; besides:

        Raises:
            Reject: ``not_delivered``: the service refuses this alone, for it is archived,
                encrypted under a key of somebody's, or held back by a scanner or a policy.
        """
        try:
            return super().read(key, start, length)
        except UsageError:
            if not self._others_are_read(key):
                raise
        except Retry as fault:
            if "(status 4" not in str(fault) or not self._others_are_read(key):
                raise
        raise Reject(
            Reason.NOT_DELIVERED,
            "The service refuses this object and gives others: it may be archived, encrypted under "
            f"another key or held back. Let it be read, {AGAIN}.",
            "ingest",
        )

    def _others_are_read(self, key: str) -> bool:
        with service_faults(self):
            page = s3_client(self).list_objects_v2(
                Bucket=self.bucket, Prefix=self.prefix, MaxKeys=LISTED
            )
        listed = [one["Key"].removeprefix(self.prefix) for one in page.get("Contents", ())]
        for other in [one for one in listed if one != key][:TRIED]:
            with suppress(UsageError, Retry, FileNotFoundError):
                super().read(other, 0, 1)
                return True
        return False

    def __reduce__(self) -> tuple[type[SiteBucket], tuple[str, Zone]]:
        return SiteBucket, (self.uri, self.zone)
