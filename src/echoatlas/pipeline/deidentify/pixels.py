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

from echoatlas.pipeline.deidentify.text.detector import Detector, Line, drawn
from echoatlas.pipeline.deidentify.text.letters import gray_of, lettered, steps
from echoatlas.pipeline.deidentify.text.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.text.strokes import StrokeDetector
from echoatlas.pipeline.deidentify.text.temporal import blocks, least
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.step import step
from echoatlas.schemas.fan import Box, Fan
from echoatlas.schemas.records import Redaction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture


BLACK = 24  # gray level up to which lossy coding may lift a blacked-out pixel
CONTEXT = 12.0  # pixels around a line that are looked at with it
BRIGHT = 85  # percentile of a line's surroundings above which its strokes lie
LEAST_INK = 0.05  # share of a line's core that its letters cover


@dataclass(frozen=True, slots=True)
class RedactConfig:
    """How text is looked for.

    Attributes:
        window: frames over which a temporal minimum is taken.
        group: windows that are looked at together.
        moved: frames from which tissue may be taken to have moved, so that strokes are text.
        scales: enlargements at which the whole clip's minimum is looked at.
        pixel, score: of the detector, see ``PaddleDetector``.
        again: ``score`` of a second look at what a summary over time seems to show.
        margin: pixels around a fan's box that are looked at with it, so that a word that is cut
            by the fan's edge is seen whole.
        pad: growth of a line on each side, as a share of its letters' height.
        least_range: gray levels that a picture must span to count as seen.
        residual_score: mean probability from which text on written pictures is residual text.
        keep_text: leave text inside the fan standing; only by a site's policy.
    """

    window: int = 4
    group: int = 8
    moved: int = 16
    scales: tuple[float, ...] = (1.0, 2.0)
    pixel: float = 0.3
    score: float = 0.5
    again: float = 0.4
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
    found = _look(crops, config)
    lines = [] if config.keep_text else [line.scaled(1.0, box.x0, box.y0) for line in found]
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
    detector = PaddleDetector(1.0, config.pixel, config.residual_score)
    steady: Picture | None = None
    seen = False
    found = 0
    for block in blocks(pictures, config.window, config.group):
        seen = seen or has_range(block.passing, config.least_range)
        steady = block.steady if steady is None else least((steady, block.steady))
        if len(block.minima) > 1:
            lines = confirmed(block.passing, block.minima, config)
            found += sum(_has_ink(block.passing, line) for line in lines)
    if steady is None:
        raise Reject(Reason.NO_PIXELS)
    if not seen:
        raise Reject(Reason.NO_DYNAMIC_RANGE)
    found += sum(_has_ink(steady, line) for line in read_lines(steady, detector))
    if found and not config.keep_text:
        raise Reject(Reason.RESIDUAL_TEXT, f"{found} lines of text are left")
    return ("checked_written",)


def _has_ink(view: Picture, line: Line) -> bool:
    """Whether a line found on a redacted picture has letters, or is a blacked-out bar itself."""
    gray = gray_of(view)
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


def has_range(picture: Picture, levels: int) -> bool:
    """Whether a picture spans enough gray levels for a detector to see anything in it."""
    return float(np.subtract(*np.percentile(picture, (99.5, 0.5)))) >= levels


def _look(pictures: Iterable[Picture], config: RedactConfig) -> list[Line]:
    """Lines of text on all views of a clip, in pixels of its pictures."""
    steady: Picture | None = None
    seen, frames = False, 0
    found: list[Line] = []
    for block in blocks(pictures, config.window, config.group):
        frames += len(block.frames)
        seen = seen or has_range(block.passing, config.least_range)
        steady = block.steady if steady is None else least((steady, block.steady))
        if len(block.minima) > 1:
            found += confirmed(block.passing, block.minima, config)
        if block.sudden is not None and has_range(block.sudden, config.least_range):
            found += confirmed(block.sudden, block.frames, config)
    if steady is None or not seen:
        raise Reject(Reason.NO_DYNAMIC_RANGE)
    for scale in config.scales:
        found += read_lines(steady, PaddleDetector(scale, config.pixel, config.score))
    if frames >= config.moved:
        found += StrokeDetector().find([steady])[0]
    return found


def confirmed(view: Picture, pictures: Sequence[Picture], config: RedactConfig) -> list[Line]:
    """Lines of text on a summary of pictures that one of the pictures shows as well.

    A maximum over time joins tissue of several frames into bands that no frame shows; letters
    are on a frame. Only the lines' surroundings are looked at again, on the picture that is
    brightest where the summary has its strokes.
    """
    kept = []
    for line in read_lines(view, PaddleDetector(1.0, config.pixel, config.score)):
        box = line.grown(CONTEXT).box(*view.shape[:2])
        strokes = gray_of(_crop(view, box)).astype(np.int16)
        ink = strokes >= np.percentile(strokes, BRIGHT)
        crops = [_crop(picture, box) for picture in pictures]
        best = max(crops, key=lambda crop: float(gray_of(crop)[ink].mean()))
        area = drawn([line.scaled(1.0, -box.x0, -box.y0)], box.height, box.width)
        again = [
            other
            for scale in config.scales
            for other in read_lines(best, PaddleDetector(scale, config.pixel, config.again))
        ]
        if any((drawn([other], box.height, box.width) & area).any() for other in again):
            kept.append(line)
    return kept


def read_lines(view: Picture, detector: Detector) -> list[Line]:
    """Lines of text on one picture that are made of letters.

    Enlarged views are stretched to the full range first: the second look is another look.
    """
    shown = stretched(view) if detector.scale > 1 else view
    rise = steps(gray_of(shown))
    return [line for line in detector.find([shown])[0] if lettered(rise, line)]


def stretched(picture: Picture) -> Picture:
    """The picture with its gray levels stretched to the full range; dim text becomes bright."""
    low, high = np.percentile(picture, (1, 99.8))
    if high - low >= 200 or high - low < 1:
        return picture
    factor = 255.0 / (high - low)
    return np.asarray(
        cv2.convertScaleAbs(cv2.subtract(picture, np.full_like(picture, int(low))), alpha=factor),
        np.uint8,
    )


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
