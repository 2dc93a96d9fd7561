"""What changed from one release to another."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from echoatlas.pipeline.release import index_table, manifest_of

if TYPE_CHECKING:
    from echoatlas.pipeline.storage import Storage

LABELS = ("region", "organ", "paths", "laterality", "view")
MADE_BY = ("version", "tree", "tables", "schemas", "config")


def diff(releases: Storage, old: str, new: str) -> dict[str, Any]:
    """Compare two releases by their frames, labels and splits.

    Returns:
        ``frames`` and ``patients``: {"added", "removed", "kept"}; ``relabelled`` and ``moved``:
        frames of both whose label or split differs; ``organs``: organ to change in frames;
        ``shards``: {"shared", "new"}; ``made_by``: what differs in how they were made, as
        [old, new].

    Raises:
        UsageError: there is no such release.
    """
    manifests = manifest_of(releases, old), manifest_of(releases, new)
    before, after = (_by_frame(index_table(releases, manifest)) for manifest in manifests)
    both = before.keys() & after.keys()
    shards = [{shard["sha256"] for shard in manifest["shards"]} for manifest in manifests]
    change = Counter(_organ(row) for row in after.values())
    change.subtract(Counter(_organ(row) for row in before.values()))
    return {
        "old": old,
        "new": new,
        "frames": _change(set(before), set(after)),
        "patients": _change(
            *({row["patient"] for row in rows.values()} for rows in (before, after))
        ),
        "relabelled": sum(any(before[i][c] != after[i][c] for c in LABELS) for i in both),
        "moved": sum(before[i]["split"] != after[i]["split"] for i in both),
        "organs": {organ: number for organ, number in sorted(change.items()) if number},
        "shards": {"shared": len(shards[0] & shards[1]), "new": len(shards[1] - shards[0])},
        "made_by": {
            name: [manifest.get(name) for manifest in manifests]
            for name in MADE_BY
            if manifests[0].get(name) != manifests[1].get(name)
        },
    }


def _by_frame(index: pa.Table) -> dict[str, dict[str, Any]]:
    rows = index.select(["frame_id", "patient", "split", *LABELS]).to_pylist()
    return {row["frame_id"]: row for row in rows}


def _organ(row: dict[str, Any]) -> str:
    return f"{row['region']}/{row['organ']}"


def _patients(rows: dict[str, dict[str, Any]]) -> set[str]:
    return {row["patient"] for row in rows.values()}


def _change(old: set[str], new: set[str]) -> dict[str, int]:
    return {"added": len(new - old), "removed": len(old - new), "kept": len(old & new)}
