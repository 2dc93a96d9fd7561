"""How scanners lay out their screens: bars, text slots and the room left for the fan.

Modelled on real scans of each maker. All places are shares of the picture's width and height;
a negative x counts from the right edge to the text's right end.
"""

from __future__ import annotations

from dataclasses import dataclass

Color = tuple[int, int, int]
WHITE, GRAY, CYAN, TEAL = (235, 235, 235), (170, 170, 170), (90, 225, 235), (20, 110, 110)
AMBER, GREEN = (240, 200, 90), (120, 220, 120)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for text.

    Attributes:
        text: a template over the fields of identity and technique.
        size: height of a capital letter as a share of the picture's height.
    """

    text: str
    x: float
    y: float
    size: float = 0.018
    color: Color = WHITE
    font: str = "freetype"


@dataclass(frozen=True, slots=True)
class Layout:
    """A scanner's screen.

    Attributes:
        area: (x0, y0, x1, y1) that the fan may fill.
        bars: filled rectangles (x0, y0, x1, y1, color), painted first.
        gray_bar: x of the gray wedge's left edge; 0 for none.
        ticks: x of the depth scale; 0 for none.
        manufacturer, model: a device that looks like this.
    """

    manufacturer: str
    model: str
    area: tuple[float, float, float, float]
    slots: tuple[Slot, ...] = ()
    bars: tuple[tuple[float, float, float, float, Color], ...] = ()
    ground: Color = (0, 0, 0)
    gray_bar: float = 0.0
    ticks: float = 0.0
    accent: Color = AMBER


LAYOUTS: dict[str, Layout] = {
    "philips": Layout(
        "Philips Medical Systems",
        "EPIQ 5G",
        area=(0.14, 0.1, 0.9, 0.97),
        bars=((0, 0, 1, 0.075, (58, 62, 74)),),
        slots=(
            Slot("{name}", 0.012, 0.012),
            Slot("{id}", 0.012, 0.043),
            Slot("{institution}", 0.36, 0.012),
            Slot("{exam}", 0.36, 0.043, color=GRAY),
            Slot("{date} {time}", -0.012, 0.012),
            Slot("TIS{tis} MI {mi}", -0.012, 0.043, color=GRAY),
            Slot("{probe}", 0.012, 0.1, 0.016, GRAY),
            Slot("{fps}Hz", 0.012, 0.13, 0.016, GRAY),
            Slot("{depth}cm", 0.012, 0.16, 0.016, GRAY),
            Slot("2D", 0.012, 0.21, 0.016, GRAY),
            Slot("{gain}%", 0.012, 0.24, 0.016, GRAY),
            Slot("C {dr}", 0.012, 0.27, 0.016, GRAY),
        ),
        gray_bar=0.93,
        ticks=0.915,
    ),
    "none": Layout("", "", area=(0.02, 0.02, 0.98, 0.98)),
}
SIZES = {"philips": (1024, 768), "none": (640, 480)}
