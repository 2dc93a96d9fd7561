"""NumPy's archives (.npz) of one picture and its masks: one object, where others are archives.

An archive of several pictures is opened like any other, and each array is an object of its own.
Which it is stands in names and headers alone.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.masks import loaded, masked_scan
from echoatlas.pipeline.read.arrays.matrix import ERRORS, read_values
from echoatlas.pipeline.read.arrays.scan import array_scan
from echoatlas.pipeline.read.arrays.variables import (
    EARLIER,
    MASKS,
    NUMBERS,
    PICTURES,
    Choice,
    Variable,
    may_be_pictures,
)
from echoatlas.pipeline.read.bounds import DAMAGE, Limits, unpacked

if TYPE_CHECKING:
    from echoatlas.pipeline.read.config import ReadConfig
    from echoatlas.schemas.records import Scan

SUFFIX = ".npy"
MOST_ARRAYS = 64
HEAD = 1 << 16  # bytes in which an array says what it is
HEADS = {(1, 0): np.lib.format.read_array_header_1_0}


def is_marked_picture(data: bytes) -> bool:
    """Whether a zip holds NumPy's arrays, one of which is pictures and others masks of them."""
    return _choice(data) is not None


def read_npz(data: bytes, config: ReadConfig) -> Scan:
    """One array of pictures and its masks, laid as it is.

    Raises:
        Reject: ``unsupported_format`` if it is another zip, and as ``read_npy``.
    """
    chosen = _choice(data)
    if chosen is None:
        raise Reject(Reason.UNSUPPORTED_FORMAT)
    if config.masks:
        chosen = Choice(chosen.masks[:1])
    if chosen.one.size > config.max_inflated:
        raise Reject(Reason.TOO_LARGE, "an array claims more bytes than are accepted")
    try:
        values = chosen.one.load()
    except DAMAGE as error:
        told = f"the file cannot be read ({type(error).__name__})"
        raise Reject(Reason.UNREADABLE, told) from None
    masks = loaded(chosen, (*ERRORS, *DAMAGE), config)
    return masked_scan(array_scan(values, "npz", config), chosen, values.shape, masks)


def _choice(data: bytes) -> Choice | None:
    """What is pictures and what masks, by names and shapes; None if that does not settle it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = list(_variables(data, archive))
    except (*ERRORS, *DAMAGE):
        return None
    masks = tuple(one for one in found if one.speaks(MASKS))
    shown = [one for one in found if one not in masks and not one.speaks(NUMBERS | EARLIER)]
    shown = [one for one in shown if one.speaks(PICTURES)] or shown
    if len(shown) != 1 or not masks or not _beside(found, masks, shown[0]):
        return None
    return Choice((shown[0],), tuple(sorted(masks, key=lambda one: one.name)))


def _beside(found: list[Variable], masks: tuple[Variable, ...], shown: Variable) -> bool:
    """Whether there is nothing else that may be a picture, and each mask could be this one's."""
    sides = set(shown.shape)
    return len(found) == len(masks) + 1 and all(
        len([side for side in one.shape if side in sides]) > 1 for one in masks
    )


def _variables(data: bytes, archive: zipfile.ZipFile) -> Iterator[Variable]:
    """Arrays that may be pictures; numbers and texts beside them are not asked for.

    Raises:
        ValueError: something else is in it.
    """
    infos = archive.infolist()
    if not 1 < len(infos) <= MOST_ARRAYS or any(not one.filename.endswith(SUFFIX) for one in infos):
        raise ValueError
    for info in infos:
        with archive.open(info) as source:
            head = io.BytesIO(source.read(HEAD))
        version = np.lib.format.read_magic(head)
        shape, _, dtype = HEADS.get(version, np.lib.format.read_array_header_2_0)(head)
        if may_be_pictures(shape, dtype):
            name = info.filename.removesuffix(SUFFIX)
            yield Variable(name, tuple(shape), dtype, partial(_load, data, info.filename))


def _load(data: bytes, name: str) -> NDArray[Any]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(name) as source:
        return read_values(unpacked(source, Limits()), Limits().member_bytes)
