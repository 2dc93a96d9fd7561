"""Text burned into pictures, in every way in which names have been seen to stand there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.simulate.pictures.fans import area_of
from echoatlas.simulate.pictures.lettering import ink, rotated, stamp
from echoatlas.simulate.pictures.screens import TextBox

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.fan import Fan

PLACES = ("banner", "bottom", "left", "right", "fan")


@dataclass(frozen=True, slots=True)
class BurnedIn:
    """Text to burn into the pictures.

    Attributes:
        place: one of ``PLACES``; "fan" is its middle.
        height: of a capital letter, pixels.
        font: "hershey" or "freetype"; ideographs are drawn by strokes in either.
        rotation: degrees counterclockwise.
        plate: color of a filled rectangle behind the text (a blue bar, a white label).
        moment: "moving" drifts 3 pixels a frame, "late" comes with the second half, "one_frame"
            shows in the middle frame alone, "fading" grows from a quarter to full opacity.
    """

    text: str
    place: str = "banner"
    height: int = 14
    font: str = "hershey"
    rotation: float = 0.0
    color: tuple[int, int, int] = (240, 240, 240)
    plate: tuple[int, int, int] | None = None
    moment: str = "always"


Wanted = Sequence[BurnedIn | str | tuple[str, str]] | tuple[str, str]


def specified(wanted: Wanted | None) -> list[BurnedIn]:
    """Texts in full, from ``BurnedIn``, plain texts, (text, place) pairs, or one such pair."""
    if wanted is None:
        return []
    if len(wanted) == 2 and isinstance(wanted[1], str) and wanted[1] in PLACES:
        wanted = [(str(wanted[0]), wanted[1])]
    found = []
    for one in wanted:
        if isinstance(one, BurnedIn):
            found.append(one)
        elif isinstance(one, str):
            found.append(BurnedIn(one))
        else:
            found.append(BurnedIn(one[0], place=one[1]))
    return found


def burn(
    pictures: NDArray[np.uint8], wanted: Sequence[BurnedIn], fans: Sequence[Fan]
) -> list[TextBox]:
    """Burn texts into (N, H, W, 3) pictures; returns where each lies, a moving one by frame."""
    frames, height, width = pictures.shape[:3]
    mask = np.logical_or.reduce([area_of(fan, height, width)[0] for fan in fans])
    box = area_of(fans[0], height, width)[1]
    texts = []
    for number, one in enumerate(wanted):
        letters = rotated(ink(one.text, one.height, one.font), one.rotation)
        below = number * one.height * 2
        x, y = {
            "banner": (10, 6 + below),
            "bottom": (10, height - 2 * one.height - below),
            "left": (6, height // 3 + below),
            "right": (width - letters.shape[1] - 6, height // 3 + below),
            "fan": ((box.x0 + box.x1 - letters.shape[1]) // 2, (box.y0 + box.y1) // 2 + below),
        }[one.place]
        shown = _frames(one.moment, frames)
        found = []
        for index in shown:
            drift = 3 * index if one.moment == "moving" else 0
            fade = 0.25 + 0.75 * index / max(1, frames - 1) if one.moment == "fading" else 1.0
            at = (x + drift, y)
            found.append(stamp(pictures[index], letters, at, one.color, one.plate, fade))
        spans = (
            [(where, index, index) for where, index in zip(found, shown, strict=True)]
            if one.moment == "moving"
            else [(found[0], shown[0], shown[-1])]
        )
        for where, first, last in spans:
            inside = bool(mask[where.y0 : where.y1, where.x0 : where.x1].any())
            texts.append(TextBox(one.text, "custom", True, where, inside, first, last))
    return texts


def _frames(moment: str, frames: int) -> range:
    if moment == "late":
        return range(frames // 2, frames)
    if moment == "one_frame":
        return range(frames // 2, frames // 2 + 1)
    return range(frames)
