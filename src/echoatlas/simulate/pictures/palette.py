"""Palettes: pictures as indexes into lookup tables of red, green and blue (PS3.3 C.7.6.3.1.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset


def indexed(
    dataset: Dataset, pictures: NDArray[np.uint8], bits: int, big_endian: bool
) -> NDArray[np.uint8]:
    """Give a header lookup tables, and return the pictures as indexes.

    Gray pictures keep every level; color ones are reduced to the 256 colors of their first frame.

    Args:
        bits: of a table's entry, 8 or 16 (16 holds the 8-bit value times 257).
    """
    if pictures.ndim == 3:
        table = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
        indexes = pictures
    else:
        first = Image.fromarray(pictures[0]).quantize(256, dither=Image.Dither.NONE)
        table = np.zeros((256, 3), np.uint8)
        colors = np.array(first.getpalette(), np.uint8).reshape(-1, 3)
        table[: len(colors)] = colors
        indexes = np.stack(
            [
                np.asarray(Image.fromarray(one).quantize(palette=first, dither=Image.Dither.NONE))
                for one in pictures
            ]
        )
    for band, name in enumerate(("Red", "Green", "Blue")):
        entries = table[:, band]
        wide = entries.astype(">u2" if big_endian else "<u2")
        packed = (wide * 257).astype(wide.dtype).tobytes() if bits == 16 else entries.tobytes()
        if bits == 8 and big_endian:
            packed = entries.reshape(-1, 2)[:, ::-1].tobytes()
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [256, 0, bits])
        setattr(dataset, f"{name}PaletteColorLookupTableData", packed)
    return indexes
