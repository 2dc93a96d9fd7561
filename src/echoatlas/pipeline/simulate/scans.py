"""Factories of scans with known truth: what the demo, the tests and the benchmarks share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.simulate.fans import Beams, beams_of, fit
from echoatlas.pipeline.simulate.identities import Identity, make_identity
from echoatlas.pipeline.simulate.layouts import LAYOUTS, SIZES
from echoatlas.pipeline.simulate.lettering import ink, rotated, stamp
from echoatlas.pipeline.simulate.screens import TextBox, area, paint
from echoatlas.pipeline.simulate.speckle import Psf, complex_field, compress, envelope
from echoatlas.pipeline.simulate.tissue import echogenicity
from echoatlas.schemas.fan import Fan, Mode, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class BurnedIn:
    """Text to burn into the pictures.

    Attributes:
        place: "banner", "bottom", "left", "right" or "fan".
        height: of a capital letter, pixels.
        font: "hershey" or "freetype".
        rotation: degrees counterclockwise.
    """

    text: str
    place: str = "banner"
    height: int = 14
    font: str = "hershey"
    rotation: float = 0.0
    color: tuple[int, int, int] = (240, 240, 240)
    plate: tuple[int, int, int] | None = None


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

    @property
    def instance_uid(self) -> str:
        return self.identity.uid("instance", self.seed, *self.pictures.shape)

    @property
    def height(self) -> int:
        return int(self.pictures.shape[1])

    @property
    def width(self) -> int:
        return int(self.pictures.shape[2])


def make_still(seed: int = 0, **options: object) -> SimulatedScan:
    """One picture; options as of ``make_cine``."""
    return make_cine(seed, frames=1, **options)  # type: ignore[arg-type]


def make_cine(
    seed: int = 0,
    *,
    frames: int = 10,
    fan: str = "convex",
    screen: str = "philips",
    size: Size | None = None,
    name: str | None = None,
    burned_in: Sequence[BurnedIn | str | tuple[str, str]] | tuple[str, str] | None = None,
    manufacturer: str | None = None,
    model: str | None = None,
    anatomy: str = "abdomen/liver",
    identity: Identity | None = None,
    color: bool = False,
    frame_time: float = 33.3,
    depth_mm: float | None = None,
    up: bool = False,
) -> SimulatedScan:
    """A clip of moving tissue on a scanner's screen.

    Args:
        seed: the same seed and options give the same bytes.
        fan: a ``Shape``.
        screen: a key of ``LAYOUTS``.
        size: (width, height); None for the screen's usual one.
        name: the patient's DICOM person name; None to draw one.
        burned_in: None shows the identity where the scanner shows it; else exactly these texts,
            each a ``BurnedIn``, a text, or (text, place).
        color: (N, H, W, 3) instead of gray.
    """
    layout = LAYOUTS[screen]
    width, height = size or SIZES[screen]
    who = identity or make_identity(seed, name)
    device = _device(seed, manufacturer or layout.manufacturer, model or layout.model)
    rng = np.random.default_rng([seed, 2])
    shape = Shape(fan)
    truth = fit(shape, area(layout, width, height), rng, depth_mm=depth_mm, up=up)
    beams = beams_of(truth, height, width)
    fields = _fields(who, truth, rng, frame_time)
    ground, texts = paint(layout, width, height, fields, identity=burned_in is None)
    planes = _tissue(beams, anatomy, frames, rng)
    box = beams.box
    pictures = np.repeat(ground[None], frames, axis=0)
    for picture, levels in zip(pictures, planes, strict=True):
        shown = beams.show(levels)
        spot = picture[box.y0 : box.y1, box.x0 : box.x1]
        spot[beams.mask] = shown[beams.mask][:, None]
    texts += _burn(pictures, _specified(burned_in), truth)
    if not color:
        pictures = np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in pictures])
    return SimulatedScan(
        pictures,
        (truth,),
        tuple(texts),
        who,
        device,
        anatomy,
        seed,
        frame_time if frames > 1 else None,
    )


def _tissue(
    beams: Beams, anatomy: str, frames: int, rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """Gray levels in beam space, frame by frame: tissue that shifts, beats and decorrelates."""
    level = echogenicity(anatomy, beams.x, beams.y, rng)
    amplitude = np.power(np.float32(10), level / np.float32(20))
    psf = Psf()
    fields = [complex_field(rng, level.shape, psf) for _ in range(2 if frames > 1 else 1)]
    if frames == 1:
        return [compress(envelope(fields[0], amplitude))]
    rows, columns = np.mgrid[: level.shape[0], : level.shape[1]].astype(np.float32)
    shown = []
    for number in range(frames):
        turn = 0.06 * number
        mixed = fields[0] * np.float32(np.cos(turn)) + fields[1] * np.float32(np.sin(turn))
        shift = np.float32(4 * np.sin(number / 5))
        moved = cv2.remap(
            np.dstack([mixed, amplitude]),
            columns + shift,
            rows + shift / 2,
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT,
        )
        shown.append(compress(envelope(moved[..., :2], np.maximum(moved[..., 2], 0))))
    return shown


def _specified(
    burned_in: Sequence[BurnedIn | str | tuple[str, str]] | tuple[str, str] | None,
) -> list[BurnedIn]:
    if burned_in is None:
        return []
    places = {"banner", "bottom", "left", "right", "fan"}
    if len(burned_in) == 2 and isinstance(burned_in[1], str) and burned_in[1] in places:
        burned_in = [(str(burned_in[0]), burned_in[1])]
    found = []
    for one in burned_in:
        if isinstance(one, BurnedIn):
            found.append(one)
        elif isinstance(one, str):
            found.append(BurnedIn(one))
        else:
            found.append(BurnedIn(one[0], place=one[1]))
    return found


def _burn(pictures: NDArray[np.uint8], wanted: list[BurnedIn], fan: Fan) -> list[TextBox]:
    frames, height, width = pictures.shape[:3]
    mask = fan.mask(height, width)
    box = fan.bounding_box(height, width)
    texts = []
    for number, one in enumerate(wanted):
        letters = rotated(ink(one.text, one.height, one.font), one.rotation)
        below = number * (one.height * 2)
        at = {
            "banner": (10, 6 + below),
            "bottom": (10, height - 2 * one.height - below),
            "left": (6, height // 3 + below),
            "right": (width - letters.shape[1] - 6, height // 3 + below),
            "fan": (
                (box.x0 + box.x1 - letters.shape[1]) // 2,
                box.y0 + box.height // 2 + below,
            ),
        }[one.place]
        for picture in pictures:
            found = stamp(picture, letters, at, one.color, one.plate)
        inside = bool(mask[found.y0 : found.y1, found.x0 : found.x1].any())
        texts.append(TextBox(one.text, "custom", True, found, inside, 0, frames - 1))
    return texts


def _device(seed: int, manufacturer: str, model: str) -> Device:
    rng = np.random.default_rng([seed, 3])
    return Device(
        manufacturer,
        model,
        station=f"US-ROOM{rng.integers(1, 40)}",
        serial=f"SN{rng.integers(10**7, 10**8)}",
        software=f"{rng.integers(1, 9)}.{rng.integers(9)}.{rng.integers(99)}",
    )


def _fields(who: Identity, fan: Fan, rng: np.random.Generator, frame_time: float) -> dict[str, str]:
    depth = (fan.mm_per_px or (0.2, 0.2))[1] * max(
        fan.radii[1] - fan.radii[0], max((y for _, y in fan.corners), default=0)
    )
    return {
        "name": who.shown,
        "id": who.patient_id,
        "birth": who.birth_shown,
        "date": who.date_shown,
        "time": who.time_shown,
        "institution": who.institution,
        "operator": who.operator.split("^")[0],
        "accession": who.accession,
        "exam": "Abd Gen",
        "probe": "C5-1",
        "depth": f"{depth / 10:.1f}",
        "mi": f"{rng.uniform(0.6, 1.4):.1f}",
        "tis": f"{rng.uniform(0.1, 1.2):.1f}",
        "gain": f"{rng.integers(35, 75)}",
        "dr": f"{rng.integers(50, 70)}",
        "fps": f"{1000 / frame_time:.0f}",
    }
