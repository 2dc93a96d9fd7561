"""What the scanner shows: from the header's codes first, from color in the fan second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.frames.color import BRIGHT, chroma
from echoatlas.schemas.fan import Fan, Mode

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture, Scan

# ImageType value 4, a hexadecimal bitmap (PS3.3 C.8.5.6.1.1).
TWO_D, M_MODE, CW, PW, COLOR, COLOR_M, POWER = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x100
TRACES = (2, 3, 4)  # region spatial formats: M-mode, spectral, waveform
SHARE = 0.01


def bitmap(scan: Scan) -> int:
    """ImageType value 4, or 0 where it is missing or not hexadecimal."""
    kinds = scan.header.get("ImageType") if scan.header is not None else None
    if kinds is None or isinstance(kinds, str) or len(kinds) < 4:
        return 0
    try:
        return int(str(kinds[3]), 16)
    except ValueError:
        return 0


def only_traces(scan: Scan) -> bool:
    """Whether the header says that no 2D picture is shown: M-mode, spectra and waveforms alone."""
    formats = {region.spatial_format for region in scan.regions} - {0, 5}
    if formats:
        return formats <= set(TRACES)
    return bool(bitmap(scan)) and not bitmap(scan) & (TWO_D | COLOR | POWER | 0x40)


def mode_of(scan: Scan, pictures: Sequence[Picture], fans: Sequence[Fan]) -> Mode:
    """The mode of the scanned areas.

    Color must be seen to be believed: scanners set the bit as soon as the mode is armed, and the
    pictures may have been made gray since.
    """
    seen, warm = _color(pictures, fans)
    bits = bitmap(scan)
    flow = any(region.data_type == 2 for region in scan.regions)
    if seen >= SHARE:
        if bits & POWER and not bits & COLOR:
            return Mode.POWER
        return Mode.POWER if warm > 0.97 and not bits & COLOR and not flow else Mode.COLOR
    return Mode.B


def _color(pictures: Sequence[Picture], fans: Sequence[Fan]) -> tuple[float, float]:
    """Share of the fans' pixels with color, and the share of these that is red to yellow.

    A tint colors nearly all bright pixels in one hue; it is no flow.
    """
    height, width = pictures[0].shape[:2]
    inside = np.logical_or.reduce([fan.mask(height, width) for fan in fans])[::4]
    shares, warms = [0.0], [0.0]
    for picture in pictures:
        if picture.ndim == 2:
            continue
        picture = picture[::4]  # flow is larger than a few rows
        colored = chroma(picture) & inside
        count = int(colored.sum())
        red, green, blue = cv2.split(picture)
        bright = int(((cv2.max(cv2.max(red, green), blue) > BRIGHT) & inside).sum())
        if count == 0 or count > 0.9 * bright:
            continue
        values = picture[colored].astype(np.int16)
        shares.append(count / max(int(inside.sum()), 1))
        warms.append(
            float(((values[:, 0] >= values[:, 1]) & (values[:, 1] >= values[:, 2])).mean())
        )
    best = int(np.argmax(shares))
    return shares[best], warms[best]
