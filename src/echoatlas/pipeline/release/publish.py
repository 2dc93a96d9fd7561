"""Write down what was cut: index, places, digests, card, and last of all the manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas._version import __version__
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.lake.join import coded
from echoatlas.pipeline.release.annotations import most_masks, placed
from echoatlas.pipeline.release.beside import as_published, hash_named, index_bytes
from echoatlas.pipeline.release.card import card, counts
from echoatlas.pipeline.release.cut import CUTS
from echoatlas.pipeline.release.cutting import SLEPT, Cutting
from echoatlas.pipeline.release.departures import reasons
from echoatlas.pipeline.release.documents.changes import changes_since, keep_changes, on_card
from echoatlas.pipeline.release.huggingface import README, readme_of_releases
from echoatlas.pipeline.release.k_anonymity import measured
from echoatlas.pipeline.release.kin import tied_in
from echoatlas.pipeline.release.manifest import MANIFEST, manifest_of
from echoatlas.pipeline.release.notices import living_names, redaction_notice
from echoatlas.pipeline.release.notices import publish as notice
from echoatlas.pipeline.release.pins import as_parquet
from echoatlas.pipeline.release.places import as_bytes, masks_at
from echoatlas.pipeline.release.predecessors import present
from echoatlas.pipeline.release.shard import MARKS
from echoatlas.pipeline.whereabouts import point
from echoatlas.schemas.manifest import FORMAT, Manifest
from echoatlas.schemas.rows.log import ReleaseRow
from echoatlas.schemas.tables import to_arrow
from echoatlas.schemas.values import PatientSource
from echoatlas.taxonomy.tree import tree

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.release.draft import Draft
    from echoatlas.pipeline.release.pins import TableFile
    from echoatlas.pipeline.storage import Storage

LABEL = ("region", "organ", "paths")


def publish(
    lake: Lake,
    releases: Storage,
    draft: Draft,
    digests: Mapping[TableFile, str],
    sources: Mapping[str, Mapping[str, str]],
    leave: Cutting,
) -> Manifest:
    """Publish a release whose samples all lie in shards.

    Files are named by their hashes; the manifest is written last, with a conditional put: of
    several publishers of a name exactly one wins, and a release never changes.

    Args:
        sources: country and collection of sites, as far as they are known.
        leave: asked before anything is written, and before and after the manifest is.

    Raises:
        UsageError: somebody else was faster, or an erasure has begun.
        CheckFailed: shards were deleted meanwhile.
    """
    name = draft.config.name
    index, shards, labels = _finished(draft)
    files = {
        "index": hash_named("index", "parquet", index_bytes(index)),
        "places": hash_named("places", "npy", as_bytes(draft.places)),
        "files": hash_named("files", "parquet", as_parquet(digests)),
    }
    leave.demand()
    for file, data in files.values():
        releases.write(f"{name}/{file}", data)
    published = {
        "format": FORMAT,
        "name": name,
        "version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": draft.config.model_dump(mode="json"),
        "tables": draft.versions,
        "tree": tree().hash,
        "samples": index.num_rows,
        "frames": int(draft.places["frames"].sum(dtype=np.int64)),
        "patients": len(pc.unique(index.column("patient"))),
        **{kind: as_published(file, data) for kind, (file, data) in files.items()},
        "splits": list(draft.splits),
        "labels": labels,
        "shards": shards,
        "left_out": draft.selection.left_out,
        "split": draft.selection.sides,
        "without": draft.selection.without,
        "nameless": int(
            pc.sum(pc.equal(index.column("patient_source"), PatientSource.OBJECT)).as_py() or 0
        ),
        "tied": tied_in(index, lake.allowance),
        "masks": most_masks(index),
        "counts": counts(index),
        "sources": {
            site: dict(sources[site])
            for site in sorted(set(index.column("site").to_pylist()) & set(sources))
        },
        "anonymity": {
            **asdict(draft.selection.suppressed),
            "k": measured(index, draft.config.min_k).k,
        },
    }
    text = json.dumps(published, sort_keys=True, indent=1).encode()
    manifest = Manifest.of(published, name)
    changed = changes_since(releases, manifest, index, reasons(lake))
    if changed is not None:
        keep_changes(releases, name, changed)
    releases.write(f"{name}/card.md", card(manifest, on_card(changed)).encode())
    _demand_shards(releases, manifest)
    leave.demand()
    try:
        releases.write(f"{name}/{MANIFEST}", text, create=True)
    except FileExistsError:
        raise UsageError(f"somebody else published '{name}' first") from None
    _demand_awake(releases, manifest, leave)
    announce(lake, releases, manifest)
    return manifest


def _demand_shards(releases: Storage, manifest: Manifest) -> None:
    """Refuse to publish what can't be read: a sweep took shards for nobody's that were cut by an
    attempt of long ago."""
    missing = {one.file for one in manifest.shards} - present(releases)
    if missing:
        raise CheckFailed(f"{len(missing)} shards are gone: give the same command again")


def _demand_awake(releases: Storage, manifest: Manifest, leave: Cutting) -> None:
    """Take a release back that an erasure could not see, as this process slept just before it
    published it. One that has only begun sees it, since it waits for us to end."""
    if not leave.slept():
        return
    name = manifest.name
    used = {one.file for other in living_names(releases) if other != name
            for one in manifest_of(releases, other).shards}  # fmt: skip
    files = [manifest.index.file, *(one.file for one in manifest.shards if one.file not in used)]
    notice(releases, name, redaction_notice(SLEPT, "", files))
    releases.delete([f"{name}/{manifest.index.file}", *files[1:]])
    raise UsageError(SLEPT)


def announce(lake: Lake, releases: Storage, manifest: Manifest) -> None:
    """Do what follows the manifest; again, if whoever published it was cut off here."""
    living = (manifest_of(releases, one) for one in living_names(releases))
    releases.write(README, readme_of_releases(living))
    point(lake.storage, releases)
    row = ReleaseRow(
        name=manifest.name,
        manifest=_digest(releases, manifest.name),
        created=manifest.created,
        frames=manifest.frames,
        where=manifest.config.where,
    )
    lake.append("releases", to_arrow("releases", [row]), f"release-{row.manifest[:32]}")
    releases.delete([entry.key for entry in releases.list(CUTS)])


def is_announced(lake: Lake, releases: Storage, name: str) -> bool:
    """Whether the lake knows a release that is published."""
    known = lake.read("releases", ["manifest"]).column("manifest").to_pylist()
    return _digest(releases, name) in known


def _digest(releases: Storage, name: str) -> str:
    return hashlib.sha256(releases.read(f"{name}/{MANIFEST}")).hexdigest()


def _finished(draft: Draft) -> tuple[pa.Table, list[dict[str, Any]], list[list[str]]]:
    """Index, shards and labels as they are published; the draft's places are put in order."""
    places = draft.places
    keys = pc.binary_join_element_wise(*(draft.index.column(one) for one in LABEL), "\0")
    numbers, known = coded(keys)
    places["label"] = numbers
    order = np.lexsort((places["offset"], places["shard"]))
    rows = pa.array(order)
    draft.places = places = places[order]
    marks, sizes = (one.take(rows) for one in (draft.marks, draft.sizes))
    index = draft.index.take(rows)
    index = index.append_column(MARKS, placed(marks, sizes, masks_at(places)))
    labels = [key.split("\0") for key in known.to_pylist()]
    return index, _listed(draft), labels


def _listed(draft: Draft) -> list[dict[str, Any]]:
    """The shards in use, renumbered in the places, with what this release holds in each."""
    shards, splits = draft.places["shard"], draft.places["split"]
    used, first, renumbered, live = np.unique(
        shards, return_index=True, return_inverse=True, return_counts=True
    )
    draft.places["shard"] = renumbered
    kinds = np.unique(np.stack([shards.astype(np.int64), splits.astype(np.int64)]), axis=1)
    several = np.bincount(kinds[0], minlength=len(draft.shards))
    return [
        draft.shards[number]
        | {"samples": count, "split": draft.splits[splits[at]] if several[number] == 1 else None}
        for number, at, count in zip(used.tolist(), first.tolist(), live.tolist(), strict=True)
    ]
