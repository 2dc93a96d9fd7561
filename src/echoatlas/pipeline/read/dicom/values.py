"""Reading DICOM that may be damaged: one list of what goes wrong; the undecodable is no value.

What comes of it is the record's fault, never ours: real headers hold "1A" as an integer, text in
a charset that they don't name, and lengths that lead nowhere.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

# What pydicom raises on bytes that are not DICOM, and on values that are not of their VR.
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    struct.error,
)


@contextmanager
def unsaid() -> Iterator[None]:
    """Let no library warn of what it reads: warnings quote names and values, and end in logs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_value(dataset: Any, tag: int) -> Any:
    """The value of an attribute, or None if it is absent, empty or damaged."""
    if tag not in dataset.keys():  # noqa: SIM118  (``in`` alone parses the tag: ten times dearer)
        return None
    try:
        return dataset[BaseTag(tag)].value
    except DAMAGE:
        return None


def read_items(dataset: Any, tag: int) -> list[Any]:
    """The items of a sequence; none where it is absent, or something else stands there."""
    value = read_value(dataset, tag)
    return list(value) if isinstance(value, Sequence) else []


def each(value: Any) -> list[Any]:
    """The values of a multi-valued attribute, or the one of another; none of None and bytes."""
    if value is None or isinstance(value, bytes):
        return []
    return list(value) if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]


def read_texts(value: Any) -> list[str]:
    """A value as texts, one for each of a multi-valued one, padding trimmed.

    None of bytes, and none of a sequence that stands where a text should: as a text it would say
    all that is in its items.
    """
    if isinstance(value, Sequence):
        return []
    return ["" if one is None else str(one).strip("\0 ") for one in each(value)]


def read_text(dataset: Any, tag: int) -> str:
    """The first text of an attribute, or nothing."""
    texts = read_texts(read_value(dataset, tag))
    return texts[0] if texts else ""
