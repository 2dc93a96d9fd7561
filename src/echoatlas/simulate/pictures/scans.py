"""Factories of scans with known truth: what the demo, the tests and the benchmarks share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from echoatlas.schemas.fan import Box, Fan, Mode, Shape
from echoatlas.simulate.identities import Identity, make_identity
from echoatlas.simulate.pictures.burn import BurnedIn, Wanted, burn, specified
from echoatlas.simulate.pictures.fans import area_of, beams_of, fit
from echoatlas.simulate.pictures.graphics import (
    body_mark,
    calipers,
    color_bar,
    color_box,
    cursor,
    ecg,
)
from echoatlas.simulate.pictures.layouts import LAYOUTS, SIZES
from echoatlas.simulate.pictures.motion import tissue
from echoatlas.simulate.pictures.panels import Panel, m_mode, spectral
from echoatlas.simulate.pictures.screens import TextBox, area, paint
from echoatlas.simulate.wording import words

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

Size = tuple[int, int]
__all__ = ["BurnedIn", "Device", "SimulatedScan", "make_cine", "make_still"]


PROBES = {
    Shape.LINEAR: "L12-5",
    Shape.TRAPEZOID: "L12-3",
    Shape.CONVEX: "C5-1",
    Shape.PHASED: "S5-1",
    Shape.ENDOCAVITY: "C10-3v",
    Shape.CIRCULAR: "BI-R",
}


@dataclass(frozen=True, slots=True)
class Device:
    """What made the scan."""

    manufacturer: str
    model: str
    station: str
    serial: str
    software: str


@dataclass(frozen=True, slots=True)
class SimulatedScan:
    """Pictures and everything that is true of them.

    Attributes:
        pictures: (N, H, W) or (N, H, W, 3) uint8, as displayed.
        fans: one a pane.
        texts: every text on the pictures.
        anatomy: region or region/organ of the tree.
        frame_time: milliseconds between frames, None for a still.
    """

    pictures: NDArray[np.uint8]
    fans: tuple[Fan, ...]
    texts: tuple[TextBox, ...]
    identity: Identity
    device: Device
    anatomy: str
    seed: int
    frame_time: float | None = None
    mode: Mode = Mode.B
    panels: tuple[Panel, ...] = ()

    @property
    def instance_uid(self) -> str:
        return self.identity.uid("instance", self.seed, *self.pictures.shape)

    @property
    def height(self) -> int:
        return int(self.pictures.shape[1])

    @property
    def width(self) -> int:
        return int(self.pictures.shape[2])


def make_still(seed: int = 0, **options: Any) -> SimulatedScan:
    """One picture; options as of ``make_cine``."""
    return make_cine(seed, frames=1, **options)


def make_cine(
    seed: int = 0,
    *,
    frames: int = 10,
    fan: str = "convex",
    screen: str = "philips",
    size: Size | None = None,
    name: str | None = None,
    burned_in: Wanted | None = None,
    manufacturer: str | None = None,
    model: str | None = None,
    anatomy: str = "abdomen/liver",
    identity: Identity | None = None,
    color: bool = False,
    frame_time: float = 33.3,
    depth_mm: float | None = None,
    up: bool = False,
    clipped: bool = False,
    panes: int = 1,
    mode: str = "b_mode",
    extras: Collection[str] = (),
    fresh: bool = False,
) -> SimulatedScan:
    """A clip of moving tissue on a scanner's screen.

    Args:
        seed: the same seed and options give the same bytes.
        fan: a ``Shape`` but "cropped".
        screen: a key of ``LAYOUTS``; "none" is a fan on black.
        size: (width, height); None for the screen's usual one.
        name: the patient's DICOM person name; None to draw one.
        burned_in: None shows the identity where the scanner shows it; else exactly these texts,
            each a ``BurnedIn``, a text, or (text, place).
        manufacturer, model: of the device; None for one that has such a screen.
        anatomy: region or region/organ of the tree.
        color: (N, H, W, 3) instead of gray; color flow is always in color.
        up: beams point up. clipped: the screen's edge cuts the fan.
        panes: 1, 2 side by side, or 4.
        mode: "b_mode"; "color_doppler" adds a color box to the last pane; "m_mode" and
            "spectral_doppler" add a panel below.
        extras: of "calipers", "body_mark", "cursor", "ecg".
        fresh: no frame's speckle is like another's.
    """
    layout = LAYOUTS[screen]
    width, height = size or SIZES[screen]
    who = identity or make_identity(seed, name)
    device = _device(seed, manufacturer or layout.manufacturer, model or layout.model)
    rng = np.random.default_rng([seed, 2])
    room, panels = _panels(area(layout, width, height), mode, extras)
    fans = tuple(
        fit(Shape(fan), box, rng, depth_mm=depth_mm, up=up, pane=number, clipped=clipped)
        for number, box in enumerate(_panes(room, panes))
    )
    if mode == Mode.COLOR:
        fans = (*fans[:-1], replace(fans[-1], mode=Mode.COLOR))
    ground, texts = paint(
        layout, width, height, _fields(who, fans[0], anatomy, rng, frame_time), burned_in is None
    )
    _adorn(ground, mode, extras, rng)
    for panel in panels:
        _show_panel(ground, panel, rng)
    pictures = np.repeat(ground[None], frames, axis=0)
    for one in fans:
        _show_fan(pictures, one, anatomy, seed, rng, fresh=fresh)
    texts += _over(pictures, fans[0], panels, extras, rng)
    texts = _above(pictures, ground, texts, fans)
    texts += burn(pictures, specified(burned_in), fans)
    if not color and mode != Mode.COLOR:
        pictures = np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in pictures])
    return SimulatedScan(
        pictures,
        fans,
        tuple(texts),
        who,
        device,
        anatomy,
        seed,
        frame_time if frames > 1 else None,
        Mode(mode),
        panels,
    )


def _panes(room: Box, panes: int) -> list[Box]:
    """Cut the room for the fans into equal parts with a gap between."""
    if panes == 1:
        return [room]
    half_x, half_y = (room.x0 + room.x1) // 2, (room.y0 + room.y1) // 2
    rows = [(room.y0, room.y1)] if panes == 2 else [(room.y0, half_y - 4), (half_y + 4, room.y1)]
    return [
        Box(x0, y0, x1, y1)
        for y0, y1 in rows
        for x0, x1 in ((room.x0, half_x - 4), (half_x + 4, room.x1))
    ]


def _panels(room: Box, mode: str, extras: Collection[str]) -> tuple[Box, tuple[Panel, ...]]:
    """The room that panels leave to the fans, and the panels below it."""
    panels = []
    if "ecg" in extras:
        top = room.y1 - room.height // 10
        panels.append(Panel(Box(room.x0, top, room.x1, room.y1), "ecg"))
        room = replace(room, y1=top - 4)
    if mode in (Mode.M, Mode.SPECTRAL):
        top = room.y1 - room.height * 2 // 5
        kind = "m_mode" if mode == Mode.M else "spectral"
        panels.append(Panel(Box(room.x0, top, room.x1, room.y1), kind))
        room = replace(room, y1=top - 8)
    return room, tuple(panels)


def _adorn(ground: NDArray[np.uint8], mode: str, extras: Collection[str], rng: Generator) -> None:
    """Draw what lies beside the fan and does not move."""
    height, width = ground.shape[:2]
    if mode == Mode.COLOR:
        left, top = int(width * 0.965), int(height * 0.2)
        color_bar(ground, Box(left, top, left + max(8, width // 70), top + height // 4))
    if "body_mark" in extras:
        body_mark(ground, (int(width * 0.06), int(height * 0.86)), height // 8)
    if "cursor" in extras:
        cursor(ground, (int(width * rng.uniform(0.02, 0.1)), int(height * rng.uniform(0.5, 0.7))))


def _show_panel(ground: NDArray[np.uint8], panel: Panel, rng: Generator) -> None:
    box = panel.box
    if panel.kind != "ecg":
        drawn = m_mode(box, rng) if panel.kind == "m_mode" else spectral(box, rng)
        ground[box.y0 : box.y1, box.x0 : box.x1] = drawn[..., None]


def _show_fan(
    pictures: NDArray[np.uint8],
    fan: Fan,
    anatomy: str,
    seed: int,
    rng: Generator,
    *,
    fresh: bool,
) -> None:
    """Scan-convert moving tissue into each picture."""
    frames, height, width = pictures.shape[:3]
    beams = beams_of(fan, height, width)
    box = beams.box
    lit = beams.mask[..., None]
    for number, levels in enumerate(tissue(beams, anatomy, frames, rng, fresh=fresh)):
        if fan.mode is Mode.COLOR:
            shown = beams.show(color_box(levels, number / 3, seed))
        else:
            shown = beams.show(levels)[..., None]
        spot = pictures[number, box.y0 : box.y1, box.x0 : box.x1]
        np.copyto(spot, shown, where=lit)


def _over(
    pictures: NDArray[np.uint8],
    fan: Fan,
    panels: tuple[Panel, ...],
    extras: Collection[str],
    rng: Generator,
) -> list[TextBox]:
    """Draw what lies over the fan or moves with time."""
    frames, height, width = pictures.shape[:3]
    for panel in panels:
        if panel.kind == "ecg":
            for number, picture in enumerate(pictures):
                ecg(picture, panel.box, number / 3)
    if "calipers" not in extras:
        return []
    state = rng.integers(1 << 30)
    box, scale = area_of(fan, height, width)[1], (fan.mm_per_px or (0.2, 0.2))[0]
    for picture in pictures:
        text, where = calipers(picture, box, np.random.default_rng(state), scale)
    return [TextBox(text, "measurement", False, where, last=frames - 1)]


def _above(
    pictures: NDArray[np.uint8],
    ground: NDArray[np.uint8],
    texts: list[TextBox],
    fans: Sequence[Fan],
) -> list[TextBox]:
    """Put the screen's texts over the fans that they touch, and say which these are."""
    frames, height, width = pictures.shape[:3]
    mask = np.logical_or.reduce([area_of(fan, height, width)[0] for fan in fans])
    found = []
    for text in texts:
        box = text.box
        inside = bool(mask[box.y0 : box.y1, box.x0 : box.x1].any())
        if inside and text.kind != "measurement":
            letters = ground[box.y0 : box.y1, box.x0 : box.x1]
            spot = pictures[:, box.y0 : box.y1, box.x0 : box.x1]
            np.maximum(spot, letters[None], out=spot)
        found.append(replace(text, inside=inside, last=frames - 1))
    return found


