"""Whether an axis of three or four is color, or so many moments or slices.

The colors of a pixel say one thing three times: where a picture is gray they are equal, where it
is tinted each is a function of the others, and only few of its pixels are in true color. Tissue
moves, so of two moments no such thing can be said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Share of lit pixels whose components are functions of each other, to the level or closely. Of 51
# real color pictures it was at least 0.54 to the level, but for lossy ones, closely at least 0.82;
# of 26 gray clips at most 0.37 to the level, but for three that all but stand still, and closely up
# to 0.96. So it takes more where no color is usual.
EXACT, USUAL, UNUSUAL = 0.45, 0.8, 0.97
CLOSE = 6  # of 255, lossy coding
LIT = 8  # of 255
FLAT = 0.02  # share of an alpha's pixels that may be in between
MOST = 1 << 20  # pixels that are looked at


def are_colors(values: NDArray[Any], usual: bool) -> bool:
    """Whether the last axis, of three or four, is color.

    Args:
        values: (..., 3 or 4).
        usual: whether color usually lies there in files of this kind.
    """
    pixels = values.reshape(-1, values.shape[-1])
    pixels = pixels[:: max(len(pixels) // MOST, 1)]
    levels = _levels(pixels[:, :3])
    if values.shape[-1] == 4 and not _is_alpha(pixels[:, 3]):
        return False
    green = levels[:, 1]
    shares = [_follows(green, levels[:, other]) for other in (0, 2)]
    exactly, closely = (min(one) for one in zip(*shares, strict=True))
    return bool(exactly >= EXACT or closely >= (USUAL if usual else UNUSUAL))


def _levels(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Values as 8 bits, one scale for all."""
    if pixels.dtype == np.uint8:
        return pixels
    wide = np.nan_to_num(pixels.astype(np.float64), posinf=0, neginf=0)
    low, high = wide.min(), wide.max()
    return np.asarray(np.rint((wide - low) * (255.0 / max(high - low, 1e-12))), np.uint8)


def _follows(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> tuple[float, float]:
    """Share of lit pixels in which ``other`` is what it mostly is where ``one`` is the same,
    to the level and closely."""
    lit = (one > LIT) | (other > LIT)
    one, other = one[lit], other[lit]
    if not one.size:
        return 1.0, 1.0
    counts = np.bincount(one.astype(np.int64) * 256 + other, minlength=1 << 16).reshape(256, 256)
    below = np.cumsum(counts, axis=1)
    middle = np.argmax(2 * below >= below[:, -1:], axis=1)
    away = np.abs(np.arange(256)[None, :] - middle[:, None])
    exactly, closely = (float(counts[away <= most].sum() / one.size) for most in (0, CLOSE))
    return exactly, closely


def _is_alpha(values: NDArray[Any]) -> bool:
    """Whether a fourth component says what is there, and shows nothing of its own."""
    low, high = values.min(), values.max()
    if low == high:
        return True
    between = (values > low + 0.02 * (high - low)) & (values < high - 0.02 * (high - low))
    return bool(between.mean() <= FLAT)
