"""Black out what is not tissue: all outside the fan, and text inside it; then look again.

BurnedInAnnotation says NO on scans that show names, so it is never asked. What cannot be looked
at (no dynamic range) is not clean, it is rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels import ocr
from echoatlas.pipeline.deidentify.pixels.config import AgainConfig, LookConfig
from echoatlas.pipeline.deidentify.pixels.detector import Line, drawn
from echoatlas.pipeline.deidentify.pixels.firing import boxes_of
from echoatlas.pipeline.deidentify.pixels.legibility import JudgeConfig
from echoatlas.pipeline.deidentify.pixels.measurement import is_measurement
from echoatlas.pipeline.deidentify.pixels.own_network import TrainedDetector
from echoatlas.pipeline.deidentify.pixels.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.pixels.recheck import (
    Glance,
    glance,
    look_again,
    look_at_glances,
)
from echoatlas.pipeline.deidentify.pixels.search import Seen, look
from echoatlas.pipeline.deidentify.pixels.strokes import CELL, counted
from echoatlas.pipeline.deidentify.pixels.temporal import Block, blocks, gray_of
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.step import setting, step
from echoatlas.schemas.fan import Box, Fan
from echoatlas.schemas.records import WITNESSED, Alone, Redaction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

MARGIN = 0.15  # of its letters' height, with which a line reads best
PART = 0.8  # of a line's area; so much of it in a longer line makes it a word of that


@dataclass(frozen=True, slots=True)
class RedactConfig:
    """How text is looked for, and what is done about it.

    Attributes:
        look: how it is looked for.
        again: how, at what was written; in another way, that does not overlook the same.
        full: the same in full size, before pictures are made small: letters read more surely
            there, and so do the dots of a GIF's few colors.
        margin: pixels around a fan's box that are looked at with it, so that a word that is cut
            by the fan's edge is seen whole.
        pad: growth of a line on each side, as a share of its letters' height.
        ends: growth of a line at its two ends, the same way.
        witness: share of objects, drawn under the site's key, in which the detector sees whole
            views, wherever our own network fires, and so does each look after.
        keep_measurements: leave text inside the fan standing that says measurements and nothing
            else; only by a site's policy.
    """

    look: LookConfig = field(default_factory=LookConfig)
    again: AgainConfig = field(default_factory=AgainConfig)
    full: AgainConfig = field(
        default_factory=lambda: AgainConfig(
            moving=1.5, reading=JudgeConfig(score=1.1, sure=0.7, doubtful=1.1)
        )
    )
    margin: int = setting(16, 0, 1000, "pixels")
    pad: float = setting(0.15, 0, 10, "times")
    ends: float = setting(1.0, 0, 10, "times")
    witness: float = setting(0.05, 0, 1, "share")
    keep_measurements: bool = False


@step("redact", version=5)
def redact(
    pictures: Iterable[Picture],
    fans: Sequence[Fan],
    config: RedactConfig = RedactConfig(),
    sight: Sight | None = None,
) -> tuple[Redaction, ...]:
    """Decide what of a clip may be seen: one redaction a fan.

    Args:
        pictures: all frames, (H, W) or (H, W, 3) uint8, as displayed; read once, in order.
        fans: accepted areas, in pixels of the pictures.
        sight: is given what ``check_redacted`` needs of pictures in which no text is found.

    Raises:
        Reject: ``no_fan`` without a fan, ``no_pixels`` without a frame, ``no_dynamic_range`` if
            nothing could be seen in the fan.
    """
    if not fans:
        raise Reject(Reason.NO_FAN)
    frames = iter(pictures)
    first = next(frames, None)
    if first is None:
        raise Reject(Reason.NO_PIXELS)
    height, width = first.shape[:2]
    masks = [fan.mask(height, width) for fan in fans]
    area = np.logical_or.reduce(masks)
    box = _around(area, config.margin)
    crops = (_crop(picture, box) for picture in _chained(first, frames))
    extremes = Extremes()
    if sight is not None and sight.remembers:
        sight.start(box, masks, config)
    seen = look(
        extremes.over(crops) if config.keep_measurements else crops,
        area[box.pixels],
        config.look,
        whole=sight is not None and sight.whole,
        told=sight.take if sight is not None and sight.remembers else None,
    )
    if not seen.ranged:
        raise Reject(Reason.NO_DYNAMIC_RANGE)
    measures = [line for line in seen.lines if config.keep_measurements and extremes.measure(line)]
    parts = []
    if measures:
        told = drawn(measures, box.height, box.width)
        parts = [line for line in seen.lines if line not in measures and _within(line, told)]
    cut = [line for line in seen.lines if line not in measures and line not in parts]
    lines, left = ([one.scaled(1.0, box.x0, box.y0) for one in some] for some in (cut, measures))
    whole = sight is not None and sight.whole
    return tuple(_redaction(mask, lines, left, config, witnessed=whole) for mask in masks)


@step("check_redacted", version=3)
def check_redacted(
    pictures: Iterable[Picture],
    redactions: Sequence[Redaction],
    config: RedactConfig = RedactConfig(),
    sight: Sight | None = None,
) -> None:
    """Look again in full size, at what may be seen, before it is made small.

    Small letters are lost to a look at small frames, though not always to a person.

    Args:
        pictures: as given to ``redact``; read once for each fan of which that left out some.
        redactions: one a fan; where measurements were left standing is not looked at.
        sight: as ``redact`` left it.

    Raises:
        Reject: ``residual_text`` if text is still there.
    """
    whole = sight is not None and sight.whole
    # One fan at a time: what is dark in one may be bright in another
    for number, one in enumerate(redactions):
        keep = one.keep if one.left is None else one.keep & ~one.left
        if sight is not None and sight.remembers and not sight.whole:
            untouched = not one.text_boxes and one.left is None
            seen = sight.glances[number] if untouched else sight.again(number, pictures, keep)
            refuse_text(look_at_glances(seen, config.full))
            continue
        box = _around(keep, 0)
        shown = keep[box.pixels]
        crops = (_blacked(_crop(picture, box), ~shown) for picture in pictures)
        refuse_text(look_again(crops, config.full, whole=whole))


@step("check_written", version=5)
def check_written(
    pictures: Iterable[Picture],
    config: RedactConfig = RedactConfig(),
    left: NDArray[np.bool_] | None = None,
    whole: bool = False,
) -> tuple[str, ...]:
    """Look again, at what was written.

    Args:
        pictures: as a reader of the output sees them, equally sized, in order.
        left: (H, W), where measurements were left standing: not looked at.
        whole: as of ``Sight``.

    Returns:
        Codes of the checks that were made.

    Raises:
        Reject: ``residual_text`` if text is still there, ``no_dynamic_range`` if nothing could
            be seen, ``no_pixels`` without a frame.
    """
    if left is not None:
        pictures = (_blacked(picture, left) for picture in pictures)
    seen = look_again(pictures, config.again, whole=whole)
    if not seen.frames:
        raise Reject(Reason.NO_PIXELS)
    if not seen.ranged:
        raise Reject(Reason.NO_DYNAMIC_RANGE)
    refuse_text(seen)
    return ("checked_written",)


def refuse_text(seen: Seen) -> None:
    """Raise ``residual_text`` if lines were seen."""
    if seen.lines:
        raise Reject(Reason.RESIDUAL_TEXT, f"{len(seen.lines)} lines of text are left")


@dataclass(slots=True)
class Sight:
    """What was seen of a clip, so that pixels that stay as they are need not be looked at anew.

    Attributes:
        whole: let the detector see whole views, wherever our own network fires: of some objects,
            so that no network is the only witness.
        remembers: whether there is such a look.
        glances: of each fan, of each block of frames.
    """

    whole: bool = False
    remembers: bool = True
    glances: list[list[Glance]] = field(default_factory=list)
    _box: Box = field(default_factory=lambda: Box(0, 0, 0, 0))
    _panes: list[tuple[Box, NDArray[np.bool_]]] = field(default_factory=list)
    _fires: list[NDArray[np.bool_]] = field(default_factory=list)
    _config: RedactConfig = field(default_factory=RedactConfig)

    def start(self, box: Box, masks: Sequence[NDArray[np.bool_]], config: RedactConfig) -> None:
        """Look out for fans, (H, W) each, in a part of the pictures."""
        cut = [mask[box.pixels] for mask in masks]
        panes = [_around(mask, 0) for mask in cut]
        self._box, self._config = box, config
        self._panes = [(pane, mask[pane.pixels]) for pane, mask in zip(panes, cut, strict=True)]
        self._fires, self.glances = [], [[] for _ in masks]

    def take(self, block: Block, fires: NDArray[np.bool_]) -> None:
        """Keep of a block what another look needs, and the cells in which our own network fires."""
        self._fires.append(fires)
        for (pane, mask), kept in zip(self._panes, self.glances, strict=True):
            kept.append(self._glance(block, fires, pane, mask))

    def again(
        self, number: int, pictures: Iterable[Picture], keep: NDArray[np.bool_]
    ) -> list[Glance]:
        """The same of pictures of which less is kept, (H, W): where that is black, nothing fires.

        Args:
            number: of the fan.
        """
        kept = keep[self._box.pixels]
        cells = counted(kept.astype(np.uint8), 0) >= CELL * CELL / 2
        pane, _ = self._panes[number]
        crops = (_crop(picture, self._box) for picture in pictures)
        return [
            self._glance(block, fires & cells, pane, kept[pane.pixels])
            for block, fires in zip(
                blocks(crops, self._config.look.block), self._fires, strict=True
            )
        ]

    def _glance(
        self, block: Block, fires: NDArray[np.bool_], pane: Box, mask: NDArray[np.bool_]
    ) -> Glance:
        boxes = boxes_of(fires, None, block.frames[0].shape)
        moved = [one.moved(-pane.x0, -pane.y0) for one in boxes]
        return glance(block.cropped(pane), mask, moved, self._config.full)


@dataclass(slots=True)
class Extremes:
    """The darkest and the brightest that each pixel of a clip gets.

    Bright letters show in the one, dark ones in the other, whenever they show.
    """

    low: NDArray[np.uint8] | None = None
    high: NDArray[np.uint8] | None = None

    def over(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Pass pictures on, (H, W[, 3]) uint8 of one size, and take their extremes."""
        for picture in pictures:
            gray = gray_of(picture)
            self.low = gray if self.low is None else cv2.min(self.low, gray)
            self.high = gray if self.high is None else cv2.max(self.high, gray)
            yield picture

    def measure(self, line: Line) -> bool:
        """Whether a line says measurements and nothing else, all through the clip."""
        both = [gray for gray in (self.low, self.high) if gray is not None]
        wider = line.grown(MARGIN * line.thickness)
        return bool(both) and all(is_measurement(ocr.says(gray, wider)) for gray in both)


