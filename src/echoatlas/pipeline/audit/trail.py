"""What de-identification did, object by object, straight from the ``audit`` table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from echoatlas.pipeline.deidentify.header.policy import METHODS
from echoatlas.pipeline.errors import UsageError
from echoatlas.schemas.rows.objects import AuditRow
from echoatlas.taxonomy.devices import named_device
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment

ACTIONS = {
    "X": "removed",
    "Z": "emptied",
    "D": "replaced by a dummy",
    "U": "UID mapped",
    "C": "cleaned",
    "K": "kept by rule",
}


def trail(
    deployment: Deployment, object_id: str | None = None, site: str | None = None
) -> list[AuditRow]:
    """Rows of ``audit``: of one object, or of a site, or all, by site and object.

    Args:
        object_id: the beginning of an id; of whichever site.

    Raises:
        UsageError: no such site, or no or several objects of that id.
    """
    if site is not None:
        deployment.site(site)
    mine = None if site is None else pc.field("site") == site
    if object_id is not None:
        mine = pc.starts_with(pc.field("object_id"), object_id)
    rows = [AuditRow(**row) for row in deployment.lake.read("audit", where=mine).to_pylist()]
    if object_id is not None and len({row.object_id for row in rows}) != 1:
        many = "several objects start" if rows else "no object starts"
        raise UsageError(f"{many} with '{object_id}' in the audit")
    return sorted(rows, key=lambda row: (row.site, row.object_id))


def as_told(row: AuditRow) -> dict[str, Any]:
    """A row as data, its lists and counts taken apart."""
    told = {name: getattr(row, name) for name in AuditRow.__slots__}
    split = {name: told[name].split() for name in ("methods", "verdicts", "geometry")}
    return {**told, **split, "actions": json.loads(row.actions)}


def in_words(row: AuditRow) -> str:
    """A row for people, one fact a line."""
    actions = json.loads(row.actions)
    lines = [f"{row.object_id} of {row.site}: {row.verdict} ({row.verdicts or 'no checks'})"]
    if row.methods:
        lines += [f"method {code}: {METHODS[code]}" for code in row.methods.split()]
        lines += [f"attributes {name}: {actions[code]}" for code, name in acted(actions)]
        lines += [
            f"burned-in annotation, as stated: {row.burned_in_annotation or 'not stated'}",
            f"scanned area found by {row.geometry}; {row.outside_area:.1%} of the picture black "
            "outside it",
            f"text: {number_of(row.text_boxes, 'box', 'boxes')}, {row.text_area:.2%} of the "
            "scanned area black",
            f"detector {row.detector}, weights {row.model}",
            f"policy {row.policy}, key {row.key_id}, device {_device(row)}",
        ]
    return "\n".join(lines)


def _device(row: AuditRow) -> str:
    return named_device(row.maker, row.device)


def acted(actions: Iterable[str]) -> list[tuple[str, str]]:
    """Codes that occur with their words, in the order of the standard's list."""
    known = [code for code in ACTIONS if code in actions]
    return [
        (code, ACTIONS.get(code, code)) for code in [*known, *sorted(set(actions) - set(known))]
    ]
