"""The codes of all clips as they lie in the lake: asked what is near to new ones, never read anew.

A lake's hashes are many and what a run adds to them is little. So each run leaves the codes of what
it added as a segment, by bands: of each piece of the bits (``hamming``) the keys that codes have
there, in order, near codes of a clip as one. A later run looks up the keys of what is new to it,
and those that differ by as much as a piece allows. What comes out are clips, not pairs: whoever
asks then looks at these with all that is known of them. A clip that was changed or is gone may
still stand in an older segment; it is found for nothing.

Segments hold hashes and ids, no pixels, and are thrown away as a whole whenever an object leaves
the lake.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import band_kernels, hamming
from echoatlas.pipeline.deduplicate.columns import States
from echoatlas.pipeline.deduplicate.hamming import Flags, Ids, Piece, Words
from echoatlas.pipeline.deduplicate.index import Codes, Index, joins, pixel_digests
from echoatlas.pipeline.file_faults import local_faults
from echoatlas.pipeline.storage.storage import LocalStorage, Storage

FOLDER = "codes/"
JOINS = 3  # kinds of joins that ``joins`` gives a hash version
ALLOWED = 2  # bits that may differ in a piece
AT_ONCE = 2  # pieces whose keys are told at a time
CLIPS = "clips.parquet"
Entries = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]  # as of ``band_kernels.entries``
STORED = pa.schema(
    (name, pa.large_list(kind))
    for name, kind in (
        ("words", pa.uint64()),
        ("owners", pa.int32()),
        ("keys", pa.uint32()),
        ("rows", pa.int32()),
        ("widths", pa.uint8()),
    )
)


@dataclass(frozen=True, slots=True)
class Band:
    """The codes of one join that are probes, or those that are not.

    Attributes:
        kind: twice the number of the join, and one more for probes.
        words: (N, 4). owners: (N,) number of the clip.
        entries: of each piece its keys, rows and widths, (E,) each.
    """

    kind: int
    words: Words
    owners: Ids
    entries: Iterable[Entries]

    def meets(self, other: Band) -> bool:
        """Whether codes of both are to be compared: of one join, and not two probes."""
        return self.kind // 2 == other.kind // 2 and not self.kind & other.kind & 1


@dataclass(frozen=True, slots=True)
class Segment:
    """What a run left: of each clip its object and a digest of its pixels, and its codes."""

    objects: pa.Array
    pixels: States
    bands: Iterable[Band]


def segment_of(index: Index, radius: int, *, mirrors: bool, held: bool = True) -> Segment:
    """The codes of all clips of an index, exact copies among them.

    Args:
        held: all at once, to be asked again and again; else each, and what each piece of the bits
            has of it, is made when its turn comes, and can be asked once: of a whole lake they take
            more than all else together.
    """
    every = replace(index, first=np.arange(len(index.first)))
    made = (
        band
        for number, codes in enumerate(joins(every, mirrors=mirrors))
        for band in _bands(number % JOINS, index, codes, radius)
    )
    kept = tuple(replace(band, entries=tuple(band.entries)) for band in made) if held else made
    return Segment(index.objects, pixel_digests(index), kept)


@cache
def _pieces(radius: int) -> tuple[Piece, ...]:
    return hamming.pieces(radius // (ALLOWED + 1) + 1, radius)


def _bands(number: int, index: Index, codes: Codes, radius: int) -> Iterator[Band]:
    pieces, probes = _pieces(radius), codes.probes
    for probe in (False, True):
        chosen = np.flatnonzero(probes == probe)
        if not len(chosen):
            continue
        span = slice(int(chosen[0]), int(chosen[-1]) + 1)  # of which no copy is made
        some = span if len(chosen) == span.stop - span.start else chosen
        words = np.ascontiguousarray(codes.codes[some]).view(np.uint64)
        owners = index.clip[codes.rows[some]]
        yield Band(2 * number + probe, words, owners, _entries(words, owners, pieces))
        del words, owners  # before the next are made


def _entries(words: Words, owners: Ids, pieces: tuple[Piece, ...]) -> Iterator[Entries]:
    for at in range(0, len(pieces), AT_ONCE):
        for keys in hamming.keys(words, pieces[at : at + AT_ONCE], np.uint32):
            yield band_kernels.entries(keys, words, owners, hamming.NEAR, hamming.LONGEST)


def near_objects(segments: Iterable[Segment], own: Segment, radius: int) -> pa.Array:
    """The objects of segments that have a clip near to one of another, or of the same pixels."""
    found = [pa.array([], pa.string())]
    for one in segments:
        touched = np.isin(one.pixels[:, 0], own.pixels[:, 0])
        touched &= np.isin(one.pixels[:, 1], own.pixels[:, 1])
        for band in one.bands:
            for other in own.bands:
                if band.meets(other):
                    _touch(band, other, radius, touched)
            del band  # before the next is opened
        found.append(one.objects.filter(pa.array(touched)))
    return pa.concat_arrays(found).unique()


def _touch(band: Band, few: Band, radius: int, touched: Flags) -> None:
    for piece, there, here in zip(_pieces(radius), band.entries, few.entries, strict=True):
        band_kernels.touch(
            (band.words, band.owners, *there),
            (few.words, few.owners, *here),
            hamming.masks(piece),
            len(piece.bits),
            radius,
            touched,
        )


def write_segment(storage: Storage, name: str, segment: Segment, scratch: Path) -> list[int]:
    """Put a segment into the lake, in the place of any of its name; returns its bands' kinds.

    Args:
        scratch: a folder of this machine where a band lies until it is whole.

    Raises:
        UsageError: there is no room for it.
    """
    folder = f"{FOLDER}{name}/"
    storage.delete([entry.key for entry in storage.list(folder)])
    sink = io.BytesIO()
    high, low = (pa.array(column) for column in segment.pixels.T)
    pq.write_table(pa.table({"object_id": segment.objects, "high": high, "low": low}), sink)
    storage.write(f"{folder}{CLIPS}", sink.getvalue())
    kinds = []
    for number, band in enumerate(segment.bands):
        file = scratch / "band.arrow"
        _write(band, file)
        storage.write(f"{folder}{number}.arrow", file)
        file.unlink()
        kinds.append(band.kind)
        del band  # before the next is made
    return kinds


@dataclass(frozen=True, slots=True)
class _Stored:
    """The bands of a segment as they lie in the lake, of which each is opened when its turn comes:
    those of a whole lake take more memory than all else together."""

    storage: Storage
    keys: Sequence[str]
    kinds: Sequence[int]

    def __iter__(self) -> Iterator[Band]:
        for key, kind in zip(self.keys, self.kinds, strict=True):
            yield _band(self.storage, key, kind)


def read_segment(storage: Storage, name: str, kinds: Sequence[int]) -> Segment:
    """A segment; what lies on this machine is mapped into memory, and read where it is asked for.

    Raises:
        FileNotFoundError: something of it is not there; of a band once it is asked for.
    """
    clips_key, *keys = segment_keys(name, len(kinds))
    clips = pq.read_table(io.BytesIO(storage.read(clips_key)))
    pixels = np.stack([clips.column(one).to_numpy() for one in ("high", "low")], axis=1)
    bands = _Stored(storage, keys, kinds)
    return Segment(clips.column("object_id").combine_chunks(), pixels, bands)


def segment_keys(name: str, bands: int) -> list[str]:
    """Where a segment of so many bands lies: its clips, and each band."""
    return [f"{FOLDER}{name}/{CLIPS}", *(f"{FOLDER}{name}/{at}.arrow" for at in range(bands))]


def forget_codes(storage: Storage) -> None:
    """Throw all segments away: a later run reads the lake's hashes anew."""
    storage.delete([entry.key for entry in storage.list(FOLDER)])


