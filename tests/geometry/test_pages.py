"""Pages of text are no scans, however they are set: what would be read would be released."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.geometry import geometry
from echoatlas.schemas.records import Scan

WORDS = "DOE JANE 12 APR 1962 ST ELSEWHERE MRN 0048213 WARD 7B GARCIA LOPEZ LV EF 55 % 12.4 mm"
SIZES = ((480, 640), (768, 1024), (600, 800))


def page(seed: int) -> np.ndarray:
    """A page or a column of lines: sizes, faces, grounds, frames, inverted and lossy ones."""
    dice = np.random.default_rng(seed)
    height, width = SIZES[seed % 3]
    ground, ink = int(dice.choice([0, 0, 12, 40])), int(dice.choice([150, 200, 255]))
    picture = np.full((height, width), ground, np.uint8)
    left, right = 0, width
    if seed % 2:
        left = int(width * dice.uniform(0, 0.5))
        right = int(left + width * dice.uniform(0.2, 0.5))
    size, thick = dice.uniform(0.3, 0.9), int(dice.integers(1, 3))
    line = cv2.LINE_8 if seed % 4 < 2 else cv2.LINE_AA
    apart = int(dice.integers(11, 40))
    for y in range(15, int(height * dice.uniform(0.4, 1)), apart):
        text = " ".join(dice.permutation(WORDS.split()))[: max(int((right - left) / size / 18), 3)]
        cv2.putText(picture, text, (left, y), int(dice.choice([0, 2, 3])), size, ink, thick, line)
    if seed % 5 == 0:
        cv2.rectangle(picture, (left, 5), (min(right, width - 1), height - 20), ink, 1)
    if seed % 7 == 0:
        picture[:40] = 70
    if seed % 4 == 3:
        picture = 255 - picture
    if seed % 3 == 0:
        coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
        picture = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    return picture


@pytest.mark.parametrize("seed", range(40))
def test_a_page_of_text_has_no_fan(seed):
    picture = page(seed)
    scan = Scan("png", "png", 1, *picture.shape, lambda: iter([picture]))

    with pytest.raises(Reject) as caught:
        geometry(scan, [picture])

    assert caught.value.reason in (Reason.NO_FAN, Reason.GEOMETRY_DISAGREES)
