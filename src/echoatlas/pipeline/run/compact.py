"""A lake's small files made into large ones, while releases keep the versions that they pinned."""

from __future__ import annotations

import secrets
from collections import defaultdict
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from echoatlas.pipeline.lake.compaction import COMPACTED, LARGE, TARGET, compact, swept
from echoatlas.pipeline.release.manifest import manifest_of
from echoatlas.pipeline.release.notices import living_names
from echoatlas.pipeline.run.commit import recover
from echoatlas.schemas.tables import TABLES
from echoatlas.schemas.values import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from echoatlas.pipeline.lake.compaction import Compacted
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage.storage import Storage


def compact_lake(
    lake: Lake,
    releases: Storage,
    sweep_days: int | None = None,
    tell: Callable[[str, int, int], None] = lambda what, done, of: None,
    *,
    large: int = LARGE,
    target: int = TARGET,
) -> tuple[dict[str, Compacted], int]:
    """Make the small files of all tables that grow into large ones.

    Args:
        sweep_days: then delete files older than that which neither the newest version nor one that
            a release has pinned needs; none if not given.
        large: bytes from which a file is left as it is. target: bytes of small files in one.

    Returns:
        Table to its number of files, before and after; and how many files were deleted.

    Raises:
        UsageError: a run holds the lake.
        CheckFailed: a release's manifest is damaged: nothing is deleted.
    """
    run_id = f"compact-{secrets.token_hex(6)}"
    with lake.held(run_id) as lock:
        if lock.before:
            recover(lake, lock.before)
        found: dict[str, Compacted] = {}
        for number, name in enumerate(COMPACTED):
            tell("compacting", number, len(COMPACTED))
            found[name] = compact(lake, name, run_id, large=large, target=target)
        if sweep_days is None:
            return found, 0
        tell("deleting what nothing needs", 0, 1)
        kept = _without_erased(lake, pinned_versions(releases))
        return found, sum(swept(lake, name, kept[name], sweep_days) for name in TABLES)


def pinned_versions(releases: Storage) -> dict[str, set[int]]:
    """The versions of each table that living releases have pinned, none where there is none.

    Raises:
        CheckFailed: a manifest is damaged.
    """
    found: dict[str, set[int]] = defaultdict(set)
    for release in living_names(releases):
        for table, version in manifest_of(releases, release).tables.items():
            found[table].add(version)
    return found


def _without_erased(lake: Lake, pinned: dict[str, set[int]]) -> dict[str, set[int]]:
    """Versions without those that an erasure took with it. Nothing else may take one: where nobody
    was erased, one that is gone is a fault that ``swept`` finds."""
    if not lake.read("objects", ["status"], pc.field("status") == Status.ERASED.value).num_rows:
        return pinned
    found: dict[str, set[int]] = defaultdict(set)
    for name, versions in pinned.items():
        oldest = lake.oldest(name)
        found[name] = {one for one in versions if one >= oldest}
    return found
