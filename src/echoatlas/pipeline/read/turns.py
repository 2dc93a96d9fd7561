"""How a picture is turned, as EXIF and TIFF state it (CIPA DC-008 4.6.5; TIFF 6.0, Orientation)."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray


def sideways(turn: int) -> bool:
    """Whether rows of the file are columns of what is shown."""
    return turn in (5, 6, 7, 8)


def oriented(picture: NDArray[Any], turn: int) -> NDArray[Any]:
    """A picture, (H, W) or (H, W, 3), as it is shown; 1 to 8, and 1 means as it lies."""
    if sideways(turn):
        picture = picture.swapaxes(0, 1)
    if turn in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    if turn in (3, 4, 7, 8):
        picture = picture[::-1]
    return picture
