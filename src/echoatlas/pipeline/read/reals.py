"""TIFF pages that Pillow does not know: reals of 16 and 64 bits, integers of 64, as NumPy has them.

scikit-image and tifffile write what they are given: a picture that was computed is double, and a
mask of NumPy's own integers has 64 bits.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.axes import PLANE, STACK
from echoatlas.pipeline.read.arrays.scan import array_scan
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.raster import RAW, TIFF_ERRORS
from echoatlas.schemas.records import Scan


def read_reals(data: bytes, config: ReadConfig) -> Scan:
    """Pages of gray in those types, uncompressed, whose rows were checked before.

    Raises:
        Reject: ``unsupported_codec`` if pages are otherwise, ``frame_mismatch`` if they differ in
            size, ``too_large``, and as ``array_scan``.
    """
    try:
        with tifffile.TiffFile(BytesIO(data)) as file:
            values = _values([_known(page) for page in file.pages], config)
    except TIFF_ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the picture cannot be decoded ({type(error).__name__})"
        ) from None
    return array_scan(values, "tiff", config, kinds=[STACK, PLANE, PLANE])


def _known(page: Any) -> tifffile.TiffPage:
    if (
        not isinstance(page, tifffile.TiffPage)
        or page.dtype is None
        or page.dtype.kind not in "iuf"
        or page.compression != RAW
        or page.samplesperpixel != 1
        or page.imagedepth != 1
    ):
        raise Reject(
            Reason.UNSUPPORTED_CODEC,
            "pages are compressed or numbered in a way that is not read: save the file with 8 or "
            "16 bits, uncompressed, by LZW or by Deflate",
        )
    return page


def _values(pages: list[tifffile.TiffPage], config: ReadConfig) -> NDArray[Any]:
    if len({page.shape for page in pages}) > 1:
        raise Reject(Reason.FRAME_MISMATCH, "the pages of the file differ in size")
    if sum(page.nbytes for page in pages) > config.max_inflated:
        raise Reject(Reason.TOO_LARGE, f"the pages claim more than {config.max_inflated} bytes")
    return np.stack([page.asarray() for page in pages])
