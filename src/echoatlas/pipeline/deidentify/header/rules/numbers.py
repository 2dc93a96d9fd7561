"""Rules for numbers: written anew, so that no text hides in a decimal string."""

from __future__ import annotations

import math
from typing import Any

from pydicom.datadict import tag_for_keyword

from echoatlas.pipeline.deidentify.header.rules.rule import Context, Rule
from echoatlas.pipeline.precision import MEASURED, rounded
from echoatlas.pipeline.read.dicom.values import each


def whole(low: int, high: int, most: int = 1, *, rising: bool = False) -> Rule:
    """Whole numbers in a range, written anew; ``rising`` ones each no smaller than the last."""

    def apply(value: Any, context: Context) -> list[int] | None:
        numbers = _numbers(value)
        fits = 0 < len(numbers) <= most and all(
            number == int(number) and low <= number <= high for number in numbers
        )
        if not fits or context.tells(numbers) or (rising and numbers != sorted(numbers)):
            return None
        return [int(number) for number in numbers]

    many = ", each no smaller than the one before" if rising else ""
    return Rule(f"kept if a whole number from {low} to {high}{many}, written anew.", apply)


def number(
    low: float, high: float, most: int = 1, digits: int | None = None, figures: int = MEASURED
) -> Rule:
    """Numbers in a range, written anew, so that nothing hides in digits that measure nothing.

    Args:
        most: how many there may be.
        digits: decimals that stay, instead of ``figures``, the significant ones that stay.
    """

    def apply(value: Any, context: Context) -> list[float] | None:
        numbers = _numbers(value)
        if not 0 < len(numbers) <= most or not all(low <= number <= high for number in numbers):
            return None
        if context.tells(numbers):
            return None
        if digits is None:
            return [rounded(number, figures) for number in numbers]
        return [round(number, digits) for number in numbers]

    kept = f"{figures} significant figures" if digits is None else f"{digits} decimals"
    told = f"kept if a number from {low:g} to {high:g}, written anew, rounded to {kept}."
    return Rule(told, apply)


mask = Rule(
    "kept if its bits that are set are neighbors.",
    lambda value, _: [int(bits)] if (bits := _one(value)) and _is_run(int(bits)) else None,
)


def _one(value: Any) -> float:
    numbers = _numbers(value)
    return numbers[0] if len(numbers) == 1 and 0 < numbers[0] < 1 << 32 else 0.0


def _is_run(bits: int) -> bool:
    lowest = bits & -bits
    return (bits + lowest) & bits == 0


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
