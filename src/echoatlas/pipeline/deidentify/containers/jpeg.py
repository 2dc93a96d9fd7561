"""Black out parts of a JPEG without decoding the rest: in the DCT domain, by whole blocks.

Clunie and Gebow, "Block selective redaction for minimizing loss during de-identification of
burned in text in irreversibly compressed JPEG medical images", J Med Imaging 2015. Coefficients
of untouched blocks are copied, so untouched pixels are the source's, bit for bit; comments,
application segments and whatever follows the end of the image are not copied.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import simplejpeg

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLACK = -1024  # DC coefficient of a block of zeros, before quantization
TOLERATED = 2  # gray levels by which a quantized black may miss zero
RINGING = 24  # gray levels by which what encoders put beyond an edge may differ from the edge


def redacted(data: bytes, keep: NDArray[np.bool_]) -> bytes | None:
    """A JPEG with every block black that holds a pixel outside ``keep``.

    Args:
        data: a baseline or progressive JPEG of 8 bits, gray or YCbCr.
        keep: (H, W) bool.

    Returns:
        A baseline JPEG, or None where it can't be done without loss (RGB or CMYK components,
        other sizes, coefficients that libjpeg refuses), or where blocks that would stay show
        something beyond the picture's edge, as a crop by whole blocks leaves it: encode anew then.
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

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.jpg", Path(folder) / "target.jpg"
        source.write_bytes(data)
        try:
            image = jpeglib.read_dct(str(source))
            planes = [image.Y] if space == "Gray" else [image.Y, image.Cb, image.Cr]
            tables = [image.qt[number] for number in image.quant_tbl_no[: len(planes)]]
        except (OSError, RuntimeError, IndexError):
            return None
        step = _sampling(planes, keep.shape)
        hidden = ~keep
        for index, (plane, table) in enumerate(zip(planes, tables, strict=True)):
            touched = _touched(hidden, plane.shape[:2], step if index else (1, 1))
            plane[touched] = 0
            if index == 0:
                plane[touched, 0, 0] = round(BLACK / int(table[0, 0]))
        clean = jpeglib.from_dct(*planes, qt=image.qt, quant_tbl_no=image.quant_tbl_no)
        whole = 8 * planes[0].shape[0], 8 * planes[0].shape[1]
        if whole != keep.shape:
            clean.height, clean.width = whole
            clean.write_dct(str(target))
            if not _is_padding(target.read_bytes(), keep.shape, space):
                return None
        clean.height, clean.width = keep.shape  # from_dct rounds up to whole blocks
        clean.write_dct(str(target))
        return target.read_bytes()


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
    hidden: NDArray[np.bool_], blocks: tuple[int, ...], step: tuple[int, int]
) -> NDArray[np.bool_]:
    """Blocks of a component that hold a hidden pixel: (rows, columns) bool."""
    high, wide = 8 * step[0], 8 * step[1]
    padded = np.zeros((blocks[0] * high, blocks[1] * wide), bool)
    rows, columns = min(hidden.shape[0], len(padded)), min(hidden.shape[1], padded.shape[1])
    padded[:rows, :columns] = hidden[:rows, :columns]
    return np.asarray(padded.reshape(blocks[0], high, blocks[1], wide).any(axis=(1, 3)))


def kept_exactly(keep: NDArray[np.bool_], step: tuple[int, int] = (2, 2)) -> NDArray[np.bool_]:
    """Pixels that a redaction by blocks leaves bit-exact: (H, W) bool.

    Chroma is interpolated from neighboring samples, so the pixels next to a blackened block of
    a subsampled color JPEG may differ; they are not counted.
    """
    height, width = keep.shape
    blocks = -(-height // (8 * step[0])), -(-width // (8 * step[1]))
    touched = _touched(~keep, blocks, step)
    area = np.kron(touched, np.ones((8 * step[0], 8 * step[1]), np.uint8))[:height, :width]
    return np.asarray(cv2.dilate(area, np.ones((5, 5), np.uint8)) == 0, bool)


def _faithful(data: bytes, written: bytes, keep: NDArray[np.bool_], space: str) -> bool:
    colors = "GRAY" if space == "Gray" else "RGB"
    before = simplejpeg.decode_jpeg(data, colorspace=colors)
    after = simplejpeg.decode_jpeg(written, colorspace=colors)
    exact = kept_exactly(keep)
    gray = simplejpeg.decode_jpeg(written, colorspace="GRAY")[..., 0]
    black = gray[~keep].max(initial=0) <= TOLERATED
    return bool(black and np.array_equal(before[exact], after[exact]))


def colors(data: bytes) -> tuple[bool, bool]:
    """Whether a JPEG is gray, and whether its chroma is subsampled."""
    _, _, space, subsampling = simplejpeg.decode_jpeg_header(data)
    return space == "Gray", subsampling not in ("444", "Gray", "")
