"""Crop a picture to its fan, black out what may not leave, and letterbox it to one size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.step import step
from echoatlas.schemas.fan import Box, Fan, Mode
from echoatlas.schemas.records import Normalized, Redaction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

PLANS_HELD = 16
CHROMA = 40  # max - min of red, green and blue from which a pixel carries color
BRIGHT = 60  # of their maximum


@dataclass(frozen=True, slots=True)
class NormalizeConfig:
    """What the stored image is to be.

    Attributes:
        size: pixels, both axes.
        least_fan: pixels, shorter side of the fan's box below which it is of no use.
        mm_per_px: None letterboxes; else the scale that every image gets where its spacing is
            known. What does not fit is cut off at the sides and below; where no spacing is known
            the image is letterboxed and flagged ``no_spacing``.
        color: "auto" keeps RGB where color is seen or the fan's mode says so; "gray" never does.
        color_share: share of the fan's pixels that must carry color.
    """

    size: int = 256
    least_fan: int = 32
    mm_per_px: float | None = None
    color: Literal["auto", "gray"] = "auto"
    color_share: float = 0.002


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything of a clip's normalization that does not depend on the frame.

    Attributes:
        box: of the fan, in the source picture.
        keep: (box height, box width) uint8, 255 where pixels may leave.
        target: of the resized box in the canvas; parts may lie outside it.
        valid, hidden: (size, size) bool: may be seen; lies in the fan but is blacked out.
    """

    box: Box
    keep: NDArray[np.uint8]
    target: Box
    scale: float
    valid: NDArray[np.bool_]
    hidden: NDArray[np.bool_]
    mm_per_px: tuple[float, float] | None
    flags: tuple[str, ...]


@step("normalize", version=1)
def normalize(
    picture: Picture,
    fan: Fan,
    redaction: Redaction,
    config: NormalizeConfig = NormalizeConfig(),
) -> Normalized:
    """Crop a picture to its fan and letterbox it, never stretching.

    Every pixel that ``redaction`` does not keep is black before anything is interpolated, so no
    trace of it is left in its neighbors.

    Args:
        picture: (H, W) or (H, W, 3) uint8 RGB, as displayed.
        fan: in pixels of ``picture``.
        redaction: what may leave; its ``keep`` has the picture's size.

    Raises:
        Reject: ``fan_too_small`` below ``config.least_fan``; ``frame_mismatch`` if the picture
            and the redaction differ in size.
    """
    if picture.shape[:2] != redaction.keep.shape:
        raise Reject(Reason.FRAME_MISMATCH, "picture and redaction differ in size")
    plan = planned(fan, redaction.keep, config)
    box = plan.box
    crop = picture[box.y0 : box.y1, box.x0 : box.x1]
    flags = list(plan.flags)
    if crop.ndim == 3:
        if config.color == "auto" and _is_colored(crop, fan, plan, config):
            flags.append("color")
        else:
            crop = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    pixels = _placed(cv2.bitwise_and(crop, crop, mask=plan.keep), plan, config.size)
    pixels[~plan.valid] = 0
    overlay = _marks(pixels, plan) | plan.hidden
    return Normalized(
        pixels=pixels,
        valid=plan.valid,
        overlay=overlay,
        scale=plan.scale,
        offset=(plan.target.x0 - box.x0 * plan.scale, plan.target.y0 - box.y0 * plan.scale),
        native=(box.width, box.height),
        mm_per_px=plan.mm_per_px,
        flags=tuple(flags),
    )


def _is_colored(crop: Picture, fan: Fan, plan: Plan, config: NormalizeConfig) -> bool:
    """Whether what may leave of a crop carries color; every second pixel tells."""
    if fan.mode in (Mode.COLOR, Mode.POWER):
        return True
    keep = plan.keep[::2, ::2] > 0
    colored = chroma(np.ascontiguousarray(crop[::2, ::2])) & keep
    return int(colored.sum()) > config.color_share * max(int(keep.sum()), 1)


