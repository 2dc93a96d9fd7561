"""The releases' side of an erasure: shards without some of their members, under new digests.

A release never changes. One that holds what goes is followed by another, ``NAME+r1``: the same
samples in the same splits, without these. The old one keeps its manifest and gets a notice that
sends whoever asks for it to its successor; its index and the shards that nobody uses any more are
deleted.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoatlas._version import __version__
from echoatlas.pipeline.release.annotations import most_masks
from echoatlas.pipeline.release.card import card, counts
from echoatlas.pipeline.release.huggingface import README, readme_of_releases
from echoatlas.pipeline.release.k_anonymity import measured
from echoatlas.pipeline.release.kin import GROUP, KIN, tied_in
from echoatlas.pipeline.release.manifest import MANIFEST, manifest_of, names
from echoatlas.pipeline.release.notices import (
    REDACTED,
    living_names,
    notices,
    publish,
    redaction_notice,
)
from echoatlas.pipeline.release.shard import MARKS
from echoatlas.schemas.manifest import Manifest
from echoatlas.schemas.rows.log import ReleaseRow
from echoatlas.schemas.tables import to_arrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.erase.plan import Doomed
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage import Storage

BLOCK = 512  # bytes, of a tar record
SHARDS, CUTS = "shards/", "_cuts/"
NUMBER = re.compile(r"\+r(\d+)$")


@dataclass(frozen=True, slots=True)
class Lean:
    """A shard without some of its members.

    Attributes:
        data: its bytes. samples: that are left.
        starts, removed: where members that are gone began, and bytes gone up to and with each.
    """

    data: bytes
    samples: int
    starts: NDArray[np.int64]
    removed: NDArray[np.int64]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def moved(self, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where lies now what lay at these places before."""
        before = np.concatenate([np.zeros(1, np.int64), self.removed])
        moved: NDArray[np.int64] = offsets - before[np.searchsorted(self.starts, offsets)]
        return moved


