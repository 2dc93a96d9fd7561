"""Which axes of an array are the picture, which one is color, and over which frames run.

What a format states of its axes is obeyed. Where it states nothing, the usual order of its
programs is only a guess, and a clip whose pictures lie along other axes still looks like pictures
(a row through time), with its letters torn apart. So the axes are found: along time a screen
stands still, along no other axis does so much of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.colors import are_colors
from echoatlas.schemas.records import Lay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SMALLEST = 16  # pixels, both sides: below this it is a table of numbers, not a picture
UNKNOWN, PLANE, STACK, COLOR = "", "plane", "stack", "color"
LEVELS = 0.025  # of the range of values, within which a pixel stands still
MORE = 0.15  # of a picture's pixels that must stand still more along other axes than the usual
TIMES = 1.5  # as many
WIDE, DEEP = 128, 32  # samples that are looked at, along a picture's axis and along the others
UNCLEAR = (
    "it can't be told whether an axis of three is color or as many frames: state it (NRRD kinds, "
    "NIfTI intent, HDF5 dimension labels), or send each picture alone"
)
LONG = 5  # times as wide as high: no usual picture, but a row through time may be


@dataclass(frozen=True, slots=True)
class Arranged:
    """Pictures of an array.

    Attributes:
        values: (frames, H, W) or (frames, H, W, 3).
        lay: how they became so.
        found: whether the axes are others than usual, by what they hold.
    """

    values: NDArray[Any]
    lay: Lay
    found: bool = False

    @property
    def colored(self) -> bool:
        return self.values.ndim == 4


def arranged(
    values: NDArray[Any],
    kinds: Sequence[str] | None = None,
    usual: tuple[int, int] | None = None,
    usual_color: int | None = None,
) -> Arranged:
    """Arrange an array of any axes as pictures.

    Args:
        values: numbers, of any number of axes.
        kinds: what each axis is known to be: ``PLANE``, ``STACK``, ``COLOR`` or ``UNKNOWN``.
        usual: the axes that are rows and columns where nothing is known; the last two if None,
            before a color axis.
        usual_color: the axis that is color where it can be; the last if None.

    Raises:
        Reject: ``no_pixels`` if no two axes make a picture, ``axes_unclear`` if it can't be told
            which do.
    """
    told = list(kinds or [UNKNOWN] * values.ndim)
    axes = [axis for axis, side in enumerate(values.shape) if side > 1]
    usually = values.ndim - 1 if usual_color is None else usual_color
    color = _color(values, axes, told, usually, usual)
    free = [axis for axis in axes if axis != color]
    plane, found = _plane(values, free, told, color, usual)
    rest = [axis for axis in free if axis not in plane]
    rest.sort(key=lambda axis: told[axis] != STACK)
    return Arranged(*_cut(values, Lay(values.ndim, tuple(rest), plane, color)), found)


def arranged_as(
    values: NDArray[Any],
    like: Lay,
    kinds: Sequence[str] | None = None,
    usual: tuple[int, int] | None = None,
    usual_color: int | None = None,
) -> Arranged:
    """Arrange an array as another one was, as far as it has the same axes.

    Args:
        kinds, usual, usual_color: as for ``arranged``, where it has others.

    Raises:
        Reject: as ``arranged``.
    """
    lone = [axis for axis in range(values.ndim) if axis not in (*like.stack, *like.plane)]
    if like.axes == values.ndim and all(values.shape[a] == 1 for a in lone if a != like.color):
        color = like.color if like.color is not None and values.shape[like.color] > 1 else None
        made = Arranged(*_cut(values, replace(like, color=color)))
    else:
        made = arranged(values, kinds, usual, usual_color)
    return turned(made, like.transposed, like.flipped)


def laid_alike(values: NDArray[Any], shape: Sequence[int], lay: Lay) -> NDArray[Any] | None:
    """An array that lies over another one, pixel on pixel, in the same lay.

    Args:
        values: as long along each axis as the other, or without its frames, or its colors.
        shape: of the other. lay: how that became pictures.

    Returns:
        (frames, H, W), or None if the axes are not the same.
    """
    order = [axis for axis, side in enumerate(shape) if side > 1 and axis != lay.color]
    sides = [side for side in values.shape if side > 1]
    for axes in (order, [axis for axis in order if axis in lay.plane]):
        if [shape[axis] for axis in axes] == sides:
            wanted = [axis for axis in (*lay.stack, *lay.plane) if axis in axes]
            flat = values.reshape(sides).transpose([axes.index(axis) for axis in wanted])
            flat = flat.reshape(-1, *flat.shape[-2:])
            made = turned(Arranged(flat, lay), lay.transposed, lay.flipped)
            return made.values
    return None


def turned(pictures: Arranged, transposed: bool, flipped: bool) -> Arranged:
    """Pictures transposed, then turned upside down."""
    values = pictures.values.swapaxes(1, 2) if transposed else pictures.values
    values = values[:, ::-1] if flipped else values
    lay = replace(pictures.lay, transposed=transposed, flipped=flipped)
    return replace(pictures, values=values, lay=lay)


def _cut(values: NDArray[Any], lay: Lay) -> tuple[NDArray[Any], Lay]:
    order = [*lay.stack, *lay.plane, *([] if lay.color is None else [lay.color])]
    ones = [axis for axis in range(values.ndim) if axis not in order]
    frames = int(np.prod([values.shape[axis] for axis in lay.stack], dtype=np.int64))
    shape = (frames, *(values.shape[axis] for axis in order[len(lay.stack) :]))
    pictures = values.transpose([*ones, *order]).reshape(shape)
    return (pictures if lay.color is None else pictures[..., :3]), lay


def _color(
    values: NDArray[Any],
    axes: list[int],
    told: list[str],
    usual: int,
    plane: tuple[int, int] | None,
) -> int | None:
    """The axis of color, stated or seen; ``plane`` are rows and columns where nothing is known."""
    for axis, kind in enumerate(told):
        if kind == COLOR:
            if values.shape[axis] not in (1, 3, 4):
                raise Reject(Reason.NO_PIXELS, "the values of a pixel are not gray or color")
            return axis if values.shape[axis] > 1 else None
    may_be = [
        axis
        for axis in axes
        if told[axis] == UNKNOWN
        and values.shape[axis] in (3, 4)
        and sum(values.shape[other] >= SMALLEST for other in axes if other != axis) >= 2
    ]
    may_be.sort(key=lambda axis: axis != usual)
    unclear = False
    for axis in may_be:  # of four axes one of three is no time, as a rule
        large = [one for one in axes if one != axis and values.shape[one] >= SMALLEST]
        rows_columns = plane if plane and set(plane) <= set(large) else (large[-2], large[-1])
        first = [one for one in range(values.ndim) if one not in (*rows_columns, axis)]
        moved = values.transpose(*first, *rows_columns, axis)
        found = are_colors(moved, axis == usual or len(axes) > 3)
        if found:
            return axis
        unclear = unclear or found is None
    if unclear:
        raise Reject(Reason.AXES_UNCLEAR, UNCLEAR)
    return None


def _plane(
    values: NDArray[Any],
    free: list[int],
    told: list[str],
    color: int | None,
    usual: tuple[int, int] | None,
) -> tuple[tuple[int, int], bool]:
    """The axes of rows and columns, and whether they are others than usual."""
    stated = [axis for axis in free if told[axis] == PLANE]
    if len(stated) == 2:
        sides = [axis for axis in stated if values.shape[axis] >= SMALLEST]
    else:
        sides = [a for a in free if told[a] != STACK and values.shape[a] >= SMALLEST]
    if len(sides) < 2:
        raise Reject(Reason.NO_PIXELS, "no two axes are large enough to be a picture")
    if len(sides) == 2:
        return (sides[0], sides[1]), False
    first = usual if usual and set(usual) <= set(sides) else (sides[-2], sides[-1])
    return _found(values, sides, first, color)


def _found(
    values: NDArray[Any], sides: list[int], usual: tuple[int, int], color: int | None
) -> tuple[tuple[int, int], bool]:
    """Of several axes the two along whose picture most stands still, if that says anything."""
    sample = _shown(values, color)
    still = {pair: _still(sample, pair) for pair in combinations(sides, 2)}
    best = max(still, key=lambda pair: (still[pair], pair == usual))
    if still[best] > max(still[usual] + MORE, still[usual] * TIMES):
        return best, True
    if still[best] < MORE and _long(values, usual) and not all(_long(values, p) for p in still):
        raise Reject(Reason.AXES_UNCLEAR)
    return usual, False


def _long(values: NDArray[Any], pair: tuple[int, int]) -> bool:
    one, two = (values.shape[axis] for axis in pair)
    return bool(max(one, two) > LONG * min(one, two))


def _shown(values: NDArray[Any], color: int | None) -> NDArray[np.float32]:
    """Values without color and without the planes at the ends of an axis that show nothing."""
    some = tuple(
        slice(None, None, max(side // (4 * WIDE), 1)) if axis != color else slice(0, 3)
        for axis, side in enumerate(values.shape)
    )
    shown = np.nan_to_num(values[some].astype(np.float32), posinf=0, neginf=0)
    if color is not None:
        shown = shown.max(axis=color, keepdims=True)
    low, high = float(shown.min()), float(shown.max())
    shown = (shown - low) / max(high - low, 1e-12)
    for axis in range(shown.ndim):
        others = tuple(other for other in range(shown.ndim) if other != axis)
        lit = np.flatnonzero(np.ptp(shown, axis=others) > LEVELS)
        if lit.size:
            shown = shown.take(range(int(lit[0]), int(lit[-1]) + 1), axis)
    return shown


def _still(values: NDArray[np.float32], pair: tuple[int, int]) -> float:
    """Share of a plane's pixels that hold one value along all other axes."""
    places = [
        np.unique(np.linspace(0, side - 1, min(side, WIDE if axis in pair else DEEP)).astype(int))
        for axis, side in enumerate(values.shape)
    ]
    sample = values[np.ix_(*places)]
    along = tuple(axis for axis in range(values.ndim) if axis not in pair)
    return float((np.ptp(sample, axis=along) <= LEVELS).mean())
