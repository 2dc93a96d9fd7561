"""Palettes of arrays: of MATLAB's ``[X, map] = dicomread(...)``, and of images in HDF5.

MATLAB's numbers of whole types begin with 0, others with 1. HDF5's Image and Palette Specification
1.2 says in attributes that an array holds numbers of colors, where those are, and whether zero is
white.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.read.arrays.ranges import negative

if TYPE_CHECKING:
    from numpy.typing import NDArray

INDEXES, MAPS = "X", ("map", "cmap")  # as MATLAB's manual calls what imread and dicomread give
MOST = 1 << 16  # colors


def is_map(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a variable may be the colors of ``X``: (N, 3), or (3, N) as MATLAB 7.3 stores it."""
    return name in MAPS and len(shape) == 2 and 3 in shape and 1 < max(shape) <= MOST


def painted_by_map(
    name: str, values: NDArray[Any], found: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], bool]:
    """What MATLAB shows of a variable, and whether colors are its last axis now.

    Args:
        name: of the variable; others than ``X`` are their own pictures.
        values: in MATLAB's order. found: the file's maps, (N, 3) of 0 to 1.
    """
    maps = [found[one] for one in MAPS if one in found]
    if name != INDEXES or not maps or values.dtype.kind not in "uif":
        return values, False
    colors = np.asarray(maps[0], np.float64)
    if colors.ndim != 2 or colors.shape[1] != 3 or not ((colors >= 0) & (colors <= 1)).all():
        return values, False
    first = 1 if values.dtype.kind == "f" else 0
    return _painted(values, np.rint(colors * 255).astype(np.uint8), first)


def painted_image(file: Any, node: Any, values: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """What an array of HDF5 shows by its attributes, and whether colors are its last axis now.

    Args:
        file: that it lies in. node: its dataset, None for none. values: of it.
    """
    if node is None or _text(node, "CLASS") != "IMAGE":
        return values, False
    if _text(node, "IMAGE_SUBCLASS") == "IMAGE_INDEXED":
        colors = _palette(file, node)
        return (values, False) if colors is None else _painted(values, colors, 0)
    if int(np.ravel(node.attrs.get("IMAGE_WHITE_IS_ZERO", 0))[0]) == 1:
        return negative(values), False
    return values, False


def _palette(file: Any, node: Any) -> NDArray[np.uint8] | None:
    """The colors that an attribute refers to, (N, 3); None if they do not lie in the file so."""
    import h5py  # not with the module: few files need it, and each worker would load it

    references = np.ravel(node.attrs.get("PALETTE", ()))
    first = references[0] if references.size else None
    found = file[first] if isinstance(first, h5py.Reference) and first else None
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        return None
    usable = found.dtype == np.uint8 and found.ndim == 2 and found.shape[1] == 3
    return np.asarray(found[()]) if usable else None


def _painted(
    values: NDArray[Any], colors: NDArray[np.uint8], first: int
) -> tuple[NDArray[Any], bool]:
    """Numbers of colors, the first of which has that number; as they are if they are none."""
    told = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    low, high = (float(told.min()), float(told.max())) if told.size else (-1.0, 0.0)
    whole = values.dtype.kind != "f" or bool((values == np.rint(values)).all())
    if not whole or low < first or high >= len(colors) + first:
        return values, False
    if (colors == colors[:, :1]).all():
        colors = colors[:, 0]
    shown = colors[values.astype(np.int64) - first]
    return shown, shown.ndim > values.ndim


def _text(node: Any, name: str) -> str:
    told = node.attrs.get(name, b"")
    told = told.decode("latin-1") if isinstance(told, bytes) else str(told)
    return told.rstrip("\0")
