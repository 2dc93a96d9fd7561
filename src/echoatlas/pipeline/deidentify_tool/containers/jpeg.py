"""Black out parts of a JPEG without decoding the rest: in the DCT domain, block by block.

Clunie and Gebow, "Block selective redaction for minimizing loss during de-identification of
burned in text in irreversibly compressed JPEG medical images", J Med Imaging 2015. Coefficients
of untouched blocks are copied, so untouched pixels are the source's, bit for bit; comments,
application segments and whatever follows the end of the image are not copied.
"""

from __future__ import annotations

import ctypes
import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from echoatlas.pipeline.deidentify_tool.containers import edges
from echoatlas.pipeline.deidentify_tool.containers.quantization import says_nothing

BLACK = -1024  # DC coefficient of a block of zeros, before quantization
TOLERATED = 2  # gray levels by which a quantized black may miss zero
RINGING = 24  # gray levels by which what encoders put beyond an edge may differ from the edge


Blocks = tuple[int, ...]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Mask:
    """What may be seen of all frames of a clip, and what follows of it for their blocks.

    Made once by who loops over frames; the same blocks are looked at once. It holds a copy.

    Attributes:
        keep: (H, W) bool.
    """

    keep: Flags
    _edges: dict[Blocks, tuple[Flags, Flags, Flags]] = field(default_factory=dict, repr=False)
    _touched: dict[tuple[Blocks, tuple[int, int]], Flags] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, keep: Flags) -> Mask:
        """The mask as it is now, whatever becomes of the array."""
        return cls(keep.copy())

    def edge(self, blocks: Blocks) -> tuple[Flags, Flags, Flags]:
        """See ``_edge``."""
        if blocks not in self._edges:
            self._edges[blocks] = _edge(self.keep, blocks)
        return self._edges[blocks]

    def touched(self, blocks: Blocks, step: tuple[int, int]) -> Flags:
        """See ``_touched``."""
        if (blocks, step) not in self._touched:
            self._touched[blocks, step] = _touched(self.keep, blocks, step)
        return self._touched[blocks, step]

    @cached_property
    def judged(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Where a redacted picture has to be as it was, and where it has to be black: 0 or 1."""
        return kept_exactly(self.keep).view(np.uint8), (~self.keep).view(np.uint8)


@dataclass(frozen=True, slots=True)
class Redacted:
    """A JPEG that shows no more than a mask allows.

    Attributes:
        left: (H, W) bool, pixels that show what they did; fewer than the mask allows where a block
            on its edge had to go black as a whole.
        gray: (H, W) bool, those of them that had a color, and show how bright they were alone.
    """

    data: bytes
    left: NDArray[np.bool_]
    gray: NDArray[np.bool_]


def redacted(data: bytes, mask: Mask) -> Redacted | None:
    """A JPEG whose pixels outside of a mask are black, all blocks without such left as they are.

    Colors of blocks on the mask's edge go with what is hidden in them; their gray levels stay.

    Args:
        data: a baseline or progressive JPEG of 8 bits, gray or YCbCr.
        mask: of the picture's size; the same one for all frames of a clip.

    Returns:
        A baseline JPEG, or None where it can't be done without loss (RGB or CMYK components,
        other sizes, coefficients that libjpeg refuses), where blocks that would stay show
        something beyond the picture's edge, as a crop by whole blocks leaves it, or where its
        tables could spell something: encode anew then.
    """
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    if (height, width) != mask.keep.shape or space not in ("Gray", "YCbCr"):
        return None
    written = _rewritten(data, mask, space)
    return written if written and _faithful(data, written.data, mask, space) else None


def shaped(data: bytes, aspect: tuple[int, int]) -> bytes:
    """A JPEG of ours that says how wide its pixels are to how high (JFIF 1.02: densities)."""
    made = bytearray(data)
    if made[6:11] == b"JFIF\0":
        struct.pack_into(">BHH", made, 13, 0, aspect[1], aspect[0])
    return bytes(made)


def _rewritten(data: bytes, mask: Mask, space: str) -> Redacted | None:
    import jpeglib

    keep = mask.keep
    try:
        planes, quantization, numbers = _coefficients(data, 1 if space == "Gray" else 3)
        tables = [quantization[number] for number in numbers]
    except (OSError, RuntimeError, IndexError):
        return None
    if not all(map(says_nothing, tables)):
        return None
    step = _sampling(planes, keep.shape)
    left = _blackened(planes[0], tables[0], mask)
    gray = np.zeros_like(left)
    for plane in planes[1:]:
        touched = mask.touched(plane.shape[:2], step)
        gray |= left & _area(touched & plane.any(axis=(2, 3)), step, keep.shape)
        plane[touched] = 0
    clean = jpeglib.from_dct(*planes, qt=quantization, quant_tbl_no=np.array(numbers))
    whole = 8 * planes[0].shape[0], 8 * planes[0].shape[1]
    with _file() as (path, read):
        if whole != keep.shape:
            clean.height, clean.width = whole
            clean.write_dct(path)
            if not _is_padding(read(), keep.shape, space):
                return None
        clean.height, clean.width = keep.shape  # from_dct rounds up to whole blocks
        clean.write_dct(path)
        return Redacted(read(), left, gray)


def _blackened(luma: NDArray[np.int16], table: NDArray[np.uint16], mask: Mask) -> NDArray[np.bool_]:
    """Black out the luma of what is not kept, in place, and say what is left: (H, W) bool."""
    keep = mask.keep
    touched, edge, hidden = mask.edge(luma.shape[:2])
    made, done = edges.blacked(luma[edge], table, hidden, TOLERATED - 1)
    luma[touched] = 0
    luma[touched, 0, 0] = round(BLACK / int(table[0, 0]))
    rows, columns = (axis[done] for axis in np.nonzero(edge))
    luma[rows, columns] = made[done]
    gone = touched.copy()
    gone[rows, columns] = False
    return keep & ~_area(gone, (1, 1), keep.shape)


def _area(blocks: Flags, step: tuple[int, int], shape: tuple[int, ...]) -> Flags:
    """The pixels of a component's blocks: (H, W) bool."""
    pixels = np.kron(blocks, np.ones((8 * step[0], 8 * step[1]), bool))
    return np.asarray(pixels[: shape[0], : shape[1]])


