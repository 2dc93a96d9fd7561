"""What deduplication compares, read from the lake: every frame's hashes, and its clip's rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate.compared_frames import COMPARED
from echoatlas.pipeline.deduplicate.exact import SOURCES
from echoatlas.pipeline.deduplicate.hamming import Flags, Rows
from echoatlas.pipeline.frames.phash import HASH_VERSION
from echoatlas.pipeline.lake.files import rows_in
from echoatlas.pipeline.lake.ids import Ids, SortedIds
from echoatlas.pipeline.lake.join import Column, coded, places
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.read.dicom.transfer_syntaxes import transfer_syntax
from echoatlas.pipeline.read.sniff import VIDEOS
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.values import Status

PICTURED = ("frame_id", "thumbnail")
MEASURED = ("hash", "version", "256", "places")  # how columns of ``measures`` end
FRAMES = (
    *("frame_id", "object_id", "site", "native_width", "native_height", "mm_per_px_x"),
    *("flags", "pane", "frame_index"),
)
MEASURES = ("frame_id", *(name for name, _ in COMPARED if name.endswith(MEASURED)))
OBJECTS = ("object_id", "format", "codec", "upload")
# Codecs of loose files that change pixels, or may; a video's does unless it is known not to.
LOSSY_PICTURES = frozenset({"jpeg", "webp", "heif", "avif", "jpegxl", "jpeg2000"})
LOSSLESS_VIDEO = frozenset({
    *("ffv1", "ffvhuff", "huffyuv", "lagarith", "magicyuv", "msrle", "png", "qtrle", "rawvideo"),
    *("utvideo", "v210", "v410", "zlib"),
})  # fmt: skip


def is_lossy(kind: str, codec: str) -> bool:
    """Whether an object's coding changed its pixels, or may have.

    Args:
        kind: its format, as told by content. codec: transfer syntax UID, or the codec's name.
    """
    if kind == "dicom":
        return transfer_syntax(codec).lossy
    return codec in LOSSY_PICTURES or (kind in VIDEOS and codec not in LOSSLESS_VIDEO)


@dataclass(frozen=True, slots=True)
class Some:
    """Some objects, and the files of each table in which their rows lie."""

    objects: pa.Array
    files: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class ComparedRows:
    """Rows of the lake, as far as deduplication asks, of some objects.

    Attributes:
        measures: with the ``file`` in which each lies.
    """

    frames: pa.Table
    measures: pa.Table
    objects: pa.Table

    @classmethod
    def read(cls, lake: Lake, some: Some) -> ComparedRows:
        """What the lake says of some objects."""
        return cls(
            _rows_of(lake, "frames", FRAMES, some),
            _rows_of(lake, "measures", MEASURES, some),
            _rows_of(lake, "objects", OBJECTS, some),
        )

    def with_more(self, other: ComparedRows) -> ComparedRows:
        """And those of others, none of which is among them."""
        return ComparedRows(
            pa.concat_tables([self.frames, other.frames]),
            pa.concat_tables([self.measures, other.measures]).unify_dictionaries(),
            pa.concat_tables([self.objects, other.objects]),
        )


def compared(rows: ComparedRows) -> pa.Table:
    """Every frame of some objects as deduplication wants to know it, with the rank of its clip, and
    the ``file`` in which its measures lie.

    Better is, in this order: more native pixels, no lossy coding, a known spacing, no calipers, a
    longer clip; then whatever comes first by the ids of upload, site, object and pane.
    """
    frames, measures = rows.frames, rows.measures
    if frames.column("frame_id") != measures.column("frame_id"):
        at = places(frames.column("frame_id"), measures.column("frame_id"))
        frames = frames.filter(pa.array(at >= 0))
        measures = measures.take(pa.array(at[at >= 0]))
    measures = of_today(measures)
    own = ("frame_id", "object_id", "pane", "frame_index")
    columns = {name: frames.column(name) for name in own}
    columns |= {name: measures.column(name) for name in MEASURES[1:]}
    columns["rank"] = pa.chunked_array([clip_ranks(frames, rows.objects)], pa.int64())
    table = pa.table({name: columns[name] for name, _ in COMPARED}, schema=pa.schema(COMPARED))
    return table.append_column("file", measures.column("file"))


def _rows_of(lake: Lake, name: str, columns: Sequence[str], some: Some) -> pa.Table:
    """A table's rows of some objects, each with its ``file``."""
    parts = [lake.located(name, columns).slice(0, 0)] if not some.files[name] else []
    objects = SortedIds.named(some.objects)
    for path in some.files[name]:
        rows = rows_in(lake.storage, name, path, columns, objects, "object_id")
        number = np.zeros(rows.num_rows, np.int32)
        where = pa.DictionaryArray.from_arrays(number, pa.array([path]))
        parts.append(rows.append_column("file", where))
    return pa.concat_tables(parts).unify_dictionaries()


