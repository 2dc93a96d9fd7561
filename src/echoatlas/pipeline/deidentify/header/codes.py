"""Coded concepts of PS3.16: a code may leave with the dictionary's own meaning, or not at all."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from echoatlas.pipeline.read.dicom.values import read_text
from echoatlas.taxonomy import codes


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
    """(scheme, value) to meaning, of the context groups of PS3.16 (``tools/deid_tables.py``)."""
    text = files(__package__).joinpath("data/codes.tsv").read_text("utf-8")
    found: dict[tuple[str, str], str] = {}
    for line in text.splitlines():
        scheme, value, meaning = line.split("\t")
        found[scheme, value] = meaning
    for retired, current in codes.retired().items():
        if meaning := found.get(("SCT", current), ""):
            found["SRT", retired] = meaning
    return found
