"""Pictures of UFF, the Ultrasound File Format of USTB: beamformed data on a grid, in decibels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.read.arrays.layouts import raw

BEAMFORMED, LINEAR = "uff.beamformed_data", "uff.linear_scan"
SEND = "beamformed data of a linear scan in decibels"


def uff_class(node: Any) -> str:
    """The class of a UFF object; "" of others."""
    told = node.attrs.get("class", "")
    told = told.decode("latin-1") if isinstance(told, bytes) else str(told)
    return told if told.startswith("uff.") else ""


def uff_picture(group: Any) -> tuple[NDArray[Any], list[float | None]]:
    """The picture of beamformed data.

    The pixels of a scan are one axis, depth by depth for each place along x; whichever of the
    dataset's axes is as long as the scan has pixels is it, for programs turn the axes round. The
    others are channels, waves and frames.

    Returns:
        (frames, depths, places), decibels; and millimeters from value to value along each axis.

    Raises:
        Reject: ``not_an_image`` if it is complex, an amplitude, or not on a grid.
    """
    import h5py  # not with the module: few files need it, and each worker would load it

    scan, data = group.get("scan"), group.get("data")
    if not isinstance(data, h5py.Dataset) or not isinstance(scan, h5py.Group):
        raise raw("UFF", SEND)
    if uff_class(scan) != LINEAR or data.dtype.kind not in "fiu":
        raise raw("UFF", SEND)
    across, down = (np.ravel(scan[name][()]).astype(float) for name in ("x_axis", "z_axis"))
    pixels = len(across) * len(down)
    axes = [axis for axis, side in enumerate(data.shape) if side == pixels]
    rest = [side for side in data.shape if side not in (1, pixels)]
    if len(axes) != 1 or len(rest) > 1:
        raise raw("UFF", SEND)
    values = np.moveaxis(data[()], axes[0], -1).reshape(-1, len(across), len(down))
    if not is_decibels(values):
        raise raw("UFF", SEND)
    steps = [float(np.diff(axis).mean()) * 1000 if len(axis) > 1 else 0 for axis in (across, down)]
    x, z = steps if min(steps) > 0 else (None, None)
    return values.transpose(0, 2, 1), [None, z, x]


def is_decibels(values: NDArray[Any]) -> bool:
    """Whether values are decibels below the brightest: none above it, many far below."""
    told = values[np.isfinite(values)] if values.dtype.kind == "f" else values[:0]
    if not told.size:
        return False
    low, middle, high = float(told.min()), float(np.median(told)), float(told.max())
    return -200 < middle < 0 and high <= 1 and low < high - 10
