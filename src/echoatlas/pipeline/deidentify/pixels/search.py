"""A look at a clip: where its text is, whenever and however it is shown.

What stands still throughout shows in the minimum of a block of frames; what comes, goes, fades,
flashes or moves shows in the minimum of some window of them and not in others. Strokes say at which
moments is looked, our own network says where; there the detector looks, enlarged; what it finds
must have letters; and where text moves, its strokes are followed through the frames. What is known
to be text is not looked at again. Tissue has few such strokes, and our network is silent on most of
it, so little is looked at.

So much is looked at, at most, of a block of frames: by our own network the steady view, and for
each of ``SPANS`` as many views' area as ``LookConfig.looks``; by the others, what of it fires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels import mosaic
from echoatlas.pipeline.deidentify.pixels.config import LookConfig
from echoatlas.pipeline.deidentify.pixels.confirm import confirmed, judged
from echoatlas.pipeline.deidentify.pixels.detector import Line, drawn
from echoatlas.pipeline.deidentify.pixels.firing import LINE, boxes_of, narrowed, sensed
from echoatlas.pipeline.deidentify.pixels.mosaic import Candidate
from echoatlas.pipeline.deidentify.pixels.own_network import TrainedDetector
from echoatlas.pipeline.deidentify.pixels.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.pixels.strokes import (
    CELL,
    box_of,
    cells_of,
    counted,
    gathered,
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
from echoatlas.pipeline.deidentify.pixels.tracking import Trails, as_line, places
from echoatlas.schemas.fan import Box
from echoatlas.schemas.records import Alone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.deidentify.pixels.strokes import Cells
    from echoatlas.schemas.records import Picture

    Gray = NDArray[np.uint8]
    Mask = NDArray[np.bool_]

COVERED = 0.85  # of a line's area; of dark letters on light, strokes show the gaps alone
RIM = 4  # pixels around a line that are black with it, or hold nothing that is new
OURS = TrainedDetector()
NEVER = 1.1  # score that no line has
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


def look(
    pictures: Iterable[Picture],
    area: Mask | None,
    config: LookConfig,
    whole: bool = False,
    told: Callable[[Block, Mask], None] | None = None,
) -> Seen:
    """Look at a clip.

    Args:
        pictures: (H, W) or (H, W, 3) uint8, of one size, read once.
        area: (H, W), where text matters; None for everywhere.
        whole: let the detector see whole views besides, wherever our own network fires.
        told: of each block, and the cells in which our own network fires on what stands there
            throughout.
    """
    lines: list[Line] = []
    frames, ranged = 0, False
    where = None if area is None else counted(area.astype(np.uint8), 0) > 0
    for block in blocks(pictures, config.block):
        still = not frames and len(block.frames) < config.moved
        found, fires = _look_at(block, where, still, lines, config)
        if told is not None:
            told(block, fires)
        lines += found
        if whole:
            more = _look_at_whole(block, where, still, config)
            more = _apart(more, lines, *block.frames[0].shape)
            lines += [replace(line, alone=Alone.DETECTOR) for line in more]
        frames += len(block.frames)
        ranged = ranged or has_range(most(block.frames[:: config.apart]), config.min_range)
    return Seen(tuple(lines), frames, ranged)


def has_range(picture: Picture, levels: int) -> bool:
    """Whether a picture spans enough gray levels for a detector to see anything in it."""
    return float(np.subtract(*np.percentile(picture[::2, ::2], (99.5, 0.5)))) >= levels


def _look_at(
    block: Block, where: Mask | None, still: bool, before: Sequence[Line], config: LookConfig
) -> tuple[list[Line], Mask]:
    """Lines of a block that are not among those before, and the cells in which our own network
    fires on what stands there throughout.

    What is known is black throughout the clip: it is not looked at again.
    """
    shape = block.frames[0].shape
    known = _known(before, shape)
    fires = _fires(block.steady, still, config.fires)
    found = _steady(block.steady, where, still, fires & ~known, config)
    for (span, lag), level in zip(SPANS, config.level, strict=True):
        known |= _known(found, shape)
        found += _moments(block, span, lag, level, where, known, config)
    found += _flickering(block, where, known | _known(found, shape), config)
    return found, fires


def _look_at_whole(block: Block, where: Mask | None, still: bool, config: LookConfig) -> list[Line]:
    """Lines of a block as the detector finds them, wherever our own network fires."""
    return [
        *_steady(block.steady, where, still, None, config),
        *_flickering(block, where, None, config),
        *(
            line
            for (span, lag), level in zip(SPANS, config.level, strict=True)
            for line in _moments(block, span, lag, level, where, None, config)
        ),
    ]


def _known(lines: Sequence[Line], shape: tuple[int, ...]) -> Mask:
    """Cells of which lines cover half or more."""
    height, width = shape[:2]
    area = drawn([line.grown(RIM) for line in lines], height, width)
    return np.asarray(counted(area.astype(np.uint8), 0) >= CELL * CELL / 2)


def _fires(view: Picture, still: bool, least: float) -> Mask:
    """Where our own network fires on what is there throughout: enlarged if that is a still."""
    gray, shown = gray_of(view), stretched(view)
    if not still:
        return sensed(gray_of(shown), 1.0, least)
    fires = sensed(gray, OURS.scale, least)
    return fires if shown is view else fires | sensed(gray_of(shown), 1.0, least)


def _steady(
    view: Picture, where: Mask | None, still: bool, fires: Mask | None, config: LookConfig
) -> list[Line]:
    """Lines of what is there throughout.

    Args:
        fires: cells that are looked at; None to look at whole views.
    """
    shape = view.shape[:2]
    if fires is not None:
        boxes = boxes_of(fires, where, shape)
        if not boxes:
            return []
    gray, bright = gray_of(view), gray_of(stretched(view))
    raised = strokes(bright)
    level = noise(raised, config.noise, config.rare, FAINT)
    hot = _inside(gathered(counted(raised, level), config.ink), where)
    stroked = [box_of(cells, shape, config.margin) for cells in regions(hot)]
    if fires is None:
        boxes = [Box(0, 0, shape[1], shape[0])]
    else:
        stroked = [one for one in stroked if one.area <= LINE and _meets(one, boxes)]
        stroked += [one for one in boxes if not _meets(one, stroked)]
    parts = [Candidate(bright, box) for box in stroked]
    whole = [Candidate(bright, box) for box in boxes]
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
    overview = PaddleDetector(1.0 if still else config.overview, config.pixel, config.score)
    seen = [Candidate(view, one.box) for one in whole]
    bold = [line for some in mosaic.find(seen, overview) for line in some]
    lines += judged(gray, _apart(bold, lines, *gray.shape), where, config.judge)
    if fires is None and not still:
        return lines
    seen = [Candidate(gray, box) for box in boxes]
    own = _own(seen, [lines] * len(seen), where, config, unread=still)
    return [*lines, *(line for some in own for line in some)]


def _meets(box: Box, others: Sequence[Box]) -> bool:
    return any(box.met(other).area for other in others)


def _own(
    wanted: Sequence[Candidate],
    found: Sequence[Sequence[Line]],
    where: Mask | None,
    config: LookConfig,
    *,
    unread: bool,
) -> list[list[Line]]:
    """What our own network finds in candidates besides what was found in them.

    Args:
        unread: take its word where it is sure, as on stills, which it knows best; else letters
            must be read: what flickers in a clip is tissue most often.
    """
    judge = config.trained if unread else replace(config.trained, score=NEVER)
    shape = wanted[0].view.shape if wanted else (0, 0)
    ours = mosaic.find(wanted, replace(OURS, longer=max(shape)))
    kept = [
        judged(one.view, _apart(lines, others, *shape), where, judge)
        for one, lines, others in zip(wanted, ours, found, strict=True)
    ]
    return [[replace(line, alone=Alone.OWN) for line in lines] for lines in kept]


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
    block: Block,
    span: int,
    lag: int,
    level: int,
    where: Mask | None,
    known: Mask | None,
    config: LookConfig,
) -> Iterator[Line]:
    """Lines of what some windows of ``span`` frames show, and the way of what moves.

    Args:
        known: cells that are not looked at; None to look at whole views.
    """
    shape = block.frames[0].shape
    counts = [
        _stand_out(view, new, level, config.flash) for view, new in transients(block, span, lag)
    ]
    if not any(one.any() for one in counts):
        return
    hot = [_inside(gathered(one, config.flash), where) for one in counts]
    new = hot if known is None else [one & ~known for one in hot]
    if not any(one.any() for one in new):
        return
    wanted = [
        Candidate(block.minima(span)[moment], box_of(cells, shape, config.margin), moment)
        for place in places(counts, new, config.looks, max(config.apart // span, 1))
        for moment, cells in place
    ]
    if known is not None:
        wanted = narrowed(wanted, where, config.fires)
    trails = Trails(hot, counts)
    found = confirmed(wanted, level, where, config, config.enlarged)
    own = (
        _own(wanted, found, where, config, unread=False)
        if known is not None
        else [()] * len(wanted)
    )
    for candidate, lines, alone in zip(wanted, found, own, strict=True):
        for line in (*lines, *alone):
            yield line
            for step in (1, -1) if lag else ():
                for box in trails.followed(line.box(*shape), candidate.moment, step):
                    yield replace(as_line(box, line.score), alone=line.alone)


def _flickering(
    block: Block, where: Mask | None, known: Mask | None, config: LookConfig
) -> Iterator[Line]:
    """Lines of what is missing for a few frames only."""
    found = nearly_steady(block, SPANS[-1][0])
    if found is None:
        return
    view, new = found
    level = config.level[-1]
    hot = _inside(gathered(_stand_out(view, new, level, config.flash), config.flash), where)
    if known is not None:
        hot &= ~known
    wanted = [Candidate(view, box_of(cells, view.shape, config.margin)) for cells in regions(hot)]
    if known is not None:
        wanted = narrowed(wanted, where, config.fires)
    lines = confirmed(wanted, level, where, config, config.enlarged)
    own = _own(wanted, lines, where, config, unread=False) if known is not None else []
    for some in (*lines, *own):
        yield from some


def _stand_out(view: Gray, new: Gray, level: int, ink: float) -> Cells:
    """Strokes of a view that are new in it, counted in cells; none where none gather."""
    counts = np.zeros((-(-view.shape[0] // CELL), -(-view.shape[1] // CELL)), np.float32)
    found = newly(view, new, level, ink)
    if found is not None:
        box, raised = found
        counts[cells_of(box)] = counted(raised, level)
    return counts


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
