"""What is joined with what: codes of all clips, and of a run's own those alone that are new.

A clip is an exact copy, and takes no further part, if its stored pixels equal another's in each
frame, or if its file is the same, or the coded pictures in it are (``exact``). Of the others, every
frame's hash of the fan and of the whole stored image is joined with all. Of some frames of each
clip mirrors are asked, and places of the picture that no fan decides; where there are none, the
views under which a fan may be found in a copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import exact, text_kernels
from echoatlas.pipeline.deduplicate.clips import Clips
from echoatlas.pipeline.deduplicate.columns import (
    States,
    add_column,
    codes_at,
    numbered,
    sizes_of,
    states,
)
from echoatlas.pipeline.deduplicate.compared_frames import Frames, SomeFrames
from echoatlas.pipeline.deduplicate.framing import Framing
from echoatlas.pipeline.deduplicate.hamming import Flags, Ids, Rows
from echoatlas.pipeline.frames.landmarks import EVERY, FULL
from echoatlas.pipeline.frames.phash import VIEWS
from echoatlas.pipeline.lake.join import coded
from echoatlas.schemas.values import FoundBy

FAN, MIRROR = 0, 1  # kinds of codes; views come after
MARK, MARK_MIRROR = 100, 101  # landmarks, and mirrored ones
MIRRORS_EVERY = 8  # frames of a clip
CODE = 32  # bytes
MIRRORED_MARKS = 6  # of a frame's landmarks, that mirrors are looked for by


@dataclass(frozen=True, slots=True)
class Index:
    """All frames, clip by clip and in each in order: a row is a place in that order.

    Attributes:
        frames: the columns of ``compared_frames.COMPARED``, as they came, and perhaps ``file``.
        order: (N,) of each row, where it stands in ``frames``.
        clip: (N,) number of each row's clip.
        objects, panes, names: (C,) of the clips; a name is object and pane.
        ranks: (C,) lower is better.
        digests: (C, 2) of all that decides what a clip is near to.
        first: (C,) the best clip that it is an exact copy of; itself for most.
        pixels, contents, streams, instances: (C,) numbers, equal for clips with the same stored
            pixels, file, coded pictures, SOP instance; below 0 where nothing is known of it.
    """

    frames: Frames
    order: Rows
    clips: Clips
    clip: Ids
    objects: pa.Array
    panes: Rows
    names: pa.Array
    ranks: Rows
    digests: States
    first: Rows
    pixels: Rows
    contents: Rows
    streams: Rows
    instances: Rows

    @property
    def distinct(self) -> Flags:
        """(C,) which clips are nobody's exact copies."""
        return np.asarray(self.first == np.arange(len(self.first)))

    def column(self, name: str, rows: Rows | slice = slice(None)) -> pa.Array:
        """A column of the frames, by rows."""
        return SomeFrames(self.frames, pa.array(self.order[rows])).column(name).combine_chunks()

    def ids(self, clip: int) -> tuple[str, ...]:
        """The ids of a clip's frames, in order."""
        span = slice(int(self.clips.starts[clip]), int(self.clips.starts[clip + 1]))
        return tuple(self.column("frame_id", span).to_pylist())

    def files(self, clips: Sequence[int]) -> tuple[str, ...] | None:
        """The files in which the measures of some clips lie, if that is known."""
        if "file" not in self.frames.column_names:
            return None
        spans = [np.arange(*self.clips.starts[clip : clip + 2]) for clip in clips]
        there = self.column("file", np.concatenate(spans)).unique()
        return tuple(sorted(there.cast(pa.string()).to_pylist()))

    def exact_by(self, clips: Rows) -> list[FoundBy]:
        """What says that exact copies are such."""
        first = self.first[clips]
        told = np.where(
            self.pixels[first] == self.pixels[clips],
            0,
            np.where(
                (self.contents[clips] >= 0) & (self.contents[clips] == self.contents[first]), 1, 2
            ),
        )
        return [EXACT[way] for way in told]


EXACT = (FoundBy.PIXELS, FoundBy.BYTES, FoundBy.CODESTREAM)


