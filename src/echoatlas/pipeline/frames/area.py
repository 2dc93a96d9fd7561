"""Where the frames of a pane are measured: everything of it that does not depend on the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.errors import Reason, Reject

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRID = 16  # patches of the informativeness map, both axes
WINDOWS = 2 * GRID  # over which speckle and depth are measured, both axes: 8 pixels of 256
BANDS = 16  # of depth


@dataclass(frozen=True, slots=True)
class Area:
    """Everything of a clip's measuring that does not depend on the frame.

    Attributes:
        mask: (H, W) uint8, 255 where pixels may be seen; ``seen`` of them.
        box: around them.
        inner: (H, W) int16, all bits set away from the fan's edges; ``inside`` such pixels.
        window: pixels of a window, a quarter of a patch's.
        patches: (16, 16), pixels of each patch that may be seen, 1 for none.
        whole: (32, 32) bool, windows of which all may be seen.
        bands: of each whole window, 0 at the probe to 15 at the far end.
        layers: whole windows of each band.
    """

    mask: NDArray[np.uint8]
    seen: int
    box: tuple[slice, slice]
    inner: NDArray[np.int16]
    inside: int
    window: int
    patches: NDArray[np.float64]
    whole: NDArray[np.bool_]
    bands: NDArray[np.int64]
    layers: NDArray[np.int64]


def area_of(valid: NDArray[np.bool_], depth: NDArray[np.float32] | None) -> Area:
    """Where frames are measured.

    Args:
        valid, depth: of ``Normalized``; without depth, rows count as depths.

    Raises:
        Reject: ``fan_too_small`` if nothing of the fan may be seen.
    """
    mask = valid.astype(np.uint8) * np.uint8(255)
    seen = int(cv2.countNonZero(mask))
    if not seen:
        raise Reject(Reason.FAN_TOO_SMALL, "nothing of the fan may be seen", "measure")
    inner = cv2.erode(mask, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT) > 0
    rows, columns = np.flatnonzero(valid.any(axis=1)), np.flatnonzero(valid.any(axis=0))
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    if depth is None:  # rows of the picture
        down = (np.arange(valid.shape[0]) - rows[0] + 0.5) / len(valid[box])
        depth = np.repeat(down[:, None], valid.shape[1], axis=1).astype(np.float32)
    counts = windows(valid.astype(np.float32))
    window = int(np.prod([-(-side // WINDOWS) for side in valid.shape]))
    whole = counts == window
    bands = np.clip((windows(depth)[whole] / window * BANDS).astype(np.int64), 0, BANDS - 1)
    return Area(
        mask=mask,
        seen=seen,
        box=box,
        inner=-inner.astype(np.int16),
        inside=int(inner.sum()),
        window=window,
        patches=np.maximum(patches(counts), 1),
        whole=whole,
        bands=bands,
        layers=np.bincount(bands, minlength=BANDS),
    )


def windows(picture: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum of a picture's values over each of 32 x 32 windows."""
    height, width = (-(-side // WINDOWS) * WINDOWS for side in picture.shape)
    if picture.shape != (height, width):
        right, below = width - picture.shape[1], height - picture.shape[0]
        picture = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_CONSTANT)
    tall, wide = height // WINDOWS, width // WINDOWS
    rows = picture.reshape(-1, wide) @ np.ones(wide, np.float32)
    sums = np.add.reduce(rows.reshape(WINDOWS, tall, WINDOWS), axis=1, dtype=np.float64)
    return np.asarray(sums, np.float64)


def patches(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(32, 32) windows as (16, 16) patches."""
    return np.asarray(windows.reshape(GRID, 2, GRID, 2).sum(axis=(1, 3)))
