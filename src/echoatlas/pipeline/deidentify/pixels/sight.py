"""What is remembered of a clip as it is looked at, so that its pictures are read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels import ocr
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify.pixels.detector import Line
from echoatlas.pipeline.deidentify.pixels.firing import boxes_of
from echoatlas.pipeline.deidentify.pixels.measurement import is_measurement
from echoatlas.pipeline.deidentify.pixels.recheck import (
    Glance,
    glance,
)
from echoatlas.pipeline.deidentify.pixels.strokes import CELL, counted
from echoatlas.pipeline.deidentify.pixels.temporal import Block, blocks, gray_of
from echoatlas.pipeline.deidentify.pixels.views import around, crop
from echoatlas.schemas.fan import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

MARGIN = 0.15  # of its letters' height, with which a line reads best


@dataclass(slots=True)
class Sight:
    """What was seen of a clip, so that pixels that stay as they are need not be looked at anew.

    Attributes:
        whole: let the detector see whole views, wherever our own network fires: of some objects,
            so that no network is the only witness.
        remembers: whether there is such a look.
        glances: of each fan, of each block of frames.
    """

    whole: bool = False
    remembers: bool = True
    glances: list[list[Glance]] = field(default_factory=list)
    _box: Box = field(default_factory=lambda: Box(0, 0, 0, 0))
    _panes: list[tuple[Box, NDArray[np.bool_]]] = field(default_factory=list)
    _fires: list[NDArray[np.bool_]] = field(default_factory=list)
    _config: RedactConfig = field(default_factory=RedactConfig)

    def start(self, box: Box, masks: Sequence[NDArray[np.bool_]], config: RedactConfig) -> None:
        """Look out for fans, (H, W) each, in a part of the pictures."""
        cut = [mask[box.pixels] for mask in masks]
        panes = [around(mask, 0) for mask in cut]
        self._box, self._config = box, config
        self._panes = [(pane, mask[pane.pixels]) for pane, mask in zip(panes, cut, strict=True)]
        self._fires, self.glances = [], [[] for _ in masks]

    def take(self, block: Block, fires: NDArray[np.bool_]) -> None:
        """Keep of a block what another look needs, and the cells in which our own network fires."""
        self._fires.append(fires)
        for (pane, mask), kept in zip(self._panes, self.glances, strict=True):
            kept.append(self._glance(block, fires, pane, mask))

    def again(
        self, number: int, pictures: Iterable[Picture], keep: NDArray[np.bool_]
    ) -> list[Glance]:
        """The same of pictures of which less is kept, (H, W): where that is black, nothing fires.

        Args:
            number: of the fan.
        """
        kept = keep[self._box.pixels]
        cells = counted(kept.astype(np.uint8), 0) >= CELL * CELL / 2
        pane, _ = self._panes[number]
        crops = (crop(picture, self._box) for picture in pictures)
        return [
            self._glance(block, fires & cells, pane, kept[pane.pixels])
            for block, fires in zip(
                blocks(crops, self._config.look.block), self._fires, strict=True
            )
        ]

    def _glance(
        self, block: Block, fires: NDArray[np.bool_], pane: Box, mask: NDArray[np.bool_]
    ) -> Glance:
        boxes = boxes_of(fires, None, block.frames[0].shape)
        moved = [one.moved(-pane.x0, -pane.y0) for one in boxes]
        return glance(block.cropped(pane), mask, moved, self._config.full)


@dataclass(slots=True)
class Extremes:
    """The darkest and the brightest that each pixel of a clip gets.

    Bright letters show in the one, dark ones in the other, whenever they show.
    """

    low: NDArray[np.uint8] | None = None
    high: NDArray[np.uint8] | None = None

    def over(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Pass pictures on, (H, W[, 3]) uint8 of one size, and take their extremes."""
        for picture in pictures:
            gray = gray_of(picture)
            self.low = gray if self.low is None else cv2.min(self.low, gray)
            self.high = gray if self.high is None else cv2.max(self.high, gray)
            yield picture

    def measure(self, line: Line) -> bool:
        """Whether a line says measurements and nothing else, all through the clip."""
        both = [gray for gray in (self.low, self.high) if gray is not None]
        wider = line.grown(MARGIN * line.thickness)
        return bool(both) and all(is_measurement(ocr.says(gray, wider)) for gray in both)
