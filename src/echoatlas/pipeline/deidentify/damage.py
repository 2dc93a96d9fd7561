"""Reading attributes of files that may be damaged: a value that can't be decoded is no value."""

from __future__ import annotations

from typing import Any

from pydicom.tag import BaseTag

# What pydicom raises on values that are not of their VR: the record's fault, never ours.
DAMAGE = (ValueError, TypeError, LookupError, AttributeError, NotImplementedError, OverflowError)


def read_value(dataset: Any, tag: int) -> Any:
    """The value of an attribute, or None if it is absent, empty or damaged."""
    try:
        return dataset[BaseTag(tag)].value
    except DAMAGE:
        return None


def read_texts(value: Any) -> list[str]:
    """A value as texts, one for each of a multi-valued one, padding trimmed."""
    if value is None or isinstance(value, bytes):
        return []
    several = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
    return [str(one).strip("\0 ") for one in several]


def read_text(dataset: Any, tag: int) -> str:
    """The first text of an attribute, or nothing."""
    texts = read_texts(read_value(dataset, tag))
    return texts[0] if texts else ""
