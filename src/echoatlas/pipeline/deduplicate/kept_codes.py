"""The codes of all clips as they lie in the lake: asked what is near to new ones, never read anew.

A lake's hashes are many and what a run adds to them is little. So each run leaves the codes of what
it added as a segment, by bands: of each piece of the bits (``hamming``), stretches of codes that
have the same key. A later run streams these past the few codes that are new to it. What comes out
are clips, not pairs: whoever asks then looks at these with all that is known of them. A clip that
was changed or is gone may still stand in an older segment; it is found for nothing.

Segments hold hashes and ids, no pixels, and are thrown away as a whole whenever an object leaves
the lake.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import band_kernels, hamming, hamming_kernels
from echoatlas.pipeline.deduplicate.columns import States
from echoatlas.pipeline.deduplicate.hamming import Flags, Ids, Rows, Words
from echoatlas.pipeline.deduplicate.index import Codes, Index, joins, pixel_digests
from echoatlas.pipeline.storage.storage import LocalStorage, Storage

FOLDER = "codes/"
WIDE = 16  # bits that codes of a stretch may be from its first
JOINS = 3  # kinds of joins that ``joins`` gives a hash version
ARRAYS = ("words", "owners", "second", "spans", "keys", "firsts", "widths")


@dataclass(frozen=True, slots=True)
class Band:
    """The codes of one join.

    Attributes:
        kind: which of the joins.
        words: (N, 4). owners: (N,) number of the clip. second: (N,) whether it is a probe.
        spans, keys, firsts, widths: as of ``band_kernels.stretches``.
    """

    kind: int
    words: Words
    owners: Ids
    second: Flags
    spans: Rows
    keys: NDArray[np.uint16]
    firsts: Ids
    widths: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Segment:
    """What a run left: of each clip its object and a digest of its pixels, and its codes."""

    objects: pa.Array
    pixels: States
    bands: tuple[Band, ...]


def segment_of(index: Index, radius: int, *, mirrors: bool) -> Segment:
    """The codes of all clips of an index, exact copies among them."""
    bands = tuple(
        _band(number % JOINS, index, codes, radius)
        for number, codes in enumerate(_every(index, mirrors=mirrors))
        if len(codes.codes)
    )
    return Segment(index.objects, pixel_digests(index), bands)


def _every(index: Index, *, mirrors: bool) -> Iterator[Codes]:
    return joins(replace(index, first=np.arange(len(index.first))), mirrors=mirrors)


def _band(kind: int, index: Index, codes: Codes, radius: int) -> Band:
    words = np.ascontiguousarray(codes.codes).view(np.uint64)
    owners = index.clip[codes.rows]
    pieces = hamming.short_pieces(radius)
    keys = hamming_kernels.keys_of_all(words, hamming.key_parts(pieces))[: len(pieces)]
    found = band_kernels.stretches(keys, words, owners, codes.probes, WIDE)
    return Band(kind, words, owners, codes.probes, *found)


def near_objects(
    segments: Sequence[Segment], index: Index, radius: int, *, mirrors: bool
) -> pa.Array:
    """The objects of segments that have a clip near to one of an index, or of the same pixels."""
    own = pixel_digests(index)
    touched = [
        np.isin(one.pixels[:, 0], own[:, 0]) & np.isin(one.pixels[:, 1], own[:, 1])
        for one in segments
    ]
    for number, codes in enumerate(_every(index, mirrors=mirrors)):
        bands = [
            (band, flags)
            for one, flags in zip(segments, touched, strict=True)
            for band in one.bands
            if band.kind == number % JOINS
        ]
        words = np.ascontiguousarray(codes.codes).view(np.uint64)
        for begin in range(0, len(words) if bands else 0, hamming.BLOCK):
            some = slice(begin, begin + hamming.BLOCK)
            _touch(bands, words[some], codes.probes[some], radius)
    found = [
        one.objects.filter(pa.array(flags)) for one, flags in zip(segments, touched, strict=True)
    ]
    return pa.concat_arrays([pa.array([], pa.string()), *found]).unique()


def _touch(bands: list[tuple[Band, Flags]], few: Words, probes: Flags, radius: int) -> None:
    pieces = hamming.short_pieces(radius)
    keys = hamming_kernels.keys_of_all(few, hamming.key_parts(pieces))
    for at, piece in enumerate(pieces):
        spans, _, here = hamming_kernels.spread_entries(
            keys[at], probes, few, hamming.masks(piece), 1 << len(piece.bits)
        )
        for band, flags in bands:
            part = slice(int(band.spans[at]), int(band.spans[at + 1]))
            band_kernels.touch(
                band.words,
                band.owners,
                band.second,
                band.keys[part],
                band.firsts[part],
                band.widths[part],
                spans,
                here,
                radius,
                flags,
            )


def write_segment(storage: Storage, name: str, segment: Segment) -> list[int]:
    """Put a segment into the lake, in the place of any of its name; returns its bands' kinds."""
    folder = f"{FOLDER}{name}/"
    storage.delete([entry.key for entry in storage.list(folder)])
    sink = io.BytesIO()
    pq.write_table(pa.table({"object_id": segment.objects}), sink)
    storage.write(f"{folder}objects.parquet", sink.getvalue())
    _write(storage, f"{folder}pixels.npy", segment.pixels)
    for number, band in enumerate(segment.bands):
        for array in ARRAYS:
            _write(storage, f"{folder}{number}-{array}.npy", getattr(band, array))
    return [band.kind for band in segment.bands]


def read_segment(storage: Storage, name: str, kinds: list[int]) -> Segment:
    """A segment; what lies on this machine is mapped into memory, and read where it is asked for.

    Raises:
        FileNotFoundError: it is not there as a whole.
    """
    folder = f"{FOLDER}{name}/"
    objects = pq.read_table(io.BytesIO(storage.read(f"{folder}objects.parquet")))
    bands = [
        Band(kind, *(_array(storage, f"{folder}{number}-{array}.npy") for array in ARRAYS))
        for number, kind in enumerate(kinds)
    ]
    column = objects.column("object_id").combine_chunks()
    return Segment(column, _array(storage, f"{folder}pixels.npy"), tuple(bands))


def forget_codes(storage: Storage) -> None:
    """Throw all segments away: a later run reads the lake's hashes anew."""
    storage.delete([entry.key for entry in storage.list(FOLDER)])


def _write(storage: Storage, key: str, array: NDArray[np.generic]) -> None:
    sink = io.BytesIO()
    np.save(sink, array)
    storage.write(key, sink.getbuffer())


def _array(storage: Storage, key: str) -> Any:
    if isinstance(storage, LocalStorage):
        # Writable to whoever maps it alone: the loops are compiled for such arrays
        mapped = np.load(storage.path(key), mmap_mode="c")
        return np.asarray(mapped)
    return np.asarray(np.load(io.BytesIO(storage.read(key))))
