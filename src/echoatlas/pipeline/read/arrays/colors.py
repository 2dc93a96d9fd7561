"""Whether an axis of three or four is color, or so many moments or slices.

The colors of a pixel say one thing three times. Where a picture is gray they are equal, where it
is tinted each is a function of the others, and lossy coding takes detail from their differences
first. Of two moments no such thing can be said: tissue moves, and so does its speckle. So what is
asked is how much detail is in one component that a function of another does not explain, where
a quarter of the picture has least: no Doppler box, no frame of a screen is as large.

Tried on 59 real color pictures and 109 triples of frames that follow one another in 28 real gray
clips, each also coded as JPEG of three qualities, halved and cut: 354 and 654 in all. Where color
usually lies, 337 of the pictures are colors, 12 refused, 5 taken for frames (a Doppler box cut out
so that little else is seen, or drawings shrunk to half); of the triples 523 are frames, 48 refused,
and 83 taken for colors, which differ from each other by 2.1 gray levels on average at most: they
all but stand still. Elsewhere it is 316, 33 and 5, and 523, 76 and 55. The rule before, equality
pixel by pixel, took 50 and 20 of the 109 plain triples for colors; this one 15 and 11 (ADR 11,
``tests/read/test_colors_or_frames.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Levels = NDArray[np.uint8]
    Reals = NDArray[np.float32]

USUAL, UNUSUAL = 0.1, 0.05  # of a component's detail, up to which the rest is color
MOVING = 0.22  # from which it is another moment
QUARTER = 0.25  # of the cells
CELL = 8  # pixels, both axes
LEAST = 8  # cells that show enough to be asked
LIT = 8  # of 255
FULL = 0.9  # of a cell's pixels that are lit
DETAIL = 1.0  # square levels that a cell must have
EQUAL = 0.99  # of the pixels of a picture with less, if they are colors
FLAT = 0.02  # share of an alpha's pixels that may be in between
PICTURES, SIDE = 4, 1024  # that are looked at; pixels of each, both axes


def are_colors(values: NDArray[Any], usual: bool) -> bool | None:
    """Whether the last axis, of three or four, is color.

    Args:
        values: (..., H, W, 3 or 4).
        usual: whether color usually lies there in files of this kind.

    Returns:
        None if it can't be told.
    """
    if values.shape[-1] == 4 and not _is_alpha(values[..., 3]):
        return False
    shown = _levels(_some(values[..., :3]))
    unexplained = np.maximum(_unexplained(shown, 0), _unexplained(shown, 2))
    if len(unexplained) < LEAST:
        return True if (np.ptp(shown, axis=-1) == 0).mean() >= EQUAL else None
    least = float(np.quantile(unexplained, QUARTER))
    if least <= (USUAL if usual else UNUSUAL):
        return True
    return False if least >= MOVING else None


def _some(values: NDArray[Any]) -> NDArray[Any]:
    """(N, H, W, 3): the middles of a few pictures."""
    pictures = values.reshape(-1, *values.shape[-3:])
    places = np.unique(np.linspace(0, len(pictures) - 1, PICTURES).astype(int))
    top, left = (max((side - SIDE) // 2, 0) for side in pictures.shape[1:3])
    return pictures[places, top : top + SIDE, left : left + SIDE]


def _levels(pictures: NDArray[Any]) -> Levels:
    """Values as 8 bits, one scale for all."""
    if pictures.dtype == np.uint8:
        return pictures
    wide = np.nan_to_num(pictures.astype(np.float64), posinf=0, neginf=0)
    low, high = wide.min(), wide.max()
    return np.asarray(np.rint((wide - low) * (255.0 / max(high - low, 1e-12))), np.uint8)


def _unexplained(pictures: Levels, component: int) -> Reals:
    """Of the cells that show something, the detail of a component that is no function of the
    middle one, as a share of that one's detail.

    Args:
        pictures: (N, H, W, 3).
    """
    lit = pictures.max(axis=-1) > LIT
    one, other = pictures[..., 1], pictures[..., component]
    function = _usual_level(one[lit], other[lit])
    found = []
    for first, second, shown in zip(one, other, lit, strict=True):
        detail = _cells(_detail(first.astype(np.float32)) ** 2)
        rest = _cells(_detail(second.astype(np.float32) - function[first]) ** 2)
        asked = (_cells(shown.astype(np.float32)) > FULL) & (detail > DETAIL)
        found.append(rest[asked] / detail[asked])
    return np.concatenate(found)


def _usual_level(one: Levels, other: Levels) -> Reals:
    """For each level of ``one`` the median of ``other`` there."""
    counts = np.bincount(one.astype(np.int64) * 256 + other, minlength=1 << 16).reshape(256, 256)
    below = np.cumsum(counts, axis=1)
    return np.asarray(np.argmax(2 * below >= below[:, -1:], axis=1), np.float32)


def _detail(picture: Reals) -> Reals:
    return np.asarray(picture - cv2.blur(picture, (3, 3)), np.float32)


def _cells(picture: Reals) -> Reals:
    """Means of whole cells."""
    height, width = (side // CELL * CELL for side in picture.shape)
    cut = picture[:height, :width].reshape(height // CELL, CELL, width // CELL, CELL)
    return np.asarray(cut.mean(axis=(1, 3)), np.float32)


def _is_alpha(values: NDArray[Any]) -> bool:
    """Whether a fourth component says what is there, and shows nothing of its own."""
    low, high = values.min(), values.max()
    if low == high:
        return True
    between = (values > low + 0.02 * (high - low)) & (values < high - 0.02 * (high - low))
    return bool(between.mean() <= FLAT)
