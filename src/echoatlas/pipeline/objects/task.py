"""What the journey is given: one object, and the site that it is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from echoatlas.pipeline.objects.fingerprints import Fingerprints, fingerprints_of
from echoatlas.pipeline.sidecars.collection import Attached
from echoatlas.pipeline.sidecars.statements import Statement

if TYPE_CHECKING:
    from echoatlas.pipeline.objects.config import JourneyConfig
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.records import Origin
    from echoatlas.schemas.rows.objects import CopyRow, SightingRow


@dataclass(frozen=True, slots=True)
class ObjectTask:
    """One object to be carried from bytes to rows. Trusted zone.

    Attributes:
        data: the object's bytes.
        statements: what is said of each of its copies, and lies beside it; first of the copy that
            was read.
        gone: what copies said that are there no more.
        told: a keyed hash of what is said of its copies, for the mark of its rows; often empty.
    """

    data: bytes
    sighting: SightingRow
    statements: tuple[Statement, ...]
    gone: tuple[CopyRow, ...] = ()
    told: str = ""

    @classmethod
    def alone(cls, data: bytes, sighting: SightingRow, origin: Origin) -> ObjectTask:
        """An object of which there is one copy, and nothing beside it."""
        return cls(data, sighting, (Statement(sighting.locator, origin, Attached()),))


@dataclass(frozen=True, slots=True)
class SiteContext:
    """What holds for all objects of a site.

    Attributes:
        key: for pseudonyms.
        config: of every step, as the site's own file has it.
        fingerprints: what rows depend on besides their object.
    """

    site: SiteConfig
    key: SiteKey
    config: JourneyConfig
    fingerprints: Fingerprints

    @classmethod
    def of(
        cls,
        site: SiteConfig,
        key: SiteKey,
        config: JourneyConfig,
        fingerprints: Fingerprints | None = None,
    ) -> SiteContext:
        """The context under a deployment's configuration.

        Args:
            fingerprints: of steps and site alone if not given.
        """
        return cls(site, key, config.at(site), fingerprints or fingerprints_of(config, site))

    def marks(self, task: ObjectTask) -> Fingerprints:
        """What an object's rows depend on."""
        return self.fingerprints.with_told(task.told)
