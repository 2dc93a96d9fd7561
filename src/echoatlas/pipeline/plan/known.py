"""What a site's sightings are today: where each object's copies lie, and what is said of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.plan.work_item import WorkItem
from echoatlas.schemas.rows.objects import CopyRow, SightingRow

if TYPE_CHECKING:
    from echoatlas.pipeline.sidecars.site import Sidecars
    from echoatlas.pipeline.vault.pseudonyms import SiteKey

DIGITS = 12  # of the hash of what is said


@dataclass(slots=True)
class Known:
    """Some objects by their sightings, as the bucket is now. Trusted zone: holds file names.

    Attributes:
        names: locator to the key of the file that it lies in, of those that are listed.
        copies: object to all its sightings, in order.
        new: objects that have a sighting without an outcome.
        claims: locator to what a copy said when it was read last, of copies that are gone.
        digests: key of a loose table to a hash of its rows, made when first asked for.
    """

    key: SiteKey
    tables: Sidecars
    names: Mapping[str, str]
    copies: Mapping[str, Sequence[SightingRow]]
    new: Collection[str]
    claims: Mapping[str, CopyRow]
    digests: dict[str, str] = field(default_factory=dict)

    def told(self, object_id: str) -> str | None:
        """A keyed hash of what is said of an object's copies where they lie.

        Returns:
            "" where nothing but the object's own name is; None where copies are gone and none is
            new: what they said stands, and nothing can be asked of them any more.
        """
        some = self.copies[object_id]
        present = [one for one in some if one.locator in self.names]
        if len(present) < len(some) and (object_id not in self.new or not present):
            return None
        said = [self._said(one) for one in present]
        if len(some) == 1 and not any(said):
            return ""
        text = json.dumps([[one.locator for one in some], said], ensure_ascii=False)
        return self.key.pseudonym("told", text)[:DIGITS]

    def item(self, sighting: SightingRow, rejected: bool) -> WorkItem:
        """An object to be worked on: read where it still lies, with all its copies."""
        some = self.copies[sighting.object_id]
        present = [one for one in some if one.locator in self.names]
        first, *others = sorted(present, key=lambda one: one.locator != sighting.locator)
        return replace(
            self._item(first),
            # Read there, but known as what it was first seen as
            sighting=replace(sighting, container=first.container, member=first.member),
            place=first.locator,
            rejected=rejected,
            copies=tuple(self._item(one) for one in others),
            claims=tuple(
                self.claims[one.locator]
                for one in some
                if one.locator in self.claims and one.locator not in self.names
            ),
            told=self.told(sighting.object_id) or "",
        )

    def _item(self, sighting: SightingRow) -> WorkItem:
        name = self.names[sighting.locator]
        row = self.tables.tables.row(name) if self.tables.tables.above(name) else None
        above = self.tables.above(name) if sighting.member >= 0 else ()
        return WorkItem(sighting, name, row, self.tables.companions.of(name), above)

    def _said(self, sighting: SightingRow) -> list[list[str]]:
        """What loose tables say of a copy: its row; of a member of an archive, the tables."""
        name = self.names[sighting.locator]
        if not self.tables.tables.above(name):
            return []
        row = [list(pair) for pair in self.tables.tables.row(name).items()]
        above = self.tables.above(name) if sighting.member >= 0 else ()
        return [*row, *([self._digest(key)] for key in above)]

    def _digest(self, key: str) -> str:
        if not self.digests:
            self.digests.update(
                (
                    placed.key,
                    hashlib.sha256(
                        json.dumps(list(placed.table.rows.items()), default=dict).encode()
                    ).hexdigest(),
                )
                for placed in self.tables.tables
            )
        return self.digests[key]