def lean(data: bytes, gone: Set[str]) -> Lean | None:
    """A shard without the members of some samples; None if it has none of them.

    Members are named ``SAMPLE.ENDING``; all others keep their order and bytes.

    Raises:
        tarfile.TarError: it is no tar file.
    """
    sink, starts, removed, total = io.BytesIO(), [], [], 0
    left: set[str] = set()
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        for member in tar:
            end = member.offset_data - (-member.size // BLOCK) * BLOCK
            key = member.name.partition(".")[0]
            if key in gone:
                total += end - member.offset
                starts.append(member.offset)
                removed.append(total)
            else:
                left.add(key)
                sink.write(data[member.offset : end])
    if not starts:
        return None
    sink.write(b"\0" * 2 * BLOCK)
    found = (np.array(one, np.int64) for one in (starts, removed))
    return Lean(sink.getvalue(), len(left), *found)


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of a release: its successor, empty if nothing is left, and how many frames it
    lost."""

    release: str
    successor: str
    frames: int


def redact_releases(lake: Lake, releases: Storage, gone: Doomed, why: str) -> list[Followed]:
    """Redact all releases that hold any of what goes; once more goes on where it was cut off.

    Args:
        why: what readers of such a release are told.
    """
    every = {name: _index(releases, name) for name in living_names(releases)}
    dropped = {name: _of(index, gone) for name, index in every.items()}
    frames = set(gone.frames)
    for name, mask in dropped.items():
        frames |= set(every[name].filter(mask)["frame_id"].to_pylist())
    touched = {key for name in names(releases) for key in _holding(releases, name, gone)}
    done = []
    for name, index in every.items():
        manifest = manifest_of(releases, name)
        asked = _silent(manifest.config.where, gone) != manifest.config.where
        # A shard holds also what its release leaves out
        asked |= any(shard.file in touched for shard in manifest.shards)
        if pc.any(dropped[name]).as_py() or asked or _speaks_of(index, gone, frames):
            left = _without(index.filter(pc.invert(dropped[name])), gone, frames)
            lost = index.num_rows - left.num_rows
            stays = ~_bits(dropped[name])
            successor = _republished(lake, releases, manifest, left, stays, frames, gone)
            files = [f"{manifest.index.sha256}.parquet", *(one.file for one in manifest.shards)]
            kept = _files(releases, successor) if successor else set()
            publish(
                releases,
                name,
                redaction_notice(why, successor, [one for one in files if one not in kept]),
            )
            done.append(Followed(name, successor, lost))
    _sweep(releases)
    _forget_selections(lake, releases, gone)
    return done


def _silent(text: str, gone: Doomed) -> str:
    """A selection that names nothing of what goes; what it named is ``erased``."""
    for one in sorted(gone.needles):
        text = text.replace(one, "erased")
    return text


def _forget_selections(lake: Lake, releases: Storage, gone: Doomed) -> None:
    """Have selections that name ids of what goes name them no more: in manifests of releases that
    are gone, and in the table of all."""
    for name in set(names(releases)) - set(living_names(releases)):
        key = f"{name}/{MANIFEST}"
        told = json.loads(releases.read(key))
        where = _silent(told["config"]["where"], gone)
        if where != told["config"]["where"]:
            told["config"]["where"] = where
            releases.write(key, json.dumps(told, sort_keys=True, indent=1).encode())
    rows = lake.read("releases")
    said = [_silent(one, gone) for one in rows["where"].to_pylist()]
    changed = [one != now for one, now in zip(rows["where"].to_pylist(), said, strict=True)]
    if any(changed):
        mine = _put(rows, "where", said).filter(pa.array(changed))
        column, run_id = mine["name"].to_pylist(), f"erase-{gone.request}"
        lake.exchange("releases", "name", column, mine, run_id)


def _holding(releases: Storage, name: str, gone: Doomed) -> set[str]:
    """Shards in which a release lists something that goes; also one that was redacted just now,
    by an attempt that was cut off before the shards were deleted."""
    manifest = manifest_of(releases, name)
    try:
        index = _index(releases, name)
        places = _places(releases, manifest)
    except FileNotFoundError:
        return set()
    rows = np.flatnonzero(_bits(_of(index, gone)))
    if places is None:
        return set(index["shard"].take(pa.array(rows)).to_pylist())
    return {manifest.shards[number].file for number in np.unique(places["shard"][rows]).tolist()}


def _sweep(releases: Storage) -> None:
    """Delete what lies beside redacted releases, and shards that no living release uses."""
    living = living_names(releases)
    used = {one for name in living for one in _files(releases, name)}
    for name in set(names(releases)) - set(living):
        folder = releases.sub(name)
        folder.delete(
            [e.key for e in folder.list() if not e.key.startswith(("manifest", "notice-"))]
        )
    releases.delete([e.key for e in releases.list(SHARDS) if e.key not in used])
    releases.delete([e.key for e in releases.list(CUTS)])
    manifests = [manifest_of(releases, name) for name in living]
    releases.write(README, readme_of_releases(iter(manifests)))


def _files(releases: Storage, name: str) -> set[str]:
    return {shard.file for shard in manifest_of(releases, name).shards}


def _index(releases: Storage, name: str) -> pa.Table:
    """The index's file as it lies there."""
    manifest = manifest_of(releases, name)
    data = pa.BufferReader(releases.read(f"{name}/{manifest.index.file}"))
    return pq.ParquetFile(data).read(use_threads=False)


def _bits(mask: pa.ChunkedArray) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = mask.to_numpy().astype(np.bool_)
    return found


def _of(index: pa.Table, gone: Doomed) -> pa.ChunkedArray:
    """Which rows of an index go."""
    named = {
        "frame_id": gone.frames,
        "object_id": gone.objects,
        "patient": (*gone.patients, *gone.aliases),
        "pixel_hash": gone.pixels,
    }
    mask = pa.chunked_array([pa.repeat(False, index.num_rows)])
    for column, values in named.items():
        if column in index.column_names:
            known = pc.is_in(index[column].cast(pa.string()), pa.array(values, pa.string()))
            mask = pc.or_(mask, known)
    return mask


def _speaks_of(index: pa.Table, gone: Doomed, frames: Set[str]) -> bool:
    """Whether rows that stay name what goes: as kin, as head of a group or of a cluster."""
    patients = {*gone.patients, *gone.aliases}
    for column, ids in ((GROUP, patients), ("cluster", frames), ("representative", frames)):
        if column in index.column_names and not ids.isdisjoint(
            pc.unique(index[column]).to_pylist()
        ):
            return True
    if KIN not in index.column_names:
        return False
    return any(not patients.isdisjoint(one.split()) for one in pc.unique(index[KIN]).to_pylist())


def _without(index: pa.Table, gone: Doomed, frames: Set[str]) -> pa.Table:
    """Rows that stay, which speak of nothing that goes: groups and clusters are named anew by the
    smallest that is left of them."""
    patients = {*gone.patients, *gone.aliases}
    ids = index["frame_id"].to_pylist()
    for column, names_gone, own in (
        (GROUP, patients, "patient"),
        ("cluster", frames, "frame_id"),
        ("representative", frames, "frame_id"),
    ):
        if column not in index.column_names:
            continue
        values = index[column].to_pylist()
        members: dict[str, str] = {}
        for value, one in zip(values, index[own].to_pylist() if own != "frame_id" else ids,
                              strict=True):  # fmt: skip
            if value in names_gone:
                members[value] = min(one, members.get(value, one))
        index = _put(index, column, [members.get(value, value) for value in values])
    if KIN in index.column_names:
        kin = [
            " ".join(o for o in one.split() if o not in patients) for one in index[KIN].to_pylist()
        ]
        index = _put(index, KIN, kin)
    return index


def _put(index: pa.Table, name: str, values: list[Any]) -> pa.Table:
    place = index.schema.get_field_index(name)
    field = index.schema.field(place)
    return index.set_column(place, field, pa.array(values, field.type))


def _republished(
    lake: Lake,
    releases: Storage,
    old: Manifest,
    index: pa.Table,
    stays: NDArray[np.bool_],
    frames: Set[str],
    gone: Doomed,
) -> str:
    """Publish what is left of a release as its successor; "" if nothing is left.

    Args:
        index: the rows that stay. stays: (n,) which of the old ones they are.
    """
    if not index.num_rows:
        return ""
    for name in names(releases):  # of an attempt that was cut off before it gave notice
        redacts = manifest_of(releases, name).redacts
        if redacts is not None and redacts.release == old.name:
            return name
    number = NUMBER.search(old.name)
    name = f"{NUMBER.sub('', old.name)}+r{1 + int(number[1]) if number else 1}"
    places = _places(releases, old)
    rows = _rows_of(index, old, None if places is None else places[stays])
    shards: list[dict[str, Any]] = []
    for number_of, shard in enumerate(old.published["shards"]):
        mine = np.flatnonzero(rows.shard == number_of)
        found = lean(releases.read(shard["file"]), frames)
        told = dict(shard)
        if found is not None:
            key = f"{SHARDS}{found.sha256}.tar"
            if not releases.exists(key) and len(mine):
                releases.write(key, found.data)
            told |= {"file": key, "sha256": found.sha256, "bytes": len(found.data)}
            if "held" in told:
                told |= {"held": found.samples, "origin": name}
            rows.moved(mine, found)
        if len(mine):
            rows.renumbered[mine] = len(shards)
            shards.append(told | {"samples": len(mine)})
    index, placed = rows.written(index, [shard["file"] for shard in shards])
    files = {"index": _named("index", "parquet", _parquet(index))}
    if placed is not None:
        files["places"] = _named("places", "npy", placed)
    frames_left = index.num_rows if placed is None else int(rows.frames_left)
    published = old.published | {
        "name": name,
        "version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "frames": frames_left,
        "config": old.published["config"] | {"where": _silent(old.config.where, gone)},
        "patients": len(pc.unique(index["patient"])),
        "shards": shards,
        "counts": counts(index),
        "redacts": {"release": old.name, "frames": old.frames - frames_left},
        **{
            kind: {"file": file, "sha256": hashlib.sha256(data).hexdigest()}
            for kind, (file, data) in files.items()
        },
    }
    if "samples" in published:
        published["samples"] = index.num_rows
    if old.tied is not None:
        published["tied"] = tied_in(index)
    if "masks" in published:
        published["masks"] = most_masks(index)
    if old.anonymity is not None:
        told_k = old.published["anonymity"]
        published["anonymity"] = told_k | {"k": measured(index, old.config.min_k).k}
    for file, data in files.values():
        releases.write(f"{name}/{file}", data)
    if "files" in published:  # what made up the tables then: names and digests of files
        told_file = published["files"]["file"]
        releases.write(f"{name}/{told_file}", releases.read(f"{old.name}/{told_file}"))
    manifest = Manifest.of(published, name)
    text = json.dumps(published, sort_keys=True, indent=1).encode()
    releases.write(f"{name}/card.md", card(manifest).encode())
    releases.write(f"{name}/{MANIFEST}", text, create=True)
    row = ReleaseRow(
        name=name,
        manifest=hashlib.sha256(text).hexdigest(),
        created=manifest.created,
        frames=manifest.frames,
        where=manifest.config.where,
    )
    lake.append("releases", to_arrow("releases", [row]), f"release-{row.manifest[:32]}")
    return name


@dataclass(slots=True)
class _Rows:
    """Where the samples that stay lie: in the index itself, or in an array beside it.

    Attributes:
        shard: (n,) number of each one's shard in the old manifest. renumbered: in the new one.
        marks: annotations with the places of their masks, where the index has them.
    """

    shard: NDArray[np.int64]
    offset: NDArray[np.int64]
    renumbered: NDArray[np.int64]
    marks: list[list[dict[str, Any]]] | None
    places: NDArray[np.void] | None

    @property
    def frames_left(self) -> int:
        assert self.places is not None
        return int(self.places["frames"].sum(dtype=np.int64))

    def moved(self, mine: NDArray[np.int64], found: Lean) -> None:
        """Have some samples lie where they do in a shard that lost members."""
        self.offset[mine] = found.moved(self.offset[mine])
        for row in mine.tolist() if self.marks is not None else ():
            for mark in (self.marks or [])[row] or ():
                if mark.get("mask_offset") is not None:
                    at = np.array([mark["mask_offset"]], np.int64)
                    mark["mask_offset"] = int(found.moved(at)[0])

    def written(self, index: pa.Table, keys: list[str]) -> tuple[pa.Table, bytes | None]:
        """Index and places with all that moved."""
        if self.marks is not None:
            index = _put(index, MARKS, self.marks)
        if self.places is None:
            names_of = [keys[number] for number in self.renumbered.tolist()]
            index = _put(index, "shard", names_of)
            return _put(index, "offset", self.offset.tolist()), None
        places = self.places.copy()
        places["offset"], places["shard"] = self.offset, self.renumbered
        sink = io.BytesIO()
        np.lib.format.write_array(sink, places, version=(1, 0), allow_pickle=False)
        return index, sink.getvalue()


def _rows_of(index: pa.Table, old: Manifest, places: NDArray[np.void] | None) -> _Rows:
    marks = index[MARKS].to_pylist() if MARKS in index.column_names else None
    if places is None:
        numbers: Mapping[str, int] = {
            shard["file"]: number for number, shard in enumerate(old.published["shards"])
        }
        shard = np.array([numbers[one] for one in index["shard"].to_pylist()], np.int64)
        offset = np.array(index["offset"].to_pylist(), np.int64)
    else:
        shard, offset = places["shard"].astype(np.int64), places["offset"].astype(np.int64)
    return _Rows(shard, offset, np.zeros(len(shard), np.int64), marks, places)


def _places(releases: Storage, manifest: Manifest) -> NDArray[np.void] | None:
    told = manifest.published.get("places")
    if told is None:
        return None
    data = releases.read(f"{manifest.name}/{told['file']}")
    found: NDArray[np.void] = np.load(io.BytesIO(data), allow_pickle=False)
    return found


def _parquet(index: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(index, sink, compression="zstd", row_group_size=1 << 16, write_statistics=False)
    return sink.getvalue()


def _named(kind: str, ending: str, data: bytes) -> tuple[str, bytes]:
    return f"{kind}-{hashlib.sha256(data).hexdigest()[:16]}.{ending}", data


def redactions(releases: Storage, why: str) -> list[Followed]:
    """All releases that were redacted for a reason, in order, however often it was begun anew."""
    found = []
    for name in names(releases):
        for notice in notices(releases, name):
            if (notice.kind, notice.why) == (REDACTED, why):
                manifest = manifest_of(releases, name)
                follows = manifest_of(releases, notice.successor) if notice.successor else None
                redacts = None if follows is None else follows.redacts
                lost = manifest.frames if redacts is None else redacts.frames
                found.append(Followed(name, notice.successor, lost))
    return found
