"""The PP-OCRv4 text detector: a DB network run by onnxruntime, one thread a worker.

Liao et al., "Real-time scene text detection with differentiable binarization", AAAI 2020. The
network gives a probability for each pixel to be in the shrunken core of a line of text; the
core is grown back by the ratio of its area to its perimeter.
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
from echoatlas.pipeline.deidentify.pixels.tiles import in_tiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

MODEL = "ch_PP-OCRv4_det_infer.onnx"
SHA256 = "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9"
SHRUNK = 1.6  # that the network was taught, by the ratio of area to perimeter
STRIDE = 32  # the network halves its input five times


@dataclass(frozen=True, slots=True)
class PaddleDetector:
    """PP-OCRv4's detector.

    Attributes:
        scale: the picture is enlarged this many times before it is looked at; 2 finds letters
            of 8 pixels.
        pixel: probability above which a pixel belongs to a line's core.
        score: mean probability above which a core is a line.
    """

    scale: float = 1.0
    pixel: float = 0.3
    score: float = 0.5
    id: str = "ppocr-v4"
    weights: str = SHA256

    def find(self, pictures: Sequence[Picture]) -> list[list[Line]]:
        """The lines of each picture; pictures of one size in a row are looked at together."""
        return [
            [line.scaled(1 / self.scale) for line in lines(core, self.pixel, self.score)]
            for core in (probability(resized(picture, self.scale)) for picture in pictures)
        ]


def resized(picture: Picture, scale: float) -> Picture:
    """A picture enlarged so many times."""
    if scale == 1.0:
        return picture
    return np.asarray(
        cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8
    )


def probability(picture: Picture) -> NDArray[np.float32]:
    """The network's map for one picture: (H, W) float32, 0 to 1."""
    return in_tiles(picture, _part, STRIDE)


def _part(picture: Picture) -> NDArray[np.float32]:
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    blob = cv2.dnn.blobFromImage(picture, 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True)
    (found,) = session(MODEL, SHA256).run(None, {"x": blob})
    spend("views")
    spend("pixels", blob.shape[2] * blob.shape[3])
    return np.asarray(found[0, 0], np.float32)


def lines(
    core: NDArray[np.float32], pixel: float, score: float, ratio: float = SHRUNK, rim: float = 0.0
) -> list[Line]:
    """Lines of text out of a probability map, in its pixels.

    Args:
        ratio: of a core's growth on both sides to its area over half its perimeter.
        rim: pixels by which a core is grown on each side besides.
    """
    binary = cv2.dilate((core > pixel).astype(np.uint8), np.ones((2, 2), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(binary)
    found = []
    for index in range(1, count):
        x, y, width, height, area = boxes[index]
        if min(width, height) < 2 or area < 8:
            continue
        window = (slice(y, y + height), slice(x, x + width))
        inside = labels[window] == index
        sure = float(core[window][inside].mean())
        if sure < score:
            continue
        points = (np.argwhere(inside)[:, ::-1] + np.array([x, y])).astype(np.float32)
        center, (across, along), angle = cv2.minAreaRect(points)
        across, along = across + 1, along + 1
        grow = ratio * across * along / (across + along) + 2 * rim
        corners = cv2.boxPoints((center, (across + grow, along + grow), angle))
        found.append(Line(tuple((float(a), float(b)) for a, b in corners), sure))
    return found
