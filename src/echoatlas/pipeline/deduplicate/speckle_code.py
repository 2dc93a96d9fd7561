"""Speckle as a code: a second opinion on a hash where the other picture can't be had.

A fingerprint that leaves a deployment carries no pixels, and a perceptual hash alone takes another
patient's same view for the same picture. So 32 x 32 signs of fine structure, at fixed places of a
thumbnail, go along. Whoever has the other picture tries the framings that a copy may have, and asks
whether the signs agree where there is speckle: those of a copy do, those of another patient no more
than chance. Signs at every fourth pixel tell no outline and no gray level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate import picture_kernels
from echoatlas.pipeline.deduplicate.config import SimilarityConfig
from echoatlas.pipeline.deduplicate.framing import Warp
from echoatlas.pipeline.deduplicate.similarity import Verdict, View, view_of
from echoatlas.pipeline.frames.phash import SIDE, opened

SPECKLE_VERSION = "speckle-signs-1"
GRID = 32  # signs, both axes
EVERY = SIDE // GRID  # pixels
BYTES = GRID * GRID // 8
STEPS = np.array([-4.5, -3.0, -1.5, 0.0, 1.5, 3.0, 4.5])  # pixels that an edge may lie elsewhere
FINER = np.array([-0.75, 0.0, 0.75])
NEARLY = np.array([-2.0, 0.0, 2.0])  # the same where the framing is known, and the moment is not


@dataclass(frozen=True, slots=True)
class SpeckleCodeConfig:
    """When signs say that two pictures are the same.

    Attributes:
        same: least correlation of signs, -1 to 1.
        doubt: the same, from which it can't be told.
        places: at least that many places of speckle must have been compared.
    """

    same: float = 0.4
    doubt: float = 0.27
    places: int = 120


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far signs agree: their correlation, and of how many places."""

    verdict: Verdict
    correlation: float
    places: int

    @property
    def order(self) -> tuple[int, float]:
        """The larger the more alike."""
        return int(self.verdict), self.correlation


def speckle_code(thumbnail: bytes) -> bytes:
    """The signs of a stored thumbnail's fine structure, 1024 bits."""
    view = view_of(opened(thumbnail), SimilarityConfig())
    places = np.arange(GRID) * EVERY + EVERY // 2
    return np.packbits(view.fine[np.ix_(places, places)] > 0).tobytes()


def likeliest(
    view: View, codes: Sequence[bytes], start: Warp | None, config: SpeckleCodeConfig
) -> int:
    """Which of the codes of a clip is most likely the picture's, under about a known framing."""
    used, _ = _used(view, config)
    fine = np.ascontiguousarray(view.fine > 0).view(np.uint8)
    begin = _starts(start)[0]
    found = [
        picture_kernels.signs_agree(fine, used, _signs(one), begin, NEARLY, FINER, config.places)[0]
        if one
        else -1.0
        for one in codes
    ]
    return int(np.argmax(found))


def _signs(code: bytes) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(code, np.uint8)).reshape(GRID, GRID)


def _used(view: View, config: SpeckleCodeConfig) -> tuple[NDArray[np.bool_], bool]:
    """Where signs count: in speckle, if there is enough of it; and whether there is."""
    enough = int(np.count_nonzero(view.speckled)) * GRID * GRID >= config.places * SIDE * SIDE
    return (view.speckled if enough else view.textured), enough


def agreement(view: View, code: bytes, start: Warp | None, config: SpeckleCodeConfig) -> Agreement:
    """Whether a picture is the one of which a code was taken, however it was framed.

    Args:
        start: map from pixels of the coded picture to the view's; no change if not given.
    """
    signs = _signs(code)
    used, enough = _used(view, config)
    fine = np.ascontiguousarray(view.fine > 0).view(np.uint8)
    best = np.array([0.0, 0.0])
    for begin in _starts(start):
        found = picture_kernels.signs_agree(fine, used, signs, begin, STEPS, FINER, config.places)
        if found[0] > best[0]:
            best = found
    correlation, places = float(best[0]), int(best[1])
    return Agreement(_verdict(correlation, places, enough, config), correlation, places)


def _verdict(correlation: float, places: int, speckled: bool, config: SpeckleCodeConfig) -> Verdict:
    if places < config.places:
        return Verdict.UNDECIDED
    if correlation >= config.same:
        # Where there are edges only, other patients' agree as well
        return Verdict.SAME if speckled else Verdict.UNDECIDED
    return Verdict.UNDECIDED if correlation >= config.doubt else Verdict.DIFFERENT


def _starts(start: Warp | None) -> list[NDArray[np.float64]]:
    """Where the coded picture's edges lie in the view's pixels: left, right, top, bottom."""
    plain = np.array([0.0, SIDE - 1.0, 0.0, SIDE - 1.0])
    if start is None:
        return [plain]
    scale, shift = np.array([start[0, 0], start[1, 1]]), start[:, 2]
    edges = np.stack([shift, shift + scale * (SIDE - 1)], axis=1).ravel()
    return [np.asarray(edges, np.float64), plain]
