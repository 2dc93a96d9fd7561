"""Black out parts of a JPEG without decoding the rest: in the DCT domain, block by block.

Clunie and Gebow, "Block selective redaction for minimizing loss during de-identification of
burned in text in irreversibly compressed JPEG medical images", J Med Imaging 2015. Coefficients
of untouched blocks are copied, so untouched pixels are the source's, bit for bit; comments,
application segments and whatever follows the end of the image are not copied. Blocks that the
mask's edge runs through are coded once more without what is hidden in them (``edge_blocks``).
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import simplejpeg

from echoatlas.pipeline.deidentify_tool.containers.edge_blocks import hidden_by, recoded
from echoatlas.pipeline.deidentify_tool.containers.quantization import says_nothing
from echoatlas.pipeline.frames.memo import OncePerArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLACK = -1024  # DC coefficient of a block of zeros, before quantization
TOLERATED = 2  # gray levels by which a quantized black may miss zero
TINTED = 24  # by which the chroma of what is kept may lift a component of black beside it
RINGING = 24  # gray levels by which what encoders put beyond an edge may differ from the edge


def redacted(data: bytes, keep: NDArray[np.bool_]) -> bytes | None:
    """A JPEG that is black outside ``keep``, and what it was within.

    Args:
        data: a baseline or progressive JPEG of 8 bits, gray or YCbCr.
        keep: (H, W) bool.

    Returns:
        A baseline JPEG, or None where it can't be done without loss (RGB or CMYK components,
        other sizes, coefficients that libjpeg refuses), where blocks that would stay show
        something beyond the picture's edge, as a crop by whole blocks leaves it, where its tables
        could spell something, or are so coarse that black beside tissue would not stay black:
        encode anew then.
    """
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    if (height, width) != keep.shape or space not in ("Gray", "YCbCr"):
        return None
    written = _rewritten(data, keep, space)
    return written if written is not None and _faithful(data, written, keep, space) else None


def _rewritten(data: bytes, keep: NDArray[np.bool_], space: str) -> bytes | None:
    import jpeglib

    try:
        planes, quantization, numbers = _coefficients(data, 1 if space == "Gray" else 3)
        tables = [quantization[number] for number in numbers]
    except (OSError, RuntimeError, IndexError):
        return None
    if not all(map(says_nothing, tables)):
        return None
    step = _sampling(planes, keep.shape)
    for index, (plane, table) in enumerate(zip(planes, tables, strict=True)):
        hidden = hidden_samples(keep, plane.shape[:2], step if index else (1, 1))
        edge = recoded(plane[hidden.partly], table, hidden.samples, luma=index == 0)
        if edge is None:
            return None
        plane[hidden.partly] = edge
        plane[hidden.whole] = 0
        if index == 0:
            plane[hidden.whole, 0, 0] = round(BLACK / int(table[0, 0]))
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
        return read()


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


hidden_samples = OncePerArray(hidden_by)  # of the mask that all frames of a clip share


def kept_exactly(keep: NDArray[np.bool_], step: tuple[int, int] = (2, 2)) -> NDArray[np.bool_]:
    """Pixels that a redaction by blocks leaves bit-exact: (H, W) bool.

    Those are the pixels of blocks without a hidden one; in the others what is kept is coded once
    more. Chroma is interpolated from neighboring samples, so the pixels next to such a block of a
    subsampled color JPEG may differ; they are not counted.
    """
    height, width = keep.shape
    blocks = -(-height // (8 * step[0])), -(-width // (8 * step[1]))
    touched = _touched(keep, blocks, step)
    area = np.kron(touched, np.ones((8 * step[0], 8 * step[1]), np.uint8))[:height, :width]
    return np.asarray(cv2.dilate(area, np.ones((5, 5), np.uint8)) == 0, bool)


def _judged(keep: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Where a redacted picture has to be as it was, and where it has to be black: 0 or 1."""
    return kept_exactly(keep).view(np.uint8), (~keep).view(np.uint8)


judged_by = OncePerArray(_judged)


def _faithful(data: bytes, written: bytes, keep: NDArray[np.bool_], space: str) -> bool:
    colors = "GRAY" if space == "Gray" else "RGB"
    before = simplejpeg.decode_jpeg(data, colorspace=colors)
    after = simplejpeg.decode_jpeg(written, colorspace=colors)
    gray = after if space == "Gray" else simplejpeg.decode_jpeg(written, colorspace="GRAY")
    exact, hidden = judged_by(keep)
    change = cv2.absdiff(before, after)
    change = cv2.bitwise_and(change, change, mask=exact)
    black = cv2.minMaxLoc(gray[..., 0], mask=hidden)[1] <= TOLERATED
    black = black and cv2.minMaxLoc(after.max(axis=2), mask=hidden)[1] <= TINTED
    return bool(black and not cv2.countNonZero(change.reshape(len(change), -1)))


def colors(data: bytes) -> tuple[bool, bool]:
    """Whether a JPEG is gray, and whether its chroma is subsampled."""
    _, _, space, subsampling = simplejpeg.decode_jpeg_header(data)
    return space == "Gray", subsampling not in ("444", "Gray", "")
