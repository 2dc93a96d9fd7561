"""Make what tables no longer hold unreadable for good: files, and the log that names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echoatlas.pipeline.lake.reader import LOG, VERSION

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake


def purged(lake: Lake, name: str) -> int:
    """Delete all that only older versions of a table need: data files, then the log behind a new
    checkpoint. What is left can be opened as it stands, and as nothing else.

    Nobody may be writing, and the versions that releases pin can't be opened any more: releases
    have shards and indexes of their own.

    Returns:
        Number of files deleted.
    """
    if lake.version(name) < 0:
        return 0
    number = lake.vacuum(name)
    newest = lake.checkpoint(name)
    folder = lake.storage.sub(f"tables/{name}/{LOG}")
    behind = [
        entry.key
        for entry in folder.list()
        if (found := VERSION.match(entry.key)) and int(found[1]) < newest
    ]
    folder.delete(behind)
    return number + len(behind)
