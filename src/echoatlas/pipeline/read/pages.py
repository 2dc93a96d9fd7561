"""Which of a file's pictures are the scan: no thumbnails, masks or posters; and their one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.scan import DECIBELS, MOST_DECIBELS
from echoatlas.pipeline.read.arrays.uff import is_decibels
from echoatlas.pipeline.read.config import ReadConfig, check_size

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from echoatlas.schemas.records import Picture

# TIFF 6.0: NewSubfileType with its bits for reduced copies and transparency masks, and the older
# SubfileType with its value for reduced copies.
SUBFILE, REDUCED, MASK = 254, 1, 4
OLD_SUBFILE, OLD_REDUCED = 255, 2
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
ALIKE = 0.9  # correlation of a thumbnail with its picture; scaled by other rules than ours
TOLERATED = 0.03  # by which the shapes of the two may differ: thumbnails have whole pixels


@dataclass(frozen=True, slots=True)
class Scale:
    """How samples of more than 8 bits become gray, the same for all pages of a file.

    Attributes:
        low, high: the least and the greatest sample of all pages.
        whole: they are integers, none below zero: scaled by the fewest bits that hold ``high``;
            or real numbers as those of a picture of 8 bits.
        inverted: zero is white.
        numbers: samples are those of a palette, and meant themselves.
    """

    low: float
    high: float
    whole: bool
    inverted: bool = False
    numbers: bool = False

    def gray(self, samples: NDArray[Any]) -> Picture:
        """Samples, (H, W), as 8 bits."""
        if self.whole:
            if samples.dtype.kind == "f":
                samples = np.rint(np.nan_to_num(samples)).astype(np.int64)
            bits = max(int(self.high).bit_length(), 8)
            if self.inverted:
                samples = (1 << bits) - 1 - samples.astype(np.int64)
            return np.asarray(samples >> (bits - 8), np.uint8)
        known = np.nan_to_num(samples, nan=self.low, posinf=self.high, neginf=self.low)
        shade = (np.maximum(known, self.low) - self.low) * (
            255.0 / max(self.high - self.low, 1e-12)
        )
        return np.asarray(np.rint(255.0 - shade if self.inverted else shade), np.uint8)


FLAT = Scale(0.0, 0.0, whole=True)
NUMBERS = Scale(0.0, 255.0, whole=True, numbers=True)


def is_deep(image: Image.Image) -> bool:
    """Whether a Pillow image has samples of more than 8 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def is_colored(image: Image.Image) -> bool:
    """Whether a Pillow image has a palette that is not of grays alone."""
    told = (image.getpalette() or []) if image.mode == "P" else []
    return any(len({*told[at : at + 3]}) > 1 for at in range(0, len(told), 3))


def scale_of(
    image: Image.Image, pages: tuple[int, ...] = (0,), config: ReadConfig | None = None
) -> Scale | None:
    """The scale of the deep ones among some pages, None if there are none; decodes them all.

    Args:
        config: whether samples are labels of structures, as of ``gray_scale``, and those of a
            palette are meant by their numbers.

    Raises:
        Reject: ``no_pixels`` if no sample is a number.
    """
    mask = config is not None and config.masks
    if config is not None and config.numbers and is_colored(image):
        return NUMBERS
    found: list[tuple[float, float, bool, bool, bool]] = []
    inverted = False
    for page in pages:
        if len(pages) > 1:
            image.seek(page)
        if not is_deep(image):
            continue
        samples = np.asarray(image)
        finite = samples[np.isfinite(samples)] if samples.dtype.kind == "f" else samples
        if finite.size:
            low, high = float(finite.min()), float(finite.max())
            labels = mask and bool(np.all(finite == np.rint(finite)))
            found.append((low, high, samples.dtype.kind != "f", labels, is_decibels(finite)))
        inverted = inverted or _tags(image).get(PHOTOMETRIC) == WHITE_IS_ZERO
        if not finite.size and len(pages) == 1:
            raise Reject(Reason.NO_PIXELS, "no value is a number")
    if not found:
        return None
    lows, highs, integers, whole, decibels = zip(*found, strict=True)
    low, high = min(lows), max(highs)
    if all(decibels) and low < high - MOST_DECIBELS:
        low = high - DECIBELS
    # As of ``gray_scale``: what was 8 bits, or labels, before a program made real numbers of it
    eight = low >= 0 and high <= 255 and high.is_integer() and (high > 1 or all(whole))
    return Scale(low, high, (low >= 0 and all(integers)) or eight, inverted)


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of a file that are pictures of the scan.

    Attributes:
        places: their numbers in the file.
        durations: how long each is shown, milliseconds; 0 where nothing says so.
        flags: of what was left out.
    """

    places: tuple[int, ...] = (0,)
    durations: tuple[float, ...] = (0.0,)
    flags: tuple[str, ...] = ()


SIZED = ("TIFF", "MPO", "ICO")


def pages_of(image: Image.Image, count: int, loaded: bool, config: ReadConfig) -> Pages:
    """Choose among the pages of a Pillow image.

    Left out are an animation's poster, TIFF pages that say that they are reduced copies or masks,
    and smaller pages that show the same as the large one.

    Args:
        loaded: durations come to light by decoding.

    Raises:
        Reject: ``frame_mismatch`` if the others differ in size, ``too_large``.
    """
    sizes, shown, durations = [], [], []
    for page in range(count):
        image.seek(page)
        if loaded:
            image.load()
        sizes.append(image.size)
        durations.append(float(image.info.get("duration") or 0))
        tags = _tags(image)
        reduced = int(tags.get(SUBFILE, 0)) & (REDUCED | MASK)
        if not reduced and tags.get(OLD_SUBFILE) != OLD_REDUCED:
            shown.append(page)
    if image.info.get("default_image"):  # of an APNG: shown by who can't play it
        shown = [page for page in shown if page]
    shown = shown or list(range(count))
    most = max((sizes[page] for page in shown), key=lambda size: size[0] * size[1])
    check_size(most[1], most[0], 1, config)
    large = [page for page in shown if sizes[page] == most]
    for page in set(shown) - set(large):
        # Of formats whose pages have sizes of their own; others are damaged, and perhaps huge
        if image.format not in SIZED or not _is_thumbnail(image, page, large):
            raise Reject(Reason.FRAME_MISMATCH, "the pages of the file differ in size")
    return Pages(
        tuple(large),
        tuple(durations[page] for page in large),
        ("pictures_left_out",) if len(large) < count else (),
    )


def _is_thumbnail(image: Image.Image, page: int, large: list[int]) -> bool:
    """Whether a smaller page shows what one of the large ones does."""
    small = _seen(image, page)
    height, width = small.shape
    for other in large[:2]:  # it lies beside the first, or the first two
        whole = _seen(image, other)
        ratio = (whole.shape[1] / whole.shape[0]) / (width / height)
        if abs(ratio - 1) > TOLERATED or min(height, width) < 8:
            continue
        reduced = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        if reduced.std() and small.std():
            alike = float(np.corrcoef(reduced.ravel(), small.ravel())[0, 1])
            if alike >= ALIKE:
                return True
    return False


def _seen(image: Image.Image, page: int) -> NDArray[np.float32]:
    image.seek(page)
    shown = image if is_deep(image) else image.convert("L")
    return np.nan_to_num(np.asarray(shown, np.float32))


def _tags(image: Image.Image) -> Any:
    return getattr(image, "tag_v2", {})
