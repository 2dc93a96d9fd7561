"""Where letters may be: thin bright strokes that stand out of the tissue, gathered in cells.

A stroke is brighter than all that is within two pixels beside it; tissue seen through a beam of
finite width hardly ever is. Strokes say where to look, never what is text: that is for the network
and the reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels.detector import Line
from echoatlas.schemas.fan import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Gray = NDArray[np.uint8]
    Cells = NDArray[np.float32]

CELL = 8  # pixels, both axes
BESIDE = np.ones((5, 5), np.uint8)  # a stroke is narrower than this
EACH, HIGHEST = np.uint64(0x0101010101010101), np.uint64(56)  # of 8 bytes each, and the last's bits
LEVELS = np.rint(np.arange(CELL * CELL + 1) * 255 / CELL**2)  # of a cell with so many pixels lit
COUNTS = LEVELS.astype(np.float32) * np.float32(CELL * CELL / 255)
AROUND = 11  # pixels; a median over so many is that of the ground, between letters as well
LIFTED = 3.0  # times, what outshines it
REACH = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))  # joins the letters of a word
SPECK = 6  # pixels; what is smaller is no letter
LEAST_INK = 30  # pixels of stroke, of a word
THIN, THICK = 4, 48  # pixels, of a line of strokes
ACROSS, DOWN = 5, 3  # cells in which the strokes of a short word gather


def strokes(gray: Gray) -> Gray:
    """By how much each pixel outshines what is beside it: (H, W) uint8 gray levels."""
    return np.asarray(cv2.morphologyEx(gray, cv2.MORPH_TOPHAT, BESIDE), np.uint8)


def newly(
    view: Gray, new: Gray, level: int, ink: float, mask: Gray | None = None
) -> tuple[Box, Gray] | None:
    """Strokes of a view that are new in it, and the part of the view that has all of them.

    Args:
        new: by how much each pixel outshines other moments.
        level, ink: pixels of stroke above the level that must gather somewhere.
        mask: (H, W), 255 where the view is not to be taken for black.

    Returns:
        The part, cut along cells, and its strokes; None if none gather.
    """
    if mask is not None:
        new = np.asarray(cv2.bitwise_and(new, mask), np.uint8)
    # What is new bounds the strokes that are: few views pass, and fewer pixels of these
    lit = _lit(new, level)
    if cv2.countNonZero(lit) < ink:
        return None
    near = around(_in_cells(lit)) >= ink
    if not near.any():
        return None
    box = box_of(near, new.shape, ACROSS // 2 * CELL)
    rim = BESIDE.shape[0]
    wide = Box(box.x0 - rim, box.y0 - rim, box.x1 + rim, box.y1 + rim).clipped(*new.shape[::-1])
    part = view[wide.pixels]
    if mask is not None:
        part = np.asarray(cv2.bitwise_and(part, mask[wide.pixels]), np.uint8)
    left, top = box.x0 - wide.x0, box.y0 - wide.y0
    raised = strokes(part)[top : top + box.height, left : left + box.width]
    return box, np.asarray(cv2.min(raised, new[box.pixels]), np.uint8)


def cells_of(box: Box) -> tuple[slice, slice]:
    """Rows and columns of the cells of a part that was cut along cells."""
    return (
        slice(box.y0 // CELL, -(-box.y1 // CELL)),
        slice(box.x0 // CELL, -(-box.x1 // CELL)),
    )


def lifted(gray: Gray) -> Gray:
    """What outshines the middle of what is around it, bright on black: (H, W) uint8.

    Letters that are hardly brighter than the tissue around them are plain to the network there.
    """
    ground = cv2.medianBlur(gray, AROUND)
    return np.asarray(cv2.convertScaleAbs(cv2.subtract(gray, ground), alpha=LIFTED), np.uint8)


def counted(raised: Gray, level: int) -> Cells:
    """Pixels above a level in each cell: (ceil(H / 8), ceil(W / 8)) float32, 0 to 64.

    Counts are to a 255th of a cell, as a mean of its gray levels tells them.
    """
    return _in_cells(_lit(raised, level))


def _lit(raised: Gray, level: int) -> Gray:
    """Where a picture is above a level: 1 there, and 0 elsewhere."""
    return np.asarray(cv2.threshold(raised, level, 1, cv2.THRESH_BINARY)[1], np.uint8)


def _in_cells(lit: Gray) -> Cells:
    """``counted``, of where a picture is lit."""
    height, width = lit.shape
    if height % CELL or width % CELL:
        lit = cv2.copyMakeBorder(lit, 0, -height % CELL, 0, -width % CELL, cv2.BORDER_CONSTANT)
    # Eight pixels are one number: its bytes are summed down the cell, then across in the highest
    eights = lit.view(np.uint64).reshape(-1, CELL, lit.shape[1] // CELL)
    return np.asarray(COUNTS[np.add.reduce(eights, axis=1) * EACH >> HIGHEST], np.float32)


def around(counts: Cells) -> Cells:
    """Pixels of stroke that lie in the space of a short word around each cell."""
    flat, tall = (
        cv2.boxFilter(counts, -1, size, normalize=False, borderType=cv2.BORDER_CONSTANT)
        for size in ((ACROSS, DOWN), (DOWN, ACROSS))
    )
    return np.asarray(cv2.max(flat, tall), np.float32)


def gathered(counts: Cells, ink: float) -> NDArray[np.bool_]:
    """Cells around which at least ``ink`` pixels of stroke lie in the space of a short word."""
    return np.asarray(around(counts) >= ink)


def noise(raised: Gray, times: float, rare: float, least: int) -> int:
    """The level that few strokes of tissue reach, in a picture where it is what most shows.

    Args:
        times: the median of what is raised at all; rare: percentile that serves, where it is lower.
        least: gray levels; fainter strokes are of no letters that can be read.
    """
    shown = raised[::2, ::2]
    shown = shown[shown > 0]
    if not shown.size:
        return least
    middle, high = np.percentile(shown, (50, rare))
    return max(int(min(times * middle, high)), least)


def regions(cells: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Connected cells, each as a mask of all cells."""
    if not cells.any():  # OpenCV ends the process where there is not even one to ask about
        return []
    count, labels = cv2.connectedComponents(cells.astype(np.uint8))
    return [np.asarray(labels == index) for index in range(1, count)]


