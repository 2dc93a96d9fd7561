"""What lies in a folder of this machine's file system under keys that begin alike."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

ODD_PARTS = frozenset({"", ".", ".."})  # of a key


def files_below(root: Path, prefix: str) -> Iterator[tuple[str, str]]:
    """Keys that begin with a prefix, and the path of each; folders have none.

    Of a lake of a million files only the folder that the prefix names is looked into. Links to
    folders are not followed.

    Raises:
        OSError: a folder may not be read. One that is not there, or goes meanwhile, is empty.
    """
    top = _lowest(root, prefix)
    for folder, folders, names in os.walk(top, onerror=_unless_missing) if top else ():
        folders.sort()
        base = Path(folder).relative_to(root).as_posix()
        for name in names:
            key = name if base == "." else f"{base}/{name}"
            if key.startswith(prefix):
                yield key, f"{folder}/{name}"


def _lowest(root: Path, prefix: str) -> Path | None:
    """The folder below which all keys of a prefix lie; None if there can be none."""
    folder = root
    for part in prefix.split("/")[:-1] if root.is_dir() else ():
        folder /= part
        if part in ODD_PARTS or folder.is_symlink() or not folder.is_dir():
            return None
    return folder


def _unless_missing(error: OSError) -> None:
    if error.errno != errno.ENOENT:
        raise error