def _edge(
    keep: NDArray[np.bool_], blocks: tuple[int, ...]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Luma blocks that hold a hidden pixel; those of them that lie within the picture and also hold
    a kept one: (rows, columns) bool; and the hidden pixels of the latter, (N, 8, 8) bool.
    """
    rows, columns = (
        min(8 * count, side) // 8 for count, side in zip(blocks, keep.shape, strict=True)
    )
    whole = keep[: 8 * rows, : 8 * columns].reshape(rows, 8, columns, 8).swapaxes(1, 2)
    touched = _touched(keep, blocks, (1, 1))
    edge = np.zeros(blocks, bool)
    edge[:rows, :columns] = touched[:rows, :columns] & whole.any(axis=(2, 3))
    return touched, edge, ~whole[edge[:rows, :columns]]


def _coefficients(
    data: bytes, components: int
) -> tuple[list[NDArray[np.int16]], NDArray[np.uint16], list[int]]:
    """Each component's blocks (rows, columns, 8, 8), the tables, and which table is whose.

    As ``jpeglib.read_dct`` does it, which leaves the picture in a temporary file on the disk if
    its process is killed then: names burned in, out of everybody's sight.
    """
    import jpeglib
    from jpeglib._bind import CJpegLib

    with _file(data) as (path, _):
        sizes = jpeglib.read_dct(path).block_dims[:components]
        blocks = [(((ctypes.c_short * 64) * int(wide)) * int(high))() for high, wide in sizes]
        tables, numbers = ((ctypes.c_ushort * 64) * 4)(), (ctypes.c_short * 4)()
        parts = dict(zip(("Y", "Cb", "Cr"), (*blocks, None, None), strict=False))
        CJpegLib.read_jpeg_dct(srcfile=path, **parts, K=None, qt=tables, quant_tbl_no=numbers)
    stated = [numbers[index] for index in range(components)]
    used = sorted(set(stated))  # a table that no component refers to may say anything
    planes = [np.ctypeslib.as_array(one) for one in blocks]
    known = np.ctypeslib.as_array(tables).reshape(4, 8, 8)[used]
    shaped = [plane.reshape(*plane.shape[:2], 8, 8) for plane in planes]
    return shaped, known, [used.index(number) for number in stated]


@contextmanager
def _file(data: bytes = b"") -> Iterator[tuple[str, Callable[[], bytes]]]:
    """A path for a library that takes nothing else, and what reads it: in memory, where that is.

    Only Linux has files without a disk; elsewhere it is a temporary one.
    """
    if not hasattr(os, "memfd_create"):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "part.jpg"
            place.write_bytes(data)
            yield str(place), place.read_bytes
        return
    with os.fdopen(os.memfd_create("part.jpg"), "r+b", buffering=0) as file:
        file.write(data)
        place = Path(f"/proc/self/fd/{file.fileno()}")
        yield str(place), place.read_bytes


def _is_padding(data: bytes, shape: tuple[int, ...], space: str) -> bool:
    """Whether beyond the edge of a picture there is the edge again, or nothing.

    Args:
        data: a JPEG of whole blocks. shape: (H, W) of the picture in it.
    """
    height, width = shape
    colors = "GRAY" if space == "Gray" else "RGB"
    seen = simplejpeg.decode_jpeg(data, colorspace=colors).astype(np.int16)
    below, beside = seen[height:], seen[:height, width:]
    edges = (below, seen[height - 1 : height]), (beside, seen[:, width - 1 : width][:height])
    return all(
        np.abs(part - edge).max(initial=0) <= RINGING or np.ptp(part) <= RINGING
        for part, edge in edges
    )


def _sampling(planes: list[NDArray[np.int16]], shape: tuple[int, ...]) -> tuple[int, int]:
    """How many luma rows and columns a chroma sample covers."""
    if len(planes) == 1:
        return 1, 1
    (rows, columns), (chroma_rows, chroma_columns) = planes[0].shape[:2], planes[1].shape[:2]
    return max(1, round(rows / chroma_rows)), max(1, round(columns / chroma_columns))


def _touched(
    keep: NDArray[np.bool_], blocks: tuple[int, ...], step: tuple[int, int]
) -> NDArray[np.bool_]:
    """Blocks of a component that hold a hidden pixel: (rows, columns) bool."""
    high, wide = 8 * step[0], 8 * step[1]
    padded = np.zeros((blocks[0] * high, blocks[1] * wide), bool)
    rows, columns = min(keep.shape[0], len(padded)), min(keep.shape[1], padded.shape[1])
    padded[:rows, :columns] = ~keep[:rows, :columns]
    return np.asarray(padded.reshape(blocks[0], high, blocks[1], wide).any(axis=(1, 3)))


def kept_exactly(keep: NDArray[np.bool_], step: tuple[int, int] = (2, 2)) -> NDArray[np.bool_]:
    """Pixels that a redaction by blocks leaves bit-exact, edges apart: (H, W) bool.

    Chroma is interpolated from neighboring samples, so the pixels next to a blackened block of
    a subsampled color JPEG may differ; they are not counted.
    """
    height, width = keep.shape
    blocks = -(-height // (8 * step[0])), -(-width // (8 * step[1]))
    touched = _touched(keep, blocks, step)
    area = np.kron(touched, np.ones((8 * step[0], 8 * step[1]), np.uint8))[:height, :width]
    return np.asarray(cv2.dilate(area, np.ones((5, 5), np.uint8)) == 0, bool)


def _faithful(data: bytes, written: bytes, mask: Mask, space: str) -> bool:
    colors = "GRAY" if space == "Gray" else "RGB"
    before = simplejpeg.decode_jpeg(data, colorspace=colors)
    after = simplejpeg.decode_jpeg(written, colorspace=colors)
    gray = after if space == "Gray" else simplejpeg.decode_jpeg(written, colorspace="GRAY")
    exact, hidden = mask.judged
    change = cv2.absdiff(before, after)
    change = cv2.bitwise_and(change, change, mask=exact)
    black = cv2.minMaxLoc(gray[..., 0], mask=hidden)[1] <= TOLERATED
    return bool(black and not cv2.countNonZero(change.reshape(len(change), -1)))


def colors(data: bytes) -> tuple[bool, bool]:
    """Whether a JPEG is gray, and whether its chroma is subsampled."""
    _, _, space, subsampling = simplejpeg.decode_jpeg_header(data)
    return space == "Gray", subsampling not in ("444", "Gray", "")