def _blacked(picture: Picture, where: NDArray[np.bool_]) -> Picture:
    cut = picture.copy()
    cut[where] = 0
    return cut


def _chained(first: Picture, rest: Iterable[Picture]) -> Iterable[Picture]:
    yield first
    for picture in rest:
        if picture.shape[:2] != first.shape[:2]:
            raise Reject(Reason.FRAME_MISMATCH, "the frames differ in size")
        yield picture


def _around(area: NDArray[np.bool_], margin: int) -> Box:
    rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
    if rows.size < 8 or columns.size < 8:
        raise Reject(Reason.FAN_TOO_SMALL)
    return Box(
        int(columns[0]) - margin,
        int(rows[0]) - margin,
        int(columns[-1]) + 1 + margin,
        int(rows[-1]) + 1 + margin,
    ).clipped(area.shape[1], area.shape[0])


def _crop(picture: Picture, box: Box) -> Picture:
    return np.ascontiguousarray(picture[box.y0 : box.y1, box.x0 : box.x1])


def _redaction(
    inside: NDArray[np.bool_],
    lines: Sequence[Line],
    standing: Sequence[Line],
    config: RedactConfig,
    *,
    witnessed: bool,
) -> Redaction:
    height, width = inside.shape
    whole = int(inside.sum())
    touching = _touching(lines, inside, config)
    text = drawn(touching, height, width)
    left = drawn(_touching(standing, inside, config), height, width) & inside & ~text
    networks = (PaddleDetector(), TrainedDetector())
    return Redaction(
        keep=inside & ~text,
        text_boxes=tuple(sorted({line.box(height, width) for line in touching}, key=_order)),
        outside_area=1.0 - whole / (height * width),
        text_area=float((inside & text).sum()) / max(whole, 1),
        detector=", ".join(["strokes", *(one.id for one in networks)]),
        model=" ".join([*(one.weights for one in networks), ocr.SHA256]),
        verdicts=(
            *(["text_redacted"] if touching else []),
            *(["text_doubtful"] if any(line.doubt for line in touching) else []),
            *(["text_kept"] if left.any() else []),
            *(["no_text"] if not touching and not left.any() else []),
            *sorted({line.alone.value for line in touching} - {Alone.NO}),
            *([WITNESSED] if witnessed else []),
        ),
        left=left if left.any() else None,
    )


def _within(line: Line, area: NDArray[np.bool_]) -> bool:
    """Whether a line is part of what was read already: a word of it."""
    own = drawn([line], *area.shape)
    return bool((own & area).sum() >= PART * own.sum() > 0)


def _touching(lines: Iterable[Line], inside: NDArray[np.bool_], config: RedactConfig) -> list[Line]:
    """Lines with their margin, those that reach into an area."""
    height, width = inside.shape
    found = []
    for line in dict.fromkeys(lines):
        thick = line.thickness
        grown = line.padded(1 + config.pad * thick, 1 + config.ends * thick)
        box = grown.box(height, width)
        part = grown.scaled(1.0, -box.x0, -box.y0)
        if box.area and (drawn([part], box.height, box.width) & inside[box.pixels]).any():
            found.append(grown)
    return found


def _order(box: Box) -> tuple[int, int, int, int]:
    return box.y0, box.x0, box.y1, box.x1
