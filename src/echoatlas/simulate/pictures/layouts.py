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
        bars: filled rectangles (x0, y0, x1, y1, color), painted first; boxes: the same, outlined.
        gray_bar: x of the gray wedge's left edge; 0 for none.
        ticks: x of the depth scale; 0 for none.
        manufacturer, model: a device that looks like this.
    """

    manufacturer: str
    model: str
    area: tuple[float, float, float, float]
    slots: tuple[Slot, ...] = ()
    bars: tuple[tuple[float, float, float, float, Color], ...] = ()
    boxes: tuple[tuple[float, float, float, float, Color], ...] = ()
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
            Slot("{preset}", 0.36, 0.043, color=GRAY),
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
    "voluson": Layout(
        "GE Healthcare",
        "Voluson E8",
        area=(0.08, 0.13, 0.88, 0.97),
        slots=(
            Slot("{name}", 0.02, 0.025, 0.02, AMBER),
            Slot("{birth} {id}", 0.02, 0.065, 0.018, AMBER),
            Slot("{probe}/{preset}", 0.34, 0.025, 0.018, AMBER),
            Slot("MI {mi} {fps}Hz/{depth}cm", 0.34, 0.065, 0.018, AMBER),
            Slot("{institution}", -0.02, 0.025, 0.018, AMBER),
            Slot("TIb {tis} {date} {time}", -0.02, 0.065, 0.018, AMBER),
            Slot("{preset}", -0.02, 0.14, 0.017, AMBER),
            Slot("Har-mid", -0.02, 0.17, 0.017, AMBER),
            Slot("Gn {gain}", -0.02, 0.2, 0.017, AMBER),
            Slot("C{dr}/M4", -0.02, 0.23, 0.017, AMBER),
        ),
        boxes=((0.012, 0.015, 0.988, 0.1, (150, 125, 60)),),
        gray_bar=0.03,
        ticks=0.885,
    ),
    "logiq-e": Layout(
        "GE Healthcare",
        "LOGIQ e",
        area=(0.1, 0.1, 0.86, 0.96),
        bars=((0, 0, 1, 0.08, (70, 78, 88)),),
        slots=(
            Slot("{institution}", 0.06, 0.008, 0.017),
            Slot("{name}", 0.06, 0.042, 0.017),
            Slot("{id}", 0.4, 0.042, 0.017),
            Slot("{date} {time}", -0.02, 0.008, 0.017),
            Slot("MI {mi} TIs {tis}", -0.02, 0.042, 0.017),
            Slot("B", -0.1, 0.12, 0.015, CYAN),
            Slot("Frq {probe}", -0.02, 0.15, 0.015, GRAY),
            Slot("Gn {gain}", -0.02, 0.18, 0.015, GRAY),
            Slot("D {depth}", -0.02, 0.21, 0.015, GRAY),
            Slot("DR {dr}", -0.02, 0.24, 0.015, GRAY),
        ),
        gray_bar=0.04,
        ticks=0.87,
        accent=GREEN,
    ),
    "mindray": Layout(
        "Mindray",
        "DC-30",
        area=(0.12, 0.13, 0.9, 0.95),
        slots=(
            Slot("mindray", 0.015, 0.015, 0.022, CYAN),
            Slot("{name} {id}", 0.17, 0.015, 0.018, CYAN),
            Slot("{date} {time}", -0.015, 0.015, 0.018, CYAN),
            Slot("{institution}", 0.17, 0.055, 0.018, CYAN),
            Slot("{probe} {preset}", 0.55, 0.055, 0.018, CYAN),
            Slot("MI {mi} TIS {tis}", -0.015, 0.055, 0.018, CYAN),
            Slot("FR {fps}", 0.015, 0.3, 0.016, CYAN),
            Slot("G {gain}", 0.015, 0.33, 0.016, CYAN),
            Slot("D {depth}", 0.015, 0.36, 0.016, CYAN),
        ),
        gray_bar=0.95,
        ticks=0.92,
        accent=CYAN,
    ),
    "atl": Layout(
        "ATL",
        "HDI5000",
        area=(0.12, 0.12, 0.88, 0.93),
        bars=((0, 0, 1, 0.1, TEAL),),
        slots=(
            Slot("{name}", 0.02, 0.015, 0.02, font="hershey"),
            Slot("{id}", 0.02, 0.058, 0.02, font="hershey"),
            Slot("{institution}", 0.42, 0.015, 0.019, font="hershey"),
            Slot("{probe} {preset}", 0.42, 0.058, 0.018, font="hershey"),
            Slot("{date} {time}", -0.02, 0.015, 0.018, font="hershey"),
            Slot("TIs {tis} MI {mi}", -0.02, 0.058, 0.018, font="hershey"),
            Slot("Map {dr}", 0.01, 0.2, 0.017, font="hershey"),
            Slot("DR {gain}dB", 0.01, 0.24, 0.017, font="hershey"),
        ),
        gray_bar=0.94,
        ticks=0.9,
    ),
    "acuson": Layout(
        "ACUSON",
        "SEQUOIA",
        area=(0.12, 0.12, 0.78, 0.94),
        slots=(
            Slot("{name}", 0.05, 0.012, 0.021, font="hershey"),
            Slot("{institution}", 0.05, 0.048, 0.021, font="hershey"),
            Slot("{date}", -0.01, 0.012, 0.021, font="hershey"),
            Slot("{time}", -0.01, 0.055, 0.02, font="hershey"),
            Slot("{probe}", 0.81, 0.12, 0.02, font="hershey"),
            Slot("{depth}cm", 0.81, 0.16, 0.02, font="hershey"),
            Slot("{preset}", 0.81, 0.2, 0.02, font="hershey"),
            Slot("{dr}dB T1/+1/3", 0.81, 0.28, 0.019, font="hershey"),
            Slot("Gain {gain}dB", 0.81, 0.32, 0.019, font="hershey"),
            Slot("{id}", 0.81, 0.4, 0.019, font="hershey"),
        ),
        gray_bar=0.03,
        ticks=0.1,
    ),
    "siemens": Layout(
        "SIEMENS",
        "S2000",
        area=(0.05, 0.01, 0.82, 0.97),
        slots=(
            Slot("{name}", 0.01, 0.012, 0.016),
            Slot("{id}", 0.01, 0.042, 0.016),
            Slot("{operator}", 0.36, 0.012, 0.016),
            Slot("{time} {date}", 0.5, 0.012, 0.016),
            Slot("{institution}", 0.5, 0.042, 0.016),
            Slot("SIEMENS", -0.01, 0.08, 0.016, CYAN),
            Slot("{probe}", -0.01, 0.11, 0.015, GRAY),
            Slot("{preset}", -0.01, 0.14, 0.015, GRAY),
            Slot("MI:{mi} TIS:{tis}", -0.01, 0.17, 0.015, GRAY),
            Slot("2D {gain}% DR{dr}", -0.01, 0.22, 0.015, GRAY),
        ),
        ticks=0.85,
        accent=WHITE,
    ),
    "logiq-700": Layout(
        "G.E. Medical Systems",
        "LOGIQ 700",
        area=(0.02, 0.2, 0.98, 0.86),
        slots=(
            Slot("{institution}", 0.02, 0.01, 0.02, font="hershey"),
            Slot("{name}", 0.02, 0.05, 0.02, font="hershey"),
            Slot("{id}", 0.02, 0.09, 0.02, font="hershey"),
            Slot("{date} {time}", 0.02, 0.13, 0.02, font="hershey"),
            Slot("{depth}cm {probe}", -0.02, 0.01, 0.02, font="hershey"),
            Slot("{preset}", -0.02, 0.05, 0.02, font="hershey"),
            Slot("{gain}G{dr}", -0.02, 0.09, 0.02, font="hershey"),
            Slot("TIS<{tis} MI={mi}", -0.02, 0.955, 0.02, font="hershey"),
        ),
    ),
    "none": Layout("", "", area=(0.02, 0.02, 0.98, 0.98)),
}
SIZES = {
    "philips": (1024, 768),
    "voluson": (960, 720),
    "logiq-e": (1024, 768),
    "mindray": (800, 600),
    "atl": (768, 576),
    "acuson": (640, 480),
    "siemens": (1024, 768),
    "logiq-700": (640, 480),
    "none": (640, 480),
}
