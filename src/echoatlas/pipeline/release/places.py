"""Where each sample of a release lies: a record of 32 bytes a sample, in a NumPy file to be mapped.

A sample's members follow each other in its shard, each behind a header of one tar record, so that
the place of its image and the sizes of all say where each one lies.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

HEAD = 4096  # bytes in which a NumPy file's header lies
BLOCK = 512  # bytes, of a tar record
NOWHERE = 0xFFFFFFFF  # shard of what lies in none yet
PLACE = np.dtype(
    [
        ("offset", "<u4"),  # of the image in its shard, bytes
        ("length", "<u4"),  # of the image, bytes
        ("overlay", "<u4"),  # size of the overlay mask, bytes; 0 if there is none
        ("patches", "<u4"),  # size of the patch map, bytes; 0 if there is none
        ("shard", "<u4"),  # its number in the manifest's list
        ("label", "<u4"),  # its number in the manifest's list
        ("frames", "<u4"),  # of the sample: 1 of a frame
        ("split", "<u2"),  # its number in the manifest's list
        ("reserved", "<u2"),
    ]
)


def after(offset: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the member begins that follows one of ``length`` bytes at ``offset``.

    A member that is not there (of no bytes) moves nothing: what follows it begins in its place.
    """
    padded = -(-length // BLOCK) * BLOCK
    return np.where(length > 0, offset + padded + BLOCK, offset)


def overlay_at(places: NDArray[np.void]) -> NDArray[np.int64]:
    """Where overlay masks begin, bytes; of samples that have one."""
    return after(places["offset"].astype(np.int64), places["length"].astype(np.int64))


def patches_at(places: NDArray[np.void]) -> NDArray[np.int64]:
    """Where patch maps begin, bytes; of samples that have one."""
    return after(overlay_at(places), places["overlay"].astype(np.int64))


def masks_at(places: NDArray[np.void]) -> NDArray[np.int64]:
    """Where the first of its annotations' masks begins, bytes; of samples that have any."""
    return after(patches_at(places), places["patches"].astype(np.int64))


def records_of(
    places: NDArray[np.void], masks: Sequence[int] | int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First byte and end of the tar records of samples' members, (n,) each.

    Args:
        masks: where the last of each sample's masks ends, bytes; 0 of those that have none.
    """
    ends = masks_at(places) - BLOCK
    padded = -(-np.asarray(masks, np.int64) // BLOCK) * BLOCK
    return places["offset"].astype(np.int64) - BLOCK, np.maximum(ends, padded)


def as_bytes(places: NDArray[np.void]) -> bytes:
    """Places as a NumPy file, version 1.0: the same places give the same bytes."""
    sink = io.BytesIO()
    np.lib.format.write_array(sink, places, version=(1, 0), allow_pickle=False)
    return sink.getvalue()


def from_bytes(data: bytes | pa.Buffer) -> NDArray[np.void]:
    """The places of a NumPy file, as a view of its bytes.

    Raises:
        ValueError: it is none of them.
    """
    head = io.BytesIO(memoryview(data)[:HEAD])
    if np.lib.format.read_magic(head) != (1, 0):
        raise ValueError("this is no NumPy file of version 1.0")
    shape, _, kind = np.lib.format.read_array_header_1_0(head)
    if kind != PLACE or len(shape) != 1:
        raise ValueError("these are no places")
    return np.frombuffer(data, PLACE, shape[0], head.tell())