def _device(seed: int, manufacturer: str, model: str) -> Device:
    rng = np.random.default_rng([seed, 3])
    return Device(
        manufacturer,
        model,
        station=f"US-ROOM{rng.integers(1, 40)}",
        serial=f"SN{rng.integers(10**7, 10**8)}",
        software=f"{rng.integers(1, 9)}.{rng.integers(9)}.{rng.integers(99)}",
    )


def _fields(
    who: Identity, fan: Fan, anatomy: str, rng: Generator, frame_time: float
) -> dict[str, str]:
    below = [y for _, y in fan.corners]
    length = max(below) - min(below) if below else fan.radii[1] - fan.radii[0]
    depth = length * (fan.mm_per_px or (0.2, 0.2))[1]
    return {
        "name": who.shown,
        "id": who.patient_id,
        "birth": who.birth_shown,
        "date": who.date_shown,
        "time": who.time_shown,
        "institution": who.institution,
        "operator": who.operator.split("^")[0],
        "accession": who.accession,
        "preset": words(anatomy).preset,
        "probe": PROBES[fan.shape],
        "depth": f"{depth / 10:.1f}",
        "mi": f"{rng.uniform(0.6, 1.4):.1f}",
        "tis": f"{rng.uniform(0.1, 1.2):.1f}",
        "gain": f"{rng.integers(35, 75)}",
        "dr": f"{rng.integers(50, 70)}",
        "fps": f"{1000 / frame_time:.0f}",
    }
