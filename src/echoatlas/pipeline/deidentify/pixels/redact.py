"""Black out what is not tissue: all outside the fan, and text inside it; then look again.

BurnedInAnnotation says NO on scans that show names, so it is never asked. What cannot be looked
at (no dynamic range) is not clean, it is rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.deidentify.pixels import ocr
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify.pixels.detector import Line, drawn
from echoatlas.pipeline.deidentify.pixels.own_network import TrainedDetector
from echoatlas.pipeline.deidentify.pixels.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.pixels.search import look
from echoatlas.pipeline.deidentify.pixels.sight import Extremes, Sight
from echoatlas.pipeline.deidentify.pixels.views import around, crop
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.step import step
from echoatlas.schemas.fan import Box, Fan
from echoatlas.schemas.records import WITNESSED, Alone, Redaction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

PART = 0.8  # of a line's area; so much of it in a longer line makes it a word of that


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
    box = around(area, config.margin)
    crops = (crop(picture, box) for picture in _chained(first, frames))
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


def _chained(first: Picture, rest: Iterable[Picture]) -> Iterable[Picture]:
    yield first
    for picture in rest:
        if picture.shape[:2] != first.shape[:2]:
            raise Reject(Reason.FRAME_MISMATCH, "the frames differ in size")
        yield picture


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
