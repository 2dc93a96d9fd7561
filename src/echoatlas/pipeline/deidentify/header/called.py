"""Ids that the name of a file, and those of its folders, may hold. Trusted zone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from echoatlas.pipeline.deidentify.header.patient import loose_id
from echoatlas.pipeline.vault.pseudonyms import normalized

PARTS = re.compile(r"[/\\!]")  # of a path; "!" stands before what an archive's archive holds
WORD = re.compile(r"[^\W_]+")
MOST_WORDS = 4  # of an id that is written with separators
LEAST = 4  # characters of an id that is looked for within names; a shorter one is a whole name


def ids_in(key: str) -> Iterator[str]:
    """All that may be an id in the name of a file and its folders, as ``loose_id`` has them."""
    for part in PARTS.split(key):
        name = normalized(part)
        yield loose_id(name)
        yield loose_id(name.partition(".")[0])
        words = WORD.findall(name)
        for start in range(len(words)):
            for end in range(start + 1, min(len(words), start + MOST_WORDS) + 1):
                said = loose_id("".join(words[start:end]))
                if len(said) >= LEAST:
                    yield said
