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

from echoatlas.pipeline.deduplicate.framing import Warp
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
BESIDE = np.ones((13, 13), np.uint8)  # as far as a blur reaches
STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)


class Verdict(IntEnum):
    """What two frames are to each other."""

    DIFFERENT = 0
    UNDECIDED = 1
    SAME = 2


@dataclass(frozen=True, slots=True)
class SimilarityConfig:
    """When two thumbnails show the same moment (docs/adr/0009 has the figures).

    Attributes:
        likeness: least correlation of the blurred pictures, where they overlap.
        speckled_likeness: the same, where speckle agrees: crops leave little that varies.
        speckle: least median correlation of windows; of different patients .2 was the most seen.
        doubt: from here on it is not told apart.
        windows: that speckle must be seen in; with fewer, all structure decides.
        structure, structure_doubt: as ``speckle`` and ``doubt``, for all structure: other
            patients in the same view reached .66.
        edge: slope of the coarse picture, in units of the fine structure, that is an edge.
    """

    likeness: float = 0.8
    speckled_likeness: float = 0.4
    speckle: float = 0.55
    doubt: float = 0.3
    windows: int = 6
    structure: float = 0.85
    structure_doubt: float = 0.55
    edge: float = 0.7


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
        textured: bool, where there is structure. speckled: the same, away from edges.
    """

    gray: Floats
    coarse: Floats
    fine: Floats
    shown: Picture
    textured: NDArray[np.bool_]
    speckled: NDArray[np.bool_]


def view_of(gray: Floats, config: SimilarityConfig) -> View:
    """Part a thumbnail in coarse and fine structure."""
    coarse = cv2.GaussianBlur(gray, (0, 0), FINE)
    fine = gray - coarse
    usual = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), AROUND))
    smooth = cv2.GaussianBlur(gray, (0, 0), COARSE)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)) / 8
    textured = (coarse > DARK) & (coarse < GLARE) & (usual > FAINT)
    return View(
        gray=gray,
        coarse=coarse,
        shown=cv2.erode(cv2.medianBlur((gray > 2).astype(np.uint8), 5), BESIDE),
        fine=np.clip(fine / np.maximum(usual, 1e-3), -3, 3),
        textured=textured,
        speckled=textured & (slope * FINE < config.edge * np.maximum(usual, 1)),
    )


def compared(one: View, other: View, config: SimilarityConfig) -> Similarity:
    """How alike two thumbnails are, pixel upon pixel."""
    shared = (one.shown & other.shown).astype(bool)
    if np.count_nonzero(shared) <= LITTLE * SIDE * SIDE:
        shared[:] = True
    likeness = _correlation(one.coarse[shared], other.coarse[shared])
    speckle, windows = _agreement(one, other, one.speckled & other.speckled)
    if windows >= config.windows:
        least, doubt = config.speckle, config.doubt
    else:
        speckle, seen = _agreement(one, other, one.textured & other.textured)
        windows, least, doubt = 0, config.structure, config.structure_doubt
        if seen < config.windows:  # hardly anything to be seen
            speckle = min(speckle, likeness, least - 1e-3)
    # Speckle in many windows needs no more than that the rest does not speak against it
    alike = config.speckled_likeness if windows else config.likeness
    if speckle >= least and likeness >= alike:
        verdict = Verdict.SAME
    elif speckle >= doubt and likeness >= config.likeness:
        verdict = Verdict.UNDECIDED
    else:
        verdict = Verdict.DIFFERENT
    return Similarity(verdict, likeness, speckle, windows)


def _agreement(one: View, other: View, used: NDArray[np.bool_]) -> tuple[float, int]:
    """Median over windows of the correlation of fine structure, and how many windows there are."""
    enough = _summed(used.astype(np.float32)) > CROWDED * WINDOW * WINDOW
    if not enough.any():
        return 0.0, 0
    left, right = np.where(used, one.fine, 0), np.where(used, other.fine, 0)
    power = _summed(left * left) * _summed(right * right)
    agreement = _summed(left * right) / np.sqrt(np.maximum(power, 1e-6))
    return float(np.median(agreement[enough])), int(enough.sum())


def _summed(picture: Floats) -> Floats:
    side = SIDE // WINDOW
    sums: Floats = picture.reshape(side, WINDOW, side, WINDOW).sum(axis=(1, 3))
    return sums


def _correlation(one: Floats, other: Floats) -> float:
    a, b = one - one.mean(), other - other.mean()
    power = float((a * a).sum()) * float((b * b).sum())
    return float((a * b).sum()) / float(max(power, 1e-6) ** 0.5)


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
