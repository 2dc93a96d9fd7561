"""Scans that name nobody, and whose file's name, or folder's, holds an id of a request.

A site whose file says nothing of folders and names sends ``7340019/scan.png``: in the lake that is
of nobody, and an erasure of 7340019 does not find it. Numbers in names mean many things, so that
none of it is erased; it is said that it is there. Names of members of archives are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deidentify.header.patient import loose_id
from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.pipeline.ingest.listing import arrivals
from echoatlas.pipeline.vault.pseudonyms import normalized

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.erase.doomed import Doomed
    from echoatlas.pipeline.erase.request import Request

WORD = re.compile(r"[^\W_]+")
MOST_WORDS = 4  # of an id that is written with separators
LEAST = 4  # characters of an id that is looked for within names; a shorter one is a whole name


def with_named(deployment: Deployment, gone: Doomed, request: Request) -> Doomed:
    """What goes, and which scans of nobody stay whose files' names hold an id of who goes."""
    lines = {one.known_as: one.line for one in request.patients if one.known_as}
    if not lines:
        return gone
    found = _places(deployment, request.site, lines)
    if not found:
        return gone
    rows = [
        row
        for column in ("locator", "container")
        for row in deployment.lake.read(
            "sightings",
            ["object_id", column],
            (pc.field("site") == request.site)
            & pc.field(column).isin(pa.array(sorted(found), pa.string())),
        )
        .rename_columns(["object_id", "place"])
        .to_pylist()
    ]
    left = set(gone.objects)
    there = {row["object_id"]: found[row["place"]] for row in rows if row["object_id"] not in left}
    copies = deployment.lake.read(
        "copies",
        ["object_id", "patient", "known_as"],
        pc.field("object_id").isin(pa.array(sorted(there), pa.string())),
    ).to_pylist()
    named = {row["object_id"] for row in copies if row["known_as"]}
    nobodys = [row for row in copies if row["object_id"] not in named]
    return replace(
        gone,
        in_names=tuple(sorted({there[row["object_id"]] for row in nobodys})),
        in_names_patients=tuple(sorted({row["patient"] for row in nobodys})),
        in_names_objects=len({row["object_id"] for row in nobodys}),
    )


def _places(deployment: Deployment, name: str, lines: Mapping[str, int]) -> dict[str, int]:
    """Locator of each file whose name holds an id, to the id's line; none of a lost bucket."""
    site = deployment.site(name)
    try:
        listed = arrivals(site, deployment.bucket(site), deployment.key())
        found = {}
        for one in listed:
            line = next((lines[said] for said in _said(one.key) if said in lines), None)
            if line is not None:
                found[one.locator] = line
        return found
    except (UsageError, Retry, FileNotFoundError):
        return {}


def _said(key: str) -> Iterator[str]:
    """All that may be an id in the name of a file and its folders, as ids are compared."""
    for part in key.split("/"):
        name = normalized(part)
        yield loose_id(name)
        yield loose_id(name.partition(".")[0])
        words = WORD.findall(name)
        for start in range(len(words)):
            for end in range(start + 1, min(len(words), start + MOST_WORDS) + 1):
                said = loose_id("".join(words[start:end]))
                if len(said) >= LEAST:
                    yield said
