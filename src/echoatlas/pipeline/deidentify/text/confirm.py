"""From where text may be to where it is: the network finds lines, and letters must be in them."""

from __future__ import annotations

from collections.abc import Sequence
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
    from echoatlas.pipeline.deidentify.text.letters import JudgeConfig
    from echoatlas.pipeline.deidentify.text.mosaic import Candidate

    Gray = NDArray[np.uint8]
    Mask = NDArray[np.bool_]

THICKER = 2.0  # times a line's letters, from which what runs on from it is no letter


def confirmed(
    wanted: Sequence[Candidate],
    level: int,
    where: Mask | None,
    config: LookConfig,
) -> list[list[Line]]:
    """The text of each candidate: what the network finds, else what can be read along strokes."""
    kept = _found(wanted, where, config)
    for candidate, lines in zip(wanted, kept, strict=True):
        around = _around(candidate, lines, config.margin)
        along = proposed(candidate.view, around, level)
        more = _completing(along, lines)
        apart = [one for one in along if not any(one.meets(line) for line in (*lines, *more))]
        lines += more + judged(candidate.view, apart, where, config.judge)
    return kept


def _found(wanted: Sequence[Candidate], where: Mask | None, config: LookConfig) -> list[list[Line]]:
    detector = PaddleDetector(config.enlarged, config.pixel, config.score)
    return [
        judged(candidate.view, lines, where, config.judge)
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


def _around(candidate: Candidate, lines: Sequence[Line], margin: int) -> Box:
    """The box of a candidate, or of what text in it may run on to."""
    if not lines:
        return candidate.box
    height, width = candidate.view.shape
    boxes = [line.grown(4 * margin).box(height, width) for line in lines]
    return Box(
        min(box.x0 for box in boxes),
        min(box.y0 for box in boxes),
        max(box.x1 for box in boxes),
        max(box.y1 for box in boxes),
    )


def judged(gray: Gray, lines: Sequence[Line], where: Mask | None, judge: JudgeConfig) -> list[Line]:
    """The lines on an (H, W) uint8 picture that hold letters and lie where text matters.

    Args:
        where: cells of the picture; None for everywhere.
    """
    kept = []
    for line in lines:
        box = line.grown(2).box(*gray.shape)
        if box.area == 0:
            continue
        rows = slice(box.y0 // CELL, -(-box.y1 // CELL))
        columns = slice(box.x0 // CELL, -(-box.x1 // CELL))
        if where is not None and not where[rows, columns].any():
            continue
        if lettered(gray, line, judge):
            kept.append(line)
    return kept
