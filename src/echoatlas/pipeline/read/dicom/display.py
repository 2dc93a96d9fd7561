"""Samples of a DICOM file as displayed: palette, tables, window, inversion, and eight bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.read import color
from echoatlas.pipeline.read.dicom.grays import read_grays
from echoatlas.pipeline.read.dicom.palette import read_palette

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from echoatlas.pipeline.read.dicom.palette import Palette
    from echoatlas.pipeline.read.dicom.pixel_data import Layout
    from echoatlas.schemas.records import Picture


class Display:
    """The way from samples to a picture, the same for all frames of a file.

    Args:
        header: with palette, tables, window and rescale.
        little: byte order of the file, which a palette's words are in.
        samples: gives the samples of all frames that can be decoded, to find their range where
            the header has no window for more than 8 bits; asked once, and only then.
    """

    def __init__(
        self,
        header: Dataset,
        layout: Layout,
        samples: Callable[[], Iterable[NDArray[Any]]],
        *,
        little: bool = True,
    ) -> None:
        indexed = layout.photometric == "PALETTE COLOR" and layout.components == 1
        self.palette: Palette | None = read_palette(header, little=little) if indexed else None
        self._grays = read_grays(header, layout, little=little)
        self._layout, self._samples = layout, samples
        self._range: tuple[int, int] | None = None

    def picture(self, samples: NDArray[Any], bits: int, ycc: bool) -> Picture:
        """Samples as displayed: (H, W) gray or (H, W, 3) RGB uint8."""
        if self.palette is not None and samples.ndim == 2:
            return self.palette.paint(samples)
        if samples.ndim == 3:
            eight = color.to_bytes(samples, bits) if ycc else self._spread(samples, bits)
            full = not self._layout.photometric.startswith("YBR_PARTIAL")
            return color.ycc_to_rgb(eight, full=full) if ycc else eight
        gray = self._gray(samples, bits)
        gray = 255 - gray if self._grays.inverted else gray
        filled = self._grays.filled(samples)
        return gray if filled is None else np.where(filled, np.uint8(0), gray)

    def _gray(self, samples: NDArray[Any], bits: int) -> Picture:
        """Linear windows are for more than 8 bits: those that have 8 are as bright as stored."""
        told, signed = self._grays, self._layout.signed
        values = self._meant(samples)
        if told.modality is not None:
            bits, signed = told.modality.bits, False
        few = bits <= 8 and not signed
        if told.window is not None and not few:
            scale = told.slope, told.intercept
            return color.window(values, *told.window, *scale, told.function)
        if told.voi is not None:
            return color.to_bytes(told.voi.look_up(told.rescaled(values)), told.voi.bits)
        gray = color.to_bytes(values, bits) if few else self._spread(values, bits)
        return 255 - gray if told.slope < 0 else gray

    def _meant(self, samples: NDArray[Any]) -> NDArray[Any]:
        """What samples stand for, where a table says it."""
        table = self._grays.modality
        return samples if table is None or samples.ndim == 3 else table.look_up(samples)

    def _picture(self, samples: NDArray[Any]) -> NDArray[Any]:
        """What samples stand for, without those that fill the picture up."""
        filled = self._grays.filled(samples)
        values = self._meant(samples)
        return values if filled is None else values[~filled]

    def _spread(self, samples: NDArray[Any], bits: int) -> Picture:
        """Samples by the fewest bits that hold the largest of the clip.

        BitsStored says what could be stored, not what is: 12 bits of echo in words said to be full
        would be black. Signed ones are spread from the least to the largest of the clip.
        """
        if bits <= 8 and samples.dtype.kind == "u":
            return color.to_bytes(samples, bits)
        if self._range is None:
            clip = map(self._picture, self._samples())
            ends = [(int(one.min()), int(one.max())) for one in clip if one.size]
            ends = ends or [(int(samples.min()), int(samples.max()))]
            self._range = min(low for low, _ in ends), max(high for _, high in ends)
        low, high = self._range
        if low >= 0 and samples.dtype.kind in "iu":
            return color.to_bytes(samples, max(high.bit_length(), 8))
        scaled = (samples.astype(np.float32) - low) * (255 / max(high - low, 1))
        return np.asarray(np.clip(np.rint(scaled), 0, 255), np.uint8)
