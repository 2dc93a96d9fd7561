"""Black out what is not tissue: all outside the fan, and text inside it; then look again.

BurnedInAnnotation says NO on scans that show names, so it is never asked. What cannot be looked
at (no dynamic range) is not clean, it is rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.text.detector import Line, drawn
from echoatlas.pipeline.deidentify.text.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.text.temporal import Summary, summed_up
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.step import step
from echoatlas.schemas.fan import Box, Fan
from echoatlas.schemas.records import Redaction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture


BLACK = 24  # gray level up to which lossy coding may lift a blacked-out pixel
LEAST_INK = 0.05  # share of a line's core that its letters cover


@dataclass(frozen=True, slots=True)
class RedactConfig:
    """How text is looked for.

    Attributes:
        window: frames over which a temporal minimum is taken.
        group: windows that are looked at together.
        scales: enlargements at which the whole clip's minimum is looked at.
        pixel, score: of the detector, see ``PaddleDetector``.
        margin: pixels around a fan's box that are looked at with it, so that a word that is cut
            by the fan's edge is seen whole.
        pad: growth of a line on each side, as a share of its letters' height.
        least_range: gray levels that a picture must span to count as seen.
        residual_score: mean probability from which text on written pictures is residual text.
        keep_text: leave text inside the fan standing; only by a site's policy.
    """

    window: int = 4
    group: int = 4
    scales: tuple[float, ...] = (1.0, 2.0)
    pixel: float = 0.3
    score: float = 0.5
    margin: int = 8
    pad: float = 0.15
    least_range: int = 12
    residual_score: float = 0.7
    keep_text: bool = False


@step("redact", version=1)
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
    box = _around(fans, height, width, config.margin)
    crops = (_crop(picture, box) for picture in _chained(first, frames))
    summary = summed_up(crops, config.window, config.group)
    if summary is None:
        raise Reject(Reason.NO_PIXELS)
    _demand_range(summary, config)
    lines = (
        []
        if config.keep_text
        else [line.scaled(1.0, box.x0, box.y0) for line in _look(summary, config)]
    )
    return tuple(_redaction(fan, lines, height, width, config) for fan in fans)


@step("check_written", version=1)
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
    summary = summed_up(pictures, config.window, config.group)
    if summary is None:
        raise Reject(Reason.NO_PIXELS)
    _demand_range(summary, config)
    detector = PaddleDetector(1.0, config.pixel, config.residual_score)
    views = [summary.steady, *summary.passing]
    found = sum(
        _has_ink(view, line)
        for view, lines in zip(views, detector.find(views), strict=True)
        for line in lines
    )
    if found and not config.keep_text:
        raise Reject(Reason.RESIDUAL_TEXT, f"{found} lines of text are left")
    return ("checked_written",)


def _has_ink(view: Picture, line: Line) -> bool:
    """Whether a line found on a redacted picture has letters, or is a blacked-out bar itself."""
    gray = view if view.ndim == 2 else view.max(axis=2)
    core = drawn([line.grown(-0.3 * line.thickness)], *gray.shape)
    return bool(core.any() and (gray[core] > BLACK).mean() > LEAST_INK)


def _chained(first: Picture, rest: Iterable[Picture]) -> Iterable[Picture]:
    yield first
    for picture in rest:
        if picture.shape[:2] != first.shape[:2]:
            raise Reject(Reason.FRAME_MISMATCH, "the frames differ in size")
        yield picture


def _around(fans: Sequence[Fan], height: int, width: int, margin: int) -> Box:
    boxes = [fan.bounding_box(height, width) for fan in fans]
    outer = Box(
        min(box.x0 for box in boxes) - margin,
        min(box.y0 for box in boxes) - margin,
        max(box.x1 for box in boxes) + margin,
        max(box.y1 for box in boxes) + margin,
    ).clipped(width, height)
    if outer.area == 0 or outer.width < 8 or outer.height < 8:
        raise Reject(Reason.FAN_TOO_SMALL)
    return outer


def _crop(picture: Picture, box: Box) -> Picture:
    return np.ascontiguousarray(picture[box.y0 : box.y1, box.x0 : box.x1])


def _demand_range(summary: Summary, config: RedactConfig) -> None:
    brightest = [summary.steady, *summary.passing, *summary.sudden]
    spans = [float(np.subtract(*np.percentile(view, (99.5, 0.5)))) for view in brightest]
    if max(spans) < config.least_range:
        raise Reject(Reason.NO_DYNAMIC_RANGE)


def _look(summary: Summary, config: RedactConfig) -> list[Line]:
    found: list[Line] = []
    for scale in config.scales:
        detector = PaddleDetector(scale, config.pixel, config.score)
        found += detector.find([summary.steady])[0]
    detector = PaddleDetector(1.0, config.pixel, config.score)
    found += detector.find([stretched(summary.steady)])[0]
    for lines in detector.find([*summary.passing, *summary.sudden]):
        found += lines
    return found


def stretched(picture: Picture) -> Picture:
    """The picture's gray levels with local contrast made even: (H, W) uint8."""
    gray = picture if picture.ndim == 2 else picture.max(axis=2)
    return np.asarray(cv2.createCLAHE(3.0, (8, 8)).apply(gray), np.uint8)


def _redaction(
    fan: Fan, lines: Sequence[Line], height: int, width: int, config: RedactConfig
) -> Redaction:
    inside: NDArray[np.bool_] = fan.mask(height, width)
    whole = int(inside.sum())
    grown = [line.grown(1 + config.pad * line.thickness) for line in lines]
    touching = [line for line in grown if (drawn([line], height, width) & inside).any()]
    text = drawn(touching, height, width)
    detector = PaddleDetector()
    return Redaction(
        keep=inside & ~text,
        text_boxes=tuple(sorted({line.box(height, width) for line in touching}, key=_order)),
        outside_area=1.0 - whole / (height * width),
        text_area=float((inside & text).sum()) / max(whole, 1),
        detector=detector.id,
        model=detector.weights,
        verdicts=("text_kept",)
        if config.keep_text
        else ("text_redacted",)
        if touching
        else ("no_text",),
    )


def _order(box: Box) -> tuple[int, int, int, int]:
    return box.y0, box.x0, box.y1, box.x1
