"""What is joined with what: codes of all clips, and of a run's own those alone that are new.

A clip is an exact copy, and takes no further part, if its stored pixels equal another's in each
frame, or if its file is the same, or the coded pictures in it are (``exact``). Of the others, every
frame's hash of the fan and of the whole stored image is joined with all; mirrors and the views
under which a fan may be found in a copy are asked of some frames of each clip.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import exact
from echoatlas.pipeline.deduplicate.clips import Clips, Match
from echoatlas.pipeline.deduplicate.hamming import Flags, Ids, Rows
from echoatlas.pipeline.deduplicate.similarity import Warp, framing
from echoatlas.pipeline.frames.phash import VIEWS
from echoatlas.schemas.values import FoundBy

FAN, MIRROR = 0, 1  # kinds of codes; views come after
MIRRORS_EVERY, VIEWS_EVERY = 4, 8  # frames of a clip
CODE = 32  # bytes

COMPARED = (
    ("frame_id", pa.string()),
    ("object_id", pa.string()),
    ("pane", pa.int64()),
    ("frame_index", pa.int64()),
    ("pixel_hash", pa.string()),
    ("hash_version", pa.string()),
    ("fan_phash256", pa.binary()),
    ("mirror_phash256", pa.binary()),
    ("frame_phash256", pa.binary()),
    ("view_phash256", pa.binary()),
    ("rank", pa.int64()),
)


@dataclass(frozen=True, slots=True)
class Index:
    """All frames, clip by clip and in each in order.

    Attributes:
        clip: (N,) number of each frame's clip.
        names: (C,) of the clips: object and pane.
        ranks: (C,) lower is better.
        digests: (C,) of all that decides what a clip is near to.
        first: (C,) the best clip that it is an exact copy of; itself for most.
        pixels, contents, streams, instances: (C,) numbers, equal for clips with the same stored
            pixels, file, coded pictures, SOP instance; below 0 where nothing is known of it.
    """

    frames: pa.Table
    clips: Clips
    clip: Ids
    names: tuple[str, ...]
    ranks: Rows
    digests: tuple[str, ...]
    first: Rows
    pixels: Rows
    contents: Rows
    streams: Rows
    instances: Rows

    def exact_by(self, clip: int) -> str:
        """What says that a clip is an exact copy; empty if it is none."""
        first = int(self.first[clip])
        if first == clip:
            return ""
        if self.pixels[first] == self.pixels[clip]:
            return FoundBy.PIXELS
        same = 0 <= self.contents[clip] == self.contents[first]
        return FoundBy.BYTES if same else FoundBy.CODESTREAM


@dataclass(frozen=True, slots=True)
class Codes:
    """What one join takes: codes, the rows of the frames they are of, and of which kind."""

    codes: NDArray[np.uint8]
    rows: Rows
    kinds: NDArray[np.int16]

    @property
    def probes(self) -> Flags:
        """Which are changed views."""
        return np.asarray(self.kinds != FAN)


def clip_name(object_id: str, pane: int) -> str:
    """The name of one scanned area of an object."""
    return f"{object_id}/{pane}"


def indexed(frames: pa.Table, sources: pa.Table | None = None) -> Index:
    """Put frames in order, and tell their clips.

    Args:
        frames: the columns of ``COMPARED``; ranks are equal within a clip, or the least counts.
        sources: the columns of ``SOURCES`` for each object of which any is known, an object once.
    """
    keys = ("object_id", "pane", "frame_index", "frame_id")
    frames = frames.sort_by([(key, "ascending") for key in keys]).combine_chunks()
    objects = frames.column("object_id").combine_chunks().dictionary_encode()
    places = objects.indices.to_numpy(zero_copy_only=False)
    panes = frames.column("pane").to_numpy()
    count = frames.num_rows
    new = np.ones(count, bool)
    new[1:] = (places[1:] != places[:-1]) | (panes[1:] != panes[:-1])
    starts = np.append(np.flatnonzero(new), count)
    clip = (np.cumsum(new) - 1).astype(np.int32)
    begun = starts[:-1]
    named = objects.dictionary.take(pa.array(places[begun])).to_pylist()
    names = tuple(clip_name(*both) for both in zip(named, panes[begun].tolist(), strict=True))
    ranks = np.minimum.reduceat(frames.column("rank").to_numpy(), begun) if count else begun
    clips = Clips(starts, frames.column("frame_index").to_numpy())
    origins = exact.origins(named, sources)
    digests, hashes = _digests(frames, starts, origins)
    pixels = exact.numbered(hashes)
    contents, streams, instances = exact.numbers(named, panes[begun], clips, origins)
    first = exact.first(ranks, pixels, contents, streams)
    return Index(
        frames, clips, clip, names, ranks, digests, first, pixels, contents, streams, instances
    )


def _digests(
    frames: pa.Table, starts: Rows, origins: list[tuple[str, ...]]
) -> tuple[tuple[str, ...], list[bytes]]:
    """Of each clip, a digest of all that decides what it is near to, and one of its pixels."""
    decisive = ("frame_id", "frame_index", "hash_version", "fan_phash256", "frame_phash256")
    every = [_spans(frames.column(name), starts) for name in decisive]
    if every[0]:
        every.append(["\0".join(one).encode() for one in origins])
    digests = [
        hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()
        for parts in zip(*every, strict=True)
    ]
    pixels = _spans(frames.column("pixel_hash"), starts)
    return tuple(digests), [hashlib.blake2b(one, digest_size=16).digest() for one in pixels]


def _spans(column: pa.ChunkedArray, starts: Rows) -> list[bytes]:
    """The values of each clip's frames, one after the other."""
    whole = column.combine_chunks()
    if not len(whole):
        return []
    if pa.types.is_integer(whole.type):
        data = memoryview(np.ascontiguousarray(whole.to_numpy()).tobytes())
        ends = starts * 8
    else:
        offsets = np.frombuffer(whole.buffers()[1], np.int32)[whole.offset :]
        data, ends = memoryview(whole.buffers()[2] or b""), offsets[starts].astype(np.int64)
    return [bytes(data[a:b]) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]


