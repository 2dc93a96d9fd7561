"""What a file system refuses, told apart: whose mistake it is."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from echoatlas.errors import Retry, UsageError

if TYPE_CHECKING:
    from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class local_faults:  # noqa: N801  (reads as a word of the language where it is used)
    """Tells a user's mistake (no permission, no space) from a failing disk."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, OSError) or isinstance(error, FileNotFoundError | FileExistsError):
            return
        raise storage_error(error.errno, self.uri) from None


def storage_error(number: int | None, uri: str) -> UsageError | Retry:
    """What a number of the operating system's means for whoever uses the folder at ``uri``."""
    if number in NO_ROOM:
        return no_room(uri)
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UsageError(f"no permission to use {uri}")
    if number in (errno.ENOTDIR, errno.EISDIR):
        return UsageError(f"in {uri} a file lies in a folder's place, or a folder in a file's")
    return Retry(f"{uri} does not answer as it should (error {number or 'of the service'})")


def no_room(place: Path | str) -> UsageError:
    """What is said where a folder can take no more."""
    return UsageError(f"no space left in {place}")


def write_named(path: Path, data: bytes) -> None:
    """Write a file that a user named, and make its folder.

    Raises:
        UsageError: it can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"cannot write to {path} ({error.strerror})") from None
