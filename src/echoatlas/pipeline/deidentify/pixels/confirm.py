"""From where text may be to where it is: the network finds lines, and letters must be in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.deidentify.pixels import mosaic
from echoatlas.pipeline.deidentify.pixels.legibility import Verdict, weighed
from echoatlas.pipeline.deidentify.pixels.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.pixels.strokes import CELL, lifted, proposed
from echoatlas.schemas.fan import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from echoatlas.pipeline.deidentify.pixels.config import LookConfig
    from echoatlas.pipeline.deidentify.pixels.detector import Line
    from echoatlas.pipeline.deidentify.pixels.legibility import JudgeConfig
    from echoatlas.pipeline.deidentify.pixels.mosaic import Candidate

    Gray = NDArray[np.uint8]
    Mask = NDArray[np.bool_]

THICKER = 2.0  # times a line's letters, from which what runs on from it is no letter


def confirmed(
    wanted: Sequence[Candidate],
    level: int,
    where: Mask | None,
    config: LookConfig,
    scale: float,
    *,
    alone: bool = True,
) -> list[list[Line]]:
    """The text of each candidate: what the network finds, else what can be read along strokes.

    Args:
        level: gray levels by which strokes stand out. where: cells; None for everywhere.
        scale: at which the network looks, at pictures of what outshines its surroundings.
        alone: read strokes as well where the network finds nothing.
    """
    detector = PaddleDetector(scale, config.pixel, config.score)
    kept = [
        judged(candidate.view, lines, where, config.judge)
        for candidate, lines in zip(wanted, mosaic.find(wanted, detector, lifted), strict=True)
    ]
    for candidate, lines in zip(wanted, kept, strict=True):
        if not lines and not alone:
            continue
        along = proposed(candidate.view, _around(candidate, lines, config.margin), level)
        lines += (
            _completing(along, lines)
            if lines
            else judged(candidate.view, along, where, config.judge)
        )
    return kept


def _completing(along: Sequence[Line], lines: Sequence[Line]) -> list[Line]:
    """The lines of strokes that run on from lines of text: letters that the network left out."""
    found = []
    for one in along:
        for line in lines:
            reach = line.padded(0, line.thickness)
            level = line.padded(0, line.thickness + one.length).holds(one.middle)
            if line.doubt or one.thickness >= THICKER * line.thickness:
                continue
            if level and one.meets(reach):
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
    """The lines on an (H, W) uint8 picture that lie where text matters and hold letters, or may.

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
        verdict = weighed(gray, line, judge)
        if verdict is not Verdict.TISSUE:
            kept.append(replace(line, doubt=verdict is Verdict.DOUBT))
    return kept
