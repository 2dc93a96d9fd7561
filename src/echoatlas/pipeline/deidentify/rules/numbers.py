"""Rules for numbers: written anew, so that no text hides in a decimal string."""

from __future__ import annotations

import math
from typing import Any

from pydicom.datadict import tag_for_keyword

from echoatlas.pipeline.damage import each
from echoatlas.pipeline.deidentify.rules.rule import Context, Rule


def whole(low: int, high: int, most: int = 1) -> Rule:
    """Whole numbers in a range, written anew."""

    def apply(value: Any, _: Context) -> list[int] | None:
        numbers = _numbers(value)
        fits = 0 < len(numbers) <= most and all(
            number == int(number) and low <= number <= high for number in numbers
        )
        return [int(number) for number in numbers] if fits else None

    return Rule(f"kept if a whole number from {low} to {high}, written anew.", apply)


def number(low: float, high: float, most: int = 1, digits: int | None = None) -> Rule:
    """Numbers in a range, written anew, so that no text hides in a decimal string."""

    def apply(value: Any, _: Context) -> list[float] | None:
        numbers = _numbers(value)
        if not 0 < len(numbers) <= most or not all(low <= number <= high for number in numbers):
            return None
        return numbers if digits is None else [round(number, digits) for number in numbers]

    rounded = "" if digits is None else f", rounded to {digits} decimals"
    return Rule(f"kept if a number from {low:g} to {high:g}, written anew{rounded}.", apply)


def _numbers(value: Any) -> list[float]:
    try:
        numbers = [float(one) for one in each(value)]
    except (ValueError, TypeError, OverflowError):
        return []
    return numbers if all(map(math.isfinite, numbers)) else []


def pointers(*keywords: str) -> Rule:
    """Attributes that point to other attributes, of a closed list."""
    known = frozenset(tag_for_keyword(keyword) for keyword in keywords)

    def apply(value: Any, _: Context) -> list[int] | None:
        try:
            tags = [int(one) for one in each(value)]
        except (ValueError, TypeError):
            return None
        return tags if tags and known.issuperset(tags) else None

    return Rule("kept if it points to an attribute of a closed list.", apply)


def _lut(value: Any, context: Context) -> bytes | None:
    color = context.source.get_item(0x00281101)
    if not isinstance(value, bytes) or color is None or context.source.is_little_endian is False:
        return None
    descriptor = _numbers(getattr(context.source, "RedPaletteColorLookupTableDescriptor", None))
    if len(descriptor) != 3:
        return None
    entries = int(descriptor[0]) or 65536
    length = entries * (2 if descriptor[2] > 8 else 1)
    length += length % 2
    # Bytes beyond the table are no part of it: someone could write there.
    return value[:length] if len(value) >= length - 1 else None


lookup_table = Rule("kept to the length that its descriptor states, no byte more.", _lut)
