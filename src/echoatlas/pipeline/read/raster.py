"""Uncompressed pictures of BMP and TIFF: their rows must lie where only rows lie.

Both formats give rows by an offset into the file, and Pillow reads as many bytes from there as the
picture's size asks for, whatever they are: descriptions, color tables, the header itself.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator
from io import BytesIO
from itertools import accumulate

import tifffile

from echoatlas.pipeline.errors import Reason, Reject

CORE = 12  # bytes of the oldest information header of BMP
BIT_FIELDS = {3: 12, 6: 16}  # BMP compression: masks behind an information header of 40 bytes
RAW, YCBCR, SEPARATE = 1, 6, 2  # TIFF 6.0: Compression, PhotometricInterpretation, planes apart
MOST_TAGS = 1 << 16
MISCOUNTED = "a page has more or fewer strips than its size asks for"
TIFF_ERRORS = (
    tifffile.TiffFileError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    struct.error,
)


def check_rows(data: bytes, kind: str) -> None:
    """Refuse a picture whose rows would be taken from what is no row.

    Args:
        kind: "bmp", "tiff"; of other formats nothing is asked, for they have no offsets.

    Raises:
        Reject: ``unreadable`` or ``truncated``.
    """
    if kind == "bmp":
        _check_bmp(data)
    elif kind == "tiff":
        _check_tiff(data)


def _check_bmp(data: bytes) -> None:
    try:
        (start,), (head,) = struct.unpack_from("<I", data, 10), struct.unpack_from("<I", data, 14)
        if head == CORE:
            (bits,) = struct.unpack_from("<H", data, 24)
            masks, colors, width = 0, 0, 3
        else:
            bits, packing, *_, colors = struct.unpack_from("<HI4I", data, 28)
            masks, width = BIT_FIELDS.get(packing, 0) if head == 40 else 0, 4
    except struct.error:
        raise Reject(Reason.TRUNCATED, "the file ends within its header") from None
    table = (colors or 1 << bits) * width if bits <= 8 else 0
    if start < 14 + head + masks + table:
        raise Reject(Reason.UNREADABLE, "the rows are said to begin within the header")


def _check_tiff(data: bytes) -> None:
    """Every strip or tile of uncompressed pages is as long as its rows, and nobody else's."""
    taken: list[tuple[int, int]] = []
    rows: list[tuple[int, int]] = []
    try:
        with tifffile.TiffFile(BytesIO(data)) as file:
            big = file.is_bigtiff
            for page in file.pages:
                assert isinstance(page, tifffile.TiffPage)
                if len(taken) + len(page.tags) > MOST_TAGS:
                    raise Reject(Reason.TOO_LARGE, f"the file has more than {MOST_TAGS} tags")
                size = 16 + 20 * len(page.tags) if big else 6 + 12 * len(page.tags)
                taken.append((page.offset, page.offset + size))
                taken += [
                    (tag.valueoffset, tag.valueoffset + tag.valuebytecount)
                    for tag in page.tags
                    if tag.valuebytecount > (8 if big else 4)
                ]
                if page.compression == RAW:
                    rows += _strips(page)
    except TIFF_ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the file's structure cannot be followed ({type(error).__name__})"
        ) from None
    if any(end > len(data) for _, end in rows):
        raise Reject(Reason.TRUNCATED, "a page claims more bytes than are there")
    if _overlap(taken, rows):
        raise Reject(Reason.UNREADABLE, "rows of a page are said to lie within the header")


def _overlap(taken: list[tuple[int, int]], rows: list[tuple[int, int]]) -> bool:
    """Whether a range of the first list has a byte in common with one of the second."""
    others = sorted(rows)
    starts = [start for start, _ in others]
    ends = list(accumulate((end for _, end in others), max))
    for start, end in taken:
        before = bisect_left(starts, end)  # ranges that begin before this one ends
        if start < end and before and ends[before - 1] > start:
            return True
    return False


def _strips(page: tifffile.TiffPage) -> Iterator[tuple[int, int]]:
    """From where to where the rows of each strip or tile of an uncompressed page are read."""
    if page.photometric == YCBCR and tuple(page.subsampling or (1, 1)) != (1, 1):
        raise Reject(Reason.UNSUPPORTED_CODEC, "uncompressed pages of halved color are not read")
    apart = page.planarconfig == SEPARATE and page.samplesperpixel > 1
    samples = 1 if apart else page.samplesperpixel
    if page.is_tiled:
        sizes = [_rows(page.tilewidth * samples, page, page.tilelength)] * len(page.dataoffsets)
    else:
        step = min(page.rowsperstrip or page.imagelength, page.imagelength)
        # Counted before they are listed: a header may claim millions
        count = -(-page.imagelength // step) * (page.samplesperpixel if apart else 1)
        if count != len(page.dataoffsets):
            raise Reject(Reason.UNREADABLE, MISCOUNTED)
        heights = [step] * (page.imagelength // step)
        heights += [page.imagelength % step] if page.imagelength % step else []
        sizes = [_rows(page.imagewidth * samples, page, height) for height in heights]
        sizes *= page.samplesperpixel if apart else 1
    if len(sizes) != len(page.dataoffsets) or len(sizes) != len(page.databytecounts):
        raise Reject(Reason.UNREADABLE, MISCOUNTED)
    for start, there, size in zip(page.dataoffsets, page.databytecounts, sizes, strict=True):
        if there < size:
            raise Reject(Reason.TRUNCATED, "a page claims more bytes than are there")
        yield start, start + size


def _rows(samples: int, page: tifffile.TiffPage, height: int) -> int:
    return (samples * int(page.bitspersample) + 7) // 8 * height
