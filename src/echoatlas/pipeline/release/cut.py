"""Workers cut shards: they read the files of the lake, and write shards beside the releases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.frames.clip_codec import encode_clip
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.frames.png import encode_png
from echoatlas.pipeline.lake.files import rows_in
from echoatlas.pipeline.lake.ids import SortedIds
from echoatlas.pipeline.lake.join import places as among_known
from echoatlas.pipeline.release.annotations import mask_ending
from echoatlas.pipeline.release.cutting import SLEPT
from echoatlas.pipeline.release.shard import ENDINGS, packed_image
from echoatlas.pipeline.release.tar import PackedSample, Tar, one_shard, packed_shards, shard_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.release.cutting import Cutting
    from echoatlas.pipeline.storage.storage import Storage

OVERLAY, PATCHES = "overlay.png", "patches"
CLIP_OVERLAY, CLIP_PATCHES = "overlay.eac", "patches.eac"
PATCH_SIDE = 16  # of a patch map
CUTS = "_cuts/"  # what workers did of a release that is not published yet
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "frames": ("frame_id", "image", "overlay"),
    "details": ("frame_id", "image", "overlay"),
    "measures": ("frame_id", "patch_map"),
    "annotations": ("frame_id", "annotation_id", "kind", "name", "mask", "mask_native"),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How samples become members of a shard.

    Attributes:
        codec: ``clip``, or that of single frames.
        version: of this recipe: another one may write other bytes of the same samples.
    """

    codec: str
    size: str
    version: int = 1

    @property
    def pictures(self) -> str:
        """The table that has them."""
        return "details" if self.size == "native" else "frames"

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables of the lake that samples are made of."""
        return self.pictures, "measures", "annotations"


@dataclass(frozen=True, slots=True)
class CutTask:
    """Samples to be cut into shards, in order.

    Attributes:
        frames: ids of all frames, sample after sample. counts: (k,) how many a sample has.
        payload: of each sample, 16 bytes one after the other.
        ends: (k,) whether a group of patients ends with the sample.
        files: table to the files of the lake in which rows of these frames lie.
        least: size of a shard, bytes; 0 makes one shard of all samples, whatever its size.
        leave: asked before each shard is written.
    """

    number: int
    lake: Storage
    releases: Storage
    recipe: Recipe
    frames: tuple[str, ...]
    counts: NDArray[np.int64]
    payload: bytes
    ends: NDArray[np.bool_]
    files: Mapping[str, tuple[str, ...]]
    least: int
    leave: Cutting

    def split(self) -> tuple[CutTask, ...]:
        """Never: halves would make other shards."""
        return ()

    @property
    def key(self) -> str:
        """Where it is written down what came of it."""
        how = [self.recipe.codec, self.recipe.size, self.recipe.version, self.least]
        told = json.dumps([*how, *self.frames])
        digest = hashlib.sha256(told.encode() + self.payload + self.ends.tobytes())
        digest.update(self.counts.tobytes())
        return f"{CUTS}{digest.hexdigest()[:32]}.json"


@dataclass(frozen=True, slots=True)
class CutShard:
    """A shard that a worker wrote.

    Attributes:
        places: of each sample, in order: offset and size of its image, sizes of overlay and map.
        digests: of each sample, one after the other, in hexadecimal.
    """

    file: str
    sha256: str
    bytes: int
    places: tuple[tuple[int, int, int, int], ...]
    digests: str


def cut_shards(task: CutTask) -> tuple[CutShard, ...]:
    """Cut samples into shards, and write those that are not there yet.

    What came of it is written down, so that whoever was killed and starts again goes on from here.

    Raises:
        UsageError: an erasure has begun.
    """
    done = _done_before(task)
    if done is not None:
        return done
    made = []
    samples = _samples(task)
    tars = packed_shards(samples, task.least) if task.least else iter([one_shard(list(samples))])
    for tar in tars:
        made.append(_written(task, tar))
    told = [[one.file, one.sha256, one.bytes, one.places, one.digests] for one in made]
    task.releases.write(task.key, json.dumps(told).encode())
    return tuple(made)


def _done_before(task: CutTask) -> tuple[CutShard, ...] | None:
    try:
        told: list[Any] = json.loads(task.releases.read(task.key))
        made = tuple(
            CutShard(
                file, sha256, size, tuple((a, b, c, d) for a, b, c, d in places), digests
            )
            for file, sha256, size, places, digests in told
        )  # fmt: skip
    except (FileNotFoundError, ValueError):  # or of a version that wrote down less
        return None
    return made if all(task.releases.exists(one.file) for one in made) else None


def _written(task: CutTask, tar: Tar) -> CutShard:
    data = tar.closed()
    key, digest = shard_key(data)
    if not task.releases.exists(key):
        task.leave.demand()
        task.releases.write(key, data)
        if task.leave.slept():  # between the two: nobody looked at what lies there now
            task.releases.delete([key])
            raise UsageError(SLEPT)
    return CutShard(key, digest, len(data), tuple(tar.places), tar.digests.hex())


def _samples(task: CutTask) -> Iterator[PackedSample]:
    """The samples of a task, in order, each from the rows of its frames."""
    rows = _FrameRows.of(task)
    members = _frame if task.recipe.codec != "clip" else _clip
    start = 0
    for number, count in enumerate(task.counts.tolist()):
        made = members(rows, range(start, start + count), task.recipe)
        yield PackedSample(task.frames[start], tuple(made), bool(task.ends[number]))
        start += count


@dataclass(frozen=True, slots=True)
class _FrameRows:
    """What a task's frames have in the lake, by their number in the task."""

    images: pa.ChunkedArray
    overlays: pa.ChunkedArray
    patch_maps: list[bytes]
    masks: list[list[bytes]]

    @staticmethod
    def of(task: CutTask) -> _FrameRows:
        """Read them of the lake's files.

        Raises:
            FileNotFoundError: the lake has not got all of them.
        """
        ids = pa.array(task.frames, pa.string())
        ordered = SortedIds.named(ids)
        pictures = _rows(task, task.recipe.pictures, ordered)
        at = among_known(ids, pictures.column("frame_id"))
        if (at < 0).any():
            raise FileNotFoundError("the lake does not hold all frames of the release")
        pictures = pictures.take(pa.array(at))
        maps = _rows(task, "measures", ordered)
        known = [*maps.column("patch_map").to_pylist(), b""]  # -1 is the last: there is none
        masks = _masks(_rows(task, "annotations", ordered), task.recipe.size)
        return _FrameRows(
            pictures.column("image"),
            pictures.column("overlay"),
            [known[one] for one in among_known(ids, maps.column("frame_id")).tolist()],
            [masks.get(one, []) for one in task.frames],
        )


