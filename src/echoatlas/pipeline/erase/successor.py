"""What is published in the place of a release that held what goes: its other samples."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoatlas._version import __version__
from echoatlas.pipeline.erase.successor_index import SPOKEN_OF, nameless, write_what_is_left
from echoatlas.pipeline.file_faults import local_faults
from echoatlas.pipeline.release.beside import FEEDBACK, as_published, hash_named, index_named
from echoatlas.pipeline.release.card import card, counts
from echoatlas.pipeline.release.diff import ERASED, Why, named_new
from echoatlas.pipeline.release.documents.changes import changes_since, keep_changes, on_card
from echoatlas.pipeline.release.documents.population import counted_plainly, population
from echoatlas.pipeline.release.documents.sources import countries_of
from echoatlas.pipeline.release.k_anonymity import Suppressed, anonymized, measured
from echoatlas.pipeline.release.kin import tied_in
from echoatlas.pipeline.release.manifest import (
    MANIFEST,
    index_columns_of,
    manifest_of,
    names,
    places_of,
)
from echoatlas.pipeline.release.notices import successor_of
from echoatlas.pipeline.release.places import as_bytes
from echoatlas.pipeline.release.publish import announce, moment
from echoatlas.pipeline.release.tar import places_after
from echoatlas.pipeline.scratch import folder_of_files
from echoatlas.schemas.manifest import Manifest
from echoatlas.schemas.values import PatientSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.erase.doomed import Doomed
    from echoatlas.pipeline.erase.lean import LeanShard
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage.storage import Storage

NUMBER = re.compile(r"\+r(\d+)$")


def follower_of(releases: Storage, name: str) -> str:
    """What a release's successor is called; the one that is there already, if an attempt was cut
    off after it was published."""
    known = set(names(releases))
    for one in sorted(known):
        redacts = manifest_of(releases, one).redacts
        if redacts is not None and redacts.release == name:
            return one
    told = NUMBER.search(name)
    number = 1 + int(told[1]) if told else 1
    while (found := f"{NUMBER.sub('', name)}+r{number}") in known:
        number += 1
    return found


def silent(text: str, gone: Doomed) -> str:
    """A selection that names nothing of what goes; what it named is ``erased``."""
    if not text:
        return text
    for one in sorted(gone.needles):
        text = text.replace(one, "erased")
    return text


def publish_successor(
    lake: Lake,
    releases: Storage,
    old: Manifest,
    followers: Mapping[str, str],
    stays: NDArray[np.bool_],
    frames: Set[str],
    gone: Doomed,
    lean: Mapping[str, LeanShard],
) -> str:
    """Publish what is left of a release under a name of its own.

    Args:
        followers: release to the name of its successor, of all that get one.
        stays: (n,) which samples do. frames: ids of those that go.
        lean: shards that lost samples, by the keys that they had.

    Returns:
        The name; "" if nothing is left.
    """
    name = followers[old.name]
    if releases.exists(f"{name}/{MANIFEST}"):  # an attempt was cut off before it gave notice
        return name
    places = places_of(releases, old)
    lost = [number for number, one in enumerate(old.shards)
            if one.file in lean and not lean[one.file].file]  # fmt: skip
    left = stays & ~np.isin(places["shard"], lost)
    rows = np.flatnonzero(left)
    index = index_columns_of(releases, old, SPOKEN_OF, chosen=left)
    hidden: Suppressed | None = None
    if old.anonymity is not None and measured(index, old.config.min_k).under:
        suppress = old.published["config"]["suppress"]
        index = index.append_column("_row", pa.array(rows))
        index, hidden = anonymized(index, old.config.min_k, suppress)
        rows = index.column("_row").to_numpy()
        index = index.drop_columns(["_row"])
    if not index.num_rows:
        return ""
    index = nameless(index, gone, frames)
    placed = places[rows].copy()
    shards = _placed_anew(releases, old, followers, placed, lean)
    shift = placed["offset"].astype(np.int64) - places["offset"][rows].astype(np.int64)
    with folder_of_files(lake.allowance) as folder:
        path = folder / "index.parquet"
        with local_faults(str(folder.parent)):
            sha256, masks = write_what_is_left(releases, old, rows, index, shift, path)
        releases.write(f"{name}/{index_named(sha256)}", path)
    file, data = hash_named("places", "npy", as_bytes(placed))
    releases.write(f"{name}/{file}", data)
    if old.files is not None:  # what made up the tables then: names and digests of files
        releases.write(f"{name}/{old.files.file}", releases.read(f"{old.name}/{old.files.file}"))
    _carry_feedback(releases, old.name, name, index.column("frame_id"))
    number = int(placed["frames"].sum(dtype=np.int64))
    published = old.published | {
        "name": name,
        "version": __version__,
        "created": moment(),
        "config": old.published["config"] | {"where": silent(old.config.where, gone)},
        "samples": index.num_rows,
        "frames": number,
        "patients": len(pc.unique(index.column("patient"))),
        "shards": shards,
        "counts": counts(index),
        "nameless": pc.sum(pc.equal(index.column("patient_source"), PatientSource.OBJECT)).as_py()
        or 0,
        "tied": tied_in(index),
        "masks": masks,
        "redacts": {"release": old.name, "frames": old.frames - number},
        "index": {"file": index_named(sha256), "sha256": sha256},
        "places": as_published(file, data),
    }
    published["sources"] = {
        site: told
        for site, told in old.published.get("sources", {}).items()
        if site in counts(index)["site"]
    }
    published["population"] = counted_plainly(population(index, countries_of(published["sources"])))
    if old.anonymity is not None:
        published["anonymity"] = old.published["anonymity"] | {
            **_hidden_more(old.published["anonymity"], hidden),
            "k": measured(index, old.config.min_k).k,
        }
    manifest = Manifest.of(published, name)
    # A release whose frames go is not asked why: that some were erased is all that may be told
    with named_new(index, lake.allowance) as asked:
        changed = changes_since(asked, releases, manifest, _erased)
    if changed is not None:
        keep_changes(releases, name, changed)
    releases.write(f"{name}/card.md", card(manifest, on_card(changed)).encode())
    text = json.dumps(published, sort_keys=True, indent=1).encode()
    releases.write(f"{name}/{MANIFEST}", text, create=True)
    announce(lake, releases, manifest)
    return name


def _erased(rows: pa.Table, manifest: Manifest) -> Why:
    return dict.fromkeys(rows.column("frame_id").to_pylist(), ERASED)


def _hidden_more(before: Mapping[str, Any], more: Suppressed | None) -> dict[str, Any]:
    """What was suppressed in all, where fewer patients are left to hide among."""
    if more is None:
        return {}
    blanked = {
        name: number + before["blanked"].get(name, 0) for name, number in more.blanked.items()
    }
    return {
        "decades": before["decades"] or more.decades,
        "blanked": before["blanked"] | blanked,
        "left_out": before["left_out"] + more.left_out,
    }


def _placed_anew(
    releases: Storage,
    old: Manifest,
    followers: Mapping[str, str],
    places: NDArray[np.void],
    lean: Mapping[str, LeanShard],
) -> list[dict[str, Any]]:
    """The shards that are still in use, as they are now; places are changed to lie in them."""
    shards: list[dict[str, Any]] = []
    numbers = places["shard"].copy()
    origins = {
        first: _origin(releases, first, followers, old.name)
        for first in {old.shards[number].origin for number in np.unique(numbers).tolist()}
    }
    for number in np.unique(numbers).tolist():
        one, mine = old.shards[number], np.flatnonzero(numbers == number)
        told = old.published["shards"][number] | {
            "samples": len(mine),
            "held": one.held,
            "origin": origins[one.origin],
        }
        found = lean.get(one.file)
        if found is not None:
            assert found.starts is not None
            assert found.removed is not None
            offsets = places["offset"][mine].astype(np.int64)
            places["offset"][mine] = places_after(offsets, found.starts, found.removed)
            told |= {
                "file": found.file, "sha256": found.sha256, "bytes": found.bytes,
                "held": found.held,
            }  # fmt: skip
        places["shard"][mine] = len(shards)
        shards.append(told)
    return shards


def _origin(releases: Storage, first: str, followers: Mapping[str, str], own: str) -> str:
    """The release by whose index a shard can be made again: that of who cut it, or what follows."""
    now = successor_of(releases, first)
    return followers.get(now, now) or followers[own]


def _carry_feedback(releases: Storage, old: str, new: str, known: pa.ChunkedArray) -> None:
    """Have what trainers wrote back of samples that stay stand beside the successor, under the
    same numbers. What they say for people goes: nobody knows of whom it speaks."""
    for entry in releases.sub(old).list(FEEDBACK):
        told = pq.read_table(
            pa.BufferReader(releases.read(f"{old}/{entry.key}")), use_threads=False
        )
        left = told.filter(pc.is_in(told.column("frame_id"), known.combine_chunks()))
        said = told.schema.metadata or {}
        meta = {"created": said.get(b"created", b""), "note": b""}
        sink = io.BytesIO()
        pq.write_table(left.replace_schema_metadata(meta), sink, compression="zstd")
        releases.write(f"{new}/{entry.key}", sink.getvalue())
