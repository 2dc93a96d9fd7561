"""What a worker is handed: a deterministic list of objects, cut so that a run can be resumed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.engine.scatter import width
from echoatlas.pipeline.ingest.listing import ListedFile
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.fingerprints import Fingerprints, fingerprints_of
from echoatlas.pipeline.plan.settings import journey_config
from echoatlas.pipeline.plan.survey import Survey
from echoatlas.pipeline.plan.work_item import WorkItem
from echoatlas.pipeline.storage.storage import Storage

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.lake.tombstones import Tombstones
    from echoatlas.pipeline.objects.config import JourneyConfig
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.deployment import Engine
    from echoatlas.schemas.config.site import SiteConfig

UNJUDGED = -1  # the number of a lot that is passed on as it comes


@dataclass(frozen=True, slots=True)
class RegisterTask:
    """A batch of newly listed files to be named by their content.

    Attributes:
        promised: key to the SHA-256, hex, that a manifest of the site's names.
    """

    site: SiteConfig
    bucket: Storage
    arrivals: tuple[ListedFile, ...]
    key: SiteKey
    retries: int
    promised: Mapping[str, str] = field(default_factory=dict)

    def split(self) -> tuple[RegisterTask, ...]:
        """Halves, so that a file which kills its worker can be found; () for a single file."""
        half = len(self.arrivals) // 2
        if not half:
            return ()
        return tuple(
            replace(self, arrivals=part) for part in (self.arrivals[:half], self.arrivals[half:])
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """A deterministic list of objects of one site, to be carried from bytes to rows.

    Attributes:
        crosswalk: public key to which patients' identities are sealed, if they are kept at all.
        apart: archives that hold only masks and tables of the collection's pictures.
        stones: what was erased, and may not come back.
        names: the key that objects are named with, to see whether they are what was named.
        lot: number of the lot that it is part of, which is judged as a whole, if any.
    """

    id: str
    lake: Storage
    bucket: Storage
    items: tuple[WorkItem, ...]
    site: SiteConfig
    key: SiteKey
    config: JourneyConfig
    retries: int
    seconds: int
    crosswalk: str | None = None
    apart: tuple[str, ...] = ()
    stones: Tombstones | None = None
    names: SiteKey | None = None
    marks: Fingerprints | None = (
        None  # what the rows depend on; of steps and site alone if not given
    )
    lot: int = UNJUDGED

    @property
    def made_by(self) -> Fingerprints:
        """What its rows depend on."""
        return self.marks or fingerprints_of(self.config, self.site)

    def split(self) -> tuple[Batch, ...]:
        """Halves, so that an object which kills its worker can be found; () for a single one."""
        half = len(self.items) // 2
        if not half:
            return ()
        return tuple(
            replace(self, id=f"{self.id}{letter}", items=items)
            for letter, items in zip("ab", (self.items[:half], self.items[half:]), strict=True)
        )


def batches(
    deployment: Deployment,
    seen: Survey,
    parts: Iterable[tuple[int, Sequence[WorkItem]]],
    stem: str,
    stones: Tombstones | None = None,
) -> Iterator[Batch]:
    """Objects of a site as work that any number of workers can share.

    Args:
        parts: of each batch the number of its lot, and its objects, as of ``cut_of_lots``.
        stem: of the batches' ids, unique for ever.
        stones: what was erased from the lake.
    """
    engine = deployment.config.engine
    config = journey_config(deployment.config)
    for number, (lot, some) in enumerate(parts):
        yield Batch(
            id=f"{stem}-{seen.site.site}-{number:06d}",
            lake=deployment.lake.storage,
            bucket=deployment.bucket(seen.site),
            items=tuple(some),
            site=seen.site,
            key=deployment.site_key(seen.site.site),
            config=config,
            marks=seen.marks,
            apart=seen.apart,
            retries=engine.retries,
            seconds=engine.seconds,
            crosswalk=deployment.config.crosswalk,
            stones=stones,
            names=deployment.key(),
            lot=lot,
        )


BATCH_BYTES = 256 << 20
ROUNDS = 4  # batches that each worker still gets of what is left
FEW = 8  # objects that are not cut apart if they are light: a batch is a file a table ...
LIGHT = 1 << 20  # bytes, together; ... or if one archive holds them: each batch reads it anew


@dataclass(slots=True)
class Left:
    """How many objects of a run, of all its sites, are in no batch yet.

    Batches become smaller as objects run out: nobody waits long for whoever has the last of them.

    Attributes:
        slots: batches that are worked on at once. most: objects of a batch.
    """

    objects: int
    slots: int
    most: int

    @staticmethod
    def of(engine: Engine, objects: int) -> Left:
        """So many objects, for the workers of this machine."""
        return Left(objects, width(engine), engine.batch)

    @property
    def share(self) -> int:
        """How many of them the next batch takes."""
        return max(1, min(self.most, self.objects // (ROUNDS * self.slots)))


def cut(
    items: Iterable[WorkItem],
    left: Left,
    alone: Collection[str] = (),
    most_bytes: int = BATCH_BYTES,
) -> Iterator[list[WorkItem]]:
    """Cut objects into batches by number and size; the same objects give the same batches.

    Args:
        left: gets less by what each batch takes.
        alone: ids of objects that are batches of their own, after all others.
    """
    batch: list[WorkItem] = []
    apart: list[list[WorkItem]] = []
    share = size = 0
    for item in items:
        if item.sighting.object_id in alone:
            apart.append([item])
            continue
        if batch and (
            _is_full(batch, item, share, size, left.most) or size + item.sighting.bytes > most_bytes
        ):
            left.objects -= len(batch)
            yield batch
            batch, size = [], 0
        share = share if batch else left.share
        batch.append(item)
        size += item.sighting.bytes
    for some in ([batch] if batch else []) + apart:
        left.objects -= len(some)
        yield some


def _is_full(batch: list[WorkItem], item: WorkItem, share: int, size: int, most: int) -> bool:
    """Whether a batch of so many bytes takes no further object."""
    packed = item.sighting.member >= 0 and item.name == batch[-1].name
    together = packed or size < LIGHT
    return len(batch) >= (max(share, min(FEW, most)) if together else share)


def cut_of_lots(
    lots: Iterable[tuple[int, Sequence[WorkItem]]], left: Left, alone: Collection[str]
) -> Iterator[tuple[int, list[WorkItem]]]:
    """Cut lots, each a number and objects, as ``cut`` does: no batch is of two."""
    for lot, items in lots:
        for some in cut(items, left, alone):
            yield lot, some
