"""Where our own network fires: there the other detector and the reader look, and nowhere else.

It costs two fifths of the other one a pixel, and sees at a picture's own size what that one needs
enlarged. Of 840 lines of text that whole views showed, of words of all kinds, in the minimum of a
clip, at its moments, in full size or small, all but one of the smallest lie where its map passes
.1, and 97 % where it passes .4. Where it stays silent, a share of the objects is looked at in whole
views all the same, so that no network is the only witness: see ``search.look``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels import mosaic
from echoatlas.pipeline.deidentify.pixels.own_network import HALF, probability
from echoatlas.pipeline.deidentify.pixels.paddle import resized
from echoatlas.pipeline.deidentify.pixels.strokes import CELL, box_of, regions
from echoatlas.schemas.fan import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.deidentify.pixels.mosaic import Candidate

    Gray = NDArray[np.uint8]
    Map = NDArray[np.float32]
    Mask = NDArray[np.bool_]

NEAR = np.ones((7, 7), np.uint8)  # cells: with so much around it, and joined with what is so near
LINE = 1 << 15  # pixels, of a part that holds a line or two: half a line says little
MOST = 0.6  # of a view, from which it is looked at whole


def fired(core: Map, scale: float, shape: tuple[int, ...], least: float) -> Mask:
    """The cells of a view in which a map reaches ``least``: (ceil(H / 8), ceil(W / 8)).

    Args:
        core: of the view enlarged ``scale`` times.
        shape: of the view, (H, W, ...).
    """
    cells = np.zeros((-(-shape[0] // CELL), -(-shape[1] // CELL)), bool)
    by = HALF / scale / CELL
    rows, columns = ((one + 0.5) * by for one in np.nonzero(core >= least))
    cells[
        np.minimum(rows.astype(int), cells.shape[0] - 1),
        np.minimum(columns.astype(int), cells.shape[1] - 1),
    ] = True
    return cells


def sensed(gray: Gray, scale: float, least: float) -> Mask:
    """The cells of an (H, W) view, enlarged ``scale`` times, in which our own network fires."""
    return fired(probability(resized(gray, scale)), scale, gray.shape, least)


def boxes_of(cells: Mask, where: Mask | None, shape: tuple[int, ...]) -> list[Box]:
    """What is to be looked at of a view of ``shape``: boxes around cells, with what is near.

    Args:
        where: cells that matter; None for all.
    """
    if not cells.any():
        return []
    boxes = [
        box_of(region, shape, 0)
        for region in regions(cv2.dilate(cells.astype(np.uint8), NEAR) > 0)
        if where is None or (region & where).any()
    ]
    boxes = _merged(boxes)
    if sum(box.area for box in boxes) > MOST * shape[0] * shape[1]:
        return [Box(0, 0, shape[1], shape[0])]
    return boxes


def _merged(boxes: list[Box]) -> list[Box]:
    """Boxes, those that overlap as one."""
    apart: list[Box] = []
    for box in boxes:
        while met := [one for one in apart if one.met(box).area]:
            apart = [one for one in apart if one not in met]
            for one in met:
                box = Box(
                    min(one.x0, box.x0), min(one.y0, box.y0),
                    max(one.x1, box.x1), max(one.y1, box.y1),
                )  # fmt: skip
        apart.append(box)
    return apart


def narrowed(candidates: Sequence[Candidate], where: Mask | None, least: float) -> list[Candidate]:
    """Of parts of views, the parts in which our own network fires; those of a line, as they are."""
    found: list[Candidate] = []
    for canvas, placed in mosaic.canvases(candidates):
        core = probability(canvas)
        for index, x, y in placed:
            candidate = candidates[index]
            box = candidate.box
            rows = slice(y // HALF, -(-(y + box.height) // HALF))
            columns = slice(x // HALF, -(-(x + box.width) // HALF))
            seen = np.zeros(tuple(-(-side // HALF) for side in candidate.view.shape), np.float32)
            part = core[rows, columns]
            top, left = box.y0 // HALF, box.x0 // HALF
            part = part[: seen.shape[0] - top, : seen.shape[1] - left]
            seen[top : top + part.shape[0], left : left + part.shape[1]] = part
            cells = fired(seen, 1.0, candidate.view.shape, least)
            boxes = boxes_of(cells, where, candidate.view.shape)
            if boxes and box.area <= LINE:
                boxes = [box]
            found += [replace(candidate, box=one) for one in boxes]
    return found
