"""Whether an axis of three or four is color, or so many moments or slices.

The colors of a pixel say one thing three times. Where a picture is gray they are equal, where it
is tinted each is a function of the others, and lossy coding takes detail from their differences
first. Of two moments no such thing can be said: tissue moves, and so does its speckle. So what is
asked is how much detail is in one component that a function of another does not explain, where
a quarter of the picture has least: no Doppler box, no frame of a screen is as large.

Where so much is one, the rest may still be that of moments which all but stand still: faint, all
over, and now up, now down. Colors are strong somewhere, or off to one side; so such are refused.

Tried on 96 real color pictures and 112 triples of frames that follow one another in 28 real gray
clips, each also coded as JPEG of three qualities, halved and cut: 576 and 672 in all. Where color
usually lies, 554 of the pictures are colors, 14 refused, 8 taken for frames (a Doppler box cut out
so that little else is seen, drawings shrunk to half, a dithered palette); of the triples 525 are
frames, 104 refused, and 43 taken for colors, of which 42 differ from each other by less than .2
gray levels on average: three times one picture. Elsewhere it is 543, 25 and 8, and 525, 104 and 43
(ADR 11, ``tests/read/test_colors_or_frames.py``).
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
FAINT, STRONG = 2.0, 8.0  # levels, deviation of what is unexplained within a cell
AROUND, VIVID = 0.2, 0.045  # shares of the cells that show something: see ``_flickers``
PALETTE = 256  # colors that a picture of palette colors has at most


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
        return None if _flickers(shown) else True
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


def _flickers(pictures: Levels) -> bool:
    """Whether components differ by a little all over, now up, now down, as moments do that all but
    stand still.

    A tint or a Doppler box is off to one side over whole cells; coding leaves less than this of
    what was gray, unless strong colors stand beside it; and a palette has few colors at all.

    Args:
        pictures: (N, H, W, 3).
    """
    lit = pictures.max(axis=-1) > LIT
    one = pictures[..., 1]
    shown = np.stack([_cells(of.astype(np.float32)) > FULL for of in lit])
    strongest, offset = np.zeros((2, *shown.shape), np.float32)
    for component in (0, 2):
        other = pictures[..., component]
        function = _usual_level(one[lit], other[lit])
        for at, (first, second) in enumerate(zip(one, other, strict=True)):
            rest = second.astype(np.float32) - function[first]
            spread = np.sqrt(np.maximum(_cells(rest * rest) - _cells(rest) ** 2, 0))
            strongest[at] = np.maximum(strongest[at], spread)
            away = np.abs(_cells(second.astype(np.float32) - first))
            offset[at] = np.maximum(offset[at], away)
    cells = max(int(shown.sum()), 1)
    around = shown & (strongest > FAINT) & (offset < strongest)
    vivid = shown & (strongest > STRONG)
    return (
        around.sum() >= AROUND * cells
        and vivid.sum() < VIVID * cells
        and _colors(pictures) > PALETTE
    )


def _colors(pictures: Levels) -> int:
    """How many different colors there are."""
    wide = pictures.astype(np.uint32)
    return len(np.unique(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]))


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
