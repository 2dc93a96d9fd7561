"""Crops to learn from: ground, what is no text but is drawn, words, and what became of the picture.

Every crop is the same for the same generator of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tools.text_network import words
from tools.text_network.decoys import decoy, gray

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from tools.text_network.grounds import Ground

    Color = NDArray[np.uint8]
    Mask = NDArray[np.uint8]

SIDE = 192  # pixels of a crop
REAL = 0.35  # share of crops that are of real scans, besides those that happen to be
EMPTY = 0.35  # share of crops without words
VISIBLE = 14.0  # gray levels between ink and ground, below which nothing is learned of a word
REMAINING = (
    0.3  # of a word's ink; below it, what a black box leaves of the word is not learned from
)
CORE = 0.1  # of its height, by which a word's rectangle is shrunk


@dataclass(frozen=True, slots=True)
class Crop:
    """A picture and what there is to learn.

    Attributes:
        picture: (S, S, 3) uint8.
        text: (S / 2, S / 2) float32, 1 where text is.
        weight: the same, 0 where nothing is to be learned.
    """

    picture: Color
    text: NDArray[np.float32]
    weight: NDArray[np.float32]


@dataclass(slots=True)
class Page:
    """A crop in the making: (H, W, 3) picture, (H, W) masks of 0 and 1."""

    picture: Color
    text: Mask
    weight: Mask


def crop(
    ground: Ground, rng: Generator, at: tuple[int, int] | None = None, empty: float = EMPTY
) -> Crop:
    """A crop of a ground, with words or without.

    Args:
        at: (y, x) of its middle; None for any.
    """
    after = float(np.exp(rng.uniform(np.log(0.6), np.log(1.7)))) if rng.random() < 0.35 else 1.0
    before = float(np.exp(rng.uniform(np.log(0.6), np.log(1.8)))) if rng.random() < 0.5 else 1.0
    side = math.ceil(SIDE / after)
    page = _page(ground, side, before, rng, at)
    if at is None and rng.random() < 0.5:
        _toned(page, rng)
    if rng.random() < 0.25:
        for _ in range(rng.integers(1, 5)):
            decoy(page.picture, rng)
    if rng.random() >= empty:
        taken = np.zeros_like(page.text)
        for _ in range(rng.integers(1, 6)):
            _write(page, taken, rng)
    if rng.random() < 0.25:
        for _ in range(rng.integers(1, 4)):
            _blacken(page, rng)
    if after != 1.0:
        how = cv2.INTER_AREA if after < 1 else int(rng.choice((cv2.INTER_CUBIC, cv2.INTER_LINEAR)))
        page = Page(
            np.asarray(cv2.resize(page.picture, (SIDE, SIDE), interpolation=how), np.uint8),
            *(
                np.asarray(cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST), np.uint8)
                for one in (page.text, page.weight)
            ),
        )
    picture = _worn(page.picture, rng)
    text, weight = (
        cv2.resize(one * 4, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
        for one in (page.text, page.weight)
    )
    return Crop(picture, (text >= 2).astype(np.float32), (weight == 4).astype(np.float32))


def _page(ground: Ground, side: int, by: float, rng: Generator, at: tuple[int, int] | None) -> Page:
    """A square of a ground, turned and mirrored, enlarged ``by`` so much."""
    cut = math.ceil(side / by)
    if at is None:
        y, x = _somewhere(ground.inside, rng)
        at = (y + int(rng.integers(-cut // 3, cut // 3 + 1)), x + int(rng.integers(-9, 10)))
    rows, columns = (np.arange(middle - cut // 2, middle - cut // 2 + cut) for middle in at)
    inside = np.ix_(
        rows.clip(0, ground.known.shape[0] - 1), columns.clip(0, ground.known.shape[1] - 1)
    )
    picture, weight = ground.picture[inside], ground.known[inside].astype(np.uint8)
    turns, mirror = int(rng.integers(4)), rng.random() < 0.5
    picture, weight = np.rot90(picture, turns), np.rot90(weight, turns)
    if mirror:
        picture, weight = picture[:, ::-1], weight[:, ::-1]
    picture, weight = np.ascontiguousarray(picture), np.ascontiguousarray(weight)
    if cut != side:
        how = cv2.INTER_AREA if by < 1 else cv2.INTER_CUBIC
        picture = np.asarray(cv2.resize(picture, (side, side), interpolation=how), np.uint8)
        weight = np.asarray(
            cv2.resize(weight, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8
        )
    if rng.random() < 0.7:
        picture = gray(picture)
    return Page(picture.copy(), np.zeros((side, side), np.uint8), weight.copy())


def _somewhere(inside: NDArray[np.bool_], rng: Generator) -> tuple[int, int]:
    """(y, x) of a pixel of an area."""
    for _ in range(50):
        y, x = (int(rng.integers(size)) for size in inside.shape)
        if inside[y, x]:
            break
    return y, x


def _toned(page: Page, rng: Generator) -> None:
    """Brighter, darker, harder or softer."""
    level = np.arange(256) / 255.0
    curve = rng.uniform(0.6, 1.6) * level ** rng.uniform(0.6, 1.6) + rng.uniform(-0.05, 0.12)
    page.picture[:] = np.round(curve.clip(0, 1) * 255).astype(np.uint8)[page.picture]


def _write(page: Page, taken: Mask, rng: Generator) -> None:
    """Put a word, or some lines of them, where there is none yet."""
    lines = [words.word(rng) for _ in range(int(rng.choice((1, 1, 1, 1, 1, 1, 1, 2, 3))))]
    gap = int(rng.integers(2, 8))
    high = sum(one.shape[0] + gap for one in lines)
    letters = np.zeros((high, max(one.shape[1] for one in lines)), np.uint8)
    boxes, top = [], 0
    for one in lines:
        letters[top : top + one.shape[0], : one.shape[1]] = one
        boxes.append((0, top, one.shape[1], top + one.shape[0]))
        top += one.shape[0] + gap
    side = page.text.shape[0]
    angle = _angle(rng)
    center = rng.uniform(0.05, 0.95, 2) * side
    turn = cv2.getRotationMatrix2D((letters.shape[1] / 2, high / 2), angle, 1.0)
    turn[:, 2] += center - (letters.shape[1] / 2, high / 2)
    if angle % 90 == 0:
        turn[:, 2] = np.round(turn[:, 2])  # letters stay crisp
    alpha = cv2.warpAffine(letters, turn, (side, side))
    cores, rims = np.zeros_like(page.text), np.zeros_like(page.text)
    for x0, y0, x1, y1 in boxes:
        shrink = CORE * (y1 - y0)
        cores |= _polygon(turn, (x0 + shrink, y0 + shrink, x1 - shrink, y1 - shrink), side)
        rims |= _polygon(turn, (x0 - 1, y0 - 1, x1 + 1, y1 + 1), side)
    if np.count_nonzero(alpha > 128) < 12 or (taken & cv2.dilate(rims, np.ones((5, 5)))).any():
        return
    taken |= rims
    seen = _inked(page.picture, alpha, rims, rng)
    page.weight[rims > 0] = 0
    if seen:
        page.text |= cores
        page.weight[cores > 0] = 1


def _angle(rng: Generator) -> float:
    kind = rng.random()
    if kind < 0.5:
        return 0.0
    if kind < 0.7:
        return float(rng.choice((90, -90)))
    if kind < 0.74:
        return 180.0
    return float(rng.uniform(-180, 180))


def _polygon(turn: NDArray[np.float64], box: tuple[float, float, float, float], side: int) -> Mask:
    x0, y0, x1, y1 = box
    corners = np.array([[x0, y0, 1], [x1, y0, 1], [x1, y1, 1], [x0, y1, 1]], float)
    area = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(area, np.round(corners @ turn.T * 16).astype(np.int32), 1, shift=4)
    return area


def _inked(picture: Color, alpha: Mask, rims: Mask, rng: Generator) -> bool:
    """Blend letters into a picture in one of many manners; whether they can be seen."""
    lit = alpha > 128
    around = cv2.dilate(rims, np.ones((5, 5), np.uint8)) > 0
    ground = float(cv2.mean(picture, around.astype(np.uint8))[0])
    manner, opacity = rng.random(), 1.0
    if manner < 0.3:
        ink = float(rng.uniform(180, 256))
    elif manner < 0.55:  # gray, hardly brighter than what is around it
        ink = ground + float(rng.uniform(15, 80)) if rng.random() < 0.6 else rng.uniform(120, 190)
    elif manner < 0.62:
        ink = float(rng.uniform(0, 60))
        if ground < ink + 50:
            ink = float(rng.uniform(180, 256))
    elif manner < 0.75:  # on a plate, mostly dark on light
        margin = int(rng.integers(0, 5))
        plate, ink = float(rng.uniform(110, 240)), float(rng.uniform(0, 70))
        if rng.random() < 0.3:
            plate, ink = float(rng.uniform(0, 80)), float(rng.uniform(140, 256))
        where = cv2.dilate(rims, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)) > 0
        picture[where] = np.uint8(plate)
    elif manner < 0.85:  # with a dark edge or a shadow
        ink = float(rng.uniform(130, 256))
        edge = cv2.dilate(alpha, np.ones((3, 3), np.uint8))
        if rng.random() < 0.5:
            edge = np.roll(alpha, (1, 1), axis=(0, 1))
        _blended(picture, edge, np.float32(rng.uniform(0, 40)))
    else:
        opacity = float(rng.uniform(0.35, 0.8))
        ink = float(rng.uniform(200, 256))
    shade = np.full(3, np.clip(ink, 0, 255), np.float32)
    if rng.random() < 0.12:
        shade = rng.uniform(0, 256, 3).astype(np.float32)
        shade[rng.integers(3)] = rng.uniform(180, 255)
    away = cv2.absdiff(
        picture[lit].astype(np.float32), np.broadcast_to(shade, (lit.sum(), 3)).copy()
    )
    contrast = float(away.mean(axis=0).max()) * opacity
    if manner >= 0.62 and manner < 0.85:
        contrast = max(contrast, 40.0)
    _blended(picture, alpha, shade, opacity)
    return contrast >= VISIBLE


def _blended(
    picture: Color, alpha: Mask, shade: NDArray[np.float32] | np.float32, opacity: float = 1.0
) -> None:
    where = alpha > 0
    part = alpha[where][:, None].astype(np.float32) * np.float32(opacity / 255)
    before = picture[where].astype(np.float32)
    picture[where] = np.round(before + (shade - before) * part).astype(np.uint8)


def _blacken(page: Page, rng: Generator) -> None:
    """A black box, as a redaction leaves it; what it leaves of a word is text, if it is enough."""
    side = page.text.shape[0]
    size = (float(rng.uniform(20, 140)), float(rng.uniform(8, 40)))
    center = tuple(float(one) for one in rng.uniform(0, side, 2))
    corners = cv2.boxPoints((center, size, _angle(rng)))
    box = np.zeros_like(page.text)
    cv2.fillConvexPoly(box, np.round(corners).astype(np.int32), 1)
    _, labels = cv2.connectedComponents(page.text)
    for label in np.unique(labels[(box > 0) & (page.text > 0)]):
        one = labels == label
        left = np.count_nonzero(one & (box == 0)) / np.count_nonzero(one)
        if left < REMAINING:
            page.weight[one] = 0
    page.picture[box > 0] = 0
    page.text[box > 0] = 0


def _worn(picture: Color, rng: Generator) -> Color:
    """Blurred, noisy or compressed, as files are."""
    if rng.random() < 0.15:
        sigma = float(rng.uniform(0.3, 0.8))
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)
    if rng.random() < 0.12:
        noise = rng.normal(0, rng.uniform(2, 10), picture.shape[:2])[..., None]
        picture = (picture + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))]
        coded = cv2.imencode(".jpg", picture, quality)[1]
        picture = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return picture


def batch(
    grounds: Sequence[Ground], rng: Generator, size: int, hard: Sequence[tuple[int, int, int]] = ()
) -> list[Crop]:
    """Crops of any grounds.

    Args:
        hard: (ground, y, x) of places that the network took for text, of which a quarter are.
    """
    real = [one for one in grounds if one.real]
    crops = []
    for number in range(size):
        if hard and number < size // 4:
            index, y, x = hard[int(rng.integers(len(hard)))]
            crops.append(crop(grounds[index], rng, (y, x), empty=0.85))
        else:
            some = real if real and rng.random() < REAL else grounds
            crops.append(crop(some[int(rng.integers(len(some)))], rng))
    return crops
