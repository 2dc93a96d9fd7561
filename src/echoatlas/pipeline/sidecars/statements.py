"""What names, folders and tables say of an object, of each of its copies. Trusted zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echoatlas.pipeline.read.consent import joined_rows
from echoatlas.pipeline.sidecars.collection import Attached, origin_of

if TYPE_CHECKING:
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.records import Origin


@dataclass(frozen=True, slots=True)
class Statement:
    """What names, folders and tables say of one copy of an object. Trusted zone.

    Attributes:
        locator: of the copy.
        listed: whether a row names it; None where no table may.
    """

    locator: str
    origin: Origin
    attached: Attached
    listed: bool | None = None


def joined(statements: Iterable[Statement]) -> Attached:
    """What lies beside all copies of an object, each mask and row once."""
    masks = [mask for one in statements for mask in one.attached.masks]
    rows = [row for one in statements for row in one.attached.rows]
    unique = {data: (rule, data) for rule, data in reversed(masks)}
    return Attached(
        tuple(mask for mask in masks if unique.pop(mask[1], None) is not None),
        tuple(row for at, row in enumerate(rows) if row not in rows[:at]),
    )


def in_words(statements: Iterable[Statement]) -> list[Origin]:
    """Where copies lie, each way of being spoken of once."""
    found: list[Origin] = []
    for one in statements:
        if one.origin not in found:
            found.append(one.origin)
    return found


def with_rows(origin: Origin, others: Iterable[Origin], site: SiteConfig) -> Origin:
    """An origin whose row says what it leaves open by what others say."""
    row = joined_rows((origin.sidecar, *(other.sidecar for other in others)))
    if row == origin.sidecar:  # then its facts stand as well
        return origin
    return origin_of(site, origin.upload, origin.name, row)
