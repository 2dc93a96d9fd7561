"""TIFF pages of which Pillow makes something else, written anew before it sees them.

Of color of 16 bits it gives the high byte alone, in which 8 or 12 bits are next to nothing, and of
planes of it both bytes as if they were pixels; bytes with a sign it gives without it, and a palette
of 8 bits in words as black. The samples are decoded, and lie uncompressed behind the file, with a
directory that has all other tags of the page's own: so what a picture's description says, how it is
turned, and which pages are thumbnails is left to Pillow.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.config import check_size
from echoatlas.pipeline.read.pillow import opened
from echoatlas.pipeline.read.raster import SEPARATE, TIFF_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from echoatlas.pipeline.read.config import ReadConfig

RGB, PALETTE = 2, 3  # TIFF 6.0: PhotometricInterpretation
WORDS = 257  # of 8 bits as 16: their whole range
# Tags of how samples lie (TIFF 6.0, sections 8 and 15; Predictor, section 14): written anew
BITS, PACKING, PLACES, ROWS, LENGTHS = 258, 259, 273, 278, 279
PLANAR, PREDICTOR, COLORS, TILES, KIND = 284, 317, 320, range(322, 326), 339
OURS = {BITS, PACKING, PLACES, ROWS, LENGTHS, PLANAR, PREDICTOR, KIND, *TILES}
SHORT, LONG, LONG8 = 3, 4, 16  # types of values
LETTERS = {SHORT: "H", LONG: "I", LONG8: "Q"}


def as_it_is(data: bytes, config: ReadConfig) -> bytes:
    """A TIFF that Pillow shows as it is; ``data`` itself where it does so anyhow.

    Color is shifted by the fewest bits that hold the largest, as gray is scaled, the same for all
    pages.

    Args:
        data: a TIFF whose rows were checked before.

    Raises:
        Reject: ``unreadable``, ``too_large``.
    """
    try:
        with tifffile.TiffFile(BytesIO(data)) as file:
            pages = [one for one in file.pages if isinstance(one, tifffile.TiffPage)]
            wanted = {at: one for at, one in enumerate(pages) if _is_other(one)}
            for one in wanted.values():
                check_size(one.imagelength, one.imagewidth, len(wanted), config)
            if not wanted:
                return data
            _demand_whole(data, wanted)
            deep = [_plain(one) for one in wanted.values() if one.photometric == RGB]
            tops = [int(one[..., :3].max()).bit_length() for one in deep]
            made = _File(bytearray(data), file.byteorder, file.is_bigtiff)
            for at, page in enumerate(pages):
                made.follow(page, _samples(page, max([8, *tops])) if at in wanted else None)
            return bytes(made.data)
    except TIFF_ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the picture cannot be decoded ({type(error).__name__})"
        ) from None


def _is_other(page: tifffile.TiffPage) -> bool:
    """Whether Pillow opens a page, and gives something else than lies in it."""
    kind = page.dtype
    if kind is None or page.imagedepth != 1:
        return False
    if page.photometric == RGB:
        return bool(kind == np.uint16 and page.bitspersample == 16 and page.samplesperpixel > 2)
    if page.photometric == PALETTE:  # whose words hold 8 bits in files of old programs
        return page.colormap is not None and 0 < int(np.max(page.colormap)) < 256
    return bool(kind == np.int8 and page.samplesperpixel == 1)


def _demand_whole(data: bytes, pages: dict[int, Any]) -> None:
    """Have Pillow decode pages: it tells of damage that others fill with black."""
    with opened(data, "tiff") as image:
        for at in pages:
            image.seek(at)
            image.load()


def _plain(page: tifffile.TiffPage) -> NDArray[Any]:
    """(H, W) or (H, W, samples)."""
    values: NDArray[Any] = page.asarray()
    apart = page.planarconfig == SEPARATE and page.samplesperpixel > 1
    return np.moveaxis(values, 0, -1) if apart else values


def _samples(page: tifffile.TiffPage, bits: int) -> NDArray[Any]:
    """The samples as Pillow takes them: bytes of color, words of gray, or indexes."""
    values = _plain(page)
    if page.photometric == RGB:
        lifted = values >> 8
        lifted[..., :3] = values[..., :3] >> (bits - 8)
        return lifted.astype(np.uint8)
    return values.astype(np.int16) if values.dtype == np.int8 else values


@dataclass(slots=True)
class _File:
    """A TIFF that is being written anew, page by page.

    Attributes:
        order, big: as of the file. link: where the place of the next directory stands.
    """

    data: bytearray
    order: str
    big: bool
    link: int = 0

    def __post_init__(self) -> None:
        self.link = 8 if self.big else 4

    def follow(self, page: tifffile.TiffPage, samples: NDArray[Any] | None) -> None:
        """Go behind a page's directory, or write another for these samples."""
        count, size = ("Q", 20) if self.big else ("H", 12)
        start = page.offset + struct.calcsize(count)
        (entries,) = struct.unpack_from(self.order + count, self.data, page.offset)
        end = start + entries * size
        if samples is None:
            self.link = end
            return
        width = 8 if self.big else 4
        following = bytes(self.data[end : end + width])
        old = [bytes(self.data[at : at + size]) for at in range(start, end, size)]
        tags = {struct.unpack_from(self.order + "H", one)[0]: one for one in old}
        tags = {tag: one for tag, one in tags.items() if tag not in OURS}
        tags |= {tag: self._entry(tag, kind, of) for tag, kind, of in self._tags(page, samples)}
        both = [one for _, one in sorted(tags.items())]
        place = self._append(
            struct.pack(self.order + count, len(both)) + b"".join(both) + following
        )
        struct.pack_into(self.order + ("Q" if self.big else "I"), self.data, self.link, place)
        self.link = len(self.data) - width

    def _tags(
        self, page: tifffile.TiffPage, samples: NDArray[Any]
    ) -> Iterator[tuple[int, int, Sequence[int]]]:
        """How samples lie that are written behind the file; planes stay apart."""
        apart = page.planarconfig == SEPARATE and samples.ndim == 3
        colors = samples.shape[2] if samples.ndim == 3 else 1
        planes = [samples[..., at] for at in range(colors)] if apart else [samples]
        kind = np.dtype(f"{self.order}{samples.dtype.kind}{samples.dtype.itemsize}")
        coded = [np.ascontiguousarray(one, kind).tobytes() for one in planes]
        long = LONG8 if self.big else LONG
        yield BITS, SHORT, [kind.itemsize * 8] * colors
        yield PACKING, SHORT, [1]
        yield PLACES, long, [self._append(one) for one in coded]
        yield ROWS, LONG, [samples.shape[0]]
        yield LENGTHS, long, [len(one) for one in coded]
        yield PLANAR, SHORT, [SEPARATE if apart else 1]
        yield KIND, SHORT, [2 if kind.kind == "i" else 1] * colors
        if page.photometric == PALETTE:
            yield COLORS, SHORT, (np.asarray(page.colormap).ravel().astype(int) * WORDS).tolist()

    def _entry(self, tag: int, kind: int, values: Sequence[int]) -> bytes:
        width, long = (8, "Q") if self.big else (4, "I")
        body = struct.pack(f"{self.order}{len(values)}{LETTERS[kind]}", *values)
        if len(body) > width:
            body = struct.pack(self.order + long, self._append(body))
        head = struct.pack(self.order + "HH" + long, tag, kind, len(values))
        return head + body.ljust(width, b"\0")

    def _append(self, body: bytes) -> int:
        """Where something lies that is put behind the file, at a word's boundary."""
        self.data += b"\0" * (len(self.data) % 2)
        place = len(self.data)
        self.data += body
        return place
