"""A look at a clip: where its text is, whenever and however it is shown.

Each block of frames is looked at thrice. What stands still throughout shows in the block's minimum:
the network sees all of it. What stands for a while shows in a window's minimum but not in the
block's; what is there for a moment, or moves, outshines the frames before and after. Of these two,
strokes say where the network looks, enlarged, at the frames that show most; and where it finds
moving text, the strokes are followed through the frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.text import mosaic
from echoatlas.pipeline.deidentify.text.detector import Line, drawn
from echoatlas.pipeline.deidentify.text.letters import JudgeConfig, lettered
from echoatlas.pipeline.deidentify.text.mosaic import Candidate
from echoatlas.pipeline.deidentify.text.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.text.strokes import (
    CELL,
    box_of,
    counted,
    gathered,
    proposed,
    regions,
    spread,
    strokes,
)
from echoatlas.pipeline.deidentify.text.temporal import (
    SPANS,
    Block,
    blocks,
    gray_of,
    most,
    nearly_steady,
    news,
)
from echoatlas.schemas.fan import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.deidentify.text.strokes import Cells
    from echoatlas.schemas.records import Picture

    Gray = NDArray[np.uint8]
    Mask = NDArray[np.bool_]


FAINT = 24  # gray levels; fainter strokes are of no letters that can be read
PATIENCE = 3  # frames in which moving text may not be seen before it counts as gone
SWOLLEN = 2.5  # times its area, from which what is followed is more than the text


@dataclass(frozen=True, slots=True)
class LookConfig:
    """How text is looked for.

    Attributes:
        block: frames that are looked at together.
        moved: frames from which tissue may be taken to have moved behind the text.
        pixel, score: of the detector, see ``PaddleDetector``.
        overview: scale at which all that stands still is looked at, for letters so bold that they
            have no thin strokes; a still is looked at in full size.
        enlarged: scale at which candidates are looked at.
        noise: how many times the median a stroke stands out of what is beside it, in a minimum
            over time; about the 98th percentile of tissue.
        rare: percentile that serves as well, where it is lower.
        ink: pixels of stroke in the space of a short word that make a candidate there.
        level: gray levels by which a stroke stands out of what is beside it and of other windows;
            of each of ``SPANS``.
        looks: frames, windows of one place that are looked at.
        apart: frames between two looks at one place.
        margin: pixels around a candidate that are looked at with it.
        least_range: gray levels that a picture must span to count as seen.
        judge: what counts as letters.
    """

    block: int = 64
    moved: int = 16
    pixel: float = 0.3
    score: float = 0.4
    overview: float = 0.5
    enlarged: float = 2.0
    noise: float = 3.0
    rare: float = 98.5
    ink: float = 40.0
    level: tuple[int, ...] = (40, 50, 50, 40)
    looks: int = 3
    apart: int = 4
    margin: int = 12
    least_range: int = 12
    judge: JudgeConfig = field(default_factory=JudgeConfig)


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
        ranged = ranged or has_range(most(block.frames[:: config.apart]), config.least_range)
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
    level = _noise(raised, config)
    hot = _inside(gathered(counted(raised, level), config.ink), where)
    wanted = [
        Candidate(bright, box_of(cells, *gray.shape, config.margin)) for cells in regions(hot)
    ]
    lines = [line for found in _confirmed(wanted, level, where, config) for line in found]
    scale = 1.0 if still else config.overview
    bold = PaddleDetector(scale, config.pixel, config.score).find([view])[0]
    return lines + _judged(gray, _apart(bold, lines, *gray.shape), where, config)


def _apart(lines: Sequence[Line], from_: Sequence[Line], height: int, width: int) -> list[Line]:
    """The lines that are not half covered by others."""
    known = drawn(from_, height, width)
    areas = [drawn([line], height, width) for line in lines]
    return [
        line
        for line, area in zip(lines, areas, strict=True)
        if 2 * np.count_nonzero(area & known) < np.count_nonzero(area)
    ]


def _moments(
    block: Block, span: int, lag: int, level: int, where: Mask | None, config: LookConfig
) -> Iterator[Line]:
    """Lines of what windows of ``span`` frames show and others do not, and the way of what moves."""
    shape = block.frames[0].shape
    counts = [_stand_out(view, new, level, config.ink) for view, new in news(block, span, lag)]
    if not any(one.any() for one in counts):
        return
    hot = [_inside(gathered(one, config.ink), where) for one in counts]
    wanted = [
        Candidate(block.minimum(span, moment), box_of(cells, *shape, config.margin), moment)
        for place in places(counts, hot, config.looks, max(config.apart // span, 1))
        for moment, cells in place
    ]
    for candidate, lines in zip(
        wanted, _confirmed(wanted, level, where, config), strict=True
    ):
        for line in lines:
            yield line
            for step in (1, -1) if lag else ():
                for box in followed(hot, counts, line.box(*shape), candidate.moment, step):
                    yield _as_line(box, line.score)


def _flickering(block: Block, where: Mask | None, config: LookConfig) -> Iterator[Line]:
    """Lines of what is missing for a few frames only."""
    found = nearly_steady(block, SPANS[-1][0])
    if found is None:
        return
    view, new = found
    level = config.level[-1]
    hot = _inside(gathered(_stand_out(view, new, level, config.ink), config.ink), where)
    wanted = [Candidate(view, box_of(cells, *view.shape, config.margin)) for cells in regions(hot)]
    for lines in _confirmed(wanted, level, where, config):
        yield from lines


def _noise(raised: Gray, config: LookConfig) -> int:
    """The level that few strokes of tissue reach, in a picture where it is what most shows."""
    shown = raised[::2, ::2]
    shown = shown[shown > 0]
    if not shown.size:
        return FAINT
    middle, high = np.percentile(shown, (50, config.rare))
    return max(int(min(config.noise * middle, high)), FAINT)


def _stand_out(view: Gray, new: Gray, level: int, ink: float) -> Cells:
    """Strokes of a view that are new in it, counted in cells."""
    if np.count_nonzero(new > level) < ink:
        return np.zeros((-(-view.shape[0] // CELL), -(-view.shape[1] // CELL)), np.float32)
    return counted(np.asarray(cv2.min(strokes(view), new), np.uint8), level)


def places(
    counts: Sequence[Cells], hot: Sequence[Mask], looks: int, apart: int
) -> list[list[tuple[int, Mask]]]:
    """Where strokes gather: of each place, the moments that show most, and its cells in each."""
    found = []
    for region in regions(np.logical_or.reduce(hot)):
        scores = [
            float(one[region].sum()) if now[region].any() else 0.0
            for one, now in zip(counts, hot, strict=True)
        ]
        picks = spread(scores, looks, apart, 1.0)
        found.append([(moment, hot[moment] & region) for moment in picks])
    return found


def _inside(hot: Mask, where: Mask | None) -> Mask:
    return hot if where is None else hot & where


def _confirmed(
    wanted: Sequence[Candidate],
    level: int,
    where: Mask | None,
    config: LookConfig,
) -> list[list[Line]]:
    """The text of each candidate: what the network finds, else what can be read along strokes."""
    kept = _found(wanted, where, config)
    for candidate, lines in zip(wanted, kept, strict=True):
        along = proposed(candidate.view, candidate.box, level)
        lines += _completing(along, lines) or _judged(candidate.view, along, where, config)
    cut = [
        (index, wider)
        for index, lines in enumerate(kept)
        if (wider := _wider(wanted[index], lines, config)) is not None
    ]
    again = _found([wider for _, wider in cut], where, config)
    for (index, _), lines in zip(cut, again, strict=True):
        kept[index] += lines
    return kept


def _found(
    wanted: Sequence[Candidate], where: Mask | None, config: LookConfig
) -> list[list[Line]]:
    detector = PaddleDetector(config.enlarged, config.pixel, config.score)
    return [
        _judged(candidate.view, lines, where, config)
        for candidate, lines in zip(wanted, mosaic.find(wanted, detector), strict=True)
    ]


def _completing(along: Sequence[Line], lines: Sequence[Line]) -> list[Line]:
    """The lines of strokes that run on from lines of text: letters that the network left out."""
    found = []
    for one in along:
        for line in lines:
            reach = line.padded(0, line.thickness)
            if one.thickness < SWOLLEN * line.thickness and one.meets(reach):
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


def _judged(
    gray: Gray, lines: Sequence[Line], where: Mask | None, config: LookConfig
) -> list[Line]:
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


def followed(
    hot: Sequence[Mask], counts: Sequence[Cells], box: Box, moment: int, step: int
) -> Iterator[Box]:
    """The boxes through which text moves, from one frame on in one direction of time.

    Args:
        hot: of each frame, cells around which strokes gather; counts: strokes of each cell.
        box: of the text in frame ``moment``, pixels.
        step: 1 onwards, -1 backwards.
    """
    shape = hot[0].shape
    around = np.ones((3, 3), np.uint8)
    most = SWOLLEN * (box.width + 2 * CELL) * (box.height + 2 * CELL)
    here = np.zeros(shape, np.uint8)
    here[box.y0 // CELL : -(-box.y1 // CELL), box.x0 // CELL : -(-box.x1 // CELL)] = 1
    lost = 0
    moment += step
    while 0 <= moment < len(hot) and lost <= PATIENCE:
        _, labels = cv2.connectedComponents(hot[moment].astype(np.uint8))
        met = np.unique(labels[(cv2.dilate(here, around) > 0) & (labels > 0)])
        if met.size:
            gathered_here = np.isin(labels, met)
            inked = gathered_here & (counts[moment] >= 1)
            inked = inked if inked.any() else gathered_here
            reached = box_of(inked, shape[0] * CELL, shape[1] * CELL, CELL // 2)
            if reached.area > most:
                return
            yield reached
            here, lost = inked.astype(np.uint8), 0
        else:
            lost += 1
        moment += step


def _as_line(box: Box, score: float) -> Line:
    corners = ((box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1))
    return Line(tuple((float(x), float(y)) for x, y in corners), score)


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