def joins(index: Index, *, mirrors: bool) -> Iterator[Codes]:
    """What is to be joined: the fans' hashes, with mirrors and views; the whole images' hashes.

    Hashes of two versions never meet: each version is joined by itself.
    """
    frames = index.frames
    versions = frames.column("hash_version").combine_chunks().dictionary_encode()
    version = versions.indices.to_numpy(zero_copy_only=False)
    place = np.arange(frames.num_rows) - index.clips.starts[index.clip]
    distinct = index.first[index.clip] == index.clip
    sizes = _lengths(frames, "fan_phash256")
    usable = distinct & (sizes == CODE)  # a frame too flat to hash has empty hashes
    for number in range(len(versions.dictionary)):
        rows = np.flatnonzero(usable & (version == number))
        parts = [(rows, _codes(frames, "fan_phash256", rows), FAN)]
        if mirrors:
            some = rows[place[rows] % MIRRORS_EVERY == 0]
            parts.append((some, _codes(frames, "mirror_phash256", some), MIRROR))
        some = rows[place[rows] % VIEWS_EVERY == 0]
        some = some[_lengths(frames, "view_phash256")[some] == CODE * len(VIEWS)]
        views = _codes(frames, "view_phash256", some, len(VIEWS))
        for view in range(len(VIEWS)):
            codes = np.ascontiguousarray(views[:, view * CODE : (view + 1) * CODE])
            parts.append((some, codes, MIRROR + 1 + view))
        yield _joined(parts)
        yield _joined([(rows, _codes(frames, "frame_phash256", rows), FAN)])


def _joined(parts: list[tuple[Rows, NDArray[np.uint8], int]]) -> Codes:
    kinds = np.concatenate([np.full(len(rows), kind, np.int16) for rows, _, kind in parts])
    rows = np.concatenate([rows for rows, _, _ in parts])
    return Codes(np.concatenate([codes for _, codes, _ in parts]), rows, kinds)


def _lengths(frames: pa.Table, name: str) -> Rows:
    column = frames.column(name).combine_chunks()
    offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset :][: len(column) + 1]
    return np.diff(offsets).astype(np.int64) if len(column) else np.empty(0, np.int64)


def _codes(frames: pa.Table, name: str, rows: Rows, times: int = 1) -> NDArray[np.uint8]:
    taken = frames.column(name).take(pa.array(rows)).combine_chunks()
    joined = b"".join(taken.to_pylist()) if len(rows) else b""
    return np.frombuffer(joined, np.uint8).reshape(len(rows), times * CODE)


