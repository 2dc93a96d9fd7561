"""Pictures of zea files: its axes are stated, and coordinates say whether they are scan-converted.

``values`` are (frames, z, x) or (frames, z, x, y), and beside each pixel of ``coordinates`` stands
where it lies. A picture along beams has coordinates too: those of its beams. Masks have a last axis
more, of labels that may lie over each other, and one of them may say that nobody drew a frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.read.arrays.axes import PLANE, STACK
from echoatlas.pipeline.read.arrays.layouts import ALONG_BEAMS, raw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.read.arrays.masks import Loaded
    from echoatlas.pipeline.read.arrays.variables import Variable

VALUES, COORDINATES, LABELS = "/values", "/coordinates", "/labels"
UNANNOTATED, MOST = "unannotated", 255
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
    axes = file[name].ndim
    if axes not in (3, 4):
        return None
    kinds = [STACK, PLANE, PLANE, *[STACK] * (axes - 3)]
    first = _coordinates(file, name, axes)
    if first is None:
        return Grid(kinds, [None] * axes)
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


def zea_masks(file: Any, picture: Variable, masks: Loaded) -> Loaded:
    """Masks of pictures, each label of its own, with the label's number for values.

    Numbers begin with 1; the label that says that a frame was not drawn on has none, and is left
    out. A mask on other coordinates than the pictures is left without values.
    """
    return [found for one, values in masks for found in _labels(file, picture, one, values)]


def _labels(
    file: Any, picture: Variable, mask: Variable, values: NDArray[Any] | None
) -> Iterator[tuple[Variable, NDArray[Any] | None]]:
    axes = len(picture.shape)
    if values is None or values.ndim != axes + 1 or not mask.name.endswith(VALUES):
        yield mask, values
        return
    places = [_coordinates(file, one.name, axes) for one in (picture, mask)]
    apart = _folder(picture) != _folder(mask)  # another track's
    apart = apart or (all(one is not None for one in places) and not _alike(*places))
    if apart or values.shape[-1] > MOST:
        yield mask, values.ravel()[:0]
        return
    count = values.shape[-1]
    said = _texts(file, mask.name.removesuffix(VALUES) + LABELS)
    said = said if len(said) == count else [""] * count
    told = [(axis, text) for axis, text in enumerate(said) if text.strip().lower() != UNANNOTATED]
    for number, (axis, text) in enumerate(told, start=1):
        name = f"{mask.name.removesuffix(VALUES)}/{text.replace('/', ' ')}"
        drawn = (values[..., axis] != 0) * np.uint8(number)
        yield replace(mask, name=name, shape=drawn.shape, numbered=count > 1), drawn


def _alike(one: Any, other: Any) -> bool:
    """Whether coordinates are the same, to a part of a pixel."""
    if one.shape != other.shape or np.array_equal(one, other, equal_nan=True):
        return bool(one.shape == other.shape)
    near = STRAIGHT * float(np.linalg.norm(one[-1, -1] - one[0, 0], axis=-1).max()) / len(one)
    return bool(np.allclose(one, other, rtol=0, atol=near, equal_nan=True))


def _folder(one: Variable) -> str:
    return one.name.removesuffix(VALUES).rpartition("/")[0]


def _coordinates(file: Any, name: str, axes: int) -> NDArray[np.float64] | None:
    """Where the pixels of the first of some pictures lie, (z, x[, y], 3); None if it is not said.

    Args:
        name: of their values. axes: of the pictures, all frames together.
    """
    node = own(file, name.removesuffix(VALUES) + COORDINATES) if name.endswith(VALUES) else None
    if node is None or node.ndim < 3 or not node.size or node.shape[-1] != 3:
        return None
    return np.asarray(node[0] if node.ndim == axes + 1 else node[()], np.float64)


def _texts(file: Any, place: str) -> list[str]:
    node = own(file, place)
    if node is None or node.ndim != 1 or len(node) > MOST:
        return []
    return [
        one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in node[()]
    ]


def own(file: Any, place: str) -> Any:
    """A dataset that lies in the file itself; None if it does not, or is none."""
    import h5py  # not with the module: few files need it, and each worker would load it

    folder, _, name = place.rpartition("/")
    inside = file[folder] if folder else file
    if not isinstance(inside.get(name, getlink=True), h5py.HardLink):
        return None
    node = file[place]
    if not isinstance(node, h5py.Dataset) or node.external or node.is_virtual:
        return None
    return node
