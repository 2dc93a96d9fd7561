"""Releases: named, immutable dataset versions, published by whoever writes the manifest first."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoatlas._version import __version__
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.event_log import EventLog, run_name
from echoatlas.pipeline.release.annotations import (
    PLACED,
    TOLD,
    AnnotationRecord,
    has_mask,
    marks_of,
    most_masks,
)
from echoatlas.pipeline.release.card import card, counts
from echoatlas.pipeline.release.huggingface import README, readme_of_releases
from echoatlas.pipeline.release.k_anonymity import anonymized, measured
from echoatlas.pipeline.release.kin import GROUP, tied
from echoatlas.pipeline.release.manifest import MANIFEST, manifest_of, names
from echoatlas.pipeline.release.select import (
    filter_rows,
    index_of,
    without_duplicates,
    without_findings,
)
from echoatlas.pipeline.release.shard import MARKS, Place, pack, packed_image
from echoatlas.pipeline.release.split import assigned, groups
from echoatlas.pipeline.storage import Storage, storage_error
from echoatlas.pipeline.whereabouts import point
from echoatlas.schemas.config import ReleaseConfig
from echoatlas.schemas.events import Stage
from echoatlas.schemas.manifest import FORMAT, Manifest
from echoatlas.schemas.rows import ReleaseRow
from echoatlas.schemas.tables import to_arrow
from echoatlas.schemas.values import PatientSource
from echoatlas.taxonomy.tree import tree

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

PINNED = ("frames", "labels", "measures", "duplicates")
OPTIONAL = ("findings", "annotations", "copies", "objects")  # pinned as well, once there are any
ROWS_AT_ONCE = 4096


def create(lake: Lake, releases: Storage, config: ReleaseConfig) -> Manifest:
    """Cut a release of the lake as it stands, and write down in the event log how that went.

    Raises:
        UsageError: the name is taken, or the selection is wrong.
        CheckFailed: nothing was selected.
    """
    with EventLog(lake.storage, run_name("c")) as log:
        return _created(lake, releases, config, log)


def _created(lake: Lake, releases: Storage, config: ReleaseConfig, log: EventLog) -> Manifest:
    """Select, pack, publish.

    Shards and index are written first, under the hashes of their bytes; the manifest last, with a
    conditional put: of several publishers of a name exactly one wins, and a release never changes.
    """
    log.begin(Stage.SELECT)
    if releases.exists(f"{config.name}/{MANIFEST}"):
        raise UsageError(f"there is a release '{config.name}' already; releases never change")
    for other in names(releases):
        manifest_of(releases, other)  # what can't be read is told before anything is published
    versions = _pinned(lake)
    index = filter_rows(index_of(lake, versions), config.where)
    if not config.review:
        index = index.filter(pc.equal(index.column("fan_verdict"), "accept"))
    index = without_findings(index, lake.read("findings", version=versions.get("findings")))
    if config.duplicates == "drop":
        index = without_duplicates(index)
    nameless = pc.equal(index.column("patient_source"), PatientSource.OBJECT)
    if config.nameless == "refuse" and (number := pc.sum(nameless).as_py()):
        raise CheckFailed(
            f"{number} of {index.num_rows} frames are of files that name no patient "
            "(patient_source: object)"
        )
    if config.nameless == "drop":
        index = index.filter(pc.invert(nameless))
    if index.num_rows == 0:
        raise CheckFailed("nothing was selected: run the pipeline first, or widen --where")
    index, suppressed = anonymized(index, config.min_k, config.suppress)
    if index.num_rows == 0:
        raise CheckFailed(f"fewer than {config.min_k} patients are alike: lower min_k")
    families = groups(index)
    splits = assigned(families, config.splits, config.seed)
    place = index.schema.get_field_index(GROUP)
    index = index.set_column(place, GROUP, pa.array(families, pa.string()))
    index = index.append_column("split", pa.array(splits, pa.string()))
    index = index.sort_by(
        [("split", "ascending"), ("patient", "ascending"), ("frame_id", "ascending")]
    )
    log.counted(index.num_rows)
    log.begin(Stage.SHARD)
    index, shards = _sharded(lake, releases, index, versions, config)
    log.counted(len(shards))
    log.begin(Stage.PUBLISH)
    data = _parquet(index)
    digest = hashlib.sha256(data).hexdigest()
    releases.write(f"{config.name}/index-{digest[:16]}.parquet", data)
    published = {
        "format": FORMAT,
        "name": config.name,
        "version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": config.model_dump(mode="json"),
        "tables": versions,
        "tree": tree().hash,
        "frames": index.num_rows,
        "patients": len(set(index.column("patient").to_pylist())),
        "index": {"file": f"index-{digest[:16]}.parquet", "sha256": digest},
        "shards": shards,
        "nameless": index.column("patient_source").to_pylist().count(PatientSource.OBJECT),
        "tied": tied(index),
        "masks": most_masks(index),
        "counts": counts(index),
        "anonymity": {**asdict(suppressed), "k": measured(index, config.min_k).k},
    }
    text = json.dumps(published, sort_keys=True, indent=1).encode()
    manifest = Manifest.of(published, config.name)
    releases.write(f"{config.name}/card.md", card(manifest).encode())
    try:
        releases.write(f"{config.name}/{MANIFEST}", text, create=True)
    except FileExistsError:
        raise UsageError(f"somebody else published '{config.name}' first") from None
    releases.write(README, readme_of_releases(manifest_of(releases, n) for n in names(releases)))
    point(lake.storage, releases)
    row = ReleaseRow(
        name=config.name,
        manifest=hashlib.sha256(text).hexdigest(),
        created=manifest.created,
        frames=index.num_rows,
        where=config.where,
    )
    lake.append("releases", to_arrow("releases", [row]), f"release-{row.manifest[:32]}")
    return manifest


def _pinned(lake: Lake) -> dict[str, int]:
    """Versions that were all current at one moment: read twice, until nothing moved."""
    while True:
        first = {name: lake.version(name) for name in PINNED}
        if min(first.values()) < 0:
            raise CheckFailed("the lake holds no frames yet: run the pipeline first")
        if first == {name: lake.version(name) for name in PINNED}:
            more = {name: lake.version(name) for name in OPTIONAL}
            return first | {name: version for name, version in more.items() if version >= 0}


def _sharded(
    lake: Lake, releases: Storage, index: pa.Table, versions: dict[str, int], config: ReleaseConfig
) -> tuple[pa.Table, list[dict[str, Any]]]:
    described: list[dict[str, Any]] = []
    found: dict[str, tuple[str, Place]] = {}
    wanted = set(index.column("frame_id").to_pylist())
    with tempfile.TemporaryFile() as spool:
        marks = marks_of(lake, versions.get(MARKS, -1), wanted, partial(_spooled, spool))
        samples = _samples(lake, index, versions["frames"], config.codec, marks, spool)
        for shard in pack(samples, config.codec, config.shard_mb << 20):
            name = f"shards/{shard.sha256}.tar"
            if not releases.exists(name):
                releases.write(name, shard.data)
            described.append(
                {
                    "file": name,
                    "sha256": shard.sha256,
                    "bytes": len(shard.data),
                    "samples": len(shard.places),
                    "split": shard.split,
                }
            )
            found |= {place.frame_id: (name, place) for place in shard.places}
    ids = index.column("frame_id").to_pylist()
    index = index.append_column("shard", pa.array([found[one][0] for one in ids]))
    index = index.append_column("offset", pa.array([found[one][1].offset for one in ids]))
    index = index.append_column("length", pa.array([found[one][1].length for one in ids]))
    placed = [_placed(marks.get(one, []), found[one][1]) for one in ids]
    return index.append_column(MARKS, pa.array(placed, PLACED)), described


def _placed(marks: list[AnnotationRecord], place: Place) -> list[AnnotationRecord]:
    """Annotations with the places of their masks instead of these."""
    masks = iter(place.masks)
    placed = []
    for mark in marks:
        offset, length = next(masks) if has_mask(mark) else (None, None)
        kept = {name: mark[name] for name in TOLD}
        placed.append(kept | {"mask_offset": offset, "mask_length": length})
    return placed


def _samples(
    lake: Lake,
    index: pa.Table,
    version: int,
    codec: str,
    marks: dict[str, list[AnnotationRecord]],
    spool: IO[bytes],
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Index rows with their annotations, and images.

    Images lie in the lake as they were made, not as a release orders them: one pass over the
    table lays them down in a file of this machine, of about the release's own size. The masks of
    ``marks`` lie there already.
    """
    wanted = set(index.column("frame_id").to_pylist())
    places: dict[str, tuple[int, int]] = {}
    for batch in lake.batches("frames", ["frame_id", "image"], version):
        for frame_id, stored in zip(*(batch.column(n).to_pylist() for n in (0, 1)), strict=True):
            if frame_id in wanted:
                places[frame_id] = _spooled(spool, packed_image(stored, codec))
    for start in range(0, index.num_rows, ROWS_AT_ONCE):
        for row in index.slice(start, ROWS_AT_ONCE).to_pylist():
            mine = marks.get(row["frame_id"], [])
            whole = [mark | {"mask": mark["mask"] and _read(spool, mark["mask"])} for mark in mine]
            yield row | {MARKS: whole}, _read(spool, places[row["frame_id"]])


def _spooled(spool: IO[bytes], data: bytes) -> tuple[int, int]:
    try:
        start = spool.seek(0, io.SEEK_END)
        spool.write(data)
        spool.flush()  # what a full disk refuses is known here, and not when it is read
    except OSError as error:
        raise storage_error(error.errno, tempfile.gettempdir()) from None
    return start, len(data)


def _read(spool: IO[bytes], place: tuple[int, int]) -> bytes:
    spool.seek(place[0])
    return spool.read(place[1])


def _parquet(index: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(index, sink, compression="zstd", write_statistics=False)
    return sink.getvalue()
