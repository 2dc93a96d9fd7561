"""What the lake knows of a site, as columns that take a sixth of what the tables' texts do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.lake.codes import TextCodes
from echoatlas.pipeline.lake.growing import Number, grown
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.join import coded, integers
from echoatlas.pipeline.objects.fingerprints import TOLD
from echoatlas.schemas.rows.objects import SightingRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.lake.portions import Portion

    Numbers = NDArray[np.int64]

OUTCOME = ("locator", "status", "reason", "fingerprint")  # columns of an outcome
READING = ("object_id", "fingerprint")  # columns of a reading


@dataclass(frozen=True, slots=True)
class Sightings:
    """n sightings of one site.

    Attributes:
        containers: archives that any lie in. container: (n,) the place there of each one's; -1
            outside archives.
        locators, objects, contents, uploads, members, ordinals, sizes: (n,) as in the table.
    """

    site: str
    locators: Ids
    objects: Ids
    contents: Ids
    containers: Ids
    container: NDArray[np.int32]
    uploads: TextCodes
    members: NDArray[np.int32]
    ordinals: Numbers
    sizes: Numbers

    @staticmethod
    def of(site: str, rows: Portion) -> Sightings:
        """Rows of ``sightings``, all of one site."""
        container, containers = _containers(rows.chunks("container"))
        return Sightings(
            site,
            Ids.of(rows.chunks("locator")),
            Ids.of(rows.chunks("object_id")),
            Ids.of(rows.chunks("content_id")),
            containers,
            container,
            TextCodes.of(rows.chunks("upload")),
            _numbers(rows.chunks("member"), np.int32),
            _numbers(rows.chunks("ordinal"), np.int64),
            _numbers(rows.chunks("bytes"), np.int64),
        )

    @staticmethod
    def joined(parts: Sequence[Sightings], site: str) -> Sightings:
        """Sightings of a site, part after part."""
        if len(parts) == 1:
            return parts[0]
        begins = np.cumsum([0, *(len(one.containers) for one in parts)]).tolist()
        shifted = [
            np.where(one.container < 0, -1, one.container + begin)
            for one, begin in zip(parts, begins, strict=False)
        ]
        return Sightings(
            site,
            Ids.joined([one.locators for one in parts]),
            Ids.joined([one.objects for one in parts]),
            Ids.joined([one.contents for one in parts]),
            Ids.joined([one.containers for one in parts]),
            grown(shifted, np.int32),
            TextCodes.joined([one.uploads for one in parts]),
            grown([one.members for one in parts], np.int32),
            grown([one.ordinals for one in parts], np.int64),
            grown([one.sizes for one in parts], np.int64),
        )

    def __len__(self) -> int:
        return len(self.ordinals)

    def take(self, places: Numbers) -> Sightings:
        """Some of them."""
        return Sightings(
            self.site,
            self.locators.take(places),
            self.objects.take(places),
            self.contents.take(places),
            self.containers,
            self.container[places],
            self.uploads.take(places),
            self.members[places],
            self.ordinals[places],
            self.sizes[places],
        )

    def in_order(self) -> Sightings:
        """The same by their numbers."""
        if not (np.diff(self.ordinals) < 0).any():
            return self
        return self.take(np.argsort(self.ordinals, kind="stable"))

    def rows(self, places: Numbers) -> list[SightingRow]:
        """Some of them as Python objects."""
        some = self.take(places)
        inside = some.container >= 0
        containers = np.full(len(some), "", object)
        containers[inside] = self.containers.take(some.container[inside].astype(np.int64)).texts()
        columns = (
            some.locators.texts(),
            some.objects.texts(),
            some.contents.texts(),
            some.uploads.texts(),
            containers.tolist(),
            some.members.tolist(),
            some.ordinals.tolist(),
            some.sizes.tolist(),
        )
        return [
            SightingRow(
                locator=locator,
                object_id=object_id,
                content_id=content_id,
                site=self.site,
                upload=upload,
                container=container,
                member=member,
                ordinal=ordinal,
                bytes=size,
            )
            for locator, object_id, content_id, upload, container, member, ordinal, size in zip(
                *columns, strict=True
            )
        ]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """k outcomes of one site.

    Attributes:
        marks: of each fingerprint the part before ``TOLD``. told: the part behind it.
        locators, statuses, reasons: (k,) as in the table.
    """

    locators: Ids
    statuses: TextCodes
    reasons: TextCodes
    marks: TextCodes
    told: pa.ChunkedArray

    @staticmethod
    def of(rows: Portion) -> Outcomes:
        """``OUTCOME`` of some rows of ``objects``."""
        marks, told = _partitioned(rows.chunks("fingerprint"))
        return Outcomes(
            Ids.of(rows.chunks("locator")),
            TextCodes.of(rows.chunks("status")),
            TextCodes.of(rows.chunks("reason")),
            marks,
            told,
        )

    @staticmethod
    def joined(parts: Sequence[Outcomes]) -> Outcomes:
        """Outcomes of a site, part after part."""
        if len(parts) == 1:
            return parts[0]
        told = [chunk for one in parts for chunk in one.told.chunks]
        return Outcomes(
            Ids.joined([one.locators for one in parts]),
            TextCodes.joined([one.statuses for one in parts]),
            TextCodes.joined([one.reasons for one in parts]),
            TextCodes.joined([one.marks for one in parts]),
            pa.chunked_array(told, pa.string()),
        )


@dataclass(frozen=True, slots=True)
class Readings:
    """Whose evidence was read, (k,) each, and by what."""

    objects: Ids
    marks: TextCodes

    @staticmethod
    def of(rows: Portion) -> Readings:
        """``READING`` of some rows of ``readings``."""
        return Readings(Ids.of(rows.chunks("object_id")), TextCodes.of(rows.chunks("fingerprint")))

    @staticmethod
    def joined(parts: Sequence[Readings]) -> Readings:
        """Readings of a site, part after part."""
        return Readings(
            Ids.joined([one.objects for one in parts]),
            TextCodes.joined([one.marks for one in parts]),
        )


def _containers(chunks: Iterable[pa.Array]) -> tuple[NDArray[np.int32], Ids]:
    """The place of each container among some, -1 for none, and these."""
    containers: list[pa.Array] = []

    def places() -> Iterator[NDArray[np.int64]]:
        begin = 0
        for chunk in chunks:
            numbers, distinct = coded(chunk)
            inside = pc.not_equal(distinct, "").to_numpy(zero_copy_only=False)
            yield np.where(inside, np.cumsum(inside) - 1 + begin, -1)[numbers]
            containers.append(distinct.filter(pa.array(inside)))
            begin += len(containers[-1])

    return grown(places(), np.int32), Ids.of(containers)


def _partitioned(fingerprints: Iterable[pa.Array]) -> tuple[TextCodes, pa.ChunkedArray]:
    """Of each fingerprint the part before ``TOLD``, and the part behind it."""
    pattern = rf"(?s)^(?P<mark>[^{TOLD}]*)[{TOLD}]?(?P<told>.*)$"
    marks, told = [], []
    for chunk in fingerprints:
        numbers, distinct = coded(chunk)
        parts = pc.extract_regex(distinct, pattern=pattern)
        marks.append(TextCodes.of([parts.field("mark")]).take(numbers))
        told.append(parts.field("told").take(pa.array(numbers)))
    return TextCodes.joined(marks), pa.chunked_array(told, pa.string())


def _numbers(chunks: Iterable[pa.Array], kind: type[Number]) -> NDArray[Number]:
    return grown(map(integers, chunks), kind)
