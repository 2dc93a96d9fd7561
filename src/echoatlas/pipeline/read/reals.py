"""TIFF pages that Pillow does not know: reals of 16 and 64 bits, integers of 64, as NumPy has them;
and files beyond 4 GB whose numbers have their high bytes first, as Bio-Formats writes them.

scikit-image and tifffile write what they are given: a picture that was computed is double, and a
mask of NumPy's own integers has 64 bits. Of color it knows no reals at all.
"""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.axes import COLOR, PLANE, STACK
from echoatlas.pipeline.read.arrays.ranges import negative
from echoatlas.pipeline.read.arrays.scan import array_scan
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.pages import WHITE_IS_ZERO
from echoatlas.pipeline.read.raster import RAW, SEPARATE, TIFF_ERRORS
from echoatlas.pipeline.read.tiff_axes import demand_colors
from echoatlas.pipeline.read.tiff_scale import ORIENTATION, tiff_scale
from echoatlas.pipeline.read.turns import oriented
from echoatlas.schemas.records import Scan

BLACK_IS_ZERO, RGB = 1, 2  # TIFF 6.0: PhotometricInterpretation
# Not compressed, LZW, Deflate by either number, PackBits, Zstandard: each tells of damage
PACKED = {RAW, 5, 8, 32946, 32773, 50000}
MEANT = {(WHITE_IS_ZERO, 1), (BLACK_IS_ZERO, 1), (RGB, 3)}  # and samples of a pixel


def read_reals(data: bytes, config: ReadConfig) -> Scan:
    """Pages of gray or color in those types, whose rows were checked before.

    Raises:
        Reject: ``unsupported_codec`` if pages are otherwise, ``frame_mismatch`` if they differ in
            size, ``too_large``, and as ``array_scan``.
    """
    try:
        with tifffile.TiffFile(BytesIO(data)) as file:
            pages = [_known(page) for page in file.pages]
            values = _values(pages, config)
            values = negative(values) if pages[0].photometric == WHITE_IS_ZERO else values
            scale = tiff_scale(_Tags(pages[0]))
    except (*TIFF_ERRORS, RuntimeError) as error:  # imagecodecs' errors are of the latter
        raise Reject(
            Reason.UNREADABLE, f"the picture cannot be decoded ({type(error).__name__})"
        ) from None
    if pages[0].planarconfig == SEPARATE and values.ndim > 3:
        demand_colors(values[0])
    x, y = scale.spacing or (None, None)
    scan = array_scan(
        values,
        "tiff",
        config,
        kinds=[STACK, PLANE, PLANE, COLOR][: values.ndim],
        sizes=[None, y, x, None][: values.ndim],
        step_ms=scale.step_ms,
    )
    return replace(scan, turn=_turn(pages[0]))


class _Tags:
    """A page's tags as Pillow gives them, for the readers of tags."""

    def __init__(self, page: tifffile.TiffPage) -> None:
        self.tag_v2 = {tag.code: _plain(tag.value) for tag in page.tags}


def _plain(value: Any) -> Any:
    """A tag's value; a fraction, which tifffile gives as two numbers, as one."""
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(one, int) for one in value):
        return value[0] / value[1] if value[1] else float("nan")
    return value


def _known(page: Any) -> tifffile.TiffPage:
    if (
        not isinstance(page, tifffile.TiffPage)
        or page.dtype is None
        or page.dtype.kind not in "iuf"
        or page.compression not in PACKED
        or page.imagedepth != 1
        or (page.photometric, page.samplesperpixel) not in MEANT
    ):
        raise Reject(
            Reason.UNSUPPORTED_CODEC,
            "pages are compressed or numbered in a way that is not read: save the file with 8 or "
            "16 bits, uncompressed, by LZW or by Deflate",
        )
    if not all(page.dataoffsets) or not all(page.databytecounts):  # which tifffile fills up
        raise Reject(Reason.TRUNCATED, "a page claims more bytes than are there")
    return page


def _values(pages: list[tifffile.TiffPage], config: ReadConfig) -> NDArray[Any]:
    if len({page.shape for page in pages}) > 1:
        raise Reject(Reason.FRAME_MISMATCH, "the pages of the file differ in size")
    if sum(page.nbytes for page in pages) > config.max_inflated:
        raise Reject(Reason.TOO_LARGE, f"the pages claim more than {config.max_inflated} bytes")
    return np.stack([_shown(page) for page in pages])


def _shown(page: tifffile.TiffPage) -> NDArray[Any]:
    """The values of a page, (H, W) or (H, W, 3), turned as it is shown."""
    values = page.asarray()
    if page.planarconfig == SEPARATE and page.samplesperpixel > 1:
        values = np.moveaxis(values, 0, -1)
    return np.ascontiguousarray(oriented(values, _turn(page)))


def _turn(page: tifffile.TiffPage) -> int:
    tag = page.tags.get(ORIENTATION)
    return int(tag.value) if tag else 1