@dataclass(frozen=True, slots=True)
class Codes:
    """What one join takes: codes, the rows of the frames they are of, and of which kind.

    Attributes:
        places: (N, 4) of landmarks, as they are stored; None for other codes.
    """

    codes: NDArray[np.uint8]
    rows: Rows
    kinds: NDArray[np.int16]
    places: NDArray[np.uint16] | None = None

    def placed(self, some: Rows) -> Framing | None:
        """Where some landmarks lie, as of ``framing.of_places``; None of other codes."""
        return None if self.places is None else self.places[some] / np.float64(FULL)

    @property
    def probes(self) -> Flags:
        """Which are changed views."""
        return np.asarray((self.kinds != FAN) & (self.kinds != MARK))


def indexed(frames: Frames, sources: pa.Table | None = None) -> Index:
    """Put frames in order, and tell their clips.

    Args:
        frames: the columns of ``compared_frames.COMPARED``; ranks are equal within a clip, or the
            least counts.
        sources: the columns of ``SOURCES`` for each object of which any is known, an object once.
    """
    count = frames.num_rows
    object_of, known = coded(frames.column("object_id"))
    by_name = pc.array_sort_indices(known).to_numpy()
    place = np.empty(len(known), np.int64)
    place[by_name] = np.arange(len(known))
    pane, number = (frames.column(name).to_numpy() for name in ("pane", "frame_index"))
    keys = np.stack([place[object_of], pane, number]) if count else np.empty((3, 0), np.int64)
    order = _ordered(keys, frames.column("frame_id"))
    keys = keys[:, order]
    new = np.ones(count, bool)
    new[1:] = (keys[:2, 1:] != keys[:2, :-1]).any(axis=0)
    begun = np.flatnonzero(new)
    starts = np.append(begun, count)
    objects, panes = known.take(pa.array(by_name[keys[0, begun]])), keys[1, begun]
    ranks = frames.column("rank").to_numpy()[order]
    ranks = np.minimum.reduceat(ranks, begun) if count else begun
    clips = Clips(starts, keys[2].copy())  # the other two are not kept
    origins = exact.origins(objects, sources)
    contents, streams, instances = exact.source_numbers(objects, panes, clips, origins)
    pixels = numbered(_folded(frames, ("pixel_hash",), order, starts))
    return Index(
        frames=frames,
        order=order,
        clips=clips,
        clip=(np.cumsum(new) - 1).astype(np.int32),
        objects=objects,
        panes=panes,
        names=pc.binary_join_element_wise(objects, pa.array(panes).cast(pa.string()), "/"),
        ranks=ranks,
        digests=_digests(frames, order, starts, origins),
        first=exact.first(ranks, pixels, contents, streams),
        pixels=pixels,
        contents=contents,
        streams=streams,
        instances=instances,
    )


def clip_by_clip(index: Index, number: int) -> Iterator[SomeFrames]:
    """The frames of an index in parts, each of whole clips: about so many frames, at least one
    part. Clips come as their first frames lie, so that each part is read from one place."""
    starts = index.clips.starts
    by_place = np.argsort(index.order[starts[:-1]])
    end = np.cumsum(np.diff(starts)[by_place])
    part = np.empty(len(by_place), np.int64)
    part[by_place] = np.maximum(end - 1, 0) // number
    of = part[index.clip]
    for one in np.unique(of).tolist() or [0]:
        yield SomeFrames(index.frames, pa.array(np.sort(index.order[of == one])))


def _ordered(keys: NDArray[np.int64], ids: pa.ChunkedArray) -> Rows:
    """The order by several keys, the first first, and then by the ids."""
    order = np.arange(keys.shape[1])
    if not _in_order(keys):
        order = np.lexsort(keys[::-1])
    same = (keys[:, order[1:]] == keys[:, order[:-1]]).all(axis=0)
    if same.any():  # rare: ids are texts, and costly to sort
        rank = np.empty(len(order), np.int64)
        rank[pc.sort_indices(ids).to_numpy()] = np.arange(len(order))
        order = np.lexsort((rank, *keys[::-1]))
    return np.asarray(order)


def _in_order(keys: NDArray[np.int64]) -> bool:
    """Whether rows come in their order already, as those that one worker wrote do."""
    if not keys.shape[1]:
        return True
    step = np.zeros(keys.shape[1] - 1, np.int64)
    for key in keys:
        step = np.where(step == 0, np.sign(np.diff(key)), step)
    return bool((step >= 0).all())


def _folded(frames: Frames, columns: tuple[str, ...], order: Rows, starts: Rows) -> States:
    """A digest a clip of some columns of all its frames."""
    rows = states(frames.num_rows)
    for name in columns:
        add_column(rows, frames.column(name))
    return np.asarray(text_kernels.folded_hash(rows, order, starts))


