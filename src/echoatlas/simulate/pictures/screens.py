"""Scanner screens: the fan's surround with bars, wedges, scales and text whose place is known."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.schemas.fan import Box
from echoatlas.simulate.pictures.layouts import Layout, Slot
from echoatlas.simulate.pictures.lettering import ink, stamp

if TYPE_CHECKING:
    from numpy.typing import NDArray

IDENTIFYING = frozenset(
    ["name", "id", "birth", "date", "time", "institution", "operator", "accession", "referring"]
)


@dataclass(frozen=True, slots=True)
class TextBox:
    """Text on a picture, as truth.

    Attributes:
        kind: the field it shows ("name", "id", "date", "mi", ...) or "custom".
        identifying: whether it may not be released.
        box: of its ink, in pixels.
        inside: whether any of it lies in a fan.
        first, last: frames that show it, last included.
    """

    text: str
    kind: str
    identifying: bool
    box: Box
    inside: bool = False
    first: int = 0
    last: int = 0


def area(layout: Layout, width: int, height: int) -> Box:
    """The pixels that a layout leaves to the fan."""
    x0, y0, x1, y1 = layout.area
    return Box(int(x0 * width), int(y0 * height), int(x1 * width), int(y1 * height))


def paint(
    layout: Layout, width: int, height: int, fields: Mapping[str, str], identity: bool = True
) -> tuple[NDArray[np.uint8], list[TextBox]]:
    """Paint an empty screen.

    Args:
        fields: what the slots' templates name.
        identity: fill in the slots that identify; else leave them empty.

    Returns:
        (height, width, 3) uint8 RGB, and its text.
    """
    screen = np.empty((height, width, 3), np.uint8)
    screen[:] = layout.ground
    for x0, y0, x1, y1, color in layout.bars:
        screen[int(y0 * height) : int(y1 * height), int(x0 * width) : int(x1 * width)] = color
    for x0, y0, x1, y1, color in layout.boxes:
        corners = (int(x0 * width), int(y0 * height)), (int(x1 * width), int(y1 * height))
        cv2.rectangle(screen, *corners, color, 1)
    if layout.gray_bar:
        _gray_bar(screen, layout)
    if layout.ticks:
        _ticks(screen, layout)
    texts = []
    for slot in layout.slots:
        kinds = [name for _, name, _, _ in string.Formatter().parse(slot.text) if name]
        secret = any(kind in IDENTIFYING for kind in kinds)
        if secret and not identity:
            continue
        text = slot.text.format_map(fields)
        if text.strip():
            box = _write(screen, slot, text)
            texts.append(TextBox(text, kinds[0] if kinds else "label", secret, box))
    return screen, texts


def _write(screen: NDArray[np.uint8], slot: Slot, text: str) -> Box:
    height, width = screen.shape[:2]
    size = max(7, round(slot.size * height))
    letters = ink(text, size, slot.font)
    x = slot.x * width if slot.x >= 0 else width * (1 + slot.x) - letters.shape[1]
    return stamp(screen, letters, (round(x), round(slot.y * height)), slot.color)


def _gray_bar(screen: NDArray[np.uint8], layout: Layout) -> None:
    height, width = screen.shape[:2]
    x, y0, y1 = int(layout.gray_bar * width), int(0.12 * height), int(0.45 * height)
    ramp = np.linspace(255, 0, y1 - y0, dtype=np.uint8)[:, None, None]
    screen[y0:y1, x : x + max(6, width // 70)] = ramp


def _ticks(screen: NDArray[np.uint8], layout: Layout) -> None:
    height, width = screen.shape[:2]
    x, (y0, y1) = int(layout.ticks * width), (layout.area[1] * height, layout.area[3] * height)
    for number, y in enumerate(np.linspace(y0, y1 - 1, 16)):
        length = width // (90 if number % 5 == 0 else 180)
        cv2.line(screen, (x - length, int(y)), (x, int(y)), layout.accent, 1)
