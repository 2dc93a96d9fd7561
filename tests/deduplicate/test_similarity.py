"""Pictures without speckle: what is left of a copy suffices where all else is the same."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate.config import SimilarityConfig
from echoatlas.pipeline.deduplicate.similarity import Verdict, compared, view_of
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.read import ReadConfig, read

CONFIG = SimilarityConfig()
# Clips of lungs, smoothed by the device: no window of speckle away from edges
LUNGS = ("Reg_pat4Image_140434.mpeg", "Reg_pat4Image_140606.mpeg", "Reg_pat4Image_140705.mpeg")
Gray = NDArray[np.float32]


def small(pixels: NDArray[np.uint8]) -> Gray:
    gray = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(gray, (128, 128), interpolation=cv2.INTER_AREA), np.float32)


def sent_again(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy as WebP, of which fine structure is the first to go."""
    shown = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1])
    data = cv2.imencode(".webp", shown, [cv2.IMWRITE_WEBP_QUALITY, 60])[1]
    back = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    return np.asarray(back if pixels.ndim == 2 else back[..., ::-1], np.uint8)


@pytest.fixture(scope="module")
def lungs(samples: Path) -> list[NDArray[np.uint8]]:
    folder = samples / "video" / "lung"
    scans = [read((folder / name).read_bytes(), ReadConfig()) for name in LUNGS]
    return [np.asarray(next(iter(Clip(scan)))) for scan in scans]


def test_a_copy_of_a_picture_without_speckle_is_told_by_all_it_shows(
    lungs: list[NDArray[np.uint8]],
) -> None:
    views = [
        [view_of(small(one), CONFIG), view_of(small(sent_again(one)), CONFIG)] for one in lungs
    ]

    for original, copy in views:
        found = compared(original, copy, CONFIG)
        assert (found.windows, found.verdict) == (0, Verdict.SAME)
    strangers = [compared(views[at][0], views[at - 1][1], CONFIG) for at in range(len(views))]
    assert Verdict.SAME not in {one.verdict for one in strangers}
