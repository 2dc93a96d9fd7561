"""Whether two frames show the same moment, asked of their speckle: the second opinion on a hash.

Anatomy makes different patients' pictures correlate, and so do the edges of chambers and vessels
after any high pass. Speckle is a fingerprint of one moment of one body. So it is compared alone:
away from edges, dark and glare, each pixel's fine structure measured in units of what is usual
around it, window by window; the median over windows decides, which neither a caliper nor a label
moves. What a copy was cropped, padded or scaled by is undone first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import picture_kernels
from echoatlas.pipeline.deduplicate.config import SimilarityConfig
from echoatlas.pipeline.deduplicate.framing import Warp
from echoatlas.pipeline.deduplicate.picture_kernels import SPECKLED, TEXTURED
from echoatlas.pipeline.frames.phash import SIDE

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]

WINDOW = 16  # pixels, both axes
FINE = 1.6  # pixels; what a blur this wide takes away is fine structure
AROUND = 3.5  # pixels, of its usual size
COARSE = 2.5  # pixels of the blur in which edges are looked for
DARK, GLARE, FAINT = 12, 245, 1.5  # gray levels
LITTLE = 0.15  # share of a thumbnail in which two must overlap
CROWDED = 0.3  # share of a window that must be of use
MOST = 3.0  # times the usual size, that fine structure is cut off at
BESIDE = np.ones((13, 13), np.uint8)  # as far as a blur reaches
STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)


class Verdict(IntEnum):
    """What two frames are to each other."""

    DIFFERENT = 0
    UNDECIDED = 1
    SAME = 2


@dataclass(frozen=True, slots=True)
class Similarity:
    """How alike two frames are.

    Attributes:
        likeness: correlation of the blurred pictures, -1 to 1.
        speckle: median correlation of the windows that were used.
        windows: of speckle; 0 if all structure had to do.
    """

    verdict: Verdict
    likeness: float
    speckle: float
    windows: int

    @property
    def order(self) -> tuple[int, float, float]:
        """The larger the more alike."""
        return int(self.verdict), self.speckle, self.likeness


@dataclass(frozen=True, slots=True)
class View:
    """A thumbnail as it is compared.

    Attributes:
        gray: (128, 128) float32.
        coarse: blurred.
        fine: what the blur took away, in units of what is usual around.
        shown: uint8, 1 where it is neither black nor beside black.
        used: uint8, of ``picture_kernels``: where there is structure, and where away from edges.
    """

    gray: Floats
    coarse: Floats
    fine: Floats
    shown: Picture
    used: Picture

    @property
    def textured(self) -> NDArray[np.bool_]:
        """Where there is structure."""
        return np.asarray(self.used & TEXTURED, bool)

    @property
    def speckled(self) -> NDArray[np.bool_]:
        """The same, away from edges."""
        return np.asarray(self.used & SPECKLED, bool)


def view_of(gray: Floats, config: SimilarityConfig) -> View:
    """Part a thumbnail in coarse and fine structure."""
    coarse = cv2.GaussianBlur(gray, (0, 0), FINE)
    fine = gray - coarse
    power = cv2.GaussianBlur(fine * fine, (0, 0), AROUND)
    smooth = cv2.GaussianBlur(gray, (0, 0), COARSE)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    # A Sobel filter sums eight differences
    levels = np.array([DARK, GLARE, FAINT, MOST, 8 * config.edge / FINE], np.float32)
    used = picture_kernels.textures(fine, power, coarse, across, down, levels)
    lit = (gray > 2).astype(np.uint8)
    around = cv2.boxFilter(lit, -1, (5, 5), normalize=False, borderType=cv2.BORDER_REPLICATE)
    shown = cv2.erode((around > 12).astype(np.uint8), BESIDE)  # most of 25
    return View(gray, coarse, fine, np.asarray(shown, np.uint8), used)


def compared(one: View, other: View, config: SimilarityConfig) -> Similarity:
    """How alike two thumbnails are, pixel upon pixel."""
    likeness = float(
        picture_kernels.correlation(one.coarse, other.coarse, one.shown, other.shown, LITTLE)
    )
    speckle, windows = _agreement(one, other, SPECKLED)
    if windows >= config.windows:
        least, doubt = config.speckle, config.doubt
    else:
        speckle, seen = _agreement(one, other, TEXTURED)
        windows, least, doubt = 0, config.structure, config.structure_doubt
        if seen < config.windows:  # hardly anything to be seen
            speckle = min(speckle, likeness, least - 1e-3)
        elif likeness >= config.identical:
            least = doubt
    # Speckle in many windows needs no more than that the rest does not speak against it
    alike = config.speckled_likeness if windows else config.likeness
    if speckle >= least and likeness >= alike:
        verdict = Verdict.SAME
    elif speckle >= doubt and likeness >= config.likeness:
        verdict = Verdict.UNDECIDED
    else:
        verdict = Verdict.DIFFERENT
    return Similarity(verdict, likeness, speckle, windows)


def _agreement(one: View, other: View, bit: int) -> tuple[float, int]:
    """Median over windows of the correlation of fine structure, and how many windows there are."""
    found = picture_kernels.windows_agree(
        one.fine, other.fine, one.used, other.used, bit, WINDOW, CROWDED
    )
    return float(found[0]), int(found[1])


def registered(one: Floats, other: Floats, start: Warp | None = None) -> Warp | None:
    """The affine map that lays one thumbnail upon another; None where none is found.

    Framing alone is undone by it: each thumbnail is a fan's box, and boxes are found anew in each
    copy. Enhanced correlation (Evangelidis and Psarakis, IEEE PAMI 30, 2008).

    Args:
        start: where to start from; no change if not given.
    """
    begin = np.eye(2, 3, dtype=np.float32) if start is None else start.copy()
    a, b = cv2.GaussianBlur(one, (0, 0), 1.5), cv2.GaussianBlur(other, (0, 0), 1.5)
    try:
        _, warp = cv2.findTransformECC(a, b, begin, cv2.MOTION_AFFINE, STEPS, None, 5)
    except cv2.error:  # nothing correlates
        return None
    # A framing scales and shifts; it neither turns nor shears, nor leaves little in common
    plain = abs(warp[0, 1]) < 0.08 and abs(warp[1, 0]) < 0.08
    moved = np.abs(warp - begin)[:, 2].max() < 0.35 * SIDE
    fits = all(0.7 < warp[axis, axis] / begin[axis, axis] < 1.4 for axis in (0, 1))
    return warp if plain and fits and moved else None


def laid(other: Floats, warp: Warp) -> Floats:
    """A thumbnail laid upon another, black where it has nothing to show."""
    shrunk = float(warp[0, 0] + warp[1, 1]) / 2
    if shrunk > 1.25:  # several pixels become one
        other = cv2.GaussianBlur(other, (0, 0), shrunk / 2.5)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(other, warp, (SIDE, SIDE), flags=flags), np.float32)
