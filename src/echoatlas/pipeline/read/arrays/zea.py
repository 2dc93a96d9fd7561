"""Pictures of zea files: its axes are stated, and coordinates say whether they are scan-converted.

``values`` are (frames, z, x) or (frames, z, x, y), and beside each pixel of ``coordinates`` stands
where it lies. A picture along beams has coordinates too: those of its beams.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from echoatlas.pipeline.read.arrays.axes import PLANE, STACK
from echoatlas.pipeline.read.arrays.layouts import ALONG_BEAMS, raw

VALUES, COORDINATES = "/values", "/coordinates"
STRAIGHT = 0.25  # of a pixel, that a row or a column may leave its line at most
EVEN = 0.05  # of the mean, that steps from pixel to pixel may differ


@dataclass(frozen=True, slots=True)
class Grid:
    """Kinds of the axes of pictures, and millimeters along each, None where unknown."""

    kinds: list[str]
    sizes: list[float | None]


def zea_grid(file: Any, name: str) -> Grid | None:
    """How the pictures of a dataset lie; None if it is no array of zea's.

    Args:
        name: of the dataset of values.

    Raises:
        Reject: ``not_an_image`` if rows and columns are no straight lines: beams of a fan.
    """
    import h5py  # not with the module: few files need it, and each worker would load it

    axes = file[name].ndim
    if axes not in (3, 4):
        return None
    kinds = [STACK, PLANE, PLANE, *[STACK] * (axes - 3)]
    place = name.removesuffix(VALUES) + COORDINATES
    if not name.endswith(VALUES) or not isinstance(file.get(place), h5py.Dataset):
        return Grid(kinds, [None] * axes)
    node = file[place]
    first = np.asarray(node[0] if node.ndim == axes + 1 else node[()], np.float64)
    if first.ndim == 4:
        first = first[:, :, 0]  # of a volume the first of its planes
    if first.shape != (*file[name].shape[1:3], 3) or not np.isfinite(first).all():
        return Grid(kinds, [None] * axes)
    across, down = first[..., 0], first[..., 2]
    steps = [
        float(np.abs(np.diff(one.mean(axis=at))).mean()) for one, at in ((across, 0), (down, 1))
    ]
    if min(steps) <= 0:
        return Grid(kinds, [None] * axes)
    if np.ptp(across, axis=0).max() > STRAIGHT * steps[0] or (
        np.ptp(down, axis=1).max() > STRAIGHT * steps[1]
    ):
        raise raw(*ALONG_BEAMS)
    even = all(
        np.abs(np.abs(np.diff(one.mean(axis=at))) - step).max() <= EVEN * step
        for one, at, step in ((across, 0, steps[0]), (down, 1, steps[1]))
    )
    x, z = (step * 1000 if even else None for step in steps)
    return Grid(kinds, [None, z, x, *[None] * (axes - 3)])