def _frame(rows: _FrameRows, frames: range, recipe: Recipe) -> list[tuple[str, bytes]]:
    (one,) = frames
    overlay = rows.overlays[one].as_py()
    return [
        (ENDINGS[recipe.codec], packed_image(rows.images[one].as_py(), recipe.codec)),
        (OVERLAY, encode_png(decode(overlay) * np.uint8(255)) if overlay else b""),
        (PATCHES, rows.patch_maps[one]),
        *((mask_ending(place), mask) for place, mask in enumerate(rows.masks[one])),
    ]


def _clip(rows: _FrameRows, frames: range, recipe: Recipe) -> list[tuple[str, bytes]]:
    pictures = [decode(rows.images[one].as_py()) for one in frames]
    stored = [rows.overlays[one].as_py() for one in frames]
    nothing = np.zeros(pictures[0].shape[:2], np.uint8)
    overlays = [decode(one) * np.uint8(255) if one else nothing for one in stored]
    maps = [np.frombuffer(rows.patch_maps[one], np.uint8) for one in frames]
    full = all(one.size == PATCH_SIDE**2 for one in maps)
    drawn = [mask for one in frames for mask in rows.masks[one]]
    return [
        (ENDINGS[recipe.codec], encode_clip(pictures)),
        (CLIP_OVERLAY, encode_clip(overlays) if any(stored) else b""),
        (
            CLIP_PATCHES,
            encode_clip([one.reshape(PATCH_SIDE, PATCH_SIDE) for one in maps]) if full else b"",
        ),
        *((mask_ending(place), mask) for place, mask in enumerate(drawn)),
    ]


def _rows(task: CutTask, table: str, ids: SortedIds) -> pa.Table:
    columns = COLUMNS[table]
    parts = [
        rows_in(task.lake, table, path, columns, ids, "frame_id")
        for path in task.files.get(table, ())
    ]
    if not parts:
        return pa.table({name: pa.array([], pa.string()) for name in columns})
    return pa.concat_tables(parts)


def _masks(rows: pa.Table, size: str) -> dict[str, list[bytes]]:
    """Frame id to its masks, in the order of its annotations."""
    name = "mask_native" if size == "native" else "mask"
    drawn = rows.filter(pc.greater(pc.binary_length(rows.column(name)), 0))
    order = [(one, "ascending") for one in ("frame_id", "kind", "name", "annotation_id")]
    found: dict[str, list[bytes]] = {}
    for row in drawn.sort_by(order).select(["frame_id", name]).to_pylist():
        found.setdefault(row["frame_id"], []).append(row[name])
    return found