def pixel_digests(index: Index) -> States:
    """(C, 2) of each clip's stored pixels."""
    return _folded(index.frames, ("pixel_hash",), index.order, index.clips.starts)


def _digests(frames: Frames, order: Rows, starts: Rows, origins: exact.Origins) -> States:
    decisive = ("frame_id", "frame_index", "hash_version", "fan_phash256", "frame_phash256")
    made = _folded(frames, decisive, order, starts)
    for column in origins.columns:
        add_column(made, column)
    return made


def joins(index: Index, *, mirrors: bool) -> Iterator[Codes]:
    """What is to be joined: the fans' hashes, with mirrors and views; the whole images' hashes; and
    those of landmarks.

    Hashes of two versions never meet: each version is joined by itself.
    """
    of_frames, known = coded(index.frames.column("hash_version"))
    version = of_frames.astype(np.int16)[index.order]
    del of_frames
    distinct = index.distinct[index.clip]
    hashed = _there(index, "fan_phash256")  # a frame too flat to hash has empty hashes
    for number in range(len(known)):
        own = distinct & (version == number)
        rows = np.flatnonzero(own & hashed)
        yield _fans(index, rows, mirrors=mirrors)
        whole = codes_at(index.frames.column("frame_phash256"), CODE, index.order[rows])
        yield Codes(whole, rows, np.full(len(rows), FAN, np.int16))
        del whole  # before the next is made, as below
        yield _landmarks(index, np.flatnonzero(own), mirrors=mirrors)


def _there(index: Index, name: str) -> Flags:
    """(N,) of which frames there is a hash."""
    return np.asarray(sizes_of(index.frames.column(name))[index.order] > 0)


def _fans(index: Index, rows: Rows, *, mirrors: bool) -> Codes:
    """The fans of some frames; of a few of each clip mirrors, and views where are no landmarks."""
    place = rows - index.clips.starts[index.clip[rows]]
    some = rows[place % MIRRORS_EVERY == 0] if mirrors else rows[:0]
    seen = rows[place % EVERY == 0]
    seen = seen[_there(index, "view_phash256")[seen] & ~_there(index, "landmark_phash256")[seen]]
    sizes = [len(rows), len(some), *[len(seen)] * len(VIEWS)]
    codes = np.empty((sum(sizes), CODE), np.uint8)
    begun = 0
    for name, chosen in (("fan_phash256", rows), ("mirror_phash256", some)):
        into = codes[begun : begun + len(chosen)]
        codes_at(index.frames.column(name), CODE, index.order[chosen], into=into)
        begun += len(chosen)
    views = index.frames.column("view_phash256") if len(seen) else pa.chunked_array([], pa.binary())
    each = codes_at(views, CODE * len(VIEWS), index.order[seen]).reshape(-1, len(VIEWS), CODE)
    codes[begun:] = each.transpose(1, 0, 2).reshape(-1, CODE)
    kinds = np.array([FAN, MIRROR, *range(MIRROR + 1, MIRROR + 1 + len(VIEWS))], np.int16)
    every = np.concatenate([rows, some, np.tile(seen, len(VIEWS))])
    return Codes(codes, every, np.repeat(kinds, sizes))


def _landmarks(index: Index, rows: Rows, *, mirrors: bool) -> Codes:
    """All landmarks of some frames, as they are and, of a few of each frame, mirrored."""
    frames, size = index.order[rows], 2 * CODE
    column = index.frames.column("landmark_phash256")
    counts = sizes_of(column)[frames] // size
    few = np.minimum(counts, MIRRORED_MARKS if mirrors else 0)
    plain, every = int(counts.sum()), int(counts.sum() + few.sum())
    codes, places = np.empty((every, CODE), np.uint8), np.empty((every, 8), np.uint8)
    codes_at(column, size, frames, counts, codes[:plain], slice(CODE))
    codes_at(column, size, frames, few, codes[plain:], slice(CODE, None))
    del column  # before the next is there
    column = index.frames.column("landmark_places")
    codes_at(column, 8, frames, counts, places[:plain])
    codes_at(column, 8, frames, few, places[plain:])
    of = np.concatenate([np.repeat(rows, counts), np.repeat(rows, few)])
    kinds = np.repeat(np.array([MARK, MARK_MIRROR], np.int16), [plain, every - plain])
    return Codes(codes, of, kinds, places.view("<u2"))
