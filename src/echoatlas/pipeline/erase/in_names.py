"""Scans that name nobody, and whose file's name, or folder's, holds an id of a request.

A site whose file says nothing of folders and names sends ``7340019/scan.png``: in the lake that is
of nobody, and an erasure of 7340019 does not find it. Numbers in names mean many things, so that
none of it is erased; it is said that it is there. Names of members of archives are names, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deidentify.header.called import ids_in
from echoatlas.pipeline.errors import Reject, Retry, UsageError
from echoatlas.pipeline.ingest.listing import arrivals
from echoatlas.pipeline.read.archive import members

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.erase.doomed import Doomed
    from echoatlas.pipeline.erase.request import Request

LOST = (UsageError, Retry, FileNotFoundError)


def with_named(deployment: Deployment, gone: Doomed, request: Request) -> Doomed:
    """What goes, and which scans of nobody stay whose files' names hold an id of who goes."""
    lines = {one.known_as: one.line for one in request.patients if one.known_as}
    listed = _listed(deployment, request.site) if lines else {}
    if not listed:
        return gone
    there = _in_archives(deployment, request.site, lines, listed)
    there |= _called(deployment, request.site, lines, listed)
    there = {one: line for one, line in there.items() if one not in {*gone.objects}}
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


def _listed(deployment: Deployment, name: str) -> dict[str, str]:
    """Locator of each file of a site's bucket, to its name; none of a lost bucket."""
    site = deployment.site(name)
    try:
        listed = arrivals(site, deployment.bucket(site), deployment.key())
        return {one.locator: one.key for one in listed}
    except LOST:
        return {}


def _called(
    deployment: Deployment, name: str, lines: Mapping[str, int], listed: Mapping[str, str]
) -> dict[str, int]:
    """Objects in files, archives too, whose names hold an id, to the id's line."""
    found = {}
    for locator, key in listed.items():
        if line := _line(key, lines):
            found[locator] = line
    return {
        row["object_id"]: found[row["place"]]
        for column in ("locator", "container")
        for row in deployment.lake.read(
            "sightings",
            ["object_id", column],
            (pc.field("site") == name)
            & pc.field(column).isin(pa.array(sorted(found), pa.string())),
        )
        .rename_columns(["object_id", "place"])
        .to_pylist()
    }


def _in_archives(
    deployment: Deployment, name: str, lines: Mapping[str, int], listed: Mapping[str, str]
) -> dict[str, int]:
    """Objects of nobody in members of archives whose names hold an id, to the id's line. An archive
    is read again only if it holds any of nobody."""
    lake, here = deployment.lake, pc.field("site") == name
    nobodys = lake.read("copies", ["locator"], here & (pc.field("known_as") == ""))["locator"]
    inside: dict[str, dict[int, str]] = {}
    for row in lake.read(
        "sightings",
        ["object_id", "container", "member"],
        here & (pc.field("container") != "") & pc.field("locator").isin(nobodys.combine_chunks()),
    ).to_pylist():
        inside.setdefault(row["container"], {})[row["member"]] = row["object_id"]
    found, bucket = {}, deployment.bucket(deployment.site(name))
    for locator in sorted(inside.keys() & listed.keys()):
        objects = inside[locator]
        with suppress(Reject, *LOST):  # of one that is cut, what comes before
            for member in members(bucket.read(listed[locator])):
                line = _line(member.name, lines) if member.index in objects else 0
                if line:
                    found[objects[member.index]] = line
    return found


def _line(key: str, lines: Mapping[str, int]) -> int:
    """The line of an id that a name holds; 0 if it holds none."""
    return next((lines[said] for said in ids_in(key) if said in lines), 0)
