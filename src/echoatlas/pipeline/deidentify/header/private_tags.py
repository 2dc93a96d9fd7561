"""Private attributes that a policy names as harmless numbers: the only ones that ever stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.dataelem import DataElement

from echoatlas.pipeline.precision import rounded
from echoatlas.pipeline.read.dicom.values import read_text, read_value

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from echoatlas.pipeline.deidentify.header.rules import Context

NUMERIC = frozenset({"DS", "IS", "FD", "FL", "US", "SS", "UL", "SL"})


def keep_private(source: Any, made: Dataset, context: Context) -> None:
    """Carry over the numbers that the policy names, each under its creator (PS3.5 7.8.1)."""
    for known in context.policy.safe_private:
        group, element = known.place
        for block in range(0x10, 0x100):
            creator = group << 16 | block
            if read_text(source, creator) != known.creator:
                continue
            tag = creator << 8 & 0xFF00 | group << 16 | element
            value = read_value(source, tag)
            if not isinstance(value, (int, float)) or source[tag].VR not in NUMERIC:
                continue
            if known.low <= value <= known.high and not context.tells(value):
                made.add(DataElement(creator, "LO", known.creator))
                made.add(DataElement(tag, "FD", rounded(float(value))))
                context.followed.add("retain_safe_private")