def box_of(cells: NDArray[np.bool_], shape: tuple[int, ...], margin: int) -> Box:
    """The pixels of cells, with a margin, inside a picture of ``shape``."""
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    return Box(
        int(columns[0]) * CELL - margin,
        int(rows[0]) * CELL - margin,
        (int(columns[-1]) + 1) * CELL + margin,
        (int(rows[-1]) + 1) * CELL + margin,
    ).clipped(shape[1], shape[0])


def proposed(gray: Gray, box: Box, level: int) -> list[Line]:
    """Lines along which strokes lie in a part of a picture, of score 0: to be read.

    Short words on bright speckle are what the network overlooks.
    """
    crop = np.ascontiguousarray(gray[box.y0 : box.y1, box.x0 : box.x1])
    lit = (strokes(crop) > level).astype(np.uint8)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(lit)
    drawn = np.flatnonzero((boxes[:, 4] >= SPECK) & (boxes[:, 2:4].max(axis=1) >= 5))
    letters = np.isin(labels, drawn[drawn > 0])
    joined = cv2.dilate(letters.astype(np.uint8), REACH)
    count, labels = cv2.connectedComponents(joined)
    found = []
    for index in range(1, count):
        points = np.argwhere((labels == index) & letters)[:, ::-1].astype(np.float32)
        if len(points) < LEAST_INK:
            continue
        center, size, angle = cv2.minAreaRect(points)
        if not THIN <= min(size) <= THICK or max(size) < 2 * THIN:
            continue
        corners = cv2.boxPoints((center, (size[0] + 7, size[1] + 7), angle))
        line = Line(tuple((float(x), float(y)) for x, y in corners), 0.0)
        found.append(line.scaled(1.0, box.x0, box.y0))
    return found


def spread(scores: Sequence[float], most: int, apart: int, least: float) -> list[int]:
    """Indexes of the highest scores that are at least ``least``, no two closer than ``apart``."""
    picked: list[int] = []
    for index in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        if scores[index] < least or len(picked) == most:
            break
        if all(abs(index - other) >= apart for other in picked):
            picked.append(index)
    return picked
