"""A second look, at what was written: strokes alone, of all moments, laid into one picture.

The first look shows the network gray pictures. Looking the same way twice finds the same twice, so
this one shows it what stands out and nothing else: strokes, above the noise of the picture, bright
on black, each place as it is at the moment that shows most of it. Tissue is gone from that picture,
and so are the black boxes of a redaction, which the network would take for bars of text. Layers
of real tissue are crisp lines as well, so what the network finds has to be read. One run of the
network a block of frames is all it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels import mosaic
from echoatlas.pipeline.deidentify.pixels.confirm import judged
from echoatlas.pipeline.deidentify.pixels.firing import boxes_of, narrowed, sensed
from echoatlas.pipeline.deidentify.pixels.mosaic import Candidate
from echoatlas.pipeline.deidentify.pixels.own_network import TrainedDetector
from echoatlas.pipeline.deidentify.pixels.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.pixels.search import Seen, has_range, stretched
from echoatlas.pipeline.deidentify.pixels.strokes import (
    CELL,
    around,
    box_of,
    cells_of,
    counted,
    newly,
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

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.deidentify.pixels.config import AgainConfig
    from echoatlas.pipeline.deidentify.pixels.detector import Line
    from echoatlas.pipeline.deidentify.pixels.legibility import JudgeConfig
    from echoatlas.pipeline.deidentify.pixels.strokes import Cells
    from echoatlas.schemas.fan import Box
    from echoatlas.schemas.records import Picture

    Gray = NDArray[np.uint8]
    Mask = NDArray[np.bool_]

SCATTERED = 0.6  # of the area that holds them all, up to which places are looked at apart
OURS = 1.5  # times, at which our own network looks where frames are few
NEVER = 1.1  # score that no line has: letters must be read
SUREST = 0.6  # of our own network's finds; weaker ones are not read again, or a mark would do
BRIGHTER = 3.0  # times, what is left of strokes once the noise is taken off


def look_again(
    pictures: Iterable[Picture],
    config: AgainConfig,
    every_way: bool = False,
    whole: bool = False,
) -> Seen:
    """Look at a clip that should have no text.

    Args:
        pictures: (H, W) or (H, W, 3) uint8, of one size, read once.
        whole: let the detector see whole views, wherever our own network fires.
        every_way: read them turned and mirrored as well, whole; then lines are in pixels of
            what was turned.
    """
    lines: list[Line] = []
    frames, ranged = 0, False
    for block in blocks(pictures, config.block):
        count = len(block.frames)
        if not (whole or every_way):
            lines += _where_it_fires(block, config)
            frames += count
            ranged = ranged or has_range(most(block.frames[:: config.apart]), config.min_range)
            continue
        shown, hot = outstanding(block, config)
        lines += _read(shown, hot, count, config, every_way)
        lines += _bold(block.steady, count, config, every_way)
        lines += _trained(block.steady, count, config, every_way)
        if every_way:  # the networks see lines wherever letters face, but not where they stand
            upended = np.ascontiguousarray(block.steady.swapaxes(0, 1))
            lines += _read(*_upended(shown, hot), count, config, every_way)
            lines += _bold(upended, count, config, every_way)
            lines += _trained(upended, count, config, every_way)
        frames += count
        ranged = ranged or has_range(most(block.frames[:: config.apart]), config.min_range)
    return Seen(tuple(lines), frames, ranged)


def _where_it_fires(block: Block, config: AgainConfig) -> list[Line]:
    """The same lines as of whole views, where our own network fires on them."""
    count, gray = len(block.frames), gray_of(block.steady)
    scale = OURS if count < config.moved else 1.0
    fires = sensed(gray, scale, config.fires)
    boxes = boxes_of(fires, None, gray.shape)
    if not boxes and count < config.moved:
        return []
    return _of_glance(Glance(count, True, block.steady, boxes, *outstanding(block, config)), config)


@dataclass(frozen=True, slots=True)
class Glance:
    """What a second look needs to know of a block of frames.

    Attributes:
        frames: of the block. ranged: whether anything can be seen in it.
        steady: the minimum of all. boxes: where our own network fires on it.
        shown, hot: as of ``outstanding``; nothing where frames are few and the network is silent,
            as what stands out of these stands in what they share.
    """

    frames: int
    ranged: bool
    steady: Picture
    boxes: Sequence[Box]
    shown: Gray
    hot: Mask


def glance(block: Block, mask: Mask, boxes: Sequence[Box], config: AgainConfig) -> Glance:
    """What a second look needs of a block that is at hand, as if all but the mask were black.

    Args:
        mask: (H, W). boxes: where our own network fires.
    """
    shade = mask.astype(np.uint8) * np.uint8(255)
    hidden = cv2.merge([shade] * 3) if block.steady.ndim == 3 else shade
    steady = np.asarray(cv2.bitwise_and(block.steady, hidden), np.uint8)
    frames, height, width = len(block.frames), *mask.shape
    shown, hot = np.zeros((0, 0), np.uint8), np.zeros((0, 0), bool)
    inside = [one.clipped(width, height) for one in boxes]
    inside = [one for one in inside if one.area and mask[one.pixels].any()]
    if inside or frames >= config.moved:
        shown, hot = outstanding(replace(block, steady=steady), config, shade)
    brightest = cv2.bitwise_and(most(block.frames[:: config.apart]), shade)
    ranged = has_range(np.asarray(brightest, np.uint8), config.min_range)
    return Glance(frames, ranged, steady, inside, shown, hot)


def look_at_glances(glances: Sequence[Glance], config: AgainConfig) -> Seen:
    """As ``look_again``, at what was taken of each block while it was at hand."""
    lines = [line for one in glances for line in _of_glance(one, config)]
    frames = sum(one.frames for one in glances)
    return Seen(tuple(lines), frames, any(one.ranged for one in glances))


def _of_glance(one: Glance, config: AgainConfig) -> list[Line]:
    few, gray = one.frames < config.moved, gray_of(one.steady)
    ours = TrainedDetector(score=SUREST, longer=max(gray.shape))
    lines: list[Line] = []
    if one.boxes:
        bold = PaddleDetector(1.0 if few else config.overview, config.pixel, config.score)
        found = mosaic.find([Candidate(one.steady, box) for box in one.boxes], bold)
        lines += judged(gray, [line for some in found for line in some], None, config.judge)
        judge = config.trained if few else replace(config.trained, score=NEVER)
        found = mosaic.find([Candidate(gray, box) for box in one.boxes], ours)
        lines += judged(gray, [line for some in found for line in some], None, judge)
    wanted = [
        Candidate(one.shown, box_of(cells, one.shown.shape, config.margin))
        for cells in regions(one.hot)
    ]
    if few:  # strokes of so little show less than what our network was asked about already
        wanted = [part for part in wanted if any(part.box.met(box).area for box in one.boxes)]
    else:
        wanted = narrowed(wanted, None, config.strokes_fire)
    if wanted:
        lines += _legible(one.shown, wanted, one.frames, config)
        found = [] if few else mosaic.find(wanted, ours)
        read = [line for some in found for line in some]
        lines += judged(one.shown, read, None, config.reading)
    return lines


def _upended(picture: Gray, hot: Mask) -> tuple[Gray, Mask]:
    return np.ascontiguousarray(picture.T), np.ascontiguousarray(hot.T)


def _judged(
    picture: Gray, lines: Sequence[Line], config: JudgeConfig, every_way: bool
) -> list[Line]:
    """The lines that have letters, or would have some if the picture were turned or mirrored."""
    found = judged(picture, lines, None, config)
    if not every_way or not lines:
        return found
    height, width = picture.shape
    for down, mirrored in ((False, True), (True, False), (True, True)):
        view = picture[::-1] if down else picture
        view = np.ascontiguousarray(view[:, ::-1] if mirrored else view)
        turned = [
            replace(
                line,
                corners=tuple(
                    (width - x if mirrored else x, height - y if down else y)
                    for x, y in line.corners
                ),
            )
            for line in lines
        ]
        found += judged(view, turned, None, config)
    return found


def _read(
    picture: Gray, hot: Mask, frames: int, config: AgainConfig, every_way: bool
) -> list[Line]:
    """Lines of what stands out."""
    boxes = [box_of(cells, picture.shape, config.margin) for cells in regions(hot)]
    if boxes:
        whole = box_of(hot, picture.shape, config.margin)
        if sum(box.area for box in boxes) > SCATTERED * whole.area:
            boxes = [whole]
    wanted = [Candidate(picture, box) for box in boxes]
    return _legible(picture, wanted, frames, config, every_way)


def _legible(
    picture: Gray,
    wanted: Sequence[Candidate],
    frames: int,
    config: AgainConfig,
    every_way: bool = False,
) -> list[Line]:
    """Lines in parts of a picture of strokes that can be read."""
    enlarged = config.enlarged if frames < config.moved else config.moving
    scale = min(enlarged, max(config.max_width / max(picture.shape), 1.0))
    found = mosaic.find(wanted, PaddleDetector(scale, config.pixel, config.score))
    lines = [line for lines in found for line in lines]
    return _judged(picture, lines, config.reading, every_way)


def outstanding(block: Block, config: AgainConfig, mask: Gray | None = None) -> tuple[Gray, Mask]:
    """The strokes of a block of frames in one picture, (H, W) uint8, and the cells that have any.

    Where strokes gather at several moments, those of the moment with most are shown; what stands
    throughout is shown besides.

    Args:
        mask: (H, W), 255 where moments are not to be taken for black.
    """
    height, width = block.frames[0].shape[:2]
    shown = np.zeros((height, width), np.uint8)
    fullest: Cells = np.zeros((-(-height // CELL), -(-width // CELL)), np.float32)
    for view, new, level in _moments(block, config):
        found = newly(view, new, level, config.flash, mask)
        if found is None:
            continue
        box, raised = found
        best = fullest[cells_of(box)]
        ink = around(counted(raised, level))
        fuller = (ink >= config.flash) & (ink > best)
        if fuller.any():
            best[fuller] = ink[fuller]
            here = _pixels(fuller, raised.shape)
            shown[box.pixels][here] = _above(raised, int(level * config.below))[here]
    raised = strokes(gray_of(stretched(block.steady)))
    level = noise(raised, config.noise, config.rare, config.faint)
    steady = around(counted(raised, level)) >= config.ink
    here = _pixels(steady, shown.shape)
    shown[here] = np.maximum(shown, _above(raised, level))[here]
    return shown, (fullest > 0) | steady


def _moments(block: Block, config: AgainConfig) -> Iterator[tuple[Gray, Gray, int]]:
    """Views of some time, what is new in each, and the level that counts."""
    for (span, lag), level in zip(SPANS, config.level, strict=True):
        for view, new in transients(block, span, lag):
            yield view, new, level
    nearly = nearly_steady(block, SPANS[-1][0])
    if nearly is not None:
        yield *nearly, config.level[-1]


def _bold(steady: Picture, frames: int, config: AgainConfig, every_way: bool) -> list[Line]:
    """Lines of letters so bold that they have no thin strokes."""
    scale = 1.0 if frames < config.moved else config.overview
    lines = PaddleDetector(scale, config.pixel, config.score).find([steady])[0]
    return _judged(gray_of(steady), lines, config.judge, every_way)


def _trained(steady: Picture, frames: int, config: AgainConfig, every_way: bool) -> list[Line]:
    """Lines of what our own network finds, where frames are too few to tell text from tissue."""
    if frames >= config.moved:
        return []
    lines = TrainedDetector(score=SUREST).find([steady])[0]
    return _judged(gray_of(steady), lines, config.trained, every_way)


def _above(raised: Gray, level: int) -> Gray:
    return np.asarray(
        cv2.convertScaleAbs(cv2.subtract(raised, np.full_like(raised, level)), alpha=BRIGHTER),
        np.uint8,
    )


def _pixels(cells: Mask, shape: tuple[int, ...]) -> Mask:
    large = np.repeat(np.repeat(cells, CELL, axis=0), CELL, axis=1)
    return np.asarray(large[: shape[0], : shape[1]])
