"""Black out what is not tissue: all outside the fan, and text inside it; then look again.

BurnedInAnnotation says NO on scans that show names, so it is never asked. What cannot be looked
at (no dynamic range) is not clean, it is rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.deidentify.text import reader
from echoatlas.pipeline.deidentify.text.again import look_again
from echoatlas.pipeline.deidentify.text.config import AgainConfig, LookConfig
from echoatlas.pipeline.deidentify.text.detector import Line, drawn
from echoatlas.pipeline.deidentify.text.look import look
from echoatlas.pipeline.deidentify.text.paddle import PaddleDetector
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.step import step
from echoatlas.schemas.fan import Box, Fan
from echoatlas.schemas.records import Redaction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture


@dataclass(frozen=True, slots=True)
class RedactConfig:
    """How text is looked for, and what is done about it.

    Attributes:
        look: how it is looked for.
        again: how, at what was written; in another way, that does not overlook the same.
        margin: pixels around a fan's box that are looked at with it, so that a word that is cut
            by the fan's edge is seen whole.
        pad: growth of a line on each side, as a share of its letters' height.
        ends: growth of a line at its two ends, the same way.
        keep_text: leave text inside the fan standing; only by a site's policy.
    """

    look: LookConfig = field(default_factory=LookConfig)
    again: AgainConfig = field(default_factory=AgainConfig)
    margin: int = 16
    pad: float = 0.15
    ends: float = 1.0
    keep_text: bool = False


@step("redact", version=2)
def redact(
    pictures: Iterable[Picture], fans: Sequence[Fan], config: RedactConfig = RedactConfig()
) -> tuple[Redaction, ...]:
    """Decide what of a clip may be seen: one redaction a fan.

    Args:
        pictures: all frames, (H, W) or (H, W, 3) uint8, as displayed; read once, in order.
        fans: accepted areas, in pixels of the pictures.

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
    seen = look(
        (_crop(picture, box) for picture in _chained(first, frames)),
        area[box.y0 : box.y1, box.x0 : box.x1],
        config.look,
    )
    if not seen.ranged:
        raise Reject(Reason.NO_DYNAMIC_RANGE)
    lines = [] if config.keep_text else [line.scaled(1.0, box.x0, box.y0) for line in seen.lines]
    return tuple(_redaction(mask, lines, config) for mask in masks)


@step("check_written", version=3)
def check_written(
    pictures: Iterable[Picture], config: RedactConfig = RedactConfig()
) -> tuple[str, ...]:
    """Look again, at what was written.

    Args:
        pictures: as a reader of the output sees them, equally sized, in order.

    Returns:
        Codes of the checks that were made.

    Raises:
        Reject: ``residual_text`` if text is still there, ``no_dynamic_range`` if nothing could
            be seen, ``no_pixels`` without a frame.
    """
    seen = look_again(pictures, config.again)
    if not seen.frames:
        raise Reject(Reason.NO_PIXELS)
    if not seen.ranged:
        raise Reject(Reason.NO_DYNAMIC_RANGE)
    if seen.lines and not config.keep_text:
        raise Reject(Reason.RESIDUAL_TEXT, f"{len(seen.lines)} lines of text are left")
    return ("checked_written",)


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


def _redaction(inside: NDArray[np.bool_], lines: Sequence[Line], config: RedactConfig) -> Redaction:
    height, width = inside.shape
    whole = int(inside.sum())
    touching = []
    for line in dict.fromkeys(lines):
        thick = line.thickness
        grown = line.padded(1 + config.pad * thick, 1 + config.ends * thick)
        box = grown.box(height, width)
        part = grown.scaled(1.0, -box.x0, -box.y0)
        if box.area and (drawn([part], box.height, box.width) & inside[box.pixels]).any():
            touching.append(grown)
    text = drawn(touching, height, width)
    detector = PaddleDetector()
    return Redaction(
        keep=inside & ~text,
        text_boxes=tuple(sorted({line.box(height, width) for line in touching}, key=_order)),
        outside_area=1.0 - whole / (height * width),
        text_area=float((inside & text).sum()) / max(whole, 1),
        detector=f"strokes, {detector.id}",
        model=f"{detector.weights} {reader.SHA256}",
        verdicts=("text_kept",)
        if config.keep_text
        else ("text_redacted",)
        if touching
        else ("no_text",),
    )


def _order(box: Box) -> tuple[int, int, int, int]:
    return box.y0, box.x0, box.y1, box.x1
