"""Our own text detector: a small network, trained on words over scans, real and simulated.

What others train on has no speckle in it. Gray letters on speckle as bright, and letters that run
up the picture, are what their detectors overlook where no other frames tell them apart. How the
network was made stands in ``tools/text_network``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels.detector import Line
from echoatlas.pipeline.deidentify.pixels.effort import spend
from echoatlas.pipeline.deidentify.pixels.models import session
from echoatlas.pipeline.deidentify.pixels.paddle import lines, resized
from echoatlas.pipeline.deidentify.pixels.temporal import gray_of
from echoatlas.pipeline.deidentify.pixels.tiles import in_tiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

MODEL = "text-1.onnx"
SHA256 = "eeba40e33496ccf216cfb449121baae559e9c1ea7706785fcd5b2d2feae86423"
STRIDE = 16  # the network halves its input four times, and doubles it three times
HALF = 2  # pixels of a picture to one of the network's map
# It was taught rectangles that are smaller than the words, and shows them a little larger.
RATIO = 0.1
RIM = 0.5  # pixels of the map
HIGH = 0.15  # of a picture's longer side; what is thicker is color flow, or the picture itself


@dataclass(frozen=True, slots=True)
class TrainedDetector:
    """Our own detector.

    Attributes:
        scale: the picture is enlarged this many times before it is looked at;
            1.5 finds letters of 8 pixels, and gray ones.
        pixel: probability above which a pixel belongs to a line.
        score: mean probability above which a line is one.
        longer: pixels, the longer side of the picture that what it is shown is a part of.
    """

    scale: float = 1.5
    pixel: float = 0.4
    score: float = 0.4
    longer: int | None = None
    id: str = "text-1"
    weights: str = SHA256

    def find(self, pictures: Sequence[Picture]) -> list[list[Line]]:
        """The lines of each picture."""
        return [self._found(picture) for picture in pictures]

    def _found(self, picture: Picture) -> list[Line]:
        core = probability(resized(gray_of(picture), self.scale))
        by = HALF / self.scale
        most = HIGH * (self.longer or max(picture.shape))
        found = (
            line.scaled(by, (by - 1) / 2, (by - 1) / 2)
            for line in lines(core, self.pixel, self.score, RATIO, RIM)
        )
        return [line for line in found if line.thickness <= most]


def probability(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network's map for an (H, W) picture, (ceil(H / 2), ceil(W / 2)) float32, 0 to 1."""
    return in_tiles(gray, _part, STRIDE, HALF)


def _part(gray: Picture) -> NDArray[np.float32]:
    padded = cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB)
    blob = cv2.dnn.blobFromImage(padded, 1 / 127.5, mean=(127.5, 127.5, 127.5))
    (found,) = session(MODEL, SHA256).run(None, {"picture": blob})
    spend("views")
    spend("pixels", blob.shape[2] * blob.shape[3])
    return np.asarray(found[0, 0], np.float32)