@dataclass(frozen=True, slots=True)
class Found:
    """Candidate pairs of frames: (M,) rows, distance in bits, and kind of the second's code."""

    one: Rows
    other: Rows
    distance: Rows
    kind: NDArray[np.int16]

    @classmethod
    def of(cls, codes: Codes, pairs: Rows) -> Found:
        """What pairs of codes say of frames; a probe's frame is always the second."""
        low, high = pairs[:, 0], pairs[:, 1]
        swapped = codes.kinds[low] != FAN
        one, other = np.where(swapped, high, low), np.where(swapped, low, high)
        return cls(codes.rows[one], codes.rows[other], pairs[:, 2], codes.kinds[other])


def same_instances(index: Index, fresh: Flags) -> Found:
    """Frames of clips of one SOP instance: each clip's with the best one's, place by place.

    Args:
        fresh: (C,) of clips known before none is paired with another.
    """
    pairs = [
        (int(index.clips.starts[best]), int(index.clips.starts[clip]), index.clips.length(clip))
        for best, clip in instance_pairs(index, fresh)
    ]
    steps = [np.arange(length) for *_, length in pairs]
    empty = [np.empty(0, np.int64)]
    one = np.concatenate([step + a for step, (a, _, _) in zip(steps, pairs, strict=True)] or empty)
    other = np.concatenate(
        [step + b for step, (_, b, _) in zip(steps, pairs, strict=True)] or empty
    )
    return Found(one, other, np.zeros(len(one), np.int64), np.full(len(one), FAN, np.int16))


def instance_pairs(index: Index, fresh: Flags) -> list[tuple[int, int]]:
    """The best clip of each SOP instance with each other that is no exact copy of it."""
    known = np.flatnonzero((index.instances >= 0) & (index.first == np.arange(len(index.ranks))))
    best: dict[int, int] = {}
    pairs = []
    for clip in known[np.lexsort((known, index.ranks[known]))].tolist():
        head = best.setdefault(int(index.instances[clip]), clip)
        if head != clip and (fresh[head] or fresh[clip]):
            pairs.append((head, clip))
    return pairs


def matches(index: Index, found: list[Found]) -> list[Match]:
    """Candidate pairs by pairs of clips, mirrored ones apart, in the order of the clips."""
    one = np.concatenate([part.one for part in found])
    other = np.concatenate([part.other for part in found])
    distance = np.concatenate([part.distance for part in found])
    kind = np.concatenate([part.kind for part in found])
    a, b = index.clip[one].astype(np.int64), index.clip[other].astype(np.int64)
    lengths = np.diff(index.clips.starts)
    # The longer clip first; of equally long ones the better one
    worse = (lengths[a] < lengths[b]) | (
        (lengths[a] == lengths[b])
        & ((index.ranks[a] > index.ranks[b]) | ((index.ranks[a] == index.ranks[b]) & (a > b)))
    )
    longer, shorter = np.where(worse, b, a), np.where(worse, a, b)
    there, here = np.where(worse, other, one), np.where(worse, one, other)
    mirrored = kind == MIRROR
    order = np.lexsort((kind, distance, here, there, mirrored, shorter, longer))
    keys = np.stack([longer, shorter, mirrored], axis=1)[order]
    if not len(keys):
        return []
    begun = np.flatnonzero(np.append(True, (keys[1:] != keys[:-1]).any(axis=1)))
    made = []
    for start, stop in zip(begun, np.append(begun[1:], len(keys)), strict=True):
        part = order[start:stop]
        made.append(
            Match(
                longer=int(keys[start, 0]),
                shorter=int(keys[start, 1]),
                mirrored=bool(keys[start, 2]),
                rows=np.stack([there[part], here[part]], axis=1),
                distance=distance[part],
                start=_start(kind[part], distance[part], worse[part]),
            )
        )
    return made


def _start(kind: NDArray[np.int16], distance: Rows, worse: Flags) -> Warp | None:
    """From which framing to start: that of the nearest view, where no plain hash is as near."""
    nearest = int(np.argmin(distance))
    if kind[nearest] <= MIRROR:
        return None
    warp = framing(VIEWS[kind[nearest] - MIRROR - 1])
    if worse[nearest]:  # it was the longer clip's picture that was cropped
        return np.asarray(cv2.invertAffineTransform(warp), np.float32)
    return warp
