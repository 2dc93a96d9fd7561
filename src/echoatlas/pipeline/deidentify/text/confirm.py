"""From where text may be to where it is: the network finds lines, and letters must be in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.deidentify.text import mosaic
from echoatlas.pipeline.deidentify.text.letters import lettered
from echoatlas.pipeline.deidentify.text.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.text.strokes import CELL, proposed
from echoatlas.schemas.fan import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from echoatlas.pipeline.deidentify.text.config import LookConfig
    from echoatlas.pipeline.deidentify.text.detector import Line
    from echoatlas.pipeline.deidentify.text.mosaic import Candidate

    Gray = NDArray[np.uint8]
    Mask = NDArray[np.bool_]

THICKER = 2.5  # times a line's letters, from which what runs on from it is no letter


def confirmed(
    wanted: Sequence[Candidate],
    level: int,
    where: Mask | None,
    config: LookConfig,
) -> list[list[Line]]:
    """The text of each candidate: what the network finds, else what can be read along strokes."""
    kept = _found(wanted, where, config)
    for candidate, lines in zip(wanted, kept, strict=True):
        along = proposed(candidate.view, candidate.box, level)
        lines += _completing(along, lines) or judged(candidate.view, along, where, config)
    cut = [
        (index, wider)
        for index, lines in enumerate(kept)
        if (wider := _wider(wanted[index], lines, config)) is not None
    ]
    again = _found([wider for _, wider in cut], where, config)
    for (index, _), lines in zip(cut, again, strict=True):
        kept[index] += lines
    return kept


def _found(wanted: Sequence[Candidate], where: Mask | None, config: LookConfig) -> list[list[Line]]:
    detector = PaddleDetector(config.enlarged, config.pixel, config.score)
    return [
        judged(candidate.view, lines, where, config)
        for candidate, lines in zip(wanted, mosaic.find(wanted, detector), strict=True)
    ]


def _completing(along: Sequence[Line], lines: Sequence[Line]) -> list[Line]:
    """The lines of strokes that run on from lines of text: letters that the network left out."""
    found = []
    for one in along:
        for line in lines:
            reach = line.padded(0, line.thickness)
            if one.thickness < THICKER * line.thickness and one.meets(reach):
                found.append(one)
                break
    return found


def _wider(candidate: Candidate, lines: Sequence[Line], config: LookConfig) -> Candidate | None:
    """A candidate with more around it, if text in it may run on beyond its edges."""
    height, width = candidate.view.shape
    box = candidate.box
    boxes = [line.grown(config.margin).box(height, width) for line in lines]
    if all(
        box.x0 <= one.x0 and box.y0 <= one.y0 and one.x1 <= box.x1 and one.y1 <= box.y1
        for one in boxes
    ):
        return None
    more = 4 * config.margin
    grown = Box(
        min(one.x0 for one in boxes) - more,
        min(one.y0 for one in boxes) - more,
        max(one.x1 for one in boxes) + more,
        max(one.y1 for one in boxes) + more,
    )
    return replace(candidate, box=grown.clipped(width, height))


def judged(gray: Gray, lines: Sequence[Line], where: Mask | None, config: LookConfig) -> list[Line]:
    kept = []
    for line in lines:
        box = line.grown(2).box(*gray.shape)
        if box.area == 0:
            continue
        rows = slice(box.y0 // CELL, -(-box.y1 // CELL))
        columns = slice(box.x0 // CELL, -(-box.x1 // CELL))
        if where is not None and not where[rows, columns].any():
            continue
        if lettered(gray, line, config.judge):
            kept.append(line)
    return kept
