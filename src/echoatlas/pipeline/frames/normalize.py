"""Crop a picture to its fan, black out what may not leave, and letterbox it to one size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.frames import graphics
from echoatlas.pipeline.frames.area import Area, area_of
from echoatlas.pipeline.frames.canvas import Place, beam_space, letterbox
from echoatlas.pipeline.frames.color import chroma, plain
from echoatlas.pipeline.step import setting, step
from echoatlas.schemas.fan import Box, Fan, Mode
from echoatlas.schemas.records import Normalized, Redaction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture


@dataclass(frozen=True, slots=True)
class NormalizeConfig:
    """What the stored image is to be.

    Attributes:
        size: of both axes.
        min_fan: shorter side of the fan's box below which it is of no use.
        space: "picture" crops and letterboxes. "beam" undoes the scanner's display: rows are
            depths, columns are beams, and no pixel is background (``beams``); its images have a
            scale along the depth only, and no offset.
        mm_per_px: None letterboxes; else the scale that every image gets where its spacing is
            known. What does not fit is cut off at the sides and below; where no spacing is known
            the image is letterboxed and flagged ``no_spacing``.
        color: "auto" keeps RGB where color is seen or the fan's mode says so; "gray" never does.
        color_share: share of the fan's pixels that must carry color.
        inpaint: fill graphics from their surroundings. It invents tissue, so it is off; what was
            filled stays in the overlay, and the image is flagged ``inpainted``.
        native: keep each frame also as the source has it, one pixel a pixel (``details``), for
            releases of that size; it takes as much room as the sources have pixels.
    """

    size: int = setting(256, 16, 4096, "pixels")
    min_fan: int = setting(32, 2, 4096, "pixels", was="least_fan")
    space: Literal["picture", "beam"] = "picture"
    mm_per_px: float | None = setting(None, 0.001, 10, "mm")
    color: Literal["auto", "gray"] = "auto"
    color_share: float = setting(0.002, 0, 1, "share")
    inpaint: bool = False
    native: bool = setting(False, later=True)


@dataclass(frozen=True, slots=True)
class Stencil:
    """What of a picture may be seen: uint8, 255 there and 0 elsewhere, once for gray, once for RGB.

    A plain "and" of two pictures takes a tenth of the time of a masked copy.
    """

    one: NDArray[np.uint8]
    three: NDArray[np.uint8]

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> Stencil:
        """The stencil of a boolean picture."""
        one = mask.astype(np.uint8) * np.uint8(255)
        return cls(one, np.repeat(one[..., None], 3, axis=2))

    def held_over(self, picture: Picture) -> Picture:
        """A copy of the picture, black where it may not be seen."""
        over = self.one if picture.ndim == 2 else self.three
        return np.asarray(cv2.bitwise_and(picture, over), np.uint8)


@dataclass(frozen=True, slots=True)
class FramePlan:
    """Everything of a pane's frames that does not depend on the frame; made once by who loops.

    Its arrays are shared by all frames and read-only; those that it was made of are left alone.

    Attributes:
        fan, redaction, config: what it was made of.
        box: of the fan, in the source picture.
        keep: of the box, where pixels may leave.
        place: where they go.
        shown: of the stored image, where pixels are left.
        beams: of the samples in beam space, x and y in the source picture; else None.
        valid, hidden: (size, size) bool: may be seen; lies in the fan but is blacked out.
        area: where frames are measured.
    """

    fan: Fan
    redaction: Redaction
    config: NormalizeConfig
    box: Box
    keep: Stencil
    place: Place
    shown: Stencil
    beams: tuple[NDArray[np.float32], NDArray[np.float32]] | None
    valid: NDArray[np.bool_]
    hidden: NDArray[np.bool_]
    area: Area


@step("normalize", version=2)
def normalize(picture: Picture, plan: FramePlan) -> Normalized:
    """Crop a picture to its fan and letterbox it, never stretching.

    Every pixel that the plan's redaction does not keep is black before anything is interpolated,
    so no trace of it is left in its neighbors.

    Args:
        picture: (H, W) or (H, W, 3) uint8 RGB, as displayed.
        plan: of the pane, by ``plan_frames``.

    Raises:
        Reject: ``frame_mismatch`` if the picture and the redaction differ in size.
    """
    redaction, config = plan.redaction, plan.config
    if picture.shape[:2] != redaction.keep.shape:
        raise Reject(Reason.FRAME_MISMATCH, "picture and redaction differ in size")
    box = plan.box
    crop = plan.keep.held_over(picture[box.y0 : box.y1, box.x0 : box.x1])
    crop = plain(crop)
    gray = crop if crop.ndim == 2 else cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    tinted, colored = _color(crop, plan)
    drawn = graphics.drawn(gray, None if colored else tinted)
    shown = crop if colored else gray
    flags = [*plan.place.flags, *(("color",) if colored else ())]
    flags += ["text_redacted"] if redaction.text_boxes else []
    overlay = plan.hidden
    if drawn is not None:
        flags += graphics.kinds(drawn)
        overlay = overlay | (plan.place.lay(drawn.astype(np.uint8) * 255) > 0)
        if config.inpaint:
            flags.append("inpainted")
            shown = plan.keep.held_over(graphics.painted_over(shown, drawn))
    pixels = plan.shown.held_over(plan.place.lay(shown))
    return Normalized(
        pixels=pixels,
        valid=plan.valid,
        overlay=overlay,
        scale=plan.place.scale,
        offset=plan.place.offset,
        native=(box.width, box.height),
        mm_per_px=plan.place.mm_per_px,
        flags=tuple(flags),
        depth=plan.place.depth,
        beams=plan.beams,
    )


def _color(crop: Picture, plan: FramePlan) -> tuple[NDArray[np.bool_] | None, bool]:
    """Where a crop carries color, and whether it is to be stored in color."""
    if crop.ndim == 2:
        return None, False
    config = plan.config
    if plan.fan.mode in (Mode.COLOR, Mode.POWER):
        return None, config.color == "auto"
    tinted = chroma(crop)
    most = config.color_share * max(cv2.countNonZero(plan.keep.one), 1)
    if config.color == "gray" or cv2.countNonZero(tinted.view(np.uint8)) <= most:
        return tinted, False
    return tinted, cv2.countNonZero(graphics.without_bars(tinted).view(np.uint8)) > most


def plan_details(plan: FramePlan) -> FramePlan:
    """The plan by which the same pane's frames are kept at the source's own size."""
    side = max(plan.box.width, plan.box.height)
    config = replace(plan.config, size=side, space="picture", mm_per_px=None)
    return plan_frames(plan.fan, plan.redaction, config)


def plan_frames(
    fan: Fan, redaction: Redaction, config: NormalizeConfig = NormalizeConfig()
) -> FramePlan:
    """The plan by which the frames of a pane are normalized and measured.

    Args:
        fan: in pixels of the source pictures.
        redaction: what may leave; its ``keep`` has the pictures' size.

    Raises:
        Reject: ``fan_too_small`` below ``config.min_fan``, or if nothing of the fan may be seen.
    """
    keep = redaction.keep
    height, width = keep.shape
    box = fan.bounding_box(height, width)
    if min(box.width, box.height) < config.min_fan:
        raise Reject(Reason.FAN_TOO_SMALL, f"the fan is {box.width} x {box.height} pixels")
    if config.space == "beam":
        place = beam_space(fan, box, config.size)
    else:
        place = letterbox(fan, box, config.size, config.mm_per_px)
    inside = fan.mask(height, width)[box.y0 : box.y1, box.x0 : box.x1]
    allowed = Stencil.of(keep[box.y0 : box.y1, box.x0 : box.x1] & inside)
    valid = place.lay(allowed.one) > 127
    hidden = (place.lay(inside.astype(np.uint8) * 255) > 127) & ~valid
    for shared in (valid, hidden, place.depth):
        shared.setflags(write=False)
    beams = place.samples and (place.samples[0] + box.x0, place.samples[1] + box.y0)
    return FramePlan(
        fan=fan,
        redaction=redaction,
        config=config,
        box=box,
        keep=allowed,
        place=place,
        shown=Stencil.of(valid),
        beams=beams,
        valid=valid,
        hidden=hidden,
        area=area_of(valid, place.depth),
    )
