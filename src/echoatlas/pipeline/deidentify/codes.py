"""Coded concepts of PS3.16: a code may leave with the dictionary's own meaning, or not at all."""

from __future__ import annotations

from functools import cache
from typing import Any

from echoatlas.pipeline.damage import read_text

SCHEMES = {"SCT", "DCM", "LN", "UCUM", "SRT"}


def coded(item: Any) -> tuple[str, str, str] | None:
    """The code of a code sequence's item, if the standard's dictionary has it.

    CodeMeaning is free text in the hands of a sender: it is replaced by the dictionary's.

    Returns:
        (value, scheme, meaning), or None for private, local and unknown codes.
    """
    value, scheme = read_text(item, 0x00080100), read_text(item, 0x00080102)
    meaning = dictionary().get((scheme, value))
    return (value, scheme, meaning) if meaning else None


@cache
def dictionary() -> dict[tuple[str, str], str]:
    """(scheme, value) to meaning, of the context groups of PS3.16 as pydicom carries them."""
    # Loaded at the first code that is met: it takes a second, and most scans carry none.
    from pydicom.sr._concepts_dict import concepts
    from pydicom.sr._snomed_dict import mapping

    found: dict[tuple[str, str], str] = {}
    for scheme in sorted(SCHEMES & set(concepts)):
        for codes in concepts[scheme].values():
            for value, (meaning, _) in codes.items():
                # Of a code's several wordings the shortest is the one that scanners show.
                former = found.get((scheme, value), meaning)
                found[scheme, value] = min(former, meaning, key=lambda text: (len(text), text))
    for retired, modern in mapping["SRT"].items():
        if (meaning := found.get(("SCT", modern))) is not None:
            found["SRT", retired] = meaning
    return {code: meaning for code, meaning in found.items() if len(meaning) <= 64}
