"""A look at a clip: where its text is, whenever and however it is shown.

What stands still throughout shows in the minimum of a block of frames; what comes, goes, fades,
flashes or moves shows in the minimum of some window of them and not in others. Strokes say where
the network looks, enlarged, and at which moments; what it finds must have letters; and where text
moves, its strokes are followed through the frames. Tissue has few such strokes, so little is
looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels import mosaic
from echoatlas.pipeline.deidentify.pixels.config import LookConfig
from echoatlas.pipeline.deidentify.pixels.confirm import confirmed, judged
from echoatlas.pipeline.deidentify.pixels.detector import Line, drawn
from echoatlas.pipeline.deidentify.pixels.mosaic import Candidate
from echoatlas.pipeline.deidentify.pixels.own_network import TrainedDetector
from echoatlas.pipeline.deidentify.pixels.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.pixels.strokes import (
    CELL,
    box_of,
    counted,
    gathered,
    noise,
    regions,
    strokes,
)
from echoatlas.pipeline.deidentify.pixels.temporal import (
    SPANS,
    Block,
    blocks,
    gray_of,
    most,
    nearly_steady,
    transients,
)
from echoatlas.pipeline.deidentify.pixels.tracking import Trails, as_line, places
from echoatlas.schemas.fan import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.deidentify.pixels.strokes import Cells
    from echoatlas.schemas.records import Picture

    Gray = NDArray[np.uint8]
    Mask = NDArray[np.bool_]

COVERED = 0.85  # of a line's area; of dark letters on light, strokes show the gaps alone
FAINT = 24  # gray levels; fainter strokes are of no letters that can be read


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found.

    Attributes:
        lines: of text, and the boxes through which text moves; pixels of the pictures.
        frames: that were looked at.
        ranged: whether any block spans enough gray levels for anything to be seen in it.
    """

    lines: tuple[Line, ...]
    frames: int
    ranged: bool


def look(pictures: Iterable[Picture], area: Mask | None, config: LookConfig) -> Seen:
    """Look at a clip.

    Args:
        pictures: (H, W) or (H, W, 3) uint8, of one size, read once.
        area: (H, W), where text matters; None for everywhere.
    """
    lines: list[Line] = []
    frames, ranged = 0, False
    for block in blocks(pictures, config.block):
        still = not frames and len(block.frames) < config.moved
        lines += _look_at(block, area, still, config)
        frames += len(block.frames)
        ranged = ranged or has_range(most(block.frames[:: config.apart]), config.min_range)
    return Seen(tuple(lines), frames, ranged)


def has_range(picture: Picture, levels: int) -> bool:
    """Whether a picture spans enough gray levels for a detector to see anything in it."""
    return float(np.subtract(*np.percentile(picture[::2, ::2], (99.5, 0.5)))) >= levels


def _look_at(block: Block, area: Mask | None, still: bool, config: LookConfig) -> list[Line]:
    where = None
    if area is not None:
        where = counted(area.astype(np.uint8), 0) > 0
    return [
        *_steady(block.steady, where, still, config),
        *_flickering(block, where, config),
        *(
            line
            for (span, lag), level in zip(SPANS, config.level, strict=True)
            for line in _moments(block, span, lag, level, where, config)
        ),
    ]


