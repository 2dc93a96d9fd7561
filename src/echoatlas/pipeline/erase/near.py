"""Who else has an id of a request, but for its issuer, leading zeros or separators.

Two devices of a hospital write the same patient as ``7340019`` and as ``7340019`` of an issuer, a
spreadsheet loses zeros: who was asked for by one of them is found, and stays under the other. They
may as well be two people, so that none of them is erased; it is said that they are there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from echoatlas.pipeline.erase.doomed import Doomed
    from echoatlas.pipeline.erase.request import Request
    from echoatlas.pipeline.lake.tables import Lake

COLUMNS = ["known_as", "object_id", "patient"]


def with_near(
    lake: Lake, gone: Doomed, request: Request, rejected: Iterable[tuple[str, str, str]]
) -> Doomed:
    """What goes, and who of the same ids stays.

    Args:
        rejected: hash of the id, object and pseudonym of what lies in quarantine.
    """
    marks = {mark for one in request.patients for mark in one.marks} - {""}
    if not marks:
        return gone
    where = (pc.field("site") == request.site) & pc.field("known_as").isin(
        pa.array(sorted(marks), pa.string())
    )
    copies = lake.read("copies", COLUMNS, where).to_pylist()
    named = [tuple(row[column] for column in COLUMNS) for row in copies]
    named += [one for one in rejected if one[0] in marks]
    left, asked = set(gone.objects), set(gone.patients)
    others = {one for one in named if one[1] not in left and one[2] not in asked}
    theirs = {mark for mark, _, _ in others}
    return replace(
        gone,
        near=tuple(one.line for one in request.patients if not one.marks.isdisjoint(theirs)),
        near_patients=tuple(sorted({patient for _, _, patient in others})),
        near_objects=len({which for _, which, _ in others}),
    )
