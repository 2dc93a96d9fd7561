"""The part of pictures that is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.schemas.fan import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture


def around(area: NDArray[np.bool_], margin: int) -> Box:
    """The box of an area, with pixels around it.

    Raises:
        Reject: ``fan_too_small`` where it is less than 8 pixels wide or high.
    """
    rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
    if rows.size < 8 or columns.size < 8:
        raise Reject(Reason.FAN_TOO_SMALL)
    return Box(
        int(columns[0]) - margin,
        int(rows[0]) - margin,
        int(columns[-1]) + 1 + margin,
        int(rows[-1]) + 1 + margin,
    ).clipped(area.shape[1], area.shape[0])


def crop(picture: Picture, box: Box) -> Picture:
    """The part of a picture in a box."""
    return np.ascontiguousarray(picture[box.y0 : box.y1, box.x0 : box.x1])
