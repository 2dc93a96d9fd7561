"""What lies beside releases and no release needs: found, listed, and deleted for good."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.release.beside import FEEDBACK
from echoatlas.pipeline.release.cut import CUTS
from echoatlas.pipeline.release.cutting import FOLDER as NOTES
from echoatlas.pipeline.release.cutting import being_cut
from echoatlas.pipeline.release.manifest import MANIFEST, manifest_of, names
from echoatlas.pipeline.release.notices import PREFIX, living_names
from echoatlas.pipeline.release.tar import FOLDER as SHARDS

if TYPE_CHECKING:
    from echoatlas.pipeline.storage.storage import Entry, Storage

DAY = 86_400.0  # seconds
SLEEP = 7  # days: nobody sleeps for longer and then goes on
KEPT = (MANIFEST, PREFIX)  # of a release that was redacted: what it was, and where it went
WRITTEN = (
    "card.md",
    "changes.json",
    "index-",
    "places-",
    "files-",
    FEEDBACK,
)  # before, and beside, a manifest


def unused(releases: Storage, days: float = 0) -> list[Entry]:
    """Files that no release needs, in order of keys: shards that none lists, what lies beside a
    redacted release, what somebody wrote who was killed before there was a manifest.

    Args:
        days: younger ones are passed over: whoever was killed may start again and use them.

    Raises:
        CheckFailed: a manifest or a notice is damaged, so that nobody knows what is needed.
    """
    until = time.time() - days * DAY
    return [one for one in _unneeded(releases) if not days or one.changed <= until]


def delete_unused(releases: Storage, days: float) -> list[Entry]:
    """Delete what ``unused`` finds, and return it.

    Raises:
        UsageError: a release is being cut, which may need some of it.
    """
    if cut := being_cut(releases):
        raise UsageError(f"release '{cut[0]}' is being cut: wait for that to end")
    found = unused(releases, days)
    releases.delete([one.key for one in found])
    return found


def _unneeded(releases: Storage) -> Iterator[Entry]:
    published, living = set(names(releases)), set(living_names(releases))
    used = {shard.file for name in living for shard in manifest_of(releases, name).shards}
    for entry in releases.list():
        folder, _, file = entry.key.partition("/")
        if entry.key.startswith(SHARDS):
            needed = entry.key in used
        elif entry.key.startswith(NOTES):  # some tell one that sleeps that it must not go on
            needed = entry.changed > time.time() - SLEEP * DAY
        elif entry.key.startswith(CUTS):
            needed = False
        elif folder in published:
            needed = folder in living or file.startswith(KEPT)
        else:
            needed = not file.startswith(WRITTEN)
        if not needed:
            yield entry
