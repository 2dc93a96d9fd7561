"""What samples of gray stand for, and how that is shown: tables, rescale, windows, polarity.

A modality table or rescale says what samples mean, a VOI table or window what of it is shown
(PS3.3 C.11.1, C.11.2); enhanced objects say so in their functional groups, for all frames here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import color
from echoatlas.pipeline.read.dicom.palette import table_entries
from echoatlas.pipeline.read.dicom.regions import PER_FRAME, SHARED
from echoatlas.pipeline.read.dicom.values import each, read_items, read_text, read_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from echoatlas.pipeline.read.dicom.pixel_data import Layout

MODALITY_TABLE, VOI_TABLE, DESCRIPTOR, ENTRIES = 0x00283000, 0x00283010, 0x00283002, 0x00283006
SLOPE, INTERCEPT, CENTER, WIDTH = 0x00281053, 0x00281052, 0x00281050, 0x00281051
FUNCTION, SHAPE = 0x00281056, 0x20500020
TRANSFORMED, VIEWED = 0x00289145, 0x00289132  # functional groups
PADDING = 0x00280120, 0x00280121  # its value, and where a range of them ends
NEGATIVE = 1 << 15


@dataclass(frozen=True, slots=True)
class GrayTable:
    """A look-up table of gray.

    Attributes:
        first: the value that the first entry is for.
        entries: uint16.
        bits: the fewest, 8 or more, that hold the largest entry: descriptors name what could be.
    """

    first: int
    entries: NDArray[np.uint16]
    bits: int

    def look_up(self, values: NDArray[Any]) -> NDArray[np.uint16]:
        """Values outside the table take its nearest entry."""
        places = np.clip(values.astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return np.take(self.entries, places)


@dataclass(frozen=True, slots=True)
class Grays:
    """What a header says of its samples of gray.

    Attributes:
        modality: from samples to what they stand for; else ``slope`` and ``intercept`` are.
        window: center and width of what is shown, by ``function``.
        voi: from what samples stand for to what is shown.
        inverted: the least is white.
        padding: least and greatest sample of what fills a picture up and is none of it, where
            samples have more than 8 bits (PS3.3 C.7.5.1.1.2).
    """

    modality: GrayTable | None = None
    slope: float = 1.0
    intercept: float = 0.0
    window: tuple[float, float] | None = None
    function: str = ""
    voi: GrayTable | None = None
    inverted: bool = False
    padding: tuple[int, int] | None = None

    @property
    def as_stored(self) -> bool:
        """Whether samples of 8 bits are shown as they are stored."""
        return not (self.modality or self.voi or self.inverted or self.slope < 0)

    def filled(self, samples: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Where samples of gray are no picture; None if nothing is said of that."""
        if self.padding is None or samples.ndim == 3:
            return None
        low, high = self.padding
        return np.asarray((samples >= low) & (samples <= high))

    def rescaled(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """What samples stand for, where no table says it."""
        return np.rint(values.astype(np.float64) * self.slope + self.intercept)


def read_grays(header: Dataset, layout: Layout, *, little: bool) -> Grays:
    """What a header says of gray.

    Args:
        little: byte order of the file, which OW tables are in.

    Raises:
        Reject: ``unreadable`` for a table that is damaged.
    """
    modality = _table(header, TRANSFORMED, MODALITY_TABLE, layout, little)
    slope, intercept = (_number(header, TRANSFORMED, tag) for tag in (SLOPE, INTERCEPT))
    center, width = (_number(header, VIEWED, tag) for tag in (CENTER, WIDTH))
    shape = read_text(header, SHAPE).strip().upper()
    told = [read_text(place, FUNCTION).strip().upper() for place in _places(header, VIEWED)]
    return Grays(
        modality=modality,
        slope=1.0 if modality else slope or 1.0,
        intercept=0.0 if modality else intercept or 0.0,
        window=(center, width) if center is not None and width and width > 0 else None,
        function=next((one for one in told if one), ""),
        voi=_table(header, VIEWED, VOI_TABLE, layout, little),
        # INVERSE is what MONOCHROME1 means (PS3.3 C.8.11.3.1.2): it turns nothing round twice
        inverted=layout.photometric == "MONOCHROME1" or shape == "INVERSE",
        padding=_padding(header, layout),
    )


def _padding(header: Dataset, layout: Layout) -> tuple[int, int] | None:
    """The padding's ends as the bits that are stored have them; its range may be one value."""
    value, limit = (color.first_number(read_value(header, tag)) for tag in PADDING)
    if value is None or layout.allocated <= 8:
        return None
    ends = sorted(_stored(int(one), layout) for one in (value, value if limit is None else limit))
    return ends[0], ends[1]


def _stored(value: int, layout: Layout) -> int:
    value &= (1 << layout.stored) - 1
    return value - (1 << layout.stored) if layout.signed and value >> (layout.stored - 1) else value


def _places(header: Dataset, group: int) -> Iterator[Dataset]:
    """Where a header may say it: itself, and the group of all frames or of the first."""
    yield header
    for groups in (SHARED, PER_FRAME):
        for item in read_items(header, groups)[:1]:
            yield from read_items(item, group)[:1]


def _number(header: Dataset, group: int, tag: int) -> float | None:
    found = (color.first_number(read_value(place, tag)) for place in _places(header, group))
    return next((one for one in found if one is not None), None)


def _table(header: Dataset, group: int, tag: int, layout: Layout, little: bool) -> GrayTable | None:
    """The first table of a sequence; None where there is none."""
    item = next((one for at in _places(header, group) for one in read_items(at, tag)), None)
    if item is None:
        return None
    try:
        count, first, _ = (int(part) for part in each(read_value(item, DESCRIPTOR)))
        count = count % 65536 or 65536
        raw = read_value(item, ENTRIES)
        if isinstance(raw, bytes):
            entries = table_entries(raw, count, little)
        else:
            entries = np.array(each(raw), np.int64).astype(np.uint16)
    except (TypeError, ValueError, OverflowError):
        entries, count, first = np.zeros(0, np.uint16), 1, 0
    if len(entries) < count:
        raise Reject(Reason.UNREADABLE, "a look-up table of gray is damaged")
    entries = entries[:count]
    if layout.signed and first >= NEGATIVE:
        first -= 2 * NEGATIVE
    return GrayTable(first, entries, max(int(entries.max()).bit_length(), 8))
