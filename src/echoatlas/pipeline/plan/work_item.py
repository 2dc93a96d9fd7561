"""An object to be worked on, with what is known of it before it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echoatlas.pipeline.objects.fingerprints import Fingerprints
from echoatlas.schemas.rows.objects import CopyRow, SightingRow

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class WorkItem:
    """An object to be worked on. Trusted zone: names of files and sidecar values.

    Attributes:
        place: locator of the copy that is read, which need not be the one that was seen first; the
            sighting's if not given.
        sidecar: row of the loose tables that speak of it; None where none may.
        companions: names of what lies beside it in its collection.
        tables: names of loose tables that may speak of it as a member of its archive.
        rejected: it is in quarantine; only asked where its evidence is read anew.
        copies: other places of its bytes at the site.
        claims: what copies said that are there no more.
        told: a keyed hash of what is said of its copies, for the mark of its rows; often empty.
    """

    sighting: SightingRow
    name: str
    sidecar: Mapping[str, str] | None = None
    companions: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    rejected: bool = False
    copies: tuple[WorkItem, ...] = ()
    claims: tuple[CopyRow, ...] = ()
    told: str = ""
    place: str = ""

    @property
    def locator(self) -> str:
        """Of the copy that is read."""
        return self.place or self.sighting.locator

    def marks(self, made_by: Fingerprints) -> Fingerprints:
        """What its rows depend on, of a batch that is so made."""
        return made_by.with_told(self.told)