def of_today(measures: pa.Table) -> pa.Table:
    """Measures without the hashes that another version made: such frames are compared once they are
    measured anew, since thumbnails change with hashes."""
    current = pc.equal(measures.column("hash_version"), HASH_VERSION)
    if pc.all(current).as_py() in (True, None):
        return measures
    for at, name in enumerate(measures.column_names):
        if name.endswith("256"):
            column = pc.if_else(current, measures.column(name), pa.scalar(b"", pa.binary()))
            measures = measures.set_column(at, name, column)
    return measures


def clip_ranks(frames: pa.Table, objects: pa.Table) -> Rows:
    """Of each frame the rank of its clip, from 1.

    Args:
        frames: the columns of ``FRAMES``. objects: those of ``OBJECTS``.
    """
    number, names = coded(frames.column("object_id"))
    pane = frames.column("pane").to_numpy()
    clips, clip = np.unique(number * (pane.max(initial=0) + 1) + pane, return_inverse=True)
    count = len(clips)
    own = np.empty(count, np.int64)
    own[clip[::-1]] = np.arange(len(clip))[::-1]  # each clip's first frame

    def most(values: NDArray[np.int64]) -> Rows:
        found = np.full(count, np.iinfo(np.int64).min)
        np.maximum.at(found, clip, values)
        return found

    wide, tall = (frames.column(name).to_numpy() for name in ("native_width", "native_height"))
    flagged, words = coded(frames.column("flags"))
    marked = pc.match_substring(words, "caliper").to_numpy(zero_copy_only=False)
    unscaled = frames.column("mm_per_px_x").is_null().to_numpy()
    lossy, upload = _of_objects(objects, names)
    order = np.lexsort(
        (
            pane[own],
            _places_in_order(names)[number[own]],
            -most(-_places_in_order(frames.column("site"))),
            upload[number[own]],
            -np.bincount(clip, minlength=count),
            most(marked[flagged].astype(np.int64)),
            most(unscaled.astype(np.int64)),
            lossy[number[own]],
            -most(wide.astype(np.int64) * tall),
        )
    )
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(1, count + 1)
    return np.asarray(rank[clip])


def _of_objects(objects: pa.Table, names: pa.Array) -> tuple[Rows, Rows]:
    """Of objects, by name, whether their coding is lossy, and the place of their first upload."""
    at = places(objects.column("object_id"), names)
    objects, at = objects.filter(pa.array(at >= 0)), at[at >= 0]
    lossy, told = np.zeros(len(names), np.int64), np.zeros(len(names), bool)
    told[at] = True
    np.maximum.at(lossy, at, _lossy(objects).astype(np.int64))
    upload = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(upload, at, _places_in_order(objects.column("upload")))
    return np.where(told, lossy, 1), upload


def _places_in_order(texts: Column) -> Rows:
    """The place of each text among the distinct ones, in order."""
    number, known = coded(texts)
    place = np.empty(len(known), np.int64)
    place[pc.array_sort_indices(known).to_numpy()] = np.arange(len(known))
    return np.asarray(place[number])


def sources(lake: Lake) -> pa.Table:
    """The file, the coded pictures and the SOP instance of every kept object, once each."""
    names = [name for name, _ in SOURCES]
    # Not asked of the lake: it would first tell each file's expressions, and then read them all
    objects = lake.read("objects", [*names, "status"])
    objects = objects.filter(pc.equal(objects.column("status"), Status.KEPT)).select(names)
    ids = Ids.of(objects.column("object_id").chunks)
    if not SortedIds.of(ids).alike:  # as ever, but where a run was cut off between two tables
        return objects
    largest = objects.group_by("object_id").aggregate([(name, "max") for name in names[1:]])
    return largest.select(["object_id", *(f"{name}_max" for name in names[1:])]).rename_columns(
        names
    )


def _lossy(objects: pa.Table) -> Flags:
    """Whether the coding of objects is lossy; codings are few, objects are many."""
    kinds, codecs = (coded(objects.column(name)) for name in ("format", "codec"))
    both = kinds[0] * len(codecs[1]) + codecs[0]
    every, of = np.unique(both, return_inverse=True)
    told = [
        is_lossy(kinds[1][kind].as_py(), codecs[1][codec].as_py())
        for kind, codec in (divmod(int(one), len(codecs[1])) for one in every)
    ]
    return np.asarray(np.array(told, bool)[of])


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """The thumbnails of frames, read where they are needed; nobody else's are held in memory.

    Attributes:
        files: of ``measures``, in which alone they are looked for; None: in all.
    """

    storage: Storage
    files: tuple[str, ...] | None = None

    def __call__(self, ids: Sequence[str]) -> list[bytes]:
        if not ids:
            return []
        wanted = pa.array(ids, pa.string())
        if self.files is None:
            some = pc.field("frame_id").isin(wanted)
            found = Lake(self.storage).read("measures", PICTURED, some)
        else:
            ordered = SortedIds.named(wanted)
            parts = (
                rows_in(self.storage, "measures", path, PICTURED, ordered, "frame_id")
                for path in self.files
            )
            found = pa.concat_tables(parts)
        by_id = dict(zip(*(found.column(n).to_pylist() for n in PICTURED), strict=True))
        return [by_id[one] for one in ids]
