"""What is joined with what: codes of all clips, and of a run's own those alone that are new.

A clip is an exact copy, and takes no further part, if its stored pixels equal another's in each
frame, or if its file is the same, or the coded pictures in it are (``exact``). Of the others, every
frame's hash of the fan and of the whole stored image is joined with all; mirrors and the views
under which a fan may be found in a copy are asked of some frames of each clip, and so are places of
the picture that no fan decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import exact
from echoatlas.pipeline.deduplicate.clips import Clips
from echoatlas.pipeline.deduplicate.framing import Framing
from echoatlas.pipeline.deduplicate.hamming import Flags, Ids, Rows
from echoatlas.pipeline.frames.landmarks import FULL
from echoatlas.pipeline.frames.phash import VIEWS
from echoatlas.schemas.values import FoundBy

FAN, MIRROR = 0, 1  # kinds of codes; views come after
MARK, MARK_MIRROR = 100, 101  # landmarks, and mirrored ones
MIRRORS_EVERY, VIEWS_EVERY = 4, 8  # frames of a clip
CODE = 32  # bytes
MIRRORED_MARKS = 6  # of a frame's landmarks, that mirrors are looked for by

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
    ("landmark_phash256", pa.binary()),
    ("landmark_places", pa.binary()),
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
    """What one join takes: codes, the rows of the frames they are of, and of which kind.

    Attributes:
        places: (N, 4) of landmarks, as of ``framing.of_places``; None for other codes.
    """

    codes: NDArray[np.uint8]
    rows: Rows
    kinds: NDArray[np.int16]
    places: Framing | None = None

    @property
    def probes(self) -> Flags:
        """Which are changed views."""
        return np.asarray((self.kinds != FAN) & (self.kinds != MARK))


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
    contents, streams, instances = exact.source_numbers(named, panes[begun], clips, origins)
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
    """What is to be joined: the fans' hashes, with mirrors and views; the whole images' hashes; and
    those of landmarks.

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
        yield _landmarks(frames, np.flatnonzero(distinct & (version == number)), mirrors=mirrors)


def _joined(parts: list[tuple[Rows, NDArray[np.uint8], int]]) -> Codes:
    kinds = np.concatenate([np.full(len(rows), kind, np.int16) for rows, _, kind in parts])
    rows = np.concatenate([rows for rows, _, _ in parts])
    return Codes(np.concatenate([codes for _, codes, _ in parts]), rows, kinds)


def _landmarks(frames: pa.Table, rows: Rows, *, mirrors: bool) -> Codes:
    """All landmarks of some frames, as they are and mirrored."""
    counts = _lengths(frames, "landmark_phash256")[rows] // (2 * CODE)
    rows, counts = rows[counts > 0], counts[counts > 0]
    taken = {
        name: b"".join(frames.column(name).take(pa.array(rows)).to_pylist())
        for name in ("landmark_phash256", "landmark_places")
    }
    codes = np.frombuffer(taken["landmark_phash256"], np.uint8).reshape(-1, 2, CODE)
    places = np.frombuffer(taken["landmark_places"], "<u2").reshape(-1, 4) / np.float64(FULL)
    of = np.repeat(rows, counts)
    number = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    some = np.flatnonzero(number < MIRRORED_MARKS) if mirrors else np.empty(0, np.int64)
    return Codes(
        np.ascontiguousarray(np.concatenate([codes[:, 0], codes[some, 1]])),
        np.concatenate([of, of[some]]),
        np.repeat(np.array([MARK, MARK_MIRROR], np.int16), [len(of), len(some)]),
        np.concatenate([places, places[some]]),
    )


def _lengths(frames: pa.Table, name: str) -> Rows:
    column = frames.column(name).combine_chunks()
    offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset :][: len(column) + 1]
    return np.diff(offsets).astype(np.int64) if len(column) else np.empty(0, np.int64)


def _codes(frames: pa.Table, name: str, rows: Rows, times: int = 1) -> NDArray[np.uint8]:
    taken = frames.column(name).take(pa.array(rows)).combine_chunks()
    joined = b"".join(taken.to_pylist()) if len(rows) else b""
    return np.frombuffer(joined, np.uint8).reshape(len(rows), times * CODE)
