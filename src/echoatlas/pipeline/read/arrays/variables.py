"""Files of many arrays: which of them are the pictures, by name, by value, or not at all.

What can't be decided is not guessed: the largest array may be the mask, the coordinates or the
channel data, and one picture of several that are alike is not the clip.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.axes import SMALLEST
from echoatlas.pipeline.read.arrays.imagery import is_picture
from echoatlas.pipeline.read.config import ReadConfig

MOST_NODES = 10_000  # of a file, arrays among them
PICTURES = frozenset(
    {
        "bmode", "cine", "clip", "frame", "frames", "im", "image", "images", "img", "imgs",
        "picture", "pictures", "pixels", "us", "ultrasound", "video",
    }
)  # fmt: skip
MASKS = frozenset(
    {
        "annotation", "annotations", "contour", "contours", "groundtruth", "gt", "label",
        "labels", "lbl", "mask", "masks", "msk", "roi", "seg", "segmentation", "segmentations",
    }
)  # fmt: skip
NUMBERS = frozenset(
    {
        "bias", "coordinates", "coords", "delays", "embedding", "embeddings", "feature",
        "features", "kernel", "weight", "weights",
    }
)  # fmt: skip
# Of what comes before a picture; a picture may be called raw as well.
EARLIER = frozenset(
    {
        "aligned", "beamformed", "channel", "envelope", "iq", "raw", "rcv", "rcvdata", "rf",
    }
)  # fmt: skip
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True, slots=True)
class Variable:
    """An array in a file.

    Attributes:
        name: its path; never told outside, for it may name somebody.
        load: gives its values.
        source: what it is of, for those who read its attributes.
        numbered: it is one label of several, and its values are that label's number.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[], NDArray[Any]]
    source: Any = None
    numbered: bool = False

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize

    def speaks(self, words: frozenset[str]) -> bool:
        """Whether its own name, or its group's where its own says nothing, holds a word of a list.

        "values" and "data" say nothing, so that ``image/values`` is an image.
        """
        parts = [part for part in self.name.split("/") if part]
        while len(parts) > 1 and parts[-1].lower() in ("values", "data"):
            parts.pop()
        told = {word.lower() for word in WORDS.findall(parts[-1])} if parts else set()
        return bool(told & words) or bool(parts and parts[-1].lower().replace("_", "") in words)


@dataclass(frozen=True, slots=True)
class Choice:
    """The variables that are the pictures: one, or several alike of which each is a frame.

    Attributes:
        masks: those that are called masks of pictures.
    """

    variables: tuple[Variable, ...]
    masks: tuple[Variable, ...] = ()

    @property
    def one(self) -> Variable:
        return self.variables[0]

    @property
    def stacked(self) -> bool:
        return len(self.variables) > 1


def may_be_pictures(shape: Sequence[int], dtype: np.dtype[Any]) -> bool:
    """Whether an array has numbers and two sides that are large enough."""
    return dtype.kind in "buif" and sum(side >= SMALLEST for side in shape) >= 2


def choose(variables: Sequence[Variable], config: ReadConfig) -> Choice:
    """Choose the pictures of a file.

    Names of pictures come first, names of masks and of other numbers never. Siblings of equal
    shape whose names differ by a number are frames. What is left is looked at; if still more than
    one may be it, none is.

    Args:
        variables: those that ``may_be_pictures``.

    Raises:
        Reject: ``no_pixels`` if there is none, ``not_an_image`` if all are something else,
            ``ambiguous`` if it can't be told, ``too_large``.
    """
    if not variables:
        raise Reject(Reason.NO_PIXELS, "no variable of the file can be a picture")
    left = [
        one
        for one in variables
        if not one.speaks(NUMBERS) and (one.speaks(PICTURES) or not one.speaks(EARLIER))
    ]
    masks = [one for one in left if one.speaks(MASKS)]
    if config.masks and masks:
        left = masks
    elif not config.masks:
        left = [one for one in left if one not in masks]
    if not left:
        what = "masks or labels" if masks else "channel data, embeddings or other numbers"
        raise Reject(Reason.NOT_AN_IMAGE, f"by their names its arrays are {what}")
    named = [one for one in left if one.speaks(PICTURES)]
    left = named or left
    for one in left:
        if one.size > config.max_inflated:
            raise Reject(Reason.TOO_LARGE, f"an array claims more than {config.max_inflated} bytes")
    beside = () if config.masks else tuple(sorted(masks, key=lambda one: one.name))
    return Choice(_decided(left, config), beside)


def _decided(left: list[Variable], config: ReadConfig) -> tuple[Variable, ...]:
    if len(left) == 1 or (frames := siblings(left)):
        return tuple(left) if len(left) == 1 else frames
    if sum(one.size for one in left) <= config.max_inflated and not config.masks:
        seen = [one for one in left if _looks(one)]
        if len(seen) == 1 or (seen and (frames := siblings(seen))):
            return tuple(seen) if len(seen) == 1 else frames
        left = seen or left
    shapes = ", ".join(sorted(" x ".join(map(str, one.shape)) for one in left[:8]))
    raise Reject(
        Reason.AMBIGUOUS,
        f"{len(left)} arrays may be the pictures ({shapes}): send one a file, or call it 'image'",
    )


def siblings(left: Sequence[Variable]) -> tuple[Variable, ...]:
    """Variables of equal shape and type whose names differ by one number, in its order."""
    if len({(one.shape, one.dtype) for one in left}) > 1:
        return ()
    sides = [side for side in left[0].shape if side > 1]
    if len(sides) > 2 and not (len(sides) == 3 and min(sides) in (3, 4)):
        return ()  # each is a clip of its own
    parts = [re.split(r"(\d+)", one.name) for one in left]
    if len({len(one) for one in parts}) > 1:
        return ()
    differ = [index for index, same in enumerate(zip(*parts, strict=True)) if len(set(same)) > 1]
    if len(differ) != 1 or differ[0] % 2 == 0:
        return ()
    order = sorted(range(len(left)), key=lambda index: int(parts[index][differ[0]]))
    return tuple(left[index] for index in order)


def _looks(one: Variable) -> bool:
    """Whether values look like pictures, along the last two axes that are large enough."""
    values = one.load()
    large = [axis for axis, side in enumerate(values.shape) if side >= SMALLEST][-2:]
    flat = np.moveaxis(values, large, (-2, -1))
    return is_picture(flat.reshape(-1, *flat.shape[-2:]))