def _write(band: Band, file: Path) -> None:
    """A band's arrays as rows of lists, which can be mapped into memory: its codes and whose they
    are, and then a row of each piece."""
    with (
        local_faults(str(file.parent)),
        pa.OSFile(str(file), "wb") as sink,
        pa.ipc.new_file(sink, STORED) as rows,
    ):
        rows.write_batch(_row(words=np.ravel(band.words), owners=band.owners))
        for keys, places, widths in band.entries:
            rows.write_batch(_row(keys=keys, rows=places, widths=widths))


def _row(**arrays: NDArray[Any]) -> pa.RecordBatch:
    values = [pa.array(arrays.get(one.name, ()), one.type.value_type) for one in STORED]
    lists = [pa.LargeListArray.from_arrays([0, len(one)], one) for one in values]
    return pa.RecordBatch.from_arrays(lists, schema=STORED)


@dataclass(frozen=True, slots=True)
class _Opened:
    """The rows of a stored band that are its pieces', each looked up when its turn comes."""

    file: pa.ipc.RecordBatchFileReader

    def __iter__(self) -> Iterator[Entries]:
        for at in range(1, self.file.num_record_batches):
            keys, rows, widths = _arrays(self.file.get_batch(at), "keys", "rows", "widths")
            yield keys, rows, widths


def _band(storage: Storage, key: str, kind: int) -> Band:
    if isinstance(storage, LocalStorage):
        file = pa.ipc.open_file(pa.memory_map(str(storage.path(key))))
    else:
        file = pa.ipc.open_file(storage.read(key))
    words, owners = _arrays(file.get_batch(0), "words", "owners")
    return Band(kind, words.reshape(-1, 4), owners, _Opened(file))


def _arrays(row: pa.RecordBatch, *names: str) -> tuple[NDArray[Any], ...]:
    return tuple(row.column(name).values.to_numpy() for name in names)