def _steady(view: Picture, where: Mask | None, still: bool, config: LookConfig) -> list[Line]:
    """Lines of what is there throughout."""
    gray = gray_of(view)
    shown = stretched(view)
    bright = gray_of(shown)
    raised = strokes(bright)
    level = noise(raised, config.noise, config.rare, FAINT)
    hot = _inside(gathered(counted(raised, level), config.ink), where)
    parts = [Candidate(bright, box_of(cells, gray.shape, config.margin)) for cells in regions(hot)]
    whole = [Candidate(bright, Box(0, 0, gray.shape[1], gray.shape[0]))]
    if still:
        found = confirmed(whole, level, where, config, config.enlarged)
    else:
        found = confirmed(parts, level, where, config, config.enlarged)
        found += confirmed(whole, level, where, config, 1.0, alone=False)
    lines = [line for some in found for line in some]
    # Dark letters on light outshine nothing, and bold ones are not where strokes are
    enlarged = PaddleDetector(config.enlarged, config.pixel, config.score)
    raw = [line for some in mosaic.find(parts, enlarged) for line in some]
    lines += judged(bright, _apart(raw, lines, *gray.shape), where, config.judge)
    scale = 1.0 if still else config.overview
    bold = PaddleDetector(scale, config.pixel, config.score).find([view])[0]
    lines += judged(gray, _apart(bold, lines, *gray.shape), where, config.judge)
    if still:
        ours = TrainedDetector().find([view])[0]
        lines += judged(gray, _apart(ours, lines, *gray.shape), where, config.trained)
    return lines


def _apart(lines: Sequence[Line], from_: Sequence[Line], height: int, width: int) -> list[Line]:
    """The lines that are not covered by others but for a rim."""
    known = drawn(from_, height, width)
    areas = [drawn([line], height, width) for line in lines]
    return [
        line
        for line, area in zip(lines, areas, strict=True)
        if np.count_nonzero(area & known) < COVERED * np.count_nonzero(area)
    ]


def _moments(
    block: Block, span: int, lag: int, level: int, where: Mask | None, config: LookConfig
) -> Iterator[Line]:
    """Lines of what some windows of ``span`` frames show, and the way of what moves."""
    shape = block.frames[0].shape
    counts = [
        _stand_out(view, new, level, config.flash) for view, new in transients(block, span, lag)
    ]
    if not any(one.any() for one in counts):
        return
    hot = [_inside(gathered(one, config.flash), where) for one in counts]
    wanted = [
        Candidate(block.minimum(span, moment), box_of(cells, shape, config.margin), moment)
        for place in places(counts, hot, config.looks, max(config.apart // span, 1))
        for moment, cells in place
    ]
    trails = Trails(hot, counts)
    found = confirmed(wanted, level, where, config, config.enlarged)
    for candidate, lines in zip(wanted, found, strict=True):
        for line in lines:
            yield line
            for step in (1, -1) if lag else ():
                for box in trails.followed(line.box(*shape), candidate.moment, step):
                    yield as_line(box, line.score)


def _flickering(block: Block, where: Mask | None, config: LookConfig) -> Iterator[Line]:
    """Lines of what is missing for a few frames only."""
    found = nearly_steady(block, SPANS[-1][0])
    if found is None:
        return
    view, new = found
    level = config.level[-1]
    hot = _inside(gathered(_stand_out(view, new, level, config.flash), config.flash), where)
    wanted = [Candidate(view, box_of(cells, view.shape, config.margin)) for cells in regions(hot)]
    for lines in confirmed(wanted, level, where, config, config.enlarged):
        yield from lines


def _stand_out(view: Gray, new: Gray, level: int, ink: float) -> Cells:
    """Strokes of a view that are new in it, counted in cells."""
    if np.count_nonzero(new > level) < ink:
        return np.zeros((-(-view.shape[0] // CELL), -(-view.shape[1] // CELL)), np.float32)
    return counted(np.asarray(cv2.min(strokes(view), new), np.uint8), level)


def _inside(hot: Mask, where: Mask | None) -> Mask:
    return hot if where is None else hot & where


def stretched(picture: Picture) -> Picture:
    """The picture with its gray levels stretched to the full range; dim text becomes bright."""
    low, high = np.percentile(picture[::2, ::2], (1, 99.8))
    if high - low >= 200 or high - low < 1:
        return picture
    factor = 255.0 / (high - low)
    return np.asarray(
        cv2.convertScaleAbs(cv2.subtract(picture, np.full_like(picture, int(low))), alpha=factor),
        np.uint8,
    )