def chroma(pixels: Picture) -> NDArray[np.bool_]:
    """Where (H, W, 3) pixels carry color: (H, W) bool."""
    red, green, blue = cv2.split(pixels)
    most = cv2.max(cv2.max(red, green), blue)
    least = cv2.min(cv2.min(red, green), blue)
    return np.asarray((cv2.subtract(most, least) > CHROMA) & (most > BRIGHT))


_plans: dict[tuple[int, Fan, NormalizeConfig], tuple[NDArray[np.bool_], Plan]] = {}


def planned(fan: Fan, keep: NDArray[np.bool_], config: NormalizeConfig) -> Plan:
    """The plan for a fan and a mask, made once a clip.

    Plans are found by the mask's identity: it is held as long as its plan, and made read-only, so
    that neither another array nor other content can come in its place.
    """
    key = (id(keep), fan, config)
    found = _plans.get(key)
    if found is not None:
        return found[1]
    plan = _plan(fan, keep, config)
    keep.setflags(write=False)
    if len(_plans) >= PLANS_HELD:
        del _plans[next(iter(_plans))]
    _plans[key] = (keep, plan)
    return plan


def _plan(fan: Fan, keep: NDArray[np.bool_], config: NormalizeConfig) -> Plan:
    height, width = keep.shape
    box = fan.bounding_box(height, width)
    if min(box.width, box.height) < config.least_fan:
        raise Reject(Reason.FAN_TOO_SMALL, f"the fan is {box.width} x {box.height} pixels")
    flags: tuple[str, ...] = ()
    size = config.size
    scale = min(size / box.width, size / box.height)
    if config.mm_per_px is not None:
        if fan.mm_per_px is None:
            flags = ("no_spacing",)
        else:
            scale = fan.mm_per_px[1] / config.mm_per_px
    wide, high = max(round(box.width * scale), 1), max(round(box.height * scale), 1)
    left, top = (size - wide) // 2, max((size - high) // 2, 0)
    target = Box(left, top, left + wide, top + high)
    if target != target.clipped(size, size):
        flags += ("cut_off",)
    inside = fan.mask(height, width)[box.y0 : box.y1, box.x0 : box.x1]
    allowed = keep[box.y0 : box.y1, box.x0 : box.x1] & inside
    plan = Plan(
        box,
        allowed.astype(np.uint8) * 255,
        target,
        scale,
        np.zeros((size, size), bool),
        np.zeros((size, size), bool),
        (fan.mm_per_px[0] / scale, fan.mm_per_px[1] / scale) if fan.mm_per_px else None,
        flags,
    )
    plan.valid[:] = _placed(plan.keep, plan, size) > 127
    plan.hidden[:] = (_placed(inside.astype(np.uint8) * 255, plan, size) > 127) & ~plan.valid
    plan.valid.setflags(write=False)
    return plan


def _placed(crop: NDArray[np.uint8], plan: Plan, size: int) -> NDArray[np.uint8]:
    """A crop, resized and laid on a black canvas of (size, size[, 3])."""
    target = plan.target
    how = cv2.INTER_AREA if plan.scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(crop, (target.width, target.height), interpolation=how)
    canvas = np.zeros((size, size, *crop.shape[2:]), np.uint8)
    seen = target.clipped(size, size)
    canvas[seen.y0 : seen.y1, seen.x0 : seen.x1] = small[
        seen.y0 - target.y0 : seen.y1 - target.y0, seen.x0 - target.x0 : seen.x1 - target.x0
    ]
    return canvas


def _marks(pixels: Picture, plan: Plan) -> NDArray[np.bool_]:
    """Thin bright graphics (calipers, letters, marks) that stand out of the speckle."""
    gray = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    hat = cv2.morphologyEx(gray, cv2.MORPH_TOPHAT, np.ones((7, 7), np.uint8))
    return np.asarray((hat > 150) & (gray > 200) & plan.valid)
